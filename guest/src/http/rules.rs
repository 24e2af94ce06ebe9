//! What the header lines of a request say about the message as a whole: where it ends, whose it is,
//! what becomes of the connection (RFC 9110 and 9112).

use ::http::Version;

use super::refusal::Refusal;
use super::target::is_host;

const ONE_HOST: Refusal = Refusal::bad("a request has exactly one Host line");
const BAD_LENGTH: Refusal = Refusal::bad("Content-Length is not a number below 2^64");
const MISPLACED_CHUNKED: Refusal =
    Refusal::bad("Transfer-Encoding is not a list with one chunked at its end");
const EXPECTATION_FAILED: Refusal = Refusal::new(417, "no expectation but 100-continue can be met");

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// What the header lines say about the message as a whole.
#[derive(Default)]
pub(super) struct Rules {
    /// The request is one of HTTP/1.0, which knows neither codings nor a duty to name the host.
    old: bool,
    length: Option<u64>,
    chunked: bool,
    host: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Rules {
    pub(super) fn new(version: Version) -> Rules {
        Rules {
            old: version == Version::HTTP_10,
            ..Rules::default()
        }
    }

    /// Takes one header line into account.
    pub(super) fn apply(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        // By length first: most names are none of these, and a request has many of them.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if self.host {
                    return Err(ONE_HOST);
                }
                if !is_host(value) {
                    return Err(Refusal::bad("Host is not a host and perhaps a port"));
                }
                self.host = true;
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                for expectation in list(value).filter(|member| !member.is_empty()) {
                    if !expectation.eq_ignore_ascii_case(b"100-continue") {
                        return Err(EXPECTATION_FAILED);
                    }
                    self.expects_continue = true;
                }
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list(value) {
                    if is_framing(option) {
                        return Err(Refusal::bad("Connection names a line that frames the body"));
                    }
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                if self.length.is_some() {
                    return Err(Refusal::bad(
                        "a request has at most one Content-Length line",
                    ));
                }
                self.length = Some(decimal(value).ok_or(BAD_LENGTH)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if self.old {
                    return Err(Refusal::bad("version 1.0 has no Transfer-Encoding"));
                }
                if self.chunked {
                    return Err(MISPLACED_CHUNKED);
                }
                check_transfer_encoding(value)?;
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn framing(&self) -> Result<Framing, Refusal> {
        if self.chunked && self.length.is_some() {
            return Err(Refusal::bad(
                "a request has no Content-Length with a Transfer-Encoding",
            ));
        }
        if !self.host && !self.old {
            return Err(ONE_HOST);
        }
        Ok(if self.chunked {
            Framing::Chunked
        } else {
            Framing::Length(self.length.unwrap_or(0))
        })
    }

    pub(super) fn keep_alive(&self) -> bool {
        !self.close && (!self.old || self.keep_alive)
    }

    /// Says whether the client waits to be asked for a body; it is not asked where it has none,
    /// nor where it speaks HTTP/1.0 (RFC 9110 section 10.1.1).
    pub(super) fn expects_continue(&self) -> bool {
        self.expects_continue && !self.old && (self.chunked || self.length.is_some_and(|n| n > 0))
    }
}

/// Says whether `option` of Connection would have a proxy remove what frames the body.
// RFC 9110 section 7.6.1 forbids to send it; one reader has a body then and the other has none.
fn is_framing(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"content-length")
        || option.eq_ignore_ascii_case(b"transfer-encoding")
}

/// Accepts `chunked` alone: nothing else is implemented, and chunked has to come last and once.
// RFC 9110 section 5.6.1 would have empty elements ignored; here two readers must not differ.
fn check_transfer_encoding(value: &[u8]) -> Result<(), Refusal> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if is_chunked(value) {
        return Ok(());
    }
    let chunked = list(value).filter(|coding| is_chunked(coding)).count();
    let last = list(value).last().is_some_and(is_chunked);
    let misplaced = chunked > 1 || chunked == 1 && !last;
    Err(if misplaced || list(value).any(<[u8]>::is_empty) {
        MISPLACED_CHUNKED
    } else {
        Refusal::new(501, "no Transfer-Encoding but chunked is implemented")
    })
}

/// Parses digits and nothing else: no sign, no list, no blank.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Returns the elements of a comma-separated list.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
