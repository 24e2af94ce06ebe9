//! Characters and hosts as RFC 9110, 9112 and 3986 define them, for every reference.

use std::net::Ipv6Addr;

/// The characters of a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &[u8]) -> bool {
    const DELIMITERS: &[u8] = b"\"(),/:;<=>?@[\\]{}";
    let visible = |byte: &u8| (0x21..=0x7e).contains(byte) && !DELIMITERS.contains(byte);
    !text.is_empty() && text.iter().all(visible)
}

/// The characters of a field value (RFC 9110 section 5.5), and the tab and space between them.
pub(crate) fn is_field_text(text: &[u8]) -> bool {
    let allowed = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
    text.iter().all(allowed)
}

/// Takes optional white space from both ends (RFC 9110 section 5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The elements of a list, empty ones included (RFC 9110 section 5.6.1).
pub(crate) fn list(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b',').map(trim).collect()
}

/// A host and perhaps a port: how long the host is, where the whole is one.
///
/// RFC 3986 without the comma, which joins two of them.
pub(crate) fn host_length(value: &[u8]) -> Option<usize> {
    let in_name = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || {
            matches!(byte, b'!' | b'$' | b'&'..=b'+' | b';' | b'=')
        }
    };
    let mut at = 0;
    if let [b'[', rest @ ..] = value {
        let length = rest.iter().position(|byte| *byte == b']')?;
        let address = std::str::from_utf8(&rest[..length]).ok()?;
        let in_address = |byte: u8| in_name(byte) || byte == b':';
        let is_future = || {
            let (version, address) = address.strip_prefix(['v', 'V'])?.split_once('.')?;
            let version = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
            (version && !address.is_empty() && address.bytes().all(in_address)).then_some(())
        };
        if address.parse::<Ipv6Addr>().is_err() {
            is_future()?;
        }
        at = length + 2;
    } else {
        loop {
            match value[at..] {
                [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    at += 3;
                }
                [byte, ..] if in_name(byte) => at += 1,
                _ => break,
            }
        }
    }
    match &value[at..] {
        [] => Some(at),
        [b':', port @ ..] if port.iter().all(u8::is_ascii_digit) => Some(at),
        _ => None,
    }
}
