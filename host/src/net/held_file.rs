//! A file as one guest has it open: what the guest knows of its content, so that an answer that
//! began with one version of a file never goes on with another.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::{FileStat, OpenFile};

/// What tells two versions of one file's content apart.
///
/// Without the time of the inode's change: renaming or unlinking a file changes that and none of
/// its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    size: u64,
    modified_seconds: i64,
    modified_nanoseconds: u32,
}

/// An open file, shared with the worker's cache, and the version of it that a guest was told of.
#[derive(Debug)]
pub struct HeldFile {
    file: Rc<OpenFile>,
    version: Cell<Version>,
    /// The version was sent of, or tried to be, so a look is due before more of it is sent.
    begun: Cell<bool>,
}

impl HeldFile {
    /// Holds `file`, which the guest knows in the version that the open found.
    pub fn new(file: Rc<OpenFile>) -> HeldFile {
        let version = Cell::new(file.stat().into());
        HeldFile {
            file,
            version,
            begun: Cell::new(false),
        }
    }

    /// The file.
    pub fn file(&self) -> &OpenFile {
        &self.file
    }

    /// Looks at the file; the version that is found is the one that the guest knows from now on.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn stat(&self) -> io::Result<FileStat> {
        let stat = self.file.stat_now()?;
        self.version.set(stat.into());
        self.begun.set(false);
        Ok(stat)
    }

    /// Says whether the file still has the version that the guest knows, as a part of it is about
    /// to be sent.
    ///
    /// Does not look before the first part: the guest's `stat` was a moment ago, and most files
    /// are sent by one call of the kernel.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(!self.begun.replace(true) || Version::from(self.file.stat_now()?) == self.version.get())
    }
}

impl From<FileStat> for Version {
    fn from(stat: FileStat) -> Version {
        Version {
            size: stat.size,
            modified_seconds: stat.modified_seconds,
            modified_nanoseconds: stat.modified_nanoseconds,
        }
    }
}
