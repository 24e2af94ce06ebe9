//! The body of a request, received as it is read and never held.

use std::io::{self, BufRead, Error, ErrorKind, Read};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::chunked::Decoder;
use super::refusal::Refusal;
use super::rules::Framing;
use super::{BODY_TIMEOUT, DRAIN_BYTES_MAX, DRAIN_TIMEOUT};
use crate::{Connection, ErrorCode, SendFlags};

/// The most bytes that are received by one call.
const PIECE_BYTES_MAX: u64 = 64 * 1024;

/// The reading half of an [`Exchange`](super::Exchange), from [`split`](super::Exchange::split).
pub struct RequestBody<'a> {
    pub(super) connection: &'a Connection,
    pub(super) body: &'a mut Body,
}

/// How far the body of one request has been read.
pub(super) struct Body {
    rest: Rest,
    /// What was received last.
    piece: Vec<u8>,
    /// Where in `piece` the data is that nobody has taken yet.
    data: Range<usize>,
    /// Up to where `piece` is decoded.
    decoded: usize,
    /// The client waits for `100 Continue` before it sends the body.
    continue_owed: bool,
    /// How many bytes of data were handed out, and how many may be.
    given: u64,
    given_max: u64,
    fault: Option<Fault>,
}

/// What has not been received yet.
enum Rest {
    Length(u64),
    Chunked(Decoder),
}

/// Why no more of the body can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refused(Refusal),
    Broken,
    /// The answer began while the client waited for `100 Continue`. It may never send the body
    /// then (RFC 9110 section 10.1.1), and the line would be taken for a part of the answer.
    Forgone,
}

/// How long is waited for more of a body.
#[derive(Clone, Copy)]
enum Patience {
    /// As long each time.
    Pause(Duration),
    /// Until then: what a handler has left is not worth more, however it drips.
    Until(Instant),
}

impl Patience {
    fn left(self) -> Duration {
        match self {
            Patience::Pause(pause) => pause,
            Patience::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
        }
    }
}

impl Body {
    pub(super) fn new() -> Body {
        Body {
            rest: Rest::Length(0),
            piece: Vec::new(),
            data: 0..0,
            decoded: 0,
            continue_owed: false,
            given: 0,
            given_max: u64::MAX,
            fault: None,
        }
    }

    /// Starts with the body of the next request.
    pub(super) fn begin(&mut self, framing: Framing, continue_owed: bool) {
        self.rest = match framing {
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Decoder::new()),
        };
        self.data = 0..0;
        self.decoded = self.piece.len();
        self.continue_owed = continue_owed;
        self.given = 0;
        self.given_max = u64::MAX;
        self.fault = None;
    }

    /// Lets no more than `bytes` of data be handed out.
    pub(super) fn limit(&mut self, bytes: u64) {
        self.given_max = bytes;
    }

    /// Returns what the fault of the client deserves, if there was one.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.fault {
            Some(Fault::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Says whether the connection or the client has failed.
    pub(super) fn has_fault(&self) -> bool {
        matches!(self.fault, Some(Fault::Refused(_) | Fault::Broken))
    }

    /// Says whether [`drain`](Self::drain) is certain to fail.
    pub(super) fn is_undrainable(&self) -> bool {
        let too_long = matches!(self.rest, Rest::Length(length) if length > DRAIN_BYTES_MAX);
        too_long || self.continue_owed || self.fault.is_some()
    }

    /// Sends `100 Continue` where the client waits for it.
    pub(super) fn send_continue(&mut self, connection: &Connection) -> io::Result<()> {
        if std::mem::take(&mut self.continue_owed) {
            let line = b"HTTP/1.1 100 Continue\r\n\r\n";
            connection
                .send_all(line, SendFlags::empty(), None)
                .map_err(|code| {
                    self.fault = Some(Fault::Broken);
                    Error::from(code)
                })?;
        }
        Ok(())
    }

    /// Gives up on a body for which the client still waits for `100 Continue`, because it is about
    /// to get the final answer.
    pub(super) fn forgo_continue(&mut self) {
        if std::mem::take(&mut self.continue_owed) {
            self.fault = Some(if self.is_over_limit() {
                Fault::Refused(Refusal::body_too_large(self.given_max))
            } else {
                Fault::Forgone
            });
        }
    }

    /// Returns data that is here, or receives some; empty means the end of the body.
    pub(super) fn fill(&mut self, connection: &Connection) -> io::Result<&[u8]> {
        if self.data.is_empty() {
            self.check_limit()?;
            self.send_continue(connection)?;
            self.advance(connection, Patience::Pause(BODY_TIMEOUT))?;
            self.given = self.given.saturating_add(self.data.len() as u64);
            self.check_limit()?;
        }
        Ok(&self.piece[self.data.clone()])
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.data.start += count.min(self.data.len());
    }

    /// Reads what is left, so that the next request can be received, and says whether it could.
    pub(super) fn drain(&mut self, connection: &Connection) -> bool {
        if self.is_done() {
            return true;
        }
        if self.is_undrainable() {
            return false;
        }
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let mut drained = 0;
        while drained <= DRAIN_BYTES_MAX {
            self.data = 0..0;
            match self.advance(connection, Patience::Until(deadline)) {
                Ok(()) if self.data.is_empty() => return true,
                Ok(()) => drained += self.data.len() as u64,
                Err(_) => return false,
            }
        }
        false
    }

    fn is_done(&self) -> bool {
        self.data.is_empty() && self.needed() == 0
    }

    /// Returns how many bytes there are at least that have not been received.
    fn needed(&self) -> u64 {
        match &self.rest {
            Rest::Length(length) => *length,
            Rest::Chunked(decoder) => decoder.needed(),
        }
    }

    /// Says whether the body is, or is going to be, larger than it may be.
    pub(super) fn is_over_limit(&self) -> bool {
        let announced = match &self.rest {
            Rest::Length(length) => *length,
            Rest::Chunked(_) => 0,
        };
        self.given.saturating_add(announced) > self.given_max
    }

    /// Fails where the body is over its limit or nothing more of it can be read.
    fn check_limit(&mut self) -> io::Result<()> {
        if self.fault.is_none() && self.is_over_limit() {
            self.fault = Some(Fault::Refused(Refusal::body_too_large(self.given_max)));
            self.data = 0..0;
        }
        self.check()
    }

    /// Fails where no more of the body can be read.
    fn check(&self) -> io::Result<()> {
        match self.fault {
            None => Ok(()),
            Some(Fault::Refused(refusal)) => Err(refusal.into()),
            Some(Fault::Broken) => Err(ErrorKind::BrokenPipe.into()),
            Some(Fault::Forgone) => Err(Error::new(
                ErrorKind::BrokenPipe,
                "the answer began before the client was asked for the body",
            )),
        }
    }

    /// Receives and decodes until there is data or the body has ended.
    fn advance(&mut self, connection: &Connection, patience: Patience) -> io::Result<()> {
        self.check()?;
        while self.data.is_empty() && (self.decoded < self.piece.len() || self.needed() > 0) {
            if self.decoded == self.piece.len() {
                let max = self.needed().min(PIECE_BYTES_MAX) as u32;
                self.piece = match connection.recv(max, Some(patience.left())) {
                    Ok(piece) => piece,
                    Err(code) => return Err(self.fail(code)),
                };
                self.decoded = 0;
                if self.piece.is_empty() {
                    self.fault = Some(Fault::Refused(Refusal::BODY_CUT));
                    return self.check();
                }
            }
            self.decode()?;
        }
        Ok(())
    }

    /// Finds the next data in what was received.
    fn decode(&mut self) -> io::Result<()> {
        let input = &self.piece[self.decoded..];
        match &mut self.rest {
            Rest::Length(length) => {
                *length -= input.len() as u64;
                self.data = self.decoded..self.piece.len();
                self.decoded = self.piece.len();
            }
            Rest::Chunked(decoder) => match decoder.step(input) {
                Ok(step) => {
                    self.data = self.decoded + step.data.start..self.decoded + step.data.end;
                    self.decoded += step.consumed;
                }
                Err(_) => {
                    self.fault = Some(Fault::Refused(Refusal::BAD_CHUNK));
                    return self.check();
                }
            },
        }
        Ok(())
    }

    fn fail(&mut self, code: ErrorCode) -> Error {
        self.fault = Some(match code {
            ErrorCode::Timeout => Fault::Refused(Refusal::BODY_TOO_SLOW),
            _ => Fault::Broken,
        });
        code.into()
    }
}

impl BufRead for RequestBody<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.body.fill(self.connection)
    }

    fn consume(&mut self, count: usize) {
        self.body.consume(count);
    }
}

impl Read for RequestBody<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buf)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
