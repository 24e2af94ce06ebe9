//! `files.wit`: files and directories beneath the granted directory.

use std::rc::Rc;

use fragile::Fragile;
use rustix::fs::FileType;
use wasmtime::component::Resource;

use super::Guest;
use super::bindings::sockeye::net::files::{self, DirectoryEntry, EntryKind, FileStat, Timestamp};
use super::call::Begun;
use super::errors::ErrorCode;
use crate::metrics::Bound;
use crate::net::{self, HeldFile, OFFSET_MAX, OpenDirectory, OpenFile};

/// What a guest's `file` handle stands for.
#[derive(Debug)]
pub struct FileHandle {
    /// The open file, in the version that the guest knows.
    pub file: Fragile<Rc<HeldFile>>,
}

/// What a guest's `directory` handle stands for.
#[derive(Debug)]
pub struct DirectoryHandle {
    /// The open directory; shared with a `read` that is suspended.
    pub directory: OpenDirectory,
}

impl Guest {
    /// The open file behind a guest's handle.
    pub(super) fn file(&self, handle: &Resource<FileHandle>) -> wasmtime::Result<Rc<HeldFile>> {
        Ok(Rc::clone(self.table.get(handle)?.file.get()))
    }

    fn open(&mut self, path: &str) -> Result<Rc<OpenFile>, ErrorCode> {
        self.check_open_files()?;
        Ok(self.service().files.borrow_mut().open(path)?)
    }

    fn open_directory(&mut self, path: &str) -> Result<OpenDirectory, ErrorCode> {
        self.check_open_files()?;
        Ok(self.service().files.borrow_mut().open_directory(path)?)
    }

    fn check_open_files(&self) -> Result<(), ErrorCode> {
        if self.open_files >= self.limits().open_files_max {
            self.refuse(Bound::OpenFiles);
            return Err(ErrorCode::TooManyFiles);
        }
        Ok(())
    }
}

impl files::Host for Guest {}

impl files::HostFile for Guest {
    fn open(&mut self, path: String) -> wasmtime::Result<Result<Resource<FileHandle>, ErrorCode>> {
        let file = match Guest::open(self, &path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let handle = self.table.push(FileHandle {
            file: Fragile::new(Rc::new(HeldFile::new(file))),
        })?;
        self.open_files += 1;
        Ok(Ok(handle))
    }

    fn stat(
        &mut self,
        handle: Resource<FileHandle>,
    ) -> wasmtime::Result<Result<FileStat, ErrorCode>> {
        let stat = match self.file(&handle)?.stat() {
            Ok(stat) => stat,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(Ok(FileStat {
            size: stat.size,
            modified: Timestamp {
                seconds: stat.modified_seconds,
                nanoseconds: stat.modified_nanoseconds,
            },
            identity: stat.identity(),
        }))
    }

    async fn read(
        &mut self,
        handle: Resource<FileHandle>,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        let file = self.file(&handle)?;
        if offset > OFFSET_MAX {
            return Ok(Err(ErrorCode::InvalidArgument));
        }
        let length = (length as usize).min(self.limits().recv_bytes_max);
        Ok(read(file, offset, length).await)
    }

    async fn drop(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open_files -= 1;
        Ok(())
    }
}

fn read(file: Rc<HeldFile>, offset: u64, length: usize) -> Begun<Result<Vec<u8>, ErrorCode>> {
    match file.file().try_read(offset, length) {
        Ok(Some(bytes)) => Begun::ended(Ok(bytes)),
        Ok(None) => Begun::waits(async move { Ok(file.file().read(offset, length).await?) }),
        Err(error) => Begun::ended(Err(error.into())),
    }
}

impl files::HostDirectory for Guest {
    fn open(
        &mut self,
        path: String,
    ) -> wasmtime::Result<Result<Resource<DirectoryHandle>, ErrorCode>> {
        let directory = match self.open_directory(&path) {
            Ok(directory) => directory,
            Err(error) => return Ok(Err(error)),
        };
        let handle = self.table.push(DirectoryHandle { directory })?;
        self.open_files += 1;
        Ok(Ok(handle))
    }

    async fn read(
        &mut self,
        handle: Resource<DirectoryHandle>,
    ) -> wasmtime::Result<Result<Vec<DirectoryEntry>, ErrorCode>> {
        let directory = self.table.get(&handle)?.directory.clone();
        let entries = match directory.read().await {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(Ok(entries.into_iter().map(DirectoryEntry::from).collect()))
    }

    async fn drop(&mut self, handle: Resource<DirectoryHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open_files -= 1;
        Ok(())
    }
}

impl From<net::DirectoryEntry> for DirectoryEntry {
    fn from(entry: net::DirectoryEntry) -> DirectoryEntry {
        DirectoryEntry {
            name: entry.name,
            kind: match entry.file_type {
                FileType::RegularFile => EntryKind::RegularFile,
                FileType::Directory => EntryKind::Directory,
                FileType::Symlink => EntryKind::SymbolicLink,
                _ => EntryKind::Other,
            },
        }
    }
}
