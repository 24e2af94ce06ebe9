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

/// The most header lines that a request may have; more are answered with 431.
pub const HEADERS_MAX: usize = 100;

/// The largest request head in bytes; a larger one is answered with 431.
// The host's own default (`--head-limit`). Ranges into a head are two `u16`, so less than 64 KiB.
pub const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// The status of the answer to a head that is refused.
pub(super) type Refusal = u16;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

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

    /// Makes this the head that `bytes` consist of, to the last byte.
    ///
    /// Where it is refused, only what [`clear`](Self::clear) leaves can be relied on.
    pub(super) fn parse(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.clear();
        self.bytes = bytes;
        let bytes = &self.bytes[..];
        if bytes.len() > HEAD_BYTES_MAX as usize {
            return Err(431);
        }
        let mut headers = [const { MaybeUninit::<httparse::Header>::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
            Ok(_) => return Err(400),
            Err(httparse::Error::TooManyHeaders) => return Err(431),
            Err(httparse::Error::Version) => return Err(version_refusal(bytes)),
            Err(_) => return Err(400),
        }
        // httparse takes a bare LF for the end of a line; it takes no CR for anything else.
        if has_bare_line_feed(bytes) {
            return Err(400);
        }
        let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        if !is_target(method, target.as_bytes()) {
            return Err(400);
        }
        let version = if request.version == Some(1) {
            Version::HTTP_11
        } else {
            Version::HTTP_10
        };
        let mut rules = Rules {
            old: version == Version::HTTP_10,
            ..Rules::default()
        };
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
            return Err(501);
        }
        self.method = Span::of(bytes, method.as_bytes());
        self.target = Span::of(bytes, target.as_bytes());
        self.version = version;
        self.framing = rules.framing()?;
        self.keep_alive = rules.keep_alive();
        self.expects_continue =
            rules.expects_continue && !rules.old && self.framing != Framing::Length(0);
        Ok(())
    }

    pub(super) fn method(&self) -> &str {
        self.text(self.method)
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

/// What the header lines say about the message as a whole.
#[derive(Default)]
struct Rules {
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
    fn apply(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        // By length first: most names are none of these, and a request has many of them.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                if self.host || !value.iter().all(|byte| is_host_byte(*byte)) {
                    return Err(400);
                }
                self.host = true;
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                if self.length.is_some() {
                    return Err(400);
                }
                self.length = Some(decimal(value).ok_or(400u16)?);
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if self.chunked || self.old {
                    return Err(400);
                }
                check_transfer_encoding(value)?;
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        if self.chunked && self.length.is_some() || !self.host && !self.old {
            return Err(400);
        }
        Ok(if self.chunked {
            Framing::Chunked
        } else {
            Framing::Length(self.length.unwrap_or(0))
        })
    }

    fn keep_alive(&self) -> bool {
        !self.close && (!self.old || self.keep_alive)
    }
}

/// Accepts `chunked` alone: nothing else is implemented, and chunked has to come last and once.
fn check_transfer_encoding(value: &[u8]) -> Result<(), Refusal> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let chunked = list(value)
        .filter(|coding| coding.eq_ignore_ascii_case(b"chunked"))
        .count();
    let last = list(value).last().unwrap_or_default();
    let misplaced = chunked > 1 || chunked == 1 && !last.eq_ignore_ascii_case(b"chunked");
    Err(if misplaced || last.is_empty() {
        400
    } else {
        501
    })
}

/// Says with which status a request line is refused in which httparse finds no version it knows.
fn version_refusal(bytes: &[u8]) -> Refusal {
    let line = bytes
        .trim_ascii_start()
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut words = line
        .strip_suffix(b"\r")
        .unwrap_or_default()
        .split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (_, Some([_, ..]), Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor]), None)
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            505
        }
        _ => 400,
    }
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let mut before = 0;
    for byte in bytes {
        if *byte == b'\n' && before != b'\r' {
            return true;
        }
        before = *byte;
    }
    false
}

/// Checks the form of a target and which methods it goes with (RFC 9112 section 3.2).
fn is_target(method: &str, target: &[u8]) -> bool {
    if target.contains(&b'#') {
        return false;
    }
    match (method, target) {
        // The authority form; nothing but CONNECT has it, and CONNECT has nothing else.
        ("CONNECT", _) => !target.is_empty() && target.iter().all(|byte| is_host_byte(*byte)),
        (_, [b'/', ..]) => true,
        ("OPTIONS", b"*") => true,
        _ => authority(target).is_some_and(|authority| {
            !authority.is_empty() && authority.iter().all(|byte| is_host_byte(*byte))
        }),
    }
}

/// Returns the authority of a target in absolute form, as it is sent to proxies.
pub(super) fn authority(target: &[u8]) -> Option<&[u8]> {
    let scheme = if target
        .get(..7)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"http://"))
    {
        7
    } else if target
        .get(..8)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"https://"))
    {
        8
    } else {
        return None;
    };
    target[scheme..]
        .split(|byte| matches!(byte, b'/' | b'?'))
        .next()
}

/// The characters of `uri-host [ ":" port ]`; a comma, a space, an `@` are none of them.
// RFC 3986 allows sub-delims in a registered name, but a comma there is two Host lines that
// somebody has joined.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
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

#[cfg(test)]
mod tests;
