//! An open regular file: its metadata, reading it, and keeping the disk out of the worker.
//!
//! A read from the disk stops a thread. So before bytes are sent or read, one byte of them is
//! probed without waiting; what is not in the page cache is read by a thread of the blocking pool
//! while the worker goes on.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Stat;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::sync::Semaphore;

use crate::moment::Moment;

/// The last position of any file: `off_t` is signed, and preadv2(2) takes one of its negative
/// values for "where the last read ended".
pub const OFFSET_MAX: u64 = i64::MAX as u64;

/// How long the answer of a probe is believed.
const RESIDENT_BELIEVED: Duration = Duration::from_millis(500);

/// Size, time and identity of a file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Size in bytes.
    pub size: u64,
    /// Seconds of the last modification since 1970.
    pub modified_seconds: i64,
    /// Nanoseconds of the last modification.
    pub modified_nanoseconds: u32,
    /// Seconds of the last change of the inode since 1970.
    pub changed_seconds: i64,
    /// Nanoseconds of that change.
    pub changed_nanoseconds: u32,
    /// The device that holds the file.
    pub device: u64,
    /// The inode on that device.
    pub inode: u64,
}

impl From<Stat> for FileStat {
    fn from(stat: Stat) -> FileStat {
        FileStat {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_seconds: stat.st_mtime,
            modified_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            changed_seconds: stat.st_ctime,
            changed_nanoseconds: u32::try_from(stat.st_ctime_nsec).unwrap_or(0),
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

impl FileStat {
    /// A number that differs between two files at the same path, one after the other. File systems
    /// give the inode of a removed file to the next one, so the inode alone does not tell.
    pub fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.device, self.inode).hash(&mut hasher);
        (self.changed_seconds, self.changed_nanoseconds).hash(&mut hasher);
        hasher.finish()
    }
}

/// Whether bytes of a file can be used without waiting for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residency {
    /// They are in the page cache, or the file ends before them.
    Resident,
    /// They are not, or the file system cannot tell.
    Unknown,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct OpenFile {
    fd: Arc<OwnedFd>,
    stat: FileStat,
    /// The range that a probe found resident, and when.
    resident: Cell<(u64, u64, Moment)>,
}

impl OpenFile {
    /// Takes over a descriptor of a regular file with its metadata.
    pub fn new(fd: OwnedFd, stat: FileStat) -> OpenFile {
        let resident = Cell::new((0, 0, Moment::from_nanoseconds(0)));
        OpenFile {
            fd: Arc::new(fd),
            stat,
            resident,
        }
    }

    /// What was known of the file when it was opened or last checked.
    pub fn stat(&self) -> FileStat {
        self.stat
    }

    /// What is known of the file now: it may have been written to since it was opened.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn stat_now(&self) -> io::Result<FileStat> {
        Ok(rustix::fs::fstat(&self.fd)?.into())
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Probes one byte of the `length` bytes from `offset`, without waiting.
    pub fn residency(&self, offset: u64, length: usize) -> Residency {
        let end = offset.saturating_add(length as u64);
        let (from, until, believed_until) = self.resident.get();
        if from <= offset && end <= until && Moment::now() < believed_until {
            return Residency::Resident;
        }
        let mut byte = [0];
        loop {
            return match self.read_now(&mut byte, offset) {
                Ok(_) => {
                    let believed_until = Moment::now().after(RESIDENT_BELIEVED);
                    self.resident.set((offset, end, believed_until));
                    Residency::Resident
                }
                Err(Errno::INTR) => continue,
                // EAGAIN: not in memory. EOPNOTSUPP: this file system cannot say. Any other error
                // is found again, and reported, by the call that follows.
                Err(_) => Residency::Unknown,
            };
        }
    }

    /// Brings `length` bytes from `offset` into the page cache, on a thread that may block.
    ///
    /// # Errors
    /// What the device said, and `Other` when the server is shutting down.
    pub async fn read_ahead(&self, offset: u64, length: usize) -> io::Result<()> {
        let fd = self.fd.clone();
        blocking(move || {
            // The kernel starts reading the whole range; waiting for its last byte waits for it.
            let _ = rustix::fs::fadvise(
                &fd,
                offset,
                std::num::NonZeroU64::new(length as u64),
                rustix::fs::Advice::WillNeed,
            );
            let last = offset.saturating_add(length as u64 - 1);
            for position in [offset, last] {
                rustix::io::retry_on_intr(|| rustix::io::pread(&fd, &mut [0], position))?;
            }
            Ok(())
        })
        .await
    }

    /// Fills `buffer` with what is in the page cache from `offset`, without waiting; says whether
    /// that was enough.
    pub fn read_resident(&self, buffer: &mut [u8], offset: u64) -> bool {
        let length = buffer.len();
        self.read_now(buffer, offset) == Ok(length)
    }

    /// Reads what is in the page cache; EAGAIN where nothing is.
    fn read_now(&self, buffer: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
        let slices = &mut [IoSliceMut::new(buffer)];
        rustix::io::preadv2(&self.fd, slices, offset, ReadWriteFlags::NOWAIT)
    }

    /// Reads up to `length` bytes from `offset` without waiting; `None` where it would wait.
    pub fn try_read(&self, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        match self.read_now(&mut bytes, offset) {
            // A file may be in memory up to here and on the disk from here.
            Ok(count) if count < length && offset + (count as u64) < self.stat.size => Ok(None),
            Ok(count) => {
                bytes.truncate(count);
                Ok(Some(bytes))
            }
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads up to `length` bytes from `offset` on a thread that may block.
    ///
    /// # Errors
    /// What the device said, and `Other` when the server is shutting down.
    pub async fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let fd = self.fd.clone();
        blocking(move || {
            let mut bytes = vec![0; length];
            let mut filled = 0;
            while filled < length {
                match rustix::io::pread(&fd, &mut bytes[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        })
        .await
    }
}

/// Jobs for the disk that a worker may have under way: one that nobody waits for any more stays in
/// the queue, and guests could fill that faster than a disk empties it.
const JOBS_MAX: usize = 64;

/// Runs `work` on the blocking pool of the runtime that the worker has entered.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    thread_local! {
        static JOBS: Arc<Semaphore> = Arc::new(Semaphore::new(JOBS_MAX));
    }
    let job = JOBS.with(Arc::clone).acquire_owned().await;
    let job = job.map_err(io::Error::other)?;
    let work = move || {
        let result = work();
        drop(job);
        result
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}
