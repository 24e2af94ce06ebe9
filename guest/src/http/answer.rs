//! The body of an answer: framing, and as few calls of the host as buffering can make of it.

use std::io::{self, Error, ErrorKind, Write};

use super::chunked::push_size_line;
use super::date::DateLine;
use crate::{Connection, ErrorCode, File, SendFlags};

/// How many bytes of small writes are gathered before they are sent.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// The largest body that is copied behind its head to be sent by one call.
// A copy of this size costs about as much as the second call that it saves.
const COPY_BYTES_MAX: usize = 64 * 1024;

/// The writing half of an [`Exchange`](super::Exchange), from [`split`](super::Exchange::split).
pub struct ResponseBody<'a> {
    pub(super) connection: &'a Connection,
    pub(super) answer: &'a mut Answer,
}

/// How far the answer to one request has been sent.
pub(super) struct Answer {
    /// The head, and what else waits to be sent with it.
    pub(super) out: Vec<u8>,
    pub(super) state: State,
    /// Something of the answer has been given to the connection.
    pub(super) sent: bool,
    /// The connection ends with this answer.
    pub(super) close: bool,
    pub(super) date: DateLine,
    /// What the host said of the connection when the date was made.
    pub(super) closing: bool,
    /// Small writes that will become one chunk.
    chunk: Vec<u8>,
    /// The line end behind a chunk that was sent; it goes out with what follows.
    line_end_owed: bool,
}

/// What the body of an answer is, where there is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Unstarted,
    /// This many more bytes.
    Length(u64),
    Chunked,
    /// Ended by the end of the connection.
    UntilClose,
    /// What is written has no place in the answer: to HEAD, and with 204 and 304.
    Bodiless,
    Finished,
    /// Ended before its length by the handler.
    Cut,
    /// Ended before its length by the connection.
    Broken,
}

impl Answer {
    pub(super) fn new() -> Answer {
        Answer {
            out: Vec::new(),
            state: State::Unstarted,
            sent: false,
            close: false,
            date: DateLine::new(),
            closing: false,
            chunk: Vec::new(),
            line_end_owed: false,
        }
    }

    /// Starts with the answer to the next request.
    pub(super) fn begin(&mut self, close: bool) {
        self.out.clear();
        self.chunk.clear();
        self.line_end_owed = false;
        self.state = State::Unstarted;
        self.sent = false;
        self.close = close;
    }

    /// Sends a whole body behind the head that is in `out`, and finishes.
    pub(super) fn send_whole(&mut self, connection: &Connection, body: &[u8]) -> io::Result<()> {
        if self.state != State::Bodiless && self.out.len() + body.len() <= COPY_BYTES_MAX {
            self.out.extend_from_slice(body);
        } else if self.state != State::Bodiless {
            self.send_out(connection, SendFlags::MORE)?;
            self.send(connection, body, self.last())?;
        }
        self.send_out(connection, self.last())?;
        self.state = State::Finished;
        Ok(())
    }

    /// Sends `length` bytes of `file` behind the head that is in `out`, and finishes.
    pub(super) fn send_file(
        &mut self,
        connection: &Connection,
        file: &File,
        offset: u64,
        length: u64,
    ) -> io::Result<()> {
        if self.state != State::Bodiless && length > 0 {
            self.sent = true;
            let sent = connection.send_with_file_all(&self.out, file, offset, length, None);
            self.out.clear();
            let sent = sent.map_err(|code| self.fail(code))?;
            if sent < length {
                self.state = State::Cut;
                return Err(Error::new(
                    ErrorKind::UnexpectedEof,
                    "the file has changed while it was sent",
                ));
            }
        }
        self.send_out(connection, self.last())?;
        self.state = State::Finished;
        Ok(())
    }

    /// Adds to the body; small writes are gathered.
    pub(super) fn write(&mut self, connection: &Connection, bytes: &[u8]) -> io::Result<()> {
        match self.state {
            State::Bodiless => Ok(()),
            State::UntilClose => self.gather(connection, bytes),
            State::Length(rest) if bytes.len() as u64 <= rest => {
                self.state = State::Length(rest - bytes.len() as u64);
                self.gather(connection, bytes)
            }
            State::Chunked => self.gather_chunk(connection, bytes),
            state => Err(misuse(state)),
        }
    }

    /// Sends what was gathered.
    pub(super) fn flush(&mut self, connection: &Connection) -> io::Result<()> {
        self.end_chunk();
        self.send_out(connection, SendFlags::empty())
    }

    /// Sends what is left, and the end of the body; after this, nothing can be written.
    pub(super) fn finish(&mut self, connection: &Connection) -> io::Result<()> {
        match self.state {
            State::Finished => return Ok(()),
            State::Unstarted | State::Cut | State::Broken => return Err(misuse(self.state)),
            State::Length(rest) if rest > 0 => {
                self.state = State::Cut;
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "less than the length announced",
                ));
            }
            State::Chunked => {
                self.end_chunk();
                self.pay_line_end();
                self.out.extend_from_slice(b"0\r\n\r\n");
            }
            State::Length(_) | State::UntilClose | State::Bodiless => {}
        }
        self.send_out(connection, self.last())?;
        self.state = State::Finished;
        Ok(())
    }

    fn gather(&mut self, connection: &Connection, bytes: &[u8]) -> io::Result<()> {
        if self.out.len() + bytes.len() > BUFFER_BYTES_MAX {
            self.send_out(connection, SendFlags::MORE)?;
        }
        if bytes.len() >= BUFFER_BYTES_MAX {
            return self.send(connection, bytes, SendFlags::empty());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn gather_chunk(&mut self, connection: &Connection, bytes: &[u8]) -> io::Result<()> {
        if self.chunk.len() + bytes.len() > BUFFER_BYTES_MAX {
            self.end_chunk();
            // Without this, small writes that just miss each other would pile up in `out`.
            if bytes.len() < BUFFER_BYTES_MAX {
                self.send_out(connection, SendFlags::MORE)?;
            }
        }
        if bytes.len() < BUFFER_BYTES_MAX {
            self.chunk.extend_from_slice(bytes);
            return Ok(());
        }
        self.pay_line_end();
        push_size_line(&mut self.out, bytes.len());
        self.send_out(connection, SendFlags::MORE)?;
        self.send(connection, bytes, SendFlags::empty())?;
        self.line_end_owed = true;
        Ok(())
    }

    /// Makes a chunk of the small writes, if there were any.
    fn end_chunk(&mut self) {
        if !self.chunk.is_empty() {
            self.pay_line_end();
            push_size_line(&mut self.out, self.chunk.len());
            self.out.extend_from_slice(&self.chunk);
            self.out.extend_from_slice(b"\r\n");
            self.chunk.clear();
        }
    }

    fn pay_line_end(&mut self) {
        if std::mem::take(&mut self.line_end_owed) {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// How the last of the answer is sent: where the connection ends with it, that follows at once
    /// and can share its packet.
    fn last(&self) -> SendFlags {
        match self.close {
            true => SendFlags::MORE,
            false => SendFlags::empty(),
        }
    }

    fn send_out(&mut self, connection: &Connection, flags: SendFlags) -> io::Result<()> {
        if !self.out.is_empty() {
            self.sent = true;
            let sent = connection.send_all(&self.out, flags, None);
            self.out.clear();
            sent.map_err(|code| self.fail(code))?;
        }
        Ok(())
    }

    fn send(&mut self, connection: &Connection, bytes: &[u8], flags: SendFlags) -> io::Result<()> {
        connection
            .send_all(bytes, flags, None)
            .map_err(|code| self.fail(code))
    }

    fn fail(&mut self, code: ErrorCode) -> Error {
        self.state = State::Broken;
        code.into()
    }
}

impl Write for ResponseBody<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.answer.write(self.connection, buf)?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.answer.flush(self.connection)
    }
}

fn misuse(state: State) -> Error {
    let text = match state {
        State::Unstarted => "no answer was started",
        State::Length(_) => "more than the length announced",
        State::Broken => return ErrorKind::BrokenPipe.into(),
        _ => "the answer is finished",
    };
    Error::new(ErrorKind::InvalidInput, text)
}
