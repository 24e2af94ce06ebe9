//! Request heads: accepted exactly where the grammar says so, and read as it says.

use sockeye_guest::http::internals::{RequestHead, is_host, parse_head};
use sockeye_guest::http::{HEAD_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX, Version};

use crate::http_reference::{host_length, is_field_text, is_token, list, trim};
use crate::pieces::Derived;

/// The statuses with which a head can be refused.
const REFUSALS: [u16; 6] = [400, 414, 417, 431, 501, 505];

/// Every head of which this many bytes are taken away is cut somewhere.
const CUTS: usize = 16;

/// Takes `data` for what a client sent as a head.
pub fn head(data: &[u8]) {
    let found = parse_head(data.to_vec());
    let expected = reference(data);
    assert_eq!(
        found.as_ref().ok(),
        expected.as_ref(),
        "{}",
        data.escape_ascii()
    );
    assert_eq!(is_host(data), host_length(data).is_some());
    match found {
        Ok(head) => accepted(data, &head),
        Err(status) => assert!(REFUSALS.contains(&status), "status {status}"),
    }
}

/// What holds of every head that is accepted.
fn accepted(bytes: &[u8], head: &RequestHead) {
    // It ends where it ends: neither a part of it nor more than it is one.
    let mut derived = Derived::from(bytes);
    let cuts = (0..CUTS).map(|_| derived.below(bytes.len()));
    for cut in cuts.chain([bytes.len() - 1, bytes.len() - 2]) {
        assert!(parse_head(bytes[..cut].to_vec()).is_err(), "cut at {cut}");
    }
    for more in [&b"\n"[..], b"\r\n", b"x", bytes] {
        assert!(parse_head([bytes, more].concat()).is_err(), "{more:?}");
    }

    // Written again from what was read, it is read in the same way; so it is with names in other
    // letters, and with one more line that says nothing.
    assert_eq!(parse_head(written(head)).as_ref(), Ok(head));
    let mut other = head.clone();
    for (name, _) in &mut other.headers {
        *name = name.chars().map(swap_case).collect();
    }
    assert_eq!(parse_head(written(&other)).as_ref(), Ok(&other));
    other.headers.push(("X-More".into(), b"than before".into()));
    let longer = written(&other);
    let fits = longer.len() <= HEAD_BYTES_MAX as usize && other.headers.len() <= HEADERS_MAX;
    assert_eq!(parse_head(longer).ok(), fits.then_some(other));
}

fn swap_case(letter: char) -> char {
    match letter.is_ascii_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    }
}

fn written(head: &RequestHead) -> Vec<u8> {
    let version = match head.version {
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    let mut bytes = format!("{} {} HTTP/{version}\r\n", head.method, head.target).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Reads a head by RFC 9112 sections 2 to 6, refusing all that it lets a server refuse.
fn reference(data: &[u8]) -> Option<RequestHead> {
    if data.len() > HEAD_BYTES_MAX as usize {
        return None;
    }
    let text = data.strip_suffix(b"\r\n\r\n")?;
    let mut lines = split_lines(text)?
        .into_iter()
        .skip_while(|line| line.is_empty());
    let [method, target, version] = words(lines.next()?)?;
    let version = match version {
        b"HTTP/1.0" => Version::HTTP_10,
        b"HTTP/1.1" => Version::HTTP_11,
        _ => return None,
    };
    if !is_token(method) || method == b"CONNECT" || !is_target(method, target) {
        return None;
    }
    let mut headers = Vec::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if !is_token(name) || !is_field_text(value) {
            return None;
        }
        headers.push((String::from_utf8(name.to_vec()).ok()?, value.to_vec()));
    }
    let mut head = RequestHead {
        method: String::from_utf8(method.to_vec()).ok()?,
        target: String::from_utf8(target.to_vec()).ok()?,
        version,
        headers,
        length: Some(0),
        keep_alive: version == Version::HTTP_11,
        expects_continue: false,
    };
    (head.headers.len() <= HEADERS_MAX && apply_rules(&mut head)).then_some(head)
}

/// Splits at CR LF; none where there is a CR or an LF elsewhere.
fn split_lines(text: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        lines.push(line);
    }
    let last = lines.len() - 1;
    for line in &mut lines[..last] {
        *line = line.strip_suffix(b"\r")?;
    }
    (!lines.iter().any(|line| line.contains(&b'\r'))).then_some(lines)
}

fn words(line: &[u8]) -> Option<[&[u8]; 3]> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    words.try_into().ok()
}

fn is_target(method: &[u8], target: &[u8]) -> bool {
    let visible = |byte: &u8| *byte > b' ' && *byte != 0x7f && *byte != b'#';
    if target.len() > TARGET_BYTES_MAX || !target.iter().all(visible) {
        return false;
    }
    let text = target.to_ascii_lowercase();
    let authority = text
        .strip_prefix(b"http://")
        .or(text.strip_prefix(b"https://"))
        .map(|rest| {
            rest.split(|byte| b"/?".contains(byte))
                .next()
                .unwrap_or(rest)
        });
    match authority {
        Some(authority) => host_length(authority).is_some_and(|length| length > 0),
        None => target.starts_with(b"/") || (target == b"*" && method == b"OPTIONS"),
    }
}

/// Works out what the header lines say about the message; says whether they may say it.
fn apply_rules(head: &mut RequestHead) -> bool {
    let lines = |wanted: &str| -> Vec<&[u8]> {
        let named = |(name, _): &&(String, Vec<u8>)| name.eq_ignore_ascii_case(wanted);
        let lines = head.headers.iter().filter(named);
        lines.map(|(_, value)| &value[..]).collect()
    };
    let elements = |wanted: &str| -> Vec<&[u8]> {
        let lines = lines(wanted).into_iter();
        lines.flat_map(|line| list(line)).collect()
    };
    let is_old = head.version == Version::HTTP_10;
    let host_is_right = match lines("host")[..] {
        [] => is_old,
        [host] => host_length(host).is_some(),
        _ => false,
    };
    let mut expectations = elements("expect");
    expectations.retain(|expectation| !expectation.is_empty());
    let length = match (
        &lines("transfer-encoding")[..],
        &lines("content-length")[..],
    ) {
        ([], []) => Some(0),
        ([], [digits]) => match number(digits) {
            Some(length) => Some(length),
            None => return false,
        },
        ([coding], []) if !is_old && coding.eq_ignore_ascii_case(b"chunked") => None,
        _ => return false,
    };
    // A proxy that obeys would remove what frames the body.
    let unframes = |option: &&[u8]| {
        let framing = ["content-length", "transfer-encoding"];
        let mut framing = framing.iter();
        framing.any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
    };
    if elements("connection").iter().any(unframes) {
        return false;
    }
    let says = |option: &str| {
        let options = elements("connection");
        options
            .iter()
            .any(|other| other.eq_ignore_ascii_case(option.as_bytes()))
    };
    let keep_alive = !says("close") && (!is_old || says("keep-alive"));
    let waits = !expectations.is_empty() && !is_old && length != Some(0);
    let is_met = |expectation: &&[u8]| expectation.eq_ignore_ascii_case(b"100-continue");
    let expectations_are_met = expectations.iter().all(is_met);
    (head.length, head.keep_alive, head.expects_continue) = (length, keep_alive, waits);
    host_is_right && expectations_are_met
}

/// Reads a decimal number of 64 bits.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}
