//! Regular files beneath the one directory that the operator granted (`--root`).
//!
//! No path of the host is visible here. Where no directory was granted, every open fails with
//! `AccessDenied`.

use std::time::{Duration, SystemTime};

use crate::ErrorCode;
use crate::bindings::service::sockeye::net::files;

/// An open regular file that can be read, and sent with [`sendfile`](crate::Connection::sendfile).
///
/// It stands for the content that was opened: a file that is renamed or replaced at its path
/// afterwards does not change what is read, a file that is written to in place does. An instance
/// may hold as many files as the operator allows; dropping one closes it.
#[derive(Debug)]
pub struct File {
    resource: files::File,
}

/// What is known of an open file, all from one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// The size in bytes.
    pub size: u64,
    /// When the content was last modified.
    pub modified: SystemTime,
    /// Differs between two files that existed at one path one after the other; makes an entity tag
    /// together with the size and the time. May differ between hosts.
    pub identity: u64,
}

impl File {
    /// Opens the regular file at `path`, which is relative to the granted directory.
    ///
    /// The path is looked up as the bytes it consists of: no percent-decoding. `..` and symbolic
    /// links are followed as long as every step stays beneath the granted directory.
    ///
    /// # Errors
    /// - `AccessDenied`: the path is absolute, leads outside or may not be read, or no directory
    ///   was granted.
    /// - `NotFound`, `IsDirectory`, `NotRegularFile`: there is no regular file at the path.
    /// - `NameTooLong`, `InvalidArgument`: no file can have this path (it is too long, empty, or
    ///   contains a NUL).
    /// - `TooManyFiles`, `InsufficientResources`: no more files can be open.
    pub fn open(path: &str) -> Result<File, ErrorCode> {
        files::File::open(path).map(|resource| File { resource })
    }

    /// Returns size, time of modification and identity of the file.
    ///
    /// What it says is the version that [`sendfile`](crate::Connection::sendfile) sends from then
    /// on, and no other.
    ///
    /// # Errors
    /// - `Io`: the device failed.
    pub fn stat(&self) -> Result<FileStat, ErrorCode> {
        let stat = self.resource.stat()?;
        Ok(FileStat {
            size: stat.size,
            modified: system_time(stat.modified.seconds, stat.modified.nanoseconds),
            identity: stat.identity,
        })
    }

    /// Reads up to `length` bytes that start at `offset`.
    ///
    /// Fewer come at the end of the file, and where `length` is more than the host reads in one
    /// call (at least 64 KiB). There is no file position.
    ///
    /// # Errors
    /// - `Io`: the device failed.
    /// - `InvalidArgument`: `offset` is beyond what the platform can express.
    pub fn read(&self, offset: u64, length: u32) -> Result<Vec<u8>, ErrorCode> {
        self.resource.read(offset, length)
    }

    pub(crate) fn resource(&self) -> &files::File {
        &self.resource
    }
}

fn system_time(seconds: i64, nanoseconds: u32) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    // A time that this platform cannot express says as little as none at all.
    time.and_then(|time| time.checked_add(Duration::from_nanos(nanoseconds.into())))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_count_forward_before_1970_too() {
        let time = system_time(-1, 250_000_000);
        let before = SystemTime::UNIX_EPOCH.duration_since(time).unwrap();
        assert_eq!(before, Duration::from_millis(750));
    }

    #[test]
    fn a_time_beyond_the_platform_is_no_panic() {
        system_time(i64::MIN, 0);
        system_time(i64::MAX, u32::MAX);
    }
}
