//! The entries of directories beneath the one that the operator granted (`--root`).

use crate::ErrorCode;
use crate::bindings::service::sockeye::net::files;

#[doc(inline)]
pub use files::{DirectoryEntry, EntryKind};

/// An open directory whose entries can be read.
///
/// It counts as a file against the number of files that the operator lets an instance hold;
/// dropping it closes it.
///
/// # Examples
/// ```no_run
/// use sockeye_guest::{Directory, ErrorCode};
///
/// fn names(path: &str) -> Result<Vec<String>, ErrorCode> {
///     let directory = Directory::open(path)?;
///     let mut names = Vec::new();
///     loop {
///         let entries = directory.read()?;
///         if entries.is_empty() {
///             return Ok(names);
///         }
///         names.extend(entries.into_iter().map(|entry| entry.name));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Directory {
    resource: files::Directory,
}

impl Directory {
    /// Opens the directory at `path`, which is relative to the granted directory.
    ///
    /// The rules for `path` are those of [`File::open`](crate::File::open); `.` is the granted
    /// directory itself.
    ///
    /// # Errors
    /// - `NotFound`: there is no directory at the path.
    /// - `AccessDenied`: the path is absolute, leads outside or may not be read, or no directory
    ///   was granted.
    /// - `NameTooLong`, `InvalidArgument`: no directory can have this path (it is too long, empty,
    ///   or contains a NUL).
    /// - `TooManyFiles`, `InsufficientResources`: no more files can be open.
    pub fn open(path: &str) -> Result<Directory, ErrorCode> {
        files::Directory::open(path).map(|resource| Directory { resource })
    }

    /// Reads the next entries, some hundreds at most; none at the end.
    ///
    /// They come in the order of the file system, without `.` and `..` and without names that are
    /// not UTF-8. The kind is that of the entry itself, also where it is a symbolic link.
    ///
    /// # Errors
    /// - `Io`: the device failed.
    pub fn read(&self) -> Result<Vec<DirectoryEntry>, ErrorCode> {
        self.resource.read()
    }
}
