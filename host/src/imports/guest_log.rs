//! Guests' stdout and stderr: lines in the server's log, as many as the operator allows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::metrics::{Bound, WorkerMetrics};

/// A longer line is broken into pieces of this many bytes.
const LINE_BYTES_MAX: usize = 1024;

/// What a guest may write at once: nothing preempts the host while it cuts that into lines.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// Over which time lines are counted.
const PERIOD: Duration = Duration::from_secs(1);

/// How many lines per second a worker logs because of its guests: what a guest can cause, it can
/// cause a million times.
#[derive(Debug)]
pub struct LogBudget {
    metrics: Arc<WorkerMetrics>,
    lines_max: u32,
    /// What the log says of a period with more lines.
    exceeded: &'static str,
    period: Mutex<Period>,
}

#[derive(Debug)]
struct Period {
    started: Instant,
    lines: u32,
    dropped: u64,
}

impl LogBudget {
    /// Allows `lines_max` lines per second; the others are counted and dropped.
    pub fn new(metrics: Arc<WorkerMetrics>, lines_max: u32, exceeded: &'static str) -> LogBudget {
        let period = Mutex::new(Period {
            started: Instant::now(),
            lines: 0,
            dropped: 0,
        });
        LogBudget {
            metrics,
            lines_max,
            exceeded,
            period,
        }
    }

    /// Takes one line out of the budget; returns whether there was one left.
    pub fn admit(&self) -> bool {
        let mut period = self.period.lock().unwrap_or_else(PoisonError::into_inner);
        if period.started.elapsed() >= PERIOD {
            let dropped = std::mem::take(&mut period.dropped);
            if dropped > 0 {
                warn!(dropped, "{}", self.exceeded);
            }
            period.started = Instant::now();
            period.lines = 0;
        }
        let admitted = period.lines < self.lines_max;
        if admitted {
            period.lines += 1;
        } else {
            period.dropped += 1;
            self.metrics.bound(Bound::LogLines).add(1);
        }
        admitted
    }
}

/// Where the guests of one worker log, with one budget for all of them.
#[derive(Debug)]
pub struct GuestLog {
    budget: LogBudget,
}

impl GuestLog {
    /// Logs as many lines as `budget` allows.
    pub fn new(budget: LogBudget) -> Arc<GuestLog> {
        Arc::new(GuestLog { budget })
    }

    /// Opens a guest's stdout or stderr, as `name` says.
    pub fn stream(self: Arc<Self>, name: &'static str) -> GuestStream {
        GuestStream { log: self, name }
    }

    fn line(&self, stream: &'static str, line: &[u8]) {
        if self.budget.admit() {
            let line = String::from_utf8_lossy(line);
            info!(target: "guest", %stream, line = %line.escape_debug());
        }
    }
}

/// A guest's stdout or stderr.
#[derive(Clone, Debug)]
pub struct GuestStream {
    log: Arc<GuestLog>,
    name: &'static str,
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(LineWriter {
            stream: self.clone(),
            partial: Vec::new(),
        })
    }

    /// Only WASI 0.3 asks for this, and it is not linked.
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

/// Cuts what a guest writes into lines. Never waits, so it is always ready.
struct LineWriter {
    stream: GuestStream,
    partial: Vec<u8>,
}

impl LineWriter {
    fn emit(&mut self) {
        if !self.partial.is_empty() {
            self.stream.log.line(self.stream.name, &self.partial);
            self.partial.clear();
        }
    }
}

impl OutputStream for LineWriter {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES_MAX {
            return Err(StreamError::trap("write of more than check-write allowed"));
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match piece {
                [text @ .., b'\n'] => (text, true),
                text => (text, false),
            };
            for part in text.chunks(LINE_BYTES_MAX) {
                if self.partial.len() + part.len() > LINE_BYTES_MAX {
                    self.emit();
                }
                self.partial.extend_from_slice(part);
            }
            if ends {
                self.emit();
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Standard libraries flush in the middle of lines; a line is logged when it is whole.
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineWriter {
    async fn ready(&mut self) {}
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.emit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_of_more_than_was_allowed_ends_the_guest() {
        let budget = LogBudget::new(Arc::default(), 1, "");
        let mut stream = GuestLog::new(budget).stream("stdout").p2_stream();
        let allowed = stream.check_write().unwrap();
        assert!(stream.write(vec![b'\n'; allowed].into()).is_ok());
        assert!(stream.write(vec![b'\n'; allowed + 1].into()).is_err());
    }
}
