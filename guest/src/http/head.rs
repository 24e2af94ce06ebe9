//! Request heads: a pure function from bytes to ranges into them, and everything that makes a
//! request malformed or ambiguous.
//!
//! httparse does the lines and the characters; the rules on top of it are those of RFC 9112 that
//! concern where a message ends and whose it is. Where the RFC leaves a choice between tolerating
//! and refusing, a head is refused: two readers that tolerate differently are how requests are
//! smuggled.

use std::mem::MaybeUninit;
use std::ops::Range;

use ::http::Version;

use super::characters::TOKEN;
use super::refusal::Refusal;
use super::rules::{Framing, Rules};
use super::target::{TARGET_BYTES_MAX, is_target};

/// The most header lines that a request may have; more are answered with 431.
pub const HEADERS_MAX: usize = 100;

/// The largest request head in bytes; a larger one is answered with 431, or with 414 where its
/// target alone is longer than [`TARGET_BYTES_MAX`].
// The host's own default (`--head-limit`). Ranges into a head are two `u16`, so less than 64 KiB.
pub const HEAD_BYTES_MAX: u32 = 16 * 1024;

const BARE_LINE_FEED: Refusal = Refusal::bad("a line of the request head does not end in CR LF");
const VERSION_UNKNOWN: Refusal = Refusal::new(505, "no versions but 1.0 and 1.1 are spoken");

/// One request head: its bytes, and where in them the parts are.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
    method: Span,
    target: Span,
    fields: Vec<Field>,
    pub(super) version: Version,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
}

impl Head {
    pub(super) fn new() -> Head {
        Head {
            bytes: Vec::new(),
            method: Span::default(),
            target: Span::default(),
            fields: Vec::new(),
            version: Version::HTTP_11,
            framing: Framing::Length(0),
            keep_alive: false,
            expects_continue: false,
        }
    }

    /// Forgets the last request and keeps the space that its header lines took.
    pub(super) fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Head {
            fields,
            ..Head::new()
        };
    }

    /// Makes this a head of which nothing but its `start` will come, and nothing but the method, if
    /// that is there, can be relied on.
    pub(super) fn begin(&mut self, start: Vec<u8>) {
        self.clear();
        let method = request_line(&start).split(|byte| *byte == b' ').next();
        let method = method.filter(|method| TOKEN.contain(method));
        self.method = Span::of(&start, method.unwrap_or_default());
        self.bytes = start;
    }

    /// Makes this the head that `bytes` consist of, to the last byte.
    ///
    /// Where it is refused, only the method can be relied on besides what [`clear`](Self::clear)
    /// leaves: a refused HEAD has an answer without a body, too. It is empty where it is unknown.
    pub(super) fn parse(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.clear();
        self.bytes = bytes;
        let bytes = &self.bytes[..];
        if bytes.len() > HEAD_BYTES_MAX as usize {
            return Err(too_large(bytes));
        }
        let mut headers = [const { MaybeUninit::<httparse::Header>::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(bytes, &mut headers);
        let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        self.method = Span::of(bytes, method.as_bytes());
        match parsed {
            Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
            Ok(httparse::Status::Complete(_)) => return Err(BARE_LINE_FEED),
            Ok(httparse::Status::Partial) if !has_bare_line_feed(bytes) => {
                return Err(Refusal::bad("request head has no end"));
            }
            Ok(httparse::Status::Partial) => return Err(BARE_LINE_FEED),
            Err(error) => return Err(refusal(error, bytes)),
        }
        // httparse takes a bare LF for the end of a line, and for nothing else. So there is none
        // where two bytes in front of every line, and at the end, are CR LF.
        let names = request.headers.iter().map(|header| header.name.as_bytes());
        let mut lines = names.map(|name| &bytes[..usize::from(Span::of(bytes, name).start)]);
        let first = &bytes[..usize::from(self.method.start)];
        let ends = lines.all(|before| before.ends_with(b"\r\n")) && bytes.ends_with(b"\r\n\r\n");
        if !ends || !first.chunks(2).all(|line| line == b"\r\n") {
            return Err(BARE_LINE_FEED);
        }
        if target.len() > TARGET_BYTES_MAX {
            return Err(Refusal::TARGET_TOO_LONG);
        }
        if !is_target(method, target.as_bytes()) {
            return Err(Refusal::bad(
                "request target has no form that fits the method",
            ));
        }
        let version = if request.version == Some(1) {
            Version::HTTP_11
        } else {
            Version::HTTP_10
        };
        let mut rules = Rules::new(version);
        for header in request.headers.iter() {
            rules.apply(header.name, header.value)?;
            self.fields.push(Field {
                name: Span::of(bytes, header.name.as_bytes()),
                value: Span::of(bytes, header.value),
            });
        }
        // Answered like another method, it would begin a tunnel (RFC 9110 section 9.3.6): what the
        // client sends into it must never be taken for requests.
        if method == "CONNECT" {
            rules.framing()?;
            return Err(Refusal::new(501, "CONNECT is not implemented"));
        }
        self.target = Span::of(bytes, target.as_bytes());
        self.version = version;
        self.framing = rules.framing()?;
        self.keep_alive = rules.keep_alive();
        self.expects_continue = rules.expects_continue();
        Ok(())
    }

    pub(super) fn method(&self) -> &str {
        self.text(self.method)
    }

    /// Says whether the answer has no body, whatever its head says.
    pub(super) fn is_head(&self) -> bool {
        self.slice(self.method) == b"HEAD"
    }

    pub(super) fn target(&self) -> &str {
        self.text(self.target)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields
            .iter()
            .map(|field| (self.text(field.name), self.slice(field.value)))
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.range()]
    }

    fn text(&self, span: Span) -> &str {
        // httparse has checked methods, targets and names; the default is never seen.
        std::str::from_utf8(self.slice(span)).unwrap_or_default()
    }
}

impl Span {
    /// Returns where `part`, a part of `whole`, lies in it.
    fn of(whole: &[u8], part: &[u8]) -> Span {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        if part.is_empty() || start + part.len() > whole.len() {
            return Span::default();
        }
        // `HEAD_BYTES_MAX` fits.
        Span {
            start: start as u16,
            end: (start + part.len()) as u16,
        }
    }

    fn range(self) -> Range<usize> {
        self.start.into()..self.end.into()
    }
}

/// Says why a head is refused in which httparse finds an error.
fn refusal(error: httparse::Error, bytes: &[u8]) -> Refusal {
    Refusal::bad(match error {
        httparse::Error::TooManyHeaders => return Refusal::TOO_MANY_HEADERS,
        httparse::Error::Version if is_version(request_line(bytes)) => return VERSION_UNKNOWN,
        httparse::Error::HeaderName => "a header line does not begin with a name and a colon",
        httparse::Error::HeaderValue => "a header value contains what it cannot",
        httparse::Error::NewLine => "a line of the request head does not end in CR LF",
        _ => "request line is not a method, a target and a version with single spaces",
    })
}

/// Says why a head is refused that goes on after `bytes`, which are more than a head may have.
pub(super) fn too_large(bytes: &[u8]) -> Refusal {
    let target = request_line(bytes).split(|byte| *byte == b' ').nth(1);
    if target.is_some_and(|target| target.len() > TARGET_BYTES_MAX) {
        Refusal::TARGET_TOO_LONG
    } else {
        Refusal::HEAD_TOO_LARGE
    }
}

/// Says whether a request line ends in a version of HTTP, whichever it is.
fn is_version(line: &[u8]) -> bool {
    let mut words = line
        .strip_suffix(b"\r")
        .unwrap_or_default()
        .split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (_, Some([_, ..]), Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None) => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        _ => false,
    }
}

/// Returns the first line that is not empty, without its LF.
fn request_line(bytes: &[u8]) -> &[u8] {
    bytes
        .trim_ascii_start()
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| !bytes[..at].ends_with(b"\r"))
}

#[cfg(test)]
mod tests;
