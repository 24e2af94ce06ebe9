//! Opens the access log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use tracing::{error, info};

use crate::Error;
use crate::config::AccessLog;
use crate::imports::RequestLog;
use crate::line_writer::{LineThread, LineWriter};

/// The access log of a server; what is left of it is written when this goes.
#[derive(Debug)]
pub(super) struct AccessLogWriter {
    log: AccessLog,
    writer: LineWriter,
    _thread: LineThread,
}

impl AccessLogWriter {
    /// Opens the log and starts the thread that writes it.
    ///
    /// # Errors
    /// [`Error::AccessLog`].
    pub(super) fn open(log: &AccessLog) -> Result<AccessLogWriter, Error> {
        let name = match &log.path {
            Some(path) => path.display().to_string(),
            None => "stdout".to_owned(),
        };
        let failed = {
            let path = name.clone();
            move |error| error!(path, %error, "failed to write the access log")
        };
        let opened = open(log);
        let spawned = opened.and_then(|out| LineWriter::spawn("access-log", out, failed));
        let (writer, thread) = spawned.map_err(|source| Error::AccessLog { name, source })?;
        Ok(AccessLogWriter {
            log: log.clone(),
            writer,
            _thread: thread,
        })
    }

    /// Opens the file again, so that one that was renamed is left alone and a new one begun.
    pub(super) fn reopen(&self) {
        let Some(path) = &self.log.path else {
            return;
        };
        let path = path.display();
        match open(&self.log) {
            Ok(file) => {
                self.writer.reopen(file);
                info!(%path, "access log opened again");
            }
            Err(error) => error!(%path, %error, "failed to open the access log again"),
        }
    }

    /// The queue of lines.
    pub(super) fn writer(&self) -> LineWriter {
        self.writer.clone()
    }

    /// What one worker writes to.
    pub(super) fn share(&self) -> RequestLog {
        RequestLog::new(self.log.format, self.writer())
    }
}

fn open(log: &AccessLog) -> io::Result<File> {
    let Some(path) = &log.path else {
        // Not `io::stdout()`, whose lock a reader that does not read would keep for ever.
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        return Ok(File::from(fd));
    };
    let mut options = OpenOptions::new();
    // A FIFO that nobody reads is an error then, and not a server that never starts.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    options.append(true).create(true).custom_flags(flags);
    options.open(path)
}
