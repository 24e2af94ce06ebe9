//! The thread that writes the access log, so that no worker waits for the disk.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::Error;
use crate::config::{AccessLog, AccessLogFormat};
use crate::imports::RequestLog;

/// Lines of the access log that wait to be written; more of them are dropped and counted.
const ACCESS_LOG_LINES_MAX: usize = 16 * 1024;

/// The thread that writes the access log, which ends with this value and writes what is left.
pub(super) struct AccessLogWriter {
    format: AccessLogFormat,
    writer: NonBlocking,
    _thread: WorkerGuard,
}

impl AccessLogWriter {
    /// Opens the log and starts the thread.
    ///
    /// # Errors
    /// [`Error::AccessLog`].
    pub(super) fn open(log: &AccessLog) -> Result<AccessLogWriter, Error> {
        let out: Box<dyn Write + Send> = match &log.path {
            None => Box::new(io::stdout()),
            Some(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let file = file.map_err(|source| Error::AccessLog {
                    path: path.clone(),
                    source,
                })?;
                Box::new(BufWriter::new(file))
            }
        };
        let (writer, thread) = NonBlockingBuilder::default()
            .thread_name("access-log")
            .buffered_lines_limit(ACCESS_LOG_LINES_MAX)
            .finish(out);
        Ok(AccessLogWriter {
            format: log.format,
            writer,
            _thread: thread,
        })
    }

    /// Counts the lines that were dropped.
    pub(super) fn dropped_lines(&self) -> ErrorCounter {
        self.writer.error_counter()
    }

    /// What one worker writes to.
    pub(super) fn share(&self) -> RequestLog {
        RequestLog::new(self.format, self.writer.clone())
    }
}
