//! A worker's small cache of open files.
//!
//! Opening costs more than sending a small file does. An entry is looked at again when its last
//! check is half a second old, so a changed or replaced file is noticed within a second.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::directory::check_path;
use super::{Directory, OpenDirectory, OpenError, OpenFile};
use crate::moment::Moment;

/// How long an entry is used before the path is looked at again.
const FRESH: Duration = Duration::from_millis(500);

/// Open files by their path beneath the granted directory.
#[derive(Debug)]
pub struct FileCache {
    directory: Option<Arc<Directory>>,
    entries: HashMap<Box<str>, Entry>,
    entries_max: usize,
}

#[derive(Debug)]
struct Entry {
    file: Rc<OpenFile>,
    checked: Moment,
    used: Moment,
}

impl FileCache {
    /// Makes an empty cache of at most `entries_max` files beneath `directory`; without one, every
    /// open is denied.
    pub fn new(directory: Option<Arc<Directory>>, entries_max: usize) -> FileCache {
        FileCache {
            directory,
            entries: HashMap::new(),
            entries_max,
        }
    }

    /// Opens the regular file at `path`, or returns it as it is already open.
    ///
    /// # Errors
    /// See [`OpenError`]; `Denied` where no directory was granted.
    pub fn open(&mut self, path: &str) -> Result<Rc<OpenFile>, OpenError> {
        let directory = self.directory.as_ref().ok_or(OpenError::Denied)?;
        check_path(path)?;
        let now = Moment::now();
        if let Some(entry) = self.entries.get_mut(path) {
            let fresh = now.since(entry.checked) < FRESH;
            if fresh || directory.stat(path) == Ok(entry.file.stat()) {
                entry.used = now;
                if !fresh {
                    entry.checked = now;
                }
                return Ok(entry.file.clone());
            }
            self.entries.remove(path);
        }
        let file = match directory.open_file(path) {
            Err(OpenError::Exhausted) => {
                let directory = directory.clone();
                self.drop_unused();
                directory.open_file(path)?
            }
            result => result?,
        };
        let file = Rc::new(file);
        if self.entries.len() >= self.entries_max {
            self.drop_oldest();
        }
        let entry = Entry {
            file: file.clone(),
            checked: now,
            used: now,
        };
        self.entries.insert(path.into(), entry);
        Ok(file)
    }

    /// Opens the directory at `path`; directories are not kept.
    ///
    /// # Errors
    /// See [`OpenError`]; `Denied` where no directory was granted.
    pub fn open_directory(&mut self, path: &str) -> Result<OpenDirectory, OpenError> {
        let directory = self.directory.clone().ok_or(OpenError::Denied)?;
        match directory.open_directory(path) {
            Err(OpenError::Exhausted) => {
                self.drop_unused();
                directory.open_directory(path)
            }
            result => result,
        }
    }

    /// Closes every cached file that no guest has open.
    pub fn drop_unused(&mut self) {
        self.entries
            .retain(|_, entry| Rc::strong_count(&entry.file) > 1);
    }

    fn drop_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.entries.remove(&path);
        }
    }
}
