//! The files of a directory, opened once, with their heads.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

/// So many files stay open; what is compared has a handful.
const FILES_MAX: usize = 1024;

/// What can be downloaded, by name.
///
/// Nothing is opened while serving, so that no path of a client reaches the file system, and a
/// request costs two system calls: one for the head and one for the file.
#[derive(Debug)]
pub(super) struct Site {
    files: HashMap<Vec<u8>, Arc<Entry>>,
}

/// An open file and what is sent before it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: File,
    pub(super) len: u64,
    pub(super) head: Vec<u8>,
    /// The head for a client that wants no more.
    pub(super) last_head: Vec<u8>,
}

impl Site {
    /// Opens the files that are directly in `directory`.
    ///
    /// # Errors
    /// Where one cannot be opened, or there are more than `FILES_MAX`.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let mut files = HashMap::new();
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", directory.display()))
        };
        for entry in fs::read_dir(directory).map_err(named)? {
            let entry = entry.map_err(named)?;
            let len = match fs::metadata(entry.path()).map_err(named)? {
                file if file.is_file() => file.len(),
                _ => continue,
            };
            let file = File::open(entry.path()).map_err(named)?;
            let name = entry.file_name().into_vec();
            files.insert(name, Arc::new(Entry::new(file, len)));
            if files.len() > FILES_MAX {
                return Err(named(io::Error::other(format!(
                    "more than {FILES_MAX} files"
                ))));
            }
        }
        Ok(Self { files })
    }

    /// The file of that name.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Entry>> {
        self.files.get(name)
    }
}

impl Entry {
    fn new(file: File, len: u64) -> Self {
        let head = |more| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\
                 Content-Type: application/octet-stream\r\n{more}\r\n"
            )
            .into_bytes()
        };
        Self {
            file,
            len,
            head: head(""),
            last_head: head("Connection: close\r\n"),
        }
    }

    /// The head that fits.
    pub(super) fn head(&self, last: bool) -> &[u8] {
        if last { &self.last_head } else { &self.head }
    }
}
