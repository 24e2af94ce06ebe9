//! What the bytes on a connection are: an oracle, written from RFC 9112 sections 2 to 7 and RFC
//! 9110 section 5, that shares no code with what it judges.
//!
//! It has all bytes at once, looks for whole lines in them, and has no states. Where the RFCs leave
//! a choice to the recipient, the rule is that what two readers could read differently is refused,
//! and the connection ends; each of these places says so.

use std::net::Ipv6Addr;

use super::oracle_body::{self, Body};

/// The limits that the server documents.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADER_LINES_MAX: usize = 100;
const TARGET_BYTES_MAX: usize = 8_000;

/// A request, or as much of it as there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// Who it is for: the target's authority, or else the Host.
    pub(super) host: String,
    pub(super) is_1_0: bool,
    /// The connection goes on behind it.
    pub(super) is_kept: bool,
    /// The client waits for `100 Continue`.
    pub(super) expects: bool,
    pub(super) body: Vec<u8>,
}

/// What comes next on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Request(Request),
    /// Something that is answered with an error, and the end of the connection.
    Refused(Fault),
    /// The beginning of something, and the end of the bytes.
    Cut(Fault),
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) why: &'static str,
    /// The method, as far as there is one: an answer to HEAD has no body, whatever it says.
    pub(super) method: String,
    /// Where the head was in order, the request with the data in front of the fault.
    pub(super) request: Option<Request>,
}

/// How the end of a body is found.
#[derive(Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
}

/// Why a head is none.
enum NoHead {
    Cut,
    Refused(&'static str),
}

/// Reads all that a client sends, up to what ends the connection.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Reading> {
    let mut readings = Vec::new();
    loop {
        // RFC 9112 section 2.2: "a server that is expecting to receive and parse a request-line
        // SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
        while let Some(rest) = bytes.strip_prefix(b"\r\n") {
            bytes = rest;
        }
        if bytes.is_empty() {
            return readings;
        }
        let (reading, rest) = read_one(bytes);
        let goes_on = matches!(&reading, Reading::Request(request) if request.is_kept);
        readings.push(reading);
        if !goes_on {
            return readings;
        }
        bytes = rest;
    }
}

fn read_one(bytes: &[u8]) -> (Reading, &[u8]) {
    let line = bytes.split(|byte| b"\r\n".contains(byte)).next().unwrap();
    // Without a space behind it, it may go on.
    let space = line.iter().position(|byte| *byte == b' ');
    let method = text(&line[..space.unwrap_or(0)]);
    let fault = |why, request| Fault {
        why,
        method: method.clone(),
        request,
    };
    let (mut request, framing, rest) = match head(bytes) {
        Ok(head) => head,
        Err(NoHead::Cut) => return (Reading::Cut(fault("the head has no end", None)), b""),
        Err(NoHead::Refused(why)) => return (Reading::Refused(fault(why, None)), b""),
    };
    let body = match framing {
        // RFC 9112 section 6.2: "the Content-Length field value provides the framing information".
        Framing::Length(length) => match rest.split_at_checked(length as usize) {
            Some((data, rest)) => Body::Whole(data.to_vec(), rest),
            None => Body::Cut(rest.to_vec()),
        },
        Framing::Chunked => oracle_body::chunked(rest),
    };
    match body {
        Body::Whole(data, rest) => {
            request.body = data;
            (Reading::Request(request), rest)
        }
        // RFC 9112 section 8: a request body that is incomplete is no message.
        Body::Cut(data) => {
            request.body = data;
            let fault = fault("the body has no end", Some(request));
            (Reading::Cut(fault), b"")
        }
        Body::Refused(data, why) => {
            request.body = data;
            (Reading::Refused(fault(why, Some(request))), b"")
        }
    }
}

/// Reads a head that begins with the first of `bytes`, and returns what is behind it.
fn head(bytes: &[u8]) -> Result<(Request, Framing, &[u8]), NoHead> {
    let Some(end) = head_end(bytes) else {
        // RFC 9110 section 5.4: a server that gets more than it wishes to process says so.
        return Err(match bytes.len() > HEAD_BYTES_MAX {
            true => NoHead::Refused("the head is too large"),
            false => NoHead::Cut,
        });
    };
    let (head, rest) = bytes.split_at(end);
    let (request, framing) = parse_head(head).map_err(NoHead::Refused)?;
    Ok((request, framing, rest))
}

/// Returns where the first empty line ends, for a reader that takes a lone LF for a line's end.
///
/// Section 2.2 allows that: the shortest of all heads is the one that must be complete.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
    (start..bytes.len()).find_map(|at| match bytes[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

fn parse_head(head: &[u8]) -> Result<(Request, Framing), &'static str> {
    require(head.len() <= HEAD_BYTES_MAX, "the head is too large")?;
    // Section 2.2: "a recipient of such a bare CR MUST consider that element to be invalid or
    // replace each bare CR with SP". A lone LF "MAY" be taken for a line's end. Neither is.
    let lines = oracle_body::lines(head).ok_or("2.2: a bare CR or LF")?;
    let (request_line, fields) = lines.split_first().ok_or("3: no request line")?;
    let (method, target, is_1_0) = request_line_of(request_line)?;
    // The empty line is the last one.
    let fields = fields.strip_suffix(&[&b""[..]]).unwrap_or(fields);
    require(fields.len() <= HEADER_LINES_MAX, "too many header lines")?;
    let fields: Vec<(String, &[u8])> = fields
        .iter()
        .map(|line| oracle_body::field(line))
        .collect::<Option<_>>()
        .ok_or("5: not a header line")?;
    let host = host(&method, &target, is_1_0, &fields)?;
    let is_kept = is_kept(is_1_0, &fields)?;
    let framing = framing(is_1_0, &fields)?;
    let expects = expects(&fields)? && !is_1_0 && !matches!(framing, Framing::Length(0));
    let request = Request {
        method,
        target,
        host,
        is_1_0,
        is_kept,
        expects,
        body: Vec::new(),
    };
    Ok((request, framing))
}

/// RFC 9112 section 3: `request-line = method SP request-target SP HTTP-version`.
///
/// A recipient "MAY instead parse on whitespace-delimited word boundaries"; here it does not.
fn request_line_of(line: &[u8]) -> Result<(String, String, bool), &'static str> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return Err("3: not three words");
    };
    let named = !method.is_empty() && method.iter().all(|byte| is_tchar(*byte));
    require(named, "3.1: not a method")?;
    // Section 3.2 has nothing above ASCII in a target; UTF-8 is let through, as clients send it
    // where a person has typed it, and says nothing about framing.
    let visible = !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    let target = std::str::from_utf8(target).ok().filter(|_| visible);
    let target = target.ok_or("3.2: not a target")?;
    require(
        target.len() <= TARGET_BYTES_MAX,
        "3: the target is too long",
    )?;
    let is_1_0 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        // Section 2.3: the name is case-sensitive, and each number is one digit. RFC 9110 section
        // 2.5 would have HTTP/1.2 taken for 1.1; no such version exists.
        _ => return Err("2.3: not a version that is spoken"),
    };
    Ok((text(method), target.to_owned(), is_1_0))
}

/// RFC 9112 section 3.2: the forms of a target, and whose it is.
fn host(
    method: &str,
    target: &str,
    is_1_0: bool,
    fields: &[(String, &[u8])],
) -> Result<String, &'static str> {
    // "A server MUST respond with a 400 to any HTTP/1.1 request message that lacks a Host header
    // field and to any request message that contains more than one Host header field line or a
    // Host header field with an invalid field value."
    let hosts = values(fields, "host");
    require(hosts.len() < 2, "3.2: two Hosts")?;
    require(is_1_0 || hosts.len() == 1, "3.2: no Host")?;
    require(hosts.iter().all(|host| is_host(host)), "3.2: a bad Host")?;
    // RFC 3986 section 3.5: a fragment is no part of a target.
    require(!target.contains('#'), "3.2: a fragment")?;
    // Sections 3.2.3 and RFC 9110 section 9.3.6: a tunnel, whose bytes are no requests.
    require(method != "CONNECT", "a tunnel")?;
    if target.starts_with('/') || target == "*" && method == "OPTIONS" {
        return Ok(hosts.first().map_or(String::new(), |host| text(host)));
    }
    // Section 3.2.2: the absolute form, which wins over the Host. RFC 9110 section 4.2.1: the
    // scheme is http or https, the host is not empty; section 4.2.4: no user information.
    let (scheme, rest) = target.split_once("://").ok_or("3.2: no form")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?']).next().unwrap();
    let named = !authority.is_empty() && !authority.starts_with(':');
    require(known && named, "3.2.2: no host")?;
    require(is_host(authority.as_bytes()), "3.2.2: a bad host")?;
    Ok(authority.to_owned())
}

/// RFC 9110 section 7.2 and RFC 3986 section 3.2.2: `uri-host [ ":" port ]`, where a comma is
/// refused, because it is what joins two lines.
fn is_host(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let sub = |c: char| "!$&'()*+;=".contains(c);
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let (name, port) = match value
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, port)) => {
            let future = address.strip_prefix(['v', 'V']).and_then(|rest| {
                let (version, address) = rest.split_once('.')?;
                let numbered =
                    !version.is_empty() && version.chars().all(|c| c.is_ascii_hexdigit());
                let other = |c| sub(c) || unreserved(c) || c == ':';
                Some(numbered && !address.is_empty() && address.chars().all(other))
            });
            if !future.unwrap_or_else(|| address.parse::<Ipv6Addr>().is_ok()) {
                return false;
            }
            ("", port)
        }
        None => value.split_at(value.find(':').unwrap_or(value.len())),
    };
    let mut escapes = name.split('%');
    let first = escapes.next().unwrap();
    let hex = |c: char| c.is_ascii_hexdigit();
    let named = first.chars().all(|c| sub(c) || unreserved(c))
        && escapes.all(|part| {
            part.chars().take(2).filter(|c| hex(*c)).count() == 2
                && part.chars().all(|c| sub(c) || unreserved(c))
        });
    let port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.chars().all(|c| c.is_ascii_digit()));
    named && port
}

/// RFC 9112 section 9.3: whether the connection goes on.
fn is_kept(is_1_0: bool, fields: &[(String, &[u8])]) -> Result<bool, &'static str> {
    let lines = values(fields, "connection");
    let options: Vec<String> = lines
        .iter()
        .flat_map(|line| elements(line))
        .map(|option| option.to_ascii_lowercase())
        .collect();
    // RFC 9110 section 7.6.1: an intermediary removes what is named here, so that one reader has
    // the framing that the other has not. No sender may name such a field; refused.
    let framing = ["content-length", "transfer-encoding"];
    let removed = options
        .iter()
        .any(|option| framing.contains(&option.as_str()));
    require(!removed, "7.6.1: the framing is removed")?;
    let has = |name: &str| options.iter().any(|option| option == name);
    Ok(!has("close") && (!is_1_0 || has("keep-alive")))
}

/// RFC 9112 sections 6.1 to 6.3: what says where the body ends.
fn framing(is_1_0: bool, fields: &[(String, &[u8])]) -> Result<Framing, &'static str> {
    let codings = values(fields, "transfer-encoding");
    let lengths = values(fields, "content-length");
    if !codings.is_empty() {
        // Section 6.1: a Transfer-Encoding in HTTP/1.0 is "faulty framing".
        require(!is_1_0, "6.1: a coding in HTTP/1.0")?;
        // Section 6.3, 3: both "might indicate an attempt to perform request smuggling"; a server
        // "MAY reject the request".
        require(lengths.is_empty(), "6.3: a coding and a length")?;
        // Section 6.1: no other coding is implemented (501), chunked is "not more than once", and
        // last. An empty element could be dropped or be taken for a coding; refused.
        let [coding] = codings[..] else {
            return Err("6.1: two lines of codings");
        };
        require(coding.eq_ignore_ascii_case(b"chunked"), "6.1: a coding")?;
        return Ok(Framing::Chunked);
    }
    match lengths[..] {
        // Section 6.3, 7: no body.
        [] => Ok(Framing::Length(0)),
        // RFC 9110 section 8.6: `Content-Length = 1*DIGIT`, decimal, whatever zeros are in front.
        [length] => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let length = text(length).parse().ok().filter(|_| digits);
            Ok(Framing::Length(length.ok_or("6.2: a bad length")?))
        }
        // Section 6.3, 5 allows to take the same number twice for one; refused.
        _ => Err("6.3: two lengths"),
    }
}

/// RFC 9110 section 10.1.1: whether there is an expectation, and it is the one that is known.
fn expects(fields: &[(String, &[u8])]) -> Result<bool, &'static str> {
    let lines = values(fields, "expect");
    let mut expects = false;
    for expectation in lines.iter().flat_map(|line| elements(line)) {
        require(
            expectation.eq_ignore_ascii_case("100-continue"),
            "10.1.1: another expectation",
        )?;
        expects = true;
    }
    Ok(expects)
}

/// RFC 9110 section 5.6.1: the elements of a list, of which a recipient ignores empty ones.
fn elements(value: &[u8]) -> Vec<String> {
    let blanks = [b' ', b'\t'].map(char::from);
    let value = text(value);
    let elements = value.split(',').map(|element| element.trim_matches(blanks));
    let elements = elements.filter(|element| !element.is_empty());
    elements.map(str::to_owned).collect()
}

/// RFC 9110 section 5.1: names are case-insensitive.
fn values<'a>(fields: &[(String, &'a [u8])], name: &str) -> Vec<&'a [u8]> {
    let named = fields
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name));
    named.map(|(_, value)| *value).collect()
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_tchar(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns a byte string as text, a character for a byte.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn require(holds: bool, why: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(why) }
}
