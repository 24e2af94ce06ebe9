//! Chunked bodies: decoded alike however they are cut, refused as soon as nothing can save them,
//! and never read past their end.

use sockeye_guest::http::internals::{ChunkDecoder, push_size_line};

use crate::http_reference::{is_field_text, is_token};
use crate::pieces::Derived;

/// How many digits a size may have, leading zeros included.
const SIZE_DIGITS_MAX: usize = 16;

/// How many bytes all extensions of a body may have.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;

/// How many bytes all trailer lines of a body may have, colons and line ends aside.
const TRAILER_BYTES_MAX: usize = 4096;

/// The lengths of the longest piece that an input is cut into.
const LONGEST: [usize; 4] = [1, 3, 64, 100_000];

/// What becomes of the bytes that a client sent as a chunked body.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The body, and how many of the bytes it took.
    Whole(Vec<u8>, usize),
    /// More has to come, and could make it a body.
    Unfinished,
    Malformed,
}

/// Takes `data` for what a client sent as a body, and for the body that somebody sends in chunks.
pub fn chunked(data: &[u8]) {
    let mut derived = Derived::from(data);
    let expected = reference(data);
    for longest in LONGEST {
        let pieces = derived.cut(data.len(), longest);
        let found = decode(data, pieces.into_iter().map(|piece| piece.end));
        assert_eq!(found, expected, "cut by {longest}: {}", data.escape_ascii());
    }
    if let Outcome::Whole(body, length) = &expected {
        receive(data, *length, body);
    }
    let encoded = encode(data, &mut derived);
    receive(&encoded, encoded.len(), data);
    assert_eq!(
        reference(&encoded),
        Outcome::Whole(data.to_vec(), encoded.len())
    );
}

/// Decodes `data`, of which more and more is there.
fn decode(data: &[u8], ends: impl Iterator<Item = usize>) -> Outcome {
    let mut decoder = ChunkDecoder::default();
    let (mut body, mut at) = (Vec::new(), 0);
    for end in ends {
        while at < end && decoder.needed() > 0 {
            let Some((consumed, data)) = decoder.step(&data[at..end]) else {
                return Outcome::Malformed;
            };
            assert!(consumed > 0, "nothing happens at {at}");
            body.extend_from_slice(data);
            at += consumed;
        }
    }
    match decoder.needed() {
        0 => Outcome::Whole(body, at),
        _ => Outcome::Unfinished,
    }
}

/// Receives a body of `length` bytes in the way of the guest library: never more than is certain
/// to belong to it, because nothing can be given back.
fn receive(data: &[u8], length: usize, expected: &[u8]) {
    let mut decoder = ChunkDecoder::default();
    let (mut body, mut at) = (Vec::new(), 0);
    while decoder.needed() > 0 {
        let end = at + usize::try_from(decoder.needed()).expect("a real body is not that long");
        assert!(
            end <= length,
            "{} bytes of what follows the body",
            end - length
        );
        while at < end {
            let (consumed, data) = decoder.step(&data[at..end]).expect("it is well-formed");
            body.extend_from_slice(data);
            at += consumed;
        }
    }
    assert_eq!((at, &body[..]), (length, expected));
}

fn encode(body: &[u8], derived: &mut Derived) -> Vec<u8> {
    let mut encoded = Vec::new();
    for piece in derived.cut(body.len(), 300) {
        push_size_line(&mut encoded, piece.len());
        encoded.extend_from_slice(&body[piece]);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(b"0\r\n\r\n");
    encoded
}

/// What bytes turn out to be, as far as they go.
enum Part<T> {
    Whole(T),
    Unfinished,
    Malformed,
}

/// Reads a chunked body by RFC 9112 section 7.1, a line at a time.
fn reference(data: &[u8]) -> Outcome {
    let (mut body, mut at) = (Vec::new(), 0);
    let mut extension_bytes = 0;
    loop {
        let size = match line(&data[at..], |line| size_line(line, extension_bytes)) {
            Part::Whole(((size, extension), length)) => {
                extension_bytes += extension;
                at += length;
                size
            }
            Part::Unfinished => return Outcome::Unfinished,
            Part::Malformed => return Outcome::Malformed,
        };
        if size == 0 {
            break;
        }
        let rest = &data[at..];
        if (rest.len() as u64) < size {
            return Outcome::Unfinished;
        }
        let (chunk, rest) = rest.split_at(size as usize);
        body.extend_from_slice(chunk);
        match rest {
            [b'\r', b'\n', ..] => at += chunk.len() + 2,
            [] | [b'\r'] => return Outcome::Unfinished,
            _ => return Outcome::Malformed,
        }
    }
    let mut trailer_bytes = 0;
    loop {
        match line(&data[at..], |line| trailer_line(line, trailer_bytes)) {
            Part::Whole((0, length)) => return Outcome::Whole(body, at + length),
            Part::Whole((trailer, length)) => {
                trailer_bytes += trailer;
                at += length;
            }
            Part::Unfinished => return Outcome::Unfinished,
            Part::Malformed => return Outcome::Malformed,
        }
    }
}

/// Reads one line of a kind, and says how long it is with its end.
///
/// A line that goes on is unfinished as long as some end makes it one of the kind.
fn line<T>(data: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Part<(T, usize)> {
    if let Some(end) = data.windows(2).position(|two| two == b"\r\n") {
        return match read(&data[..end]) {
            Some(value) => Part::Whole((value, end + 2)),
            None => Part::Malformed,
        };
    }
    let begun = data.strip_suffix(b"\r");
    let ends: &[&[u8]] = match begun {
        Some(_) => &[b""],
        None => &[b"", b"0", b":", b"a:", b"a", b";a", b"\"", b"a\""],
    };
    let begun = begun.unwrap_or(data);
    match ends
        .iter()
        .any(|end| read(&[begun, end].concat()).is_some())
    {
        true => Part::Unfinished,
        false => Part::Malformed,
    }
}

/// Reads a size, and how many bytes its extensions have.
fn size_line(line: &[u8], extension_bytes: usize) -> Option<(u64, usize)> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extension) = line.split_at(digits);
    let fits =
        digits.len() <= SIZE_DIGITS_MAX && extension_bytes + extension.len() <= EXTENSION_BYTES_MAX;
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let mut rest = extension;
    while !rest.is_empty() {
        rest = skip_extension(rest)?;
    }
    fits.then_some((size, extension.len()))
}

/// Reads one `BWS ";" BWS name [ BWS "=" BWS value ]`, and returns what follows.
fn skip_extension(text: &[u8]) -> Option<&[u8]> {
    let text = skip_blanks(text).strip_prefix(b";")?;
    let name = skip_token(skip_blanks(text))?;
    match skip_blanks(name).strip_prefix(b"=") {
        None => Some(name),
        Some(value) => match skip_blanks(value) {
            [b'"', quoted @ ..] => skip_quoted(quoted),
            token => skip_token(token),
        },
    }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| b" \t".contains(byte)).count();
    &text[blanks..]
}

fn skip_token(text: &[u8]) -> Option<&[u8]> {
    let length = text
        .iter()
        .take_while(|byte| is_token(std::slice::from_ref(byte)))
        .count();
    (length > 0).then(|| &text[length..])
}

/// Reads the rest of a quotation, of which any character can be escaped (RFC 9110 section 5.6.4).
fn skip_quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] if is_field_text(&[*byte]) => rest,
            _ => return None,
        };
    }
}

/// Reads a trailer line, and says how many bytes it counts for: none is the end of the body.
fn trailer_line(line: &[u8], trailer_bytes: usize) -> Option<usize> {
    if line.is_empty() {
        return Some(0);
    }
    let colon = line.iter().position(|byte| *byte == b':')?;
    let fits = trailer_bytes + line.len() - 1 <= TRAILER_BYTES_MAX;
    let is_field = is_token(&line[..colon]) && is_field_text(&line[colon + 1..]);
    (is_field && fits).then_some(line.len() - 1)
}
