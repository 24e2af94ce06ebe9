//! The directory that the operator granted: opening files beneath it and nowhere else.
//!
//! The kernel resolves every path (openat2 with RESOLVE_BENEATH), so no check of ours can be
//! raced by a directory that becomes a symbolic link in between.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::{FileStat, OpenDirectory, OpenFile};

/// How often openat2 is asked again after EAGAIN: a rename raced with the lookup.
const RACED_TRIES_MAX: u32 = 3;

/// PATH_MAX of Linux, with the NUL at the end. A longer path is refused before it is hashed or
/// copied: a guest can make one as long as its memory.
const PATH_BYTES_MAX: usize = 4096;

/// Why a path was not opened.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The path is empty or contains a NUL.
    Invalid,
    /// It leads outside, or permission is missing.
    Denied,
    /// Nothing is there.
    NotFound,
    /// A directory is there.
    IsDirectory,
    /// A FIFO, a socket or a device is there.
    NotRegular,
    /// The path is too long for the platform.
    NameTooLong,
    /// Descriptors, in this process or the system, or memory ran out.
    Exhausted,
    /// Anything else, as the kernel says it.
    Other(Errno),
}

impl From<Errno> for OpenError {
    fn from(error: Errno) -> OpenError {
        match error {
            Errno::INVAL => OpenError::Invalid,
            Errno::ACCESS | Errno::PERM | Errno::XDEV | Errno::LOOP => OpenError::Denied,
            // EAGAIN that did not go away: what is there keeps changing.
            Errno::NOENT | Errno::NOTDIR | Errno::AGAIN => OpenError::NotFound,
            Errno::ISDIR => OpenError::IsDirectory,
            Errno::NXIO | Errno::NODEV => OpenError::NotRegular,
            Errno::NAMETOOLONG => OpenError::NameTooLong,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => OpenError::Exhausted,
            other => OpenError::Other(other),
        }
    }
}

/// A directory that is open for looking up what is beneath it.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
}

impl Directory {
    /// Opens the directory at a path of the host.
    ///
    /// # Errors
    /// As open(2); `NotADirectory` for anything else than a directory. `Unsupported` where the
    /// kernel has no openat2 (Linux before 5.6).
    pub fn open(path: &Path) -> io::Result<Directory> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let directory = Directory { fd };
        match directory.resolve(".", OFlags::PATH) {
            Err(Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            _ => Ok(directory),
        }
    }

    /// Opens the regular file at `path`, which is relative to this directory.
    ///
    /// # Errors
    /// See [`OpenError`]; never waits, not even for a FIFO.
    pub fn open_file(&self, path: &str) -> Result<OpenFile, OpenError> {
        check_path(path)?;
        // What O_PATH finds is looked at before it is opened for reading: opening a device can
        // have effects of its own.
        let found = rustix::fs::fstat(self.resolve(path, OFlags::PATH)?)?;
        check_regular(&found)?;
        // O_NONBLOCK, because the file may have become a FIFO since; a regular file ignores it.
        let fd = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = rustix::fs::fstat(&fd)?;
        check_regular(&stat)?;
        Ok(OpenFile::new(fd, stat.into()))
    }

    /// Opens the directory at `path`, which is relative to this directory, for reading its entries.
    ///
    /// # Errors
    /// See [`OpenError`]; `NotFound` for anything else than a directory.
    pub fn open_directory(&self, path: &str) -> Result<OpenDirectory, OpenError> {
        check_path(path)?;
        // O_DIRECTORY fails before anything else than a directory is opened.
        let fd = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
        Ok(OpenDirectory::new(fd)?)
    }

    /// Looks at the file at `path` without opening it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn stat(&self, path: &str) -> Result<FileStat, OpenError> {
        let stat = rustix::fs::fstat(self.resolve(path, OFlags::PATH)?)?;
        check_regular(&stat)?;
        Ok(stat.into())
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC;
        let mut tries = 0;
        loop {
            match rustix::fs::openat2(self.fd.as_fd(), path, flags, Mode::empty(), beneath) {
                Err(Errno::AGAIN) if tries < RACED_TRIES_MAX => tries += 1,
                Err(Errno::INTR) => {}
                result => return result,
            }
        }
    }
}

/// Checks what can be told of a path without a look at what is there; the kernel checks it again.
///
/// # Errors
/// `Invalid` and `NameTooLong`.
pub fn check_path(path: &str) -> Result<(), OpenError> {
    if path.len() >= PATH_BYTES_MAX {
        return Err(OpenError::NameTooLong);
    }
    if path.is_empty() || path.as_bytes().contains(&0) {
        return Err(OpenError::Invalid);
    }
    Ok(())
}

fn check_regular(stat: &Stat) -> Result<(), OpenError> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(OpenError::IsDirectory),
        _ => Err(OpenError::NotRegular),
    }
}
