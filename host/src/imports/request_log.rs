//! The access log: one line per request, written by the host from what passes it by.
//!
//! The host sees a request's first line when the guest receives it and the status when the guest
//! sends it, so a handler in any language is logged without its help, and cannot lie about what
//! it sent. A line is written when the guest is done with the request.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::config::AccessLogFormat;
use crate::line_writer::LineWriter;

/// A longer request line is cut in the log.
const REQUEST_BYTES_MAX: usize = 2048;

/// Where one worker's requests are noted. Writing to it never waits.
#[derive(Debug)]
pub struct RequestLog {
    format: AccessLogFormat,
    writer: LineWriter,
}

/// What has been seen of one request and its answer.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The request line, as far as it was received.
    line: Vec<u8>,
    line_is_whole: bool,
    answer: Answer,
    /// How many bytes of the answer are its head or interim answers.
    head_bytes: u64,
}

/// How far the head of the answer has been seen.
#[derive(Debug)]
enum Answer {
    /// This much of `HTTP/1.1 200`.
    Status(Vec<u8>),
    /// The head goes on; this many bytes of the empty line that ends it were the last ones.
    Head { status: u16, matched: usize },
    /// The body.
    Body { status: u16 },
    /// Something that is no answer of HTTP/1.
    Foreign,
}

impl Default for Answer {
    fn default() -> Answer {
        Answer::Status(Vec::new())
    }
}

/// How many bytes of an answer tell its status.
const STATUS_BYTES: usize = "HTTP/1.1 200".len();

/// What ends a head.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";

impl Exchange {
    /// Takes in what the guest received.
    pub fn received(&mut self, bytes: &[u8]) {
        if self.line_is_whole {
            return;
        }
        // Empty lines in front of a request are no part of it.
        let skipped = if self.line.is_empty() {
            bytes
                .iter()
                .take_while(|&byte| matches!(byte, b'\r' | b'\n'))
                .count()
        } else {
            0
        };
        let bytes = &bytes[skipped..];
        let end = bytes.iter().position(|&byte| matches!(byte, b'\r' | b'\n'));
        let room = REQUEST_BYTES_MAX - self.line.len();
        let part = &bytes[..end.unwrap_or(bytes.len()).min(room)];
        self.line.extend_from_slice(part);
        self.line_is_whole = end.is_some() || self.line.len() == REQUEST_BYTES_MAX;
    }

    /// Takes in what the host has, where nothing of the request is known yet.
    pub fn received_unless_known(&mut self, bytes: &[u8]) {
        if self.line.is_empty() {
            self.received(bytes);
        }
    }

    /// Takes in what the guest sends, until the body begins.
    pub fn sent(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.answer {
                Answer::Body { .. } | Answer::Foreign => return,
                Answer::Status(seen) => {
                    let taken = bytes.len().min(STATUS_BYTES - seen.len());
                    seen.extend_from_slice(&bytes[..taken]);
                    if seen.len() == STATUS_BYTES {
                        self.answer = match status_of(seen) {
                            Some(status) => {
                                self.head_bytes += STATUS_BYTES as u64;
                                Answer::Head { status, matched: 0 }
                            }
                            None => Answer::Foreign,
                        };
                    }
                    taken
                }
                Answer::Head { status, matched } => {
                    let mut taken = 0;
                    for byte in bytes {
                        taken += 1;
                        *matched = match (HEAD_END[*matched] == *byte, byte) {
                            (true, _) => *matched + 1,
                            (false, b'\r') => 1,
                            _ => 0,
                        };
                        if *matched == HEAD_END.len() {
                            break;
                        }
                    }
                    self.head_bytes += taken as u64;
                    if *matched == HEAD_END.len() {
                        self.answer = match *status {
                            // The final answer follows. 101 is final: another protocol follows.
                            100 | 102..=199 => Answer::default(),
                            status => Answer::Body { status },
                        };
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
    }

    fn status(&self) -> Option<u16> {
        match self.answer {
            Answer::Head { status, .. } | Answer::Body { status } => Some(status),
            Answer::Status(_) | Answer::Foreign => None,
        }
    }
}

fn status_of(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"HTTP/1.")?.get(2..)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// One line of the log.
#[derive(Debug, Serialize)]
struct Line<'a> {
    time: &'a str,
    peer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    body_bytes: u64,
    duration_us: u64,
}

impl RequestLog {
    /// Writes lines in `format` to `writer`, which drops what it has no room for.
    pub fn new(format: AccessLogFormat, writer: LineWriter) -> RequestLog {
        RequestLog { format, writer }
    }

    /// Notes a request that is done with: its answer had `sent` bytes, its head included.
    pub fn note(
        &self,
        exchange: &Exchange,
        peer: Option<SocketAddr>,
        sent: u64,
        duration: Duration,
    ) {
        let now = OffsetDateTime::now_utc();
        let line = String::from_utf8_lossy(&exchange.line);
        let request = (!line.is_empty()).then_some(&*line);
        let status = exchange.status();
        let body_bytes = sent.saturating_sub(exchange.head_bytes);
        let mut out = match self.format {
            AccessLogFormat::Common => {
                let peer = peer.map_or_else(|| "-".to_owned(), |peer| peer.ip().to_string());
                let format =
                    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second]");
                let time = now.format(format).unwrap_or_default();
                let request = request.unwrap_or("-").escape_debug();
                let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                format!("{peer} - - [{time} +0000] \"{request}\" {status} {body_bytes}")
            }
            AccessLogFormat::Json => {
                let peer = peer.map_or_else(String::new, |peer| peer.to_string());
                let line = Line {
                    time: &now.format(&Rfc3339).unwrap_or_default(),
                    peer: &peer,
                    request,
                    status,
                    body_bytes,
                    duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
                };
                serde_json::to_string(&line).unwrap_or_default()
            }
        };
        out.push('\n');
        self.writer.line(out.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, status: Option<u16>, head_bytes: usize) {
        // Whole, and byte by byte.
        let mut whole = Exchange::default();
        whole.sent(sent.as_bytes());
        let mut split = Exchange::default();
        sent.as_bytes().chunks(1).for_each(|byte| split.sent(byte));
        for exchange in [whole, split] {
            assert_eq!(exchange.status(), status, "{sent:?}");
            assert_eq!(exchange.head_bytes, head_bytes as u64, "{sent:?}");
        }
    }

    #[test]
    fn the_status_is_that_of_the_final_answer() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        check(&format!("{ok}abc"), Some(200), ok.len());
        let both = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: a\r\n\r\n{ok}");
        check(&format!("{both}abc"), Some(200), both.len());
        check("HTTP/1.0 404 \r\n", Some(404), 15);
        check("HTTP/1.1 101 \r\n\r\n\x01\x02", Some(101), 17);
    }

    #[test]
    fn what_is_no_answer_of_http_has_no_status() {
        check("SSH-2.0-somebody\r\n", None, 0);
        check("HTTP/1.1 2x0 OK\r\n\r\n", None, 0);
        check("HTTP/1.1", None, 0);
        check("", None, 0);
    }

    #[test]
    fn a_request_line_is_received_in_pieces_and_bounded() {
        let mut exchange = Exchange::default();
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
            .chunks(1)
            .for_each(|byte| exchange.received(byte));
        assert_eq!(exchange.line, b"GET / HTTP/1.1");
        let mut long = Exchange::default();
        (0..100).for_each(|_| long.received(&[b'a'; 1000]));
        assert_eq!(long.line.len(), REQUEST_BYTES_MAX);
    }
}
