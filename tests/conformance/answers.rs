//! What a row's answers are checked for, beyond their number and their status.

use super::{After, Answer, Date, expand};

/// Checks that `received` consists of the answers `expected`, in which `□` is `each`, and nothing
/// else.
pub(super) fn check(
    received: &[u8],
    expected: &[Answer],
    each: char,
    after: After,
    date: Date,
) -> Result<(), String> {
    let mut rest = received;
    for (at, answer) in expected.iter().enumerate() {
        let last = at + 1 == expected.len() && after != After::ClosedUnannounced;
        rest = check_one(rest, *answer, each, last, date)
            .map_err(|problem| format!("answer {}, {answer:?}: {problem}", at + 1))?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("{} bytes more than expected", rest.len()))
    }
}

/// Checks one answer and returns what follows it.
fn check_one(
    received: &[u8],
    expected: Answer,
    each: char,
    last: bool,
    date: Date,
) -> Result<&[u8], String> {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("there is none")?;
    let text = String::from_utf8_lossy(&received[..end]).into_owned();
    let head = Head::parse(&text)?;
    let rest = &received[end + 4..];
    let status = match expected {
        Answer::Sees(_) => 200,
        Answer::Bare(status) | Answer::Interim(status) => status,
        Answer::Refusal(status) | Answer::Host(status) => status,
    };
    ensure(head.status == status, || {
        format!("the status is {}", head.status)
    })?;
    if let Answer::Interim(_) = expected {
        ensure(head.lines.is_empty(), || {
            "an interim answer has lines".into()
        })?;
        return Ok(rest);
    }
    let dates = head.all("date");
    let dated = matches!(dates[..], [date] if date.len() == 29 && date.ends_with(" GMT"));
    let undated = date == Date::Unknown && dates.is_empty();
    ensure(dated || undated, || format!("Date: {dates:?}"))?;
    let options = head.all("connection");
    let kept_1_0 = matches!(expected, Answer::Sees(seen) if seen.contains(" version=1.0 "));
    let announced = match options[..] {
        ["close"] => last,
        // HTTP/1.0 has to be told (RFC 9112 section 9.3).
        ["keep-alive"] => !last,
        [] => !last && !kept_1_0,
        _ => false,
    };
    ensure(announced, || format!("Connection: {options:?}"))?;
    let (body, rest) = head.body(expected, rest)?;
    match expected {
        Answer::Sees(seen) => ensure(body == expand(seen, each), || {
            format!("the handler saw `{}`", body.escape_ascii())
        })?,
        Answer::Refusal(_) | Answer::Host(_) => {
            ensure(is_one_line(&body), || "the reason is no line".into())?
        }
        _ => ensure(body.is_empty(), || "there is a body".into())?,
    }
    Ok(rest)
}

struct Head<'a> {
    status: u16,
    lines: Vec<(String, &'a str)>,
}

impl<'a> Head<'a> {
    fn parse(text: &'a str) -> Result<Head<'a>, String> {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..4)?.strip_suffix(' ')?.parse().ok())
            .ok_or_else(|| format!("no status line: `{first}`"))?;
        let lines = lines
            .map(|line| {
                let (name, value) = line
                    .split_once(": ")
                    .ok_or(format!("no header: `{line}`"))?;
                Ok((name.to_ascii_lowercase(), value))
            })
            .collect::<Result<_, String>>()?;
        Ok(Head { status, lines })
    }

    fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|(other, _)| other == name);
        lines.map(|(_, value)| *value).collect()
    }

    /// Takes the body off `rest`, and checks what says how long it is.
    fn body<'b>(&self, expected: Answer, rest: &'b [u8]) -> Result<(Vec<u8>, &'b [u8]), String> {
        let (lengths, codings) = (self.all("content-length"), self.all("transfer-encoding"));
        if matches!(self.status, 204 | 304) {
            let bare = lengths.is_empty() && codings.is_empty();
            ensure(bare, || "a body is announced that cannot be".into())?;
            return Ok((Vec::new(), rest));
        }
        // An answer to HEAD says how long its body would be; 205 says that it is empty.
        let head = matches!(expected, Answer::Bare(status) if status != 205);
        match (&lengths[..], &codings[..]) {
            ([length], []) => {
                let length: usize = length.parse().map_err(|_| "no Content-Length")?;
                let here = if head { 0 } else { length };
                let (body, rest) = rest.split_at_checked(here).ok_or("the body is cut")?;
                Ok((body.to_vec(), rest))
            }
            ([], ["chunked"]) if head => Ok((Vec::new(), rest)),
            ([], ["chunked"]) => chunks(rest),
            // Ended by the end of the connection, for HTTP/1.0.
            ([], []) => Ok((rest.to_vec(), &[])),
            _ => Err(format!("two framings: {lengths:?} {codings:?}")),
        }
    }
}

fn chunks(mut rest: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\r')
            .ok_or("no chunk")?;
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| format!("chunk size `{size}`"))?;
        let data = rest[end..].strip_prefix(b"\r\n").ok_or("no line end")?;
        let (chunk, after) = data.split_at_checked(size).ok_or("the chunk is cut")?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or("no end of the chunk")?;
        if size == 0 {
            return Ok((body, rest));
        }
    }
}

fn is_one_line(body: &[u8]) -> bool {
    let line = body.strip_suffix(b"\n").unwrap_or_default();
    !line.is_empty() && line.iter().all(|byte| (b' '..=b'~').contains(byte))
}

fn ensure(holds: bool, problem: impl Fn() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}
