//! An open directory: reading its entries, on a thread that may wait for the disk.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};
use rustix::io::Errno;

use super::open_file::blocking;

/// The most that one `read` returns: with the longest names, about 80 KB for the guest.
const ENTRIES_MAX: usize = 256;

/// A directory, open for reading its entries; a clone goes on where the other one is.
#[derive(Clone, Debug)]
pub struct OpenDirectory {
    /// Behind a lock because one thread opens it and others read it; never two at once.
    dir: Arc<Mutex<Dir>>,
}

/// One entry of a directory, not followed where it is a symbolic link.
#[derive(Debug)]
pub struct DirectoryEntry {
    /// The name.
    pub name: String,
    /// What it is.
    pub file_type: FileType,
}

impl OpenDirectory {
    /// Takes over a descriptor of a directory.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn new(fd: OwnedFd) -> Result<OpenDirectory, Errno> {
        let dir = Arc::new(Mutex::new(Dir::new(fd)?));
        Ok(OpenDirectory { dir })
    }

    /// Reads the next entries, at most `ENTRIES_MAX`; none at the end.
    ///
    /// # Errors
    /// What the device said, and `Other` when the server is shutting down.
    ///
    /// # Cancel safety
    /// Entries that are read after the future was dropped are lost.
    pub async fn read(&self) -> io::Result<Vec<DirectoryEntry>> {
        let dir = Arc::clone(&self.dir);
        blocking(move || {
            // A panic between two entries leaves a position that is as good as any.
            let mut dir = dir.lock().unwrap_or_else(PoisonError::into_inner);
            let mut entries = Vec::new();
            while entries.len() < ENTRIES_MAX {
                let Some(entry) = dir.read() else {
                    break;
                };
                entries.extend(entry_of(&dir, &entry?)?);
            }
            Ok(entries)
        })
        .await
    }
}

/// Returns what a guest may see of an entry, if it may see it at all.
fn entry_of(dir: &Dir, entry: &DirEntry) -> Result<Option<DirectoryEntry>, Errno> {
    let name = match entry.file_name().to_str() {
        Ok(name) if name != "." && name != ".." => name,
        _ => return Ok(None),
    };
    let mut file_type = entry.file_type();
    if file_type == FileType::Unknown {
        // Some file systems do not store the type beside the name.
        file_type = match rustix::fs::statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            // Removed since.
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error),
        };
    }
    let name = name.to_owned();
    Ok(Some(DirectoryEntry { name, file_type }))
}
