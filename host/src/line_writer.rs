//! Logs: lines that a thread of their own writes, so that nobody else ever waits for a disk or a
//! reader that is slow.
//!
//! A leaf. What does not fit into the queue is dropped and counted, and so is what cannot be
//! written.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that wait to be written.
const LINES_MAX: usize = 16 * 1024;

/// With as many bytes, lines are written without looking for more of them.
const BATCH_BYTES: usize = 64 * 1024;

/// How long the end of the process waits for lines that are still to be written.
const END_TIMEOUT: Duration = Duration::from_secs(1);

enum Message {
    Line(Vec<u8>),
    /// There may be another place to write to.
    Reopened,
    End(SyncSender<()>),
}

/// Where lines are left; cheap to clone, and never waits.
#[derive(Clone, Debug)]
pub struct LineWriter {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    reopened: Reopened,
}

/// What is written to, where it was opened again.
#[derive(Clone, Default)]
struct Reopened(Arc<Mutex<Option<Box<dyn Write + Send>>>>);

impl Reopened {
    fn replace(&self, out: Option<Box<dyn Write + Send>>) -> Option<Box<dyn Write + Send>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, out)
    }
}

impl fmt::Debug for Reopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reopened")
    }
}

/// Writes what is left when it is dropped, if that can be done within a second.
#[derive(Debug)]
pub struct LineThread {
    writer: LineWriter,
}

impl LineWriter {
    /// Starts the thread `name`, which writes to `out`. It calls `failed` when writing begins to
    /// fail, once for as long as that lasts.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn spawn(
        name: &str,
        out: impl Write + Send + 'static,
        failed: impl Fn(io::Error) + Send + 'static,
    ) -> io::Result<(LineWriter, LineThread)> {
        let (queue, lines) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&dropped);
        let reopened = Reopened::default();
        let slot = reopened.clone();
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || write(&lines, Box::new(out), &slot, &count, failed))?;
        let writer = LineWriter {
            queue,
            dropped,
            reopened,
        };
        let thread = LineThread {
            writer: writer.clone(),
        };
        Ok((writer, thread))
    }

    /// Leaves a line, or drops it where too many wait.
    pub fn line(&self, line: Vec<u8>) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes to `out` from now on; lines that still wait may go there, too.
    pub fn reopen(&self, out: impl Write + Send + 'static) {
        self.reopened.replace(Some(Box::new(out)));
        // Where the queue is full, the thread has work and looks for itself.
        let _ = self.queue.try_send(Message::Reopened);
    }

    /// How many lines were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineThread {
    fn drop(&mut self) {
        let deadline = Instant::now() + END_TIMEOUT;
        let (ended, end) = sync_channel(1);
        let mut message = Message::End(ended);
        while let Err(error) = self.writer.queue.try_send(message) {
            match error {
                TrySendError::Full(refused) if Instant::now() < deadline => message = refused,
                _ => return,
            }
            thread::sleep(Duration::from_millis(1));
        }
        // Nothing can be done about a reader that does not read.
        let _ = end.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write(
    queue: &Receiver<Message>,
    mut out: Box<dyn Write + Send>,
    reopened: &Reopened,
    dropped: &AtomicU64,
    failed: impl Fn(io::Error),
) {
    let mut failing = false;
    // Whether the last line that was written lacks its end.
    let mut torn = false;
    let mut bytes = Vec::new();
    while let Ok(first) = queue.recv() {
        // What waits goes out by one call.
        let mut ended = None;
        let mut mended = usize::from(torn);
        bytes.extend(torn.then_some(b'\n'));
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Line(line) => bytes.extend_from_slice(&line),
                Message::Reopened => {}
                Message::End(end) => ended = Some(end),
            }
            if bytes.len() < BATCH_BYTES && ended.is_none() {
                next = queue.try_recv().ok();
            }
        }
        if let Some(other) = reopened.replace(None) {
            out = other;
            // The torn line is where the thread wrote before.
            torn = false;
            bytes.drain(..std::mem::take(&mut mended));
        }
        let (written, result) = write_some(&mut out, &bytes);
        if let Some(last) = bytes[..written].last() {
            torn = *last != b'\n';
        }
        match result {
            Ok(()) => failing &= bytes.is_empty(),
            Err(error) => {
                // A line that is torn is lost, and its end was counted when it was torn.
                let left = &bytes[written.max(mended)..];
                let lost = left.iter().filter(|byte| **byte == b'\n').count();
                dropped.fetch_add(lost as u64, Ordering::Relaxed);
                if !std::mem::replace(&mut failing, true) {
                    failed(error);
                }
            }
        }
        bytes.clear();
        if let Some(ended) = ended {
            // Nobody waits any more where this fails.
            let _ = ended.try_send(());
        }
    }
}

/// Writes as much of `bytes` as can be written, and returns how much that was.
fn write_some(out: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_left_is_written_before_the_end() {
        let out = Shared::default();
        let (writer, thread) = LineWriter::spawn("test", out.clone(), |_| {}).unwrap();
        (0..1000).for_each(|_| writer.line(b"line\n".to_vec()));
        drop(thread);
        assert_eq!(out.0.lock().unwrap().len(), 5000);
        assert_eq!(writer.dropped(), 0);
    }

    /// Takes a second: that is how long the end waits.
    #[test]
    fn a_reader_that_does_not_read_stops_nobody() {
        let (reader, out) = io::pipe().unwrap();
        let (writer, thread) = LineWriter::spawn("test", out, |_| {}).unwrap();
        let lines = 100_000;
        (0..lines).for_each(|_| writer.line(b"line\n".to_vec()));
        assert!(writer.dropped() > 0);
        drop(thread);
        drop(reader);
    }

    #[test]
    fn a_device_that_is_full_is_told_once() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let (told, tellings) = sync_channel(10);
        let failed = move |error: io::Error| told.try_send(error.kind()).unwrap();
        let (writer, thread) = LineWriter::spawn("test", full.unwrap(), failed).unwrap();
        (0..10).for_each(|_| writer.line(b"line\n".to_vec()));
        drop(thread);
        assert_eq!(tellings.try_recv(), Ok(io::ErrorKind::StorageFull));
        assert!(tellings.try_recv().is_err());
        assert_eq!(writer.dropped(), 10);
    }
}
