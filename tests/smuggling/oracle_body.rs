//! The parts of the oracle that heads and chunked bodies have in common, and chunked bodies: RFC
//! 9112 sections 2.2, 5 and 7.1.

use super::oracle::is_tchar;

/// The limits that the server documents: digits of a size, and bytes of all extensions and of the
/// names and values of all trailers.
const SIZE_DIGITS_MAX: usize = 16;
const EXTENSION_BYTES_MAX: usize = 16 * 1024;
const TRAILER_BYTES_MAX: usize = 4096;

/// The data of a body, and how it ends.
pub(super) enum Body<'a> {
    /// With its own end, behind which there is this.
    Whole(Vec<u8>, &'a [u8]),
    /// With the end of the bytes.
    Cut(Vec<u8>),
    /// With a fault.
    Refused(Vec<u8>, &'static str),
}

/// What the bytes begin with.
enum Line<'a> {
    Whole(&'a [u8], &'a [u8]),
    Cut,
    Bare,
}

/// Returns the lines of `bytes`, which end in CRLF, or nothing where there is a CR or an LF that is
/// no part of that.
pub(super) fn lines(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let Line::Whole(line, rest) = line(bytes) else {
            return None;
        };
        lines.push(line);
        bytes = rest;
    }
    Some(lines)
}

/// RFC 9112 section 5: `field-line = field-name ":" OWS field-value OWS`.
///
/// No blank is in front of the colon (section 5.1) or of the name (a folded line, which "a server
/// MUST either reject" or join, section 5.2).
pub(super) fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // RFC 9110 section 5.1: `field-name = token`.
    let named = !name.is_empty() && name.iter().all(|byte| is_tchar(*byte));
    // RFC 9110 section 5.5: visible characters, those above ASCII, and blanks between them. Other
    // controls "are also invalid"; CR, LF and NUL are "dangerous".
    let valid = value.iter().all(|byte| is_text(*byte));
    let blank = |byte: &u8| b" \t".contains(byte);
    let start = value.iter().position(|byte| !blank(byte));
    let end = value.iter().rposition(|byte| !blank(byte));
    let value = match (start, end) {
        (Some(start), Some(end)) => &value[start..=end],
        _ => b"",
    };
    let name = String::from_utf8(name.to_vec()).ok()?;
    (named && valid).then_some((name, value))
}

/// RFC 9112 section 7.1: `chunked-body = *chunk last-chunk trailer-section CRLF`.
pub(super) fn chunked(mut bytes: &[u8]) -> Body<'_> {
    let mut data = Vec::new();
    let mut extension_bytes = 0;
    loop {
        let (size_line, rest) = match line(bytes) {
            Line::Whole(line, rest) => (line, rest),
            Line::Cut => return Body::Cut(data),
            Line::Bare => return Body::Refused(data, "7.1: a bare CR or LF"),
        };
        let Some((size, extension)) = size(size_line) else {
            return Body::Refused(data, "7.1: not a size");
        };
        extension_bytes += extension;
        // Section 7.1.1: a server ought to limit the total length of chunk extensions.
        if extension_bytes > EXTENSION_BYTES_MAX {
            return Body::Refused(data, "7.1.1: too much of extensions");
        }
        if size == 0 {
            return trailers(data, rest);
        }
        let Some((chunk, rest)) = rest.split_at_checked(size as usize) else {
            data.extend_from_slice(rest);
            return Body::Cut(data);
        };
        data.extend_from_slice(chunk);
        bytes = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Body::Cut(data),
            _ => return Body::Refused(data, "7.1: no CRLF behind a chunk"),
        };
    }
}

/// Section 7.1.2: `trailer-section = *( field-line CRLF )`. Whatever it says is dropped: it "MUST
/// NOT be merged" (RFC 9110 section 6.5.1).
fn trailers(data: Vec<u8>, mut bytes: &[u8]) -> Body<'_> {
    let mut trailer_bytes = 0;
    loop {
        let (trailer, rest) = match line(bytes) {
            Line::Whole(line, rest) => (line, rest),
            Line::Cut => return Body::Cut(data),
            Line::Bare => return Body::Refused(data, "7.1.2: a bare CR or LF"),
        };
        bytes = rest;
        if trailer.is_empty() {
            return Body::Whole(data, bytes);
        }
        // The colon is not counted.
        trailer_bytes += trailer.len() - 1;
        if field(trailer).is_none() || trailer_bytes > TRAILER_BYTES_MAX {
            return Body::Refused(data, "7.1.2: not a trailer");
        }
    }
}

/// Section 7.1: `chunk-size = 1*HEXDIG`, then extensions; returns the length of these, too.
///
/// "Recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors
/// due to integer conversion overflows."
fn size(line: &[u8]) -> Option<(u64, usize)> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (digits, extensions) = line.split_at(digits.count());
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX || !is_extensions(extensions) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    let size = u64::from_str_radix(digits, 16).ok()?;
    Some((size, extensions.len()))
}

/// Section 7.1.1: `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`,
/// where a value is a token or a quoted string.
///
/// What is none of these is refused: only a reader that knows where a quotation ends knows where
/// the line does.
fn is_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(name) = without_blanks(rest).strip_prefix(b";") else {
            return false;
        };
        let Some(behind_name) = without_token(without_blanks(name)) else {
            return false;
        };
        rest = match without_blanks(behind_name).strip_prefix(b"=") {
            None => behind_name,
            Some(value) => match without_value(without_blanks(value)) {
                Some(behind_value) => behind_value,
                None => return false,
            },
        };
    }
    true
}

fn without_value(value: &[u8]) -> Option<&[u8]> {
    let Some(mut quoted) = value.strip_prefix(b"\"") else {
        return without_token(value);
    };
    // RFC 9110 section 5.6.4: `quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE`.
    loop {
        quoted = match quoted {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] if is_text(*byte) => rest,
            [byte, rest @ ..] if is_text(*byte) && *byte != b'\\' => rest,
            _ => return None,
        };
    }
}

fn without_token(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().take_while(|byte| is_tchar(**byte)).count();
    (length > 0).then(|| &bytes[length..])
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| b" \t".contains(byte));
    &bytes[blanks.count()..]
}

/// Takes a line off `bytes`: section 2.2 ends it with CRLF, and has no CR or LF anywhere else.
fn line(bytes: &[u8]) -> Line<'_> {
    let Some(at) = bytes.iter().position(|byte| b"\r\n".contains(byte)) else {
        return Line::Cut;
    };
    match bytes[at..] {
        [b'\r', b'\n', ..] => Line::Whole(&bytes[..at], &bytes[at + 2..]),
        [b'\r'] => Line::Cut,
        _ => Line::Bare,
    }
}

/// RFC 9110 sections 5.5 and 5.6.4: visible, above ASCII, or a blank.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}
