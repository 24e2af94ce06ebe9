//! `files.wit`: files beneath the granted directory.

use std::rc::Rc;

use send_wrapper::SendWrapper;
use wasmtime::component::Resource;

use super::Guest;
use super::bindings::sockeye::net::files::{self, FileStat, Timestamp};
use super::errors::ErrorCode;
use crate::metrics::Bound;
use crate::net::{OFFSET_MAX, OpenFile, RECV_BYTES_MAX};

/// What a guest's `file` handle stands for.
#[derive(Debug)]
pub struct FileHandle {
    /// The open file, shared with the worker's cache.
    pub file: SendWrapper<Rc<OpenFile>>,
}

impl Guest {
    /// The open file behind a guest's handle.
    pub(super) fn file(&self, handle: &Resource<FileHandle>) -> wasmtime::Result<Rc<OpenFile>> {
        Ok(Rc::clone(&self.table.get(handle)?.file))
    }

    fn open(&mut self, path: &str) -> Result<Rc<OpenFile>, ErrorCode> {
        if self.open_files >= self.limits().open_files_max {
            self.environment().fired(Bound::OpenFiles);
            return Err(ErrorCode::TooManyFiles);
        }
        Ok(self.service.files.borrow_mut().open(path)?)
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
            file: SendWrapper::new(file),
        })?;
        self.open_files += 1;
        Ok(Ok(handle))
    }

    fn stat(
        &mut self,
        handle: Resource<FileHandle>,
    ) -> wasmtime::Result<Result<FileStat, ErrorCode>> {
        let stat = match self.file(&handle)?.stat_now() {
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
        let length = (length as usize).min(RECV_BYTES_MAX);
        let reading = SendWrapper::new(async move {
            match file.try_read(offset, length)? {
                Some(bytes) => Ok(bytes),
                None => file.read(offset, length).await,
            }
        });
        Ok(reading.await.map_err(|error: std::io::Error| error.into()))
    }

    async fn drop(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.open_files -= 1;
        Ok(())
    }
}
