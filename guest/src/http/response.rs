//! The head of an answer, written into the buffer that it is sent from.

use std::io::{self, Error, ErrorKind};
use std::ops::Range;

use ::http::{StatusCode, Version};

use super::Exchange;
use super::answer::State;
use super::characters::{TOKEN, VALUE};
use super::range::{self, Multipart};
use crate::File;

/// An answer that has a status and header lines, and needs a body to be sent.
///
/// Made by [`Exchange::response`]. `Content-Length`, `Transfer-Encoding`, `Connection` and `Date`
/// are set by the library and cannot be given. Nothing is sent before [`send`](Self::send),
/// [`stream`](Self::stream) or [`send_file`](Self::send_file), which also report what was wrong
/// with a header line. A body that the status does not allow (204, 205, 304) is dropped, and so
/// is the body of an answer to HEAD.
///
/// # Errors
/// - `InvalidInput`: the status is not within 200 to 999, a header line cannot be sent, or the
///   request has an answer already.
/// - Otherwise, what sending to the connection fails with.
#[must_use = "nothing is sent without `send`, `stream` or `send_file`"]
pub struct Response<'a> {
    exchange: &'a mut Exchange,
    status: u16,
    fault: Option<&'static str>,
}

/// What most heads and short bodies have room in; growing to that in steps is five allocations.
const USUAL_BYTES: usize = 512;

const IMPOSSIBLE: &str = "a header line contains what it cannot";

/// Header lines that many answers have, gathered and checked once.
///
/// # Examples
/// ```
/// use sockeye_guest::http::HeaderLines;
///
/// let lines = HeaderLines::new()
///     .header("Cache-Control", "no-store")?
///     .header("X-Content-Type-Options", "nosniff")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct HeaderLines {
    bytes: Vec<u8>,
}

impl HeaderLines {
    /// Returns none.
    pub fn new() -> HeaderLines {
        HeaderLines::default()
    }

    /// Adds a header line; the same name may be given more than once.
    ///
    /// # Errors
    /// `InvalidInput`: it cannot be sent, or is one that the library sets.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> io::Result<HeaderLines> {
        match push_checked(&mut self.bytes, name, value.as_ref()) {
            Ok(()) => Ok(self),
            Err(fault) => Err(Error::new(ErrorKind::InvalidInput, fault)),
        }
    }
}

/// What the head says about the length of the body.
#[derive(Clone, Copy)]
enum Length {
    Known(u64),
    Unknown,
}

impl<'a> Response<'a> {
    pub(super) fn new(exchange: &'a mut Exchange, status: u16) -> Response<'a> {
        let mut fault = None;
        if exchange.answer.state != State::Unstarted {
            fault = Some("the request has an answer already");
        } else if let Some(code) = final_status(status) {
            let out = &mut exchange.answer.out;
            out.clear();
            out.reserve(USUAL_BYTES);
            out.extend_from_slice(b"HTTP/1.1 ");
            out.extend_from_slice(code.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(code.canonical_reason().unwrap_or_default().as_bytes());
            out.extend_from_slice(b"\r\n");
        } else {
            fault = Some("a status is within 200 to 999");
        }
        Response {
            exchange,
            status,
            fault,
        }
    }

    /// Adds a header line; the same name may be given more than once.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if self.fault.is_none() {
            let out = &mut self.exchange.answer.out;
            self.fault = push_checked(out, name, value.as_ref()).err();
        }
        self
    }

    /// Adds header lines that were checked when they were gathered.
    pub fn headers(self, lines: &HeaderLines) -> Self {
        if self.fault.is_none() {
            self.exchange.answer.out.extend_from_slice(&lines.bytes);
        }
        self
    }

    /// Adds the header line `Content-Type`.
    pub fn content_type(mut self, value: &str) -> Self {
        if self.fault.is_none() {
            let out = &mut self.exchange.answer.out;
            self.fault = push_value_checked(out, "Content-Type", value.as_bytes()).err();
        }
        self
    }

    /// Sends the head and all of the body.
    pub fn send(mut self, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        if self.exchange.body.is_undrainable() {
            self.exchange.answer.close = true;
        }
        self.end_head(Length::Known(body.len() as u64))?;
        let Exchange {
            connection, answer, ..
        } = self.exchange;
        answer.send_whole(connection, body)
    }

    /// Starts a body that is then written to the exchange, with a length if that is known.
    ///
    /// The head goes out with the first bytes of the body. Without a length the body is chunked,
    /// or for a client of HTTP/1.0 ended by the end of the connection. Where a client waits for
    /// `100 Continue` and the status is a success, it is sent now, because the body may be read
    /// while the answer is written. With any other status reading that body fails from here on,
    /// because the client may never send it, and the connection ends with the answer.
    pub fn stream(mut self, length: Option<u64>) -> io::Result<()> {
        let wanted = self.status < 300 && !self.exchange.body.is_over_limit();
        if self.fault.is_none() && wanted {
            let Exchange {
                connection, body, ..
            } = &mut *self.exchange;
            body.send_continue(connection)?;
        } else if self.exchange.body.is_undrainable() {
            self.exchange.answer.close = true;
        }
        self.end_head(length.map_or(Length::Unknown, Length::Known))
    }

    /// Sends the head and all of `file`, which does not enter the guest's memory.
    ///
    /// # Errors
    /// Besides those above, `UnexpectedEof`: the file was written to or became shorter meanwhile.
    /// The connection is closed then, so that the client notices.
    pub fn send_file(self, file: &File) -> io::Result<()> {
        let size = file.stat()?.size;
        self.send_file_part(file, 0, size)
    }

    /// Sends the head and the `length` bytes of `file` that start at `offset`.
    ///
    /// # Errors
    /// As of [`send_file`](Self::send_file).
    pub fn send_file_part(mut self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        if self.exchange.body.is_undrainable() {
            self.exchange.answer.close = true;
        }
        self.end_head(Length::Known(length))?;
        let Exchange {
            connection, answer, ..
        } = self.exchange;
        answer.send_file(connection, file, offset, length)
    }

    /// Sends the head and one or more parts of `file`, which has `size` bytes and is of
    /// `content_type`; for an answer with status 206.
    ///
    /// One part becomes the body, described by `Content-Range`; several are sent one after the
    /// other as `multipart/byteranges` (RFC 9110 section 15.3.7). Both header lines,
    /// `Content-Range` and `Content-Type`, are written here.
    ///
    /// # Errors
    /// As of [`send_file`](Self::send_file), and `InvalidInput` where there is no part.
    pub fn send_file_ranges(
        self,
        file: &File,
        content_type: &str,
        parts: &[Range<u64>],
        size: u64,
    ) -> io::Result<()> {
        if let [part] = parts {
            let head = self.content_type(content_type);
            let head = head.header("Content-Range", range::content_range(part, size));
            return head.send_file_part(file, part.start, part.end - part.start);
        }
        let multipart = Multipart::new(content_type, parts, size);
        let mut head = self.content_type(&multipart.content_type);
        if parts.is_empty() {
            head.fault = Some("an answer of parts has at least one");
        }
        if head.exchange.body.is_undrainable() {
            head.exchange.answer.close = true;
        }
        head.end_head(Length::Known(multipart.length))?;
        let Exchange {
            connection, answer, ..
        } = head.exchange;
        if answer.state == State::Bodiless {
            return answer.send_whole(connection, &[]);
        }
        for (part, head) in parts.iter().zip(&multipart.heads) {
            // Sent with what is in front of it, by the call that begins to send the file.
            answer.out.extend_from_slice(head.as_bytes());
            answer.send_file(connection, file, part.start, part.end - part.start)?;
        }
        answer.send_whole(connection, multipart.end.as_bytes())
    }

    /// Writes the lines that are the library's, and decides how the body is delimited.
    fn end_head(&mut self, length: Length) -> io::Result<()> {
        if let Some(fault) = self.fault {
            return Err(Error::new(ErrorKind::InvalidInput, fault));
        }
        let exchange = &mut *self.exchange;
        exchange.body.forgo_continue();
        let old = exchange.head.version == Version::HTTP_10;
        // RFC 9110 section 15.3.6: 205 has an empty body, which its head says.
        let length = if self.status == 205 {
            Length::Known(0)
        } else {
            length
        };
        let bodiless = matches!(self.status, 204 | 304);
        let until_close = matches!(length, Length::Unknown) && old && !bodiless;
        let answer = &mut exchange.answer;
        // The host is asked once a second. Where it begins to close meanwhile, it takes the
        // connection back after this answer, and the next one says so.
        if answer.date.renew() {
            answer.closing = exchange.connection.closing();
        }
        answer.close |= until_close || answer.closing;
        answer.state = match length {
            Length::Known(length) => State::Length(length),
            Length::Unknown if old => State::UntilClose,
            Length::Unknown => State::Chunked,
        };
        match answer.state {
            _ if bodiless => {}
            State::Length(length) => {
                answer.out.extend_from_slice(b"Content-Length: ");
                push_decimal(&mut answer.out, length);
                answer.out.extend_from_slice(b"\r\n");
            }
            State::Chunked => push_header(&mut answer.out, b"Transfer-Encoding", b"chunked"),
            _ => {}
        }
        answer.out.extend_from_slice(answer.date.as_bytes());
        if answer.close {
            push_header(&mut answer.out, b"Connection", b"close");
        } else if old {
            push_header(&mut answer.out, b"Connection", b"keep-alive");
        }
        answer.out.extend_from_slice(b"\r\n");
        if bodiless || self.status == 205 || exchange.head.is_head() {
            answer.state = State::Bodiless;
        }
        Ok(())
    }
}

/// Returns what is no interim answer, such as 100, and no number that is no status.
fn final_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|code| *code >= StatusCode::OK)
}

/// Writes a header line, or says what is wrong with it.
fn push_checked(out: &mut Vec<u8>, name: &str, value: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() || !TOKEN.contain(name.as_bytes()) {
        return Err(IMPOSSIBLE);
    }
    if is_reserved(name) {
        return Err("a header line is set by the library");
    }
    push_value_checked(out, name, value)
}

fn push_value_checked(out: &mut Vec<u8>, name: &str, value: &[u8]) -> Result<(), &'static str> {
    if !VALUE.contain(value) {
        return Err(IMPOSSIBLE);
    }
    push_header(out, name.as_bytes(), value);
    Ok(())
}

fn push_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn is_reserved(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "date"]
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_decimal(number: u64) {
        let mut out = Vec::new();
        push_decimal(&mut out, number);
        assert_eq!(out, number.to_string().into_bytes());
    }

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        [0, 9, 10, 200, 65_536, u64::MAX]
            .into_iter()
            .for_each(check_decimal);
    }

    #[test]
    fn framing_header_lines_are_reserved() {
        assert!(is_reserved("Content-LENGTH") && is_reserved("transfer-encoding"));
        assert!(!is_reserved("Content-Type"));
    }
}
