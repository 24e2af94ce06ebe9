//! The variants: requests whose framing, blanks, line ends and characters are right, nearly right
//! and wrong in every way that is known from attacks, one after the other and always the same.
//!
//! Texts are Latin-1, a byte for each character. A body that might be left behind by a reader does
//! not begin like a request, so that what it is taken for shows.

use std::collections::HashSet;

use super::{variants_body, variants_head, variants_line};

/// One request, or what looks like one.
pub(super) struct Variant {
    /// What kind of attack it is.
    pub(super) class: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Variants as they are made, each once.
#[derive(Default)]
pub(super) struct Variants {
    made: Vec<Variant>,
    known: HashSet<Vec<u8>>,
}

/// A body of three bytes.
pub(super) const SIZED: &str = "a(c";

/// The same as a chunk.
pub(super) const CHUNKED: &str = "3\r\na(c\r\n0\r\n\r\n";

/// A request that nobody has made.
pub(super) const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n";

/// Bytes that some reader somewhere takes for a blank, for a line's end or for nothing.
pub(super) const ODD: &str = "\0\x01\x07\x08\t\n\x0b\x0c\r\x1b\x1f \x7f\u{80}\u{85}\u{a0}\u{ad}\
    \u{c2}\u{e2}\u{ff}!\"'(),-/;<=>?@[\\]^_`{|}~:.+*#%&0Aa";

/// What may stand in place of a CRLF.
pub(super) const LINE_ENDS: &[&str] = &[
    "", "\n", "\r", "\n\r", "\r\r\n", "\r\n\r\n", "\n\n", "\r\r", " \r\n", "\t\r\n", "\r\n ",
    "\r\n\t", "\r \n", "\0\r\n", "\r\0\n", "\x0b", "\x0c", "\u{85}", "\\r\\n", "%0d%0a", "\r\n\n",
];

/// Returns every variant.
pub(super) fn all() -> Vec<Variant> {
    let mut variants = Variants::default();
    variants_head::lengths(&mut variants);
    variants_head::codings(&mut variants);
    variants_head::pairs_of_lines(&mut variants);
    variants_head::names(&mut variants);
    variants_head::values(&mut variants);
    variants_line::line_ends(&mut variants);
    variants_line::request_lines(&mut variants);
    variants_line::hosts(&mut variants);
    variants_head::connections(&mut variants);
    variants_body::attacks(&mut variants);
    variants_body::sizes(&mut variants);
    variants_body::extensions(&mut variants);
    variants_body::line_ends(&mut variants);
    variants_body::trailers(&mut variants);
    variants_body::methods(&mut variants);
    variants_body::expectations(&mut variants);
    variants_body::pipelines(&mut variants);
    variants.made
}

impl Variants {
    /// Adds the bytes of `text`, unless they are there already.
    pub(super) fn add(&mut self, class: &'static str, text: &str) {
        let byte = |c| u8::try_from(c).unwrap_or_else(|_| panic!("`{c}` is no byte"));
        let bytes: Vec<u8> = text.chars().map(byte).collect();
        if self.known.insert(bytes.clone()) {
            self.made.push(Variant { class, bytes });
        }
    }

    /// Adds a POST with these header lines and this body.
    pub(super) fn post(&mut self, class: &'static str, lines: &str, body: &str) {
        self.add(class, &post(lines, body));
    }
}

/// Returns a POST with these header lines and this body.
pub(super) fn post(lines: &str, body: &str) -> String {
    format!("POST /?first HTTP/1.1\r\nHost: first\r\n{lines}\r\n\r\n{body}")
}

/// Returns a POST of HTTP/1.0.
pub(super) fn old(lines: &str, body: &str) -> String {
    format!("POST /?first HTTP/1.0\r\nHost: first\r\n{lines}\r\n\r\n{body}")
}

/// Returns every byte, as a character.
pub(super) fn every_byte() -> impl Iterator<Item = char> {
    (0..=u8::MAX).map(char::from)
}
