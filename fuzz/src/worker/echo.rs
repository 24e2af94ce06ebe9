//! What the guest `echo` has to answer: to every whole request one answer, in order, up to the one
//! that ends the connection; to a request that is cut, at most the beginning of one.

use super::client::{Client, End};

/// A request, and how it is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The bytes on the wire.
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The connection ends with it.
    pub(crate) close: bool,
}

/// An answer as far as it was received.
struct Answer<'a> {
    status: u16,
    /// Says that the connection ends.
    close: bool,
    /// The body, decoded.
    body: Vec<u8>,
    /// Whether it is whole, and what follows then.
    rest: Option<&'a [u8]>,
}

/// Checks the answers that `client` received; says whether they are all there.
pub(crate) fn read(client: &Client, exchanges: &[Exchange]) -> bool {
    let mut output = &client.received[..];
    let mut sent = client.sent;
    let is_cut = |end| end == Some(End::OwnReset);
    for exchange in exchanges {
        let is_whole = sent >= exchange.request.len();
        let Some(answer) = answer(output) else {
            assert!(
                output.is_empty() || is_cut(client.end),
                "half a head is no answer"
            );
            // A request that was cut may find no answer.
            return !is_whole && output.is_empty();
        };
        if !is_whole && answer.status == 400 {
            assert!(answer.close && answer.rest.is_some_and(<[u8]>::is_empty));
            return true;
        }
        assert_eq!(answer.status, exchange.status);
        let begins = exchange.body.starts_with(&answer.body);
        assert!(begins, "another body than that of the request");
        let Some(rest) = answer.rest else {
            return !is_whole;
        };
        assert!(is_whole, "a whole answer to a part of a request");
        assert_eq!(answer.body.len(), exchange.body.len());
        assert_eq!(answer.close, exchange.close);
        output = rest;
        sent -= exchange.request.len();
        if exchange.close {
            break;
        }
    }
    assert!(
        output.is_empty(),
        "nobody asked for `{}`",
        output.escape_ascii()
    );
    true
}

/// Reads an answer; none where its head is not whole.
fn answer(bytes: &[u8]) -> Option<Answer<'_>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|status| status.get(..3)?.parse().ok());
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |wanted: &str| {
        let named = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(wanted);
        fields.iter().find(named).map(|(_, value)| *value)
    };
    let rest = &bytes[end + 4..];
    let (body, rest) = match field("content-length") {
        Some(length) => {
            let length: usize = length.parse().expect("a length is a number");
            match rest.len() < length {
                true => (rest.to_vec(), None),
                false => (rest[..length].to_vec(), Some(&rest[length..])),
            }
        }
        None => {
            assert_eq!(field("transfer-encoding"), Some("chunked"), "{head}");
            chunks(rest)
        }
    };
    Some(Answer {
        status: status.unwrap_or_else(|| panic!("no status: {head}")),
        close: field("connection") == Some("close"),
        body,
        rest,
    })
}

/// Decodes the chunks of an answer, and returns what follows them where they are whole.
fn chunks(mut bytes: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return (body, None);
        };
        let size = std::str::from_utf8(&bytes[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        bytes = &bytes[end + 2..];
        body.extend_from_slice(&bytes[..size.min(bytes.len())]);
        if bytes.len() < size + 2 {
            return (body, None);
        }
        assert_eq!(
            &bytes[size..size + 2],
            b"\r\n",
            "a chunk ends in a line end"
        );
        bytes = &bytes[size + 2..];
        if size == 0 {
            return (body, Some(bytes));
        }
    }
}
