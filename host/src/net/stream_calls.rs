//! The calls of a stream that wait: try, suspend until ready or until the deadline, try again.
//!
//! # Cancel safety
//! Every future here may be dropped at any point where it is suspended. Bytes that were received
//! and not returned stay in [`Stream::with_kept`]; bytes that were sent are sent. No borrow of a
//! stream's cells is held while a call is suspended.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::open_file::Residency;
use super::stream::with_scratch;
use super::{HeldFile, Interest, Received, Stream, Timeout, Wait};
use crate::moment::Moment;

/// The most that one sendfile(2) is asked for, so that one download cannot starve the worker.
const SENDFILE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that a task may move before the worker's other tasks have their turn.
const TURN_BYTES_MAX: u32 = 1024 * 1024;

/// The most that is copied to be sent by one call of the kernel, a head and a part of a file
/// together. Beyond this, copying costs more than the second call that it saves.
const COPIED_BYTES_MAX: usize = 8 * 1024;

/// Why a call did not complete.
#[derive(Debug)]
pub enum CallError {
    /// The deadline passed.
    TimedOut,
    /// The peer sends too slowly to be waited for.
    ReceivesTooLittle,
    /// The peer takes too little to be waited for.
    SendsTooLittle,
    /// More bytes than allowed came before the delimiter.
    TooLarge,
    /// The kernel said so.
    Io(io::Error),
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> CallError {
        CallError::Io(error)
    }
}

/// A call of several steps that failed, and the bytes it had sent before.
pub type SendResult = Result<u64, (CallError, u64)>;

impl Stream {
    /// Receives at least one byte and at most `max`; an empty buffer is the end of the stream.
    pub async fn recv(&self, max: usize, timeout: &mut Timeout<'_>) -> Result<Vec<u8>, CallError> {
        // Expired or not, what is here is worth one look.
        let _ = self.take_turns(timeout).await;
        loop {
            if let Some(received) = self.receive(max) {
                return received;
            }
            self.ready(Interest::Readable, timeout).await?;
        }
    }

    /// Does what [`recv`](Self::recv) does, where that need not suspend.
    pub fn recv_now(
        &self,
        max: usize,
        timeout: &Timeout<'_>,
    ) -> Option<Result<Vec<u8>, CallError>> {
        match self.has_had_its_turn(timeout) {
            true => None,
            false => self.receive(max),
        }
    }

    fn receive(&self, max: usize) -> Option<Result<Vec<u8>, CallError>> {
        let kept = self.with_kept(|kept| match kept.is_empty() {
            true => Vec::new(),
            false => kept.take(max),
        });
        if !kept.is_empty() || self.is_receive_shut() {
            return Some(Ok(kept));
        }
        match self.try_recv_new(max) {
            Ok((Received::Bytes(_), bytes)) => Some(Ok(bytes)),
            Ok((Received::End, _)) => Some(Ok(Vec::new())),
            Ok((Received::WouldBlock, _)) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Receives up to and including `delimiter`, at most `max` bytes; it is known not to end in the
    /// first `scanned`.
    pub async fn recv_until(
        &self,
        delimiter: &[u8],
        max: usize,
        mut scanned: usize,
        timeout: &mut Timeout<'_>,
    ) -> Result<Vec<u8>, CallError> {
        loop {
            self.take_turns(timeout).await?;
            if let Some(received) = self.recv_until_now(delimiter, max, &mut scanned, timeout) {
                return received;
            }
            if !self.has_had_its_turn(timeout) {
                self.ready(Interest::Readable, timeout).await?;
            }
        }
    }

    /// Does what [`recv_until`](Self::recv_until) does, where that need not suspend.
    pub fn recv_until_now(
        &self,
        delimiter: &[u8],
        max: usize,
        scanned: &mut usize,
        timeout: &Timeout<'_>,
    ) -> Option<Result<Vec<u8>, CallError>> {
        while !self.has_had_its_turn(timeout) {
            let (found, length) =
                self.with_kept(|kept| (kept.find(delimiter, *scanned, max), kept.len()));
            if let Some(end) = found {
                return Some(Ok(self.with_kept(|kept| kept.take(end))));
            }
            if length >= max {
                return Some(Err(CallError::TooLarge));
            }
            *scanned = length;
            if self.is_receive_shut() {
                return Some(Ok(Vec::new()));
            }
            match self.try_recv_kept(max - length) {
                Ok(Received::Bytes(_)) => {}
                Ok(Received::End) => return Some(Ok(self.with_kept(|kept| kept.take(max)))),
                Ok(Received::WouldBlock) => break,
                Err(error) => return Some(Err(error.into())),
            }
        }
        None
    }

    /// Sends all of `bytes`.
    pub async fn send(&self, bytes: &[u8], more: bool, timeout: &mut Timeout<'_>) -> SendResult {
        let mut sent = 0;
        loop {
            let turn = self.take_turns(timeout).await;
            turn.map_err(|error| (error, sent as u64))?;
            if let Some(all) = self.send_now(bytes, more, &mut sent, timeout) {
                return all;
            }
            if !self.has_had_its_turn(timeout) {
                let ready = self.ready(Interest::Writable, timeout).await;
                ready.map_err(|error| (error, sent as u64))?;
            }
        }
    }

    /// Does what [`send`](Self::send) does, as far as that need not suspend: nothing is returned
    /// where more is to be sent.
    pub fn send_now(
        &self,
        bytes: &[u8],
        more: bool,
        sent: &mut usize,
        timeout: &Timeout<'_>,
    ) -> Option<SendResult> {
        if let Err(error) = self.check_pace(timeout) {
            return Some(Err(error));
        }
        while *sent < bytes.len() {
            if self.has_had_its_turn(timeout) {
                return None;
            }
            match self.try_send(&bytes[*sent..], more) {
                Ok(Some(count)) => *sent += count,
                Ok(None) => return None,
                Err(error) => return Some(Err((error.into(), *sent as u64))),
            }
        }
        if bytes.is_empty() && !more {
            self.push_held();
        }
        Some(Ok(*sent as u64))
    }

    /// Sends `length` bytes of `file` from `offset`; fewer only at the end of the file, and where
    /// it is no longer the version that the guest knows.
    pub async fn sendfile(
        &self,
        file: &HeldFile,
        offset: u64,
        length: u64,
        timeout: &mut Timeout<'_>,
    ) -> SendResult {
        if length == 0 {
            self.push_held();
            return Ok(0);
        }
        self.check_pace(timeout)?;
        let mut sent = 0;
        while sent < length {
            let turn = self.take_turns(timeout).await;
            turn.map_err(|error| (error, sent))?;
            if !file.is_unchanged().map_err(|e| (e.into(), sent))? {
                break;
            }
            let position = offset + sent;
            let chunk = usize::try_from(length - sent).unwrap_or(usize::MAX);
            let chunk = chunk.min(SENDFILE_BYTES_MAX);
            if file.file().residency(position, chunk) == Residency::Unknown {
                let read_ahead = file.file().read_ahead(position, chunk);
                let done = self.elsewhere(read_ahead, timeout).await;
                done.map_err(|error| (error, sent))?
                    .map_err(|error| (error.into(), sent))?;
            }
            match self
                .try_sendfile(file.file(), position, chunk)
                .map_err(|e| (e.into(), sent))?
            {
                Some(0) => break,
                Some(count) => sent += count as u64,
                None => {
                    let ready = self.ready(Interest::Writable, timeout).await;
                    ready.map_err(|error| (error, sent))?;
                }
            }
        }
        if sent < length {
            // The file ended early or changed: what a send with `more` announced does not follow.
            self.push_held();
        }
        Ok(sent)
    }

    /// Sends all of `head` and behind it a part of `file`, by one call of the kernel; nothing is
    /// returned where that cannot be or was not all. `sent` counts what was sent.
    ///
    /// The part is read after the guest has looked at the file, as sendfile(2) would read it: what
    /// is in the page cache is the content at that moment, here and there.
    pub fn send_copied(
        &self,
        head: &[u8],
        file: &HeldFile,
        offset: u64,
        length: u64,
        sent: &mut u64,
        timeout: &Timeout<'_>,
    ) -> Option<SendResult> {
        let all = usize::try_from(length).ok()?.checked_add(head.len())?;
        if length == 0 || all > COPIED_BYTES_MAX || self.has_had_its_turn(timeout) {
            return None;
        }
        if let Err(error) = self.check_pace(timeout) {
            return Some(Err(error));
        }
        // What is wrong with the file is found again, and said, by the call that goes on.
        if !matches!(file.is_unchanged(), Ok(true)) {
            return None;
        }
        let result = with_scratch(|scratch| {
            let scratch = &mut scratch[..all];
            let (before, part) = scratch.split_at_mut(head.len());
            before.copy_from_slice(head);
            let is_whole = file.file().read_resident(part, offset);
            is_whole.then(|| self.try_send(scratch, false))
        });
        match result? {
            Ok(count) => {
                *sent = count.unwrap_or(0) as u64;
                (*sent == all as u64).then_some(Ok(*sent))
            }
            Err(error) => Some(Err((error.into(), 0))),
        }
    }

    /// Sends all of `head` and behind it `length` bytes of `file` from `offset`.
    ///
    /// Returns how many of both were sent; there are fewer only where [`sendfile`](Self::sendfile)
    /// sends fewer.
    pub async fn send_with_file(
        &self,
        head: &[u8],
        file: &HeldFile,
        offset: u64,
        length: u64,
        timeout: &mut Timeout<'_>,
    ) -> SendResult {
        let ahead = match head {
            [] => 0,
            _ => self.send(head, length > 0, timeout).await?,
        };
        match self.sendfile(file, offset, length, timeout).await {
            Ok(count) => Ok(ahead + count),
            Err((error, count)) => Err((error, ahead + count)),
        }
    }

    /// Sends nothing more to a peer that was too slow once: a guest that tries again and again
    /// would serve it at its own pace after all.
    fn check_pace(&self, timeout: &Timeout<'_>) -> Result<(), (CallError, u64)> {
        match timeout.pace() {
            Some(pace) if pace.has_fallen_behind() => Err((CallError::SendsTooLittle, 0)),
            _ => Ok(()),
        }
    }

    /// Waits until `interest` is met.
    ///
    /// # Errors
    /// `TimedOut` once the deadline has passed, however often the interest was met before: a peer
    /// that takes a byte now and then keeps no call alive. `ReceivesTooLittle` and `SendsTooLittle`
    /// where the peer has fallen behind the pace of `timeout`.
    pub async fn ready(
        &self,
        interest: Interest,
        timeout: &mut Timeout<'_>,
    ) -> Result<(), CallError> {
        if timeout.has_passed() {
            return Err(CallError::TimedOut);
        }
        let Some(pace) = timeout.pace().filter(|pace| pace.is_limited()) else {
            let deadline = timeout.deadline();
            return self.suspend(Wait::until(interest, deadline)).await;
        };
        let moved = || match interest {
            Interest::Writable => self.bytes_taken(),
            _ => self.bytes_received(),
        };
        loop {
            let began = Moment::now();
            let Some(looked_at) = pace.begin_wait(began, moved) else {
                break;
            };
            let deadline = timeout.deadline().min(looked_at);
            let ready = self.suspend(Wait::until(interest, deadline)).await;
            pace.end_wait(Moment::now().since(began));
            if ready.is_ok() || timeout.has_passed() {
                return ready;
            }
        }
        match interest {
            Interest::Writable => {
                self.abandon();
                Err(CallError::SendsTooLittle)
            }
            _ => Err(CallError::ReceivesTooLittle),
        }
    }

    /// Waits until bytes arrive, as a guest that would give its instance up for another.
    ///
    /// # Errors
    /// `TimedOut` when none came in time, or when the worker needs the instance.
    pub async fn linger(&self, timeout: &mut Timeout<'_>) -> Result<(), CallError> {
        let deadline = timeout.deadline();
        self.suspend(Wait {
            lingering: true,
            ..Wait::until(Interest::Readable, deadline)
        })
        .await
    }

    fn suspend(&self, wait: Wait) -> Suspension<'_> {
        Suspension {
            stream: self,
            wait,
            suspended: false,
        }
    }

    /// Whether the task has moved as many bytes as one turn allows. A call that must not suspend at
    /// all goes on.
    fn has_had_its_turn(&self, timeout: &Timeout<'_>) -> bool {
        self.turn_bytes() >= TURN_BYTES_MAX && !timeout.is_immediate()
    }

    /// Suspends once when the task has moved as many bytes as one turn allows, unless the call
    /// must not suspend at all.
    ///
    /// # Errors
    /// `TimedOut` where the deadline passed meanwhile.
    async fn take_turns(&self, timeout: &mut Timeout<'_>) -> Result<(), CallError> {
        if !self.has_had_its_turn(timeout) {
            return Ok(());
        }
        let deadline = timeout.deadline();
        self.suspend(Wait::until(Interest::Turn, deadline)).await?;
        if timeout.has_passed() {
            return Err(CallError::TimedOut);
        }
        Ok(())
    }

    /// Waits for work that is done on another thread, until `timeout` at most.
    ///
    /// # Cancel safety
    /// The other thread finishes what it began; its result is dropped.
    pub async fn elsewhere<T>(
        &self,
        work: impl Future<Output = T>,
        timeout: &mut Timeout<'_>,
    ) -> Result<T, CallError> {
        if timeout.is_immediate() {
            return Err(CallError::TimedOut);
        }
        let deadline = timeout.deadline();
        let mut work = std::pin::pin!(work);
        let expiry = self.suspend(Wait::until(Interest::Nothing, deadline));
        let mut expiry = std::pin::pin!(expiry);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => expiry.as_mut().poll(cx).map(|expired| match expired {
                Ok(()) | Err(_) => Err(CallError::TimedOut),
            }),
        })
        .await
    }
}

/// A call that waits: it leaves its note with the stream while it is suspended.
struct Suspension<'a> {
    stream: &'a Stream,
    wait: Wait,
    suspended: bool,
}

impl Future for Suspension<'_> {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // No waker: the worker reads the note and schedules the task itself.
        if !self.suspended {
            self.suspended = true;
            self.stream.set_wait(self.wait);
            return Poll::Pending;
        }
        if self.stream.satisfies(self.wait.interest) {
            Poll::Ready(Ok(()))
        } else if self.stream.wait().expired {
            Poll::Ready(Err(CallError::TimedOut))
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Suspension<'_> {
    fn drop(&mut self) {
        if self.suspended {
            self.stream.set_wait(Wait::NONE);
        }
    }
}
