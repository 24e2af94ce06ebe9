//! Compares what came back on a connection with what the oracle makes of what was sent on it: one
//! answer to each request, in order, one error at the most, and nothing else.

use super::handlers::Handler;
use super::oracle::{Fault, Reading, Request};

/// What a request is refused with.
const REFUSALS: [u16; 8] = [400, 408, 413, 414, 417, 431, 501, 505];

/// One final answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// It says that the connection ends.
    closes: bool,
    /// It has all of the body that it announces.
    is_whole: bool,
}

/// Says what is wrong with what came back.
pub(super) fn check(handler: Handler, readings: &[Reading], received: &[u8]) -> Result<(), String> {
    let mut rest = received;
    for (at, reading) in readings.iter().enumerate() {
        let checked = match reading {
            Reading::Request(request) => check_request(handler, request, &mut rest),
            Reading::Refused(fault) => check_fault(handler, fault, &mut rest, false),
            Reading::Cut(fault) => check_fault(handler, fault, &mut rest, true),
        };
        match checked {
            Ok(true) => {}
            Ok(false) => break,
            Err(problem) => return Err(format!("{problem}\n  at {at} of {readings:?}")),
        }
    }
    match rest {
        b"" => Ok(()),
        _ => Err(format!("more than expected behind {readings:?}")),
    }
}

/// Checks the answer to a request in order, and says whether the connection goes on.
fn check_request(handler: Handler, request: &Request, rest: &mut &[u8]) -> Result<bool, String> {
    let answer = final_answer(rest, &request.method, request.expects)?;
    let answer = answer.ok_or("a complete request is not answered")?;
    handler.check(request, &answer)?;
    ensure(answer.is_whole, "the answer is cut")?;
    let may_end = !request.is_kept || handler.may_end(request);
    ensure(answer.closes || request.is_kept, "the end is not announced")?;
    ensure(!answer.closes || may_end, "the connection ends")?;
    // What is left of a body may turn out to be too much when the answer is gone.
    let ends = answer.closes || rest.is_empty() && may_end;
    Ok(!ends)
}

/// Checks what comes back for something that is no request, which is the last that comes.
fn check_fault(
    handler: Handler,
    fault: &Fault,
    rest: &mut &[u8],
    is_cut: bool,
) -> Result<bool, String> {
    let expects = fault.request.as_ref().is_some_and(|it| it.expects);
    let answer = final_answer(rest, &fault.method, expects)?;
    let Some(answer) = answer else {
        ensure(is_cut, "nothing is said about a fault")?;
        return Ok(false);
    };
    if REFUSALS.contains(&answer.status) && answer.closes {
        return Ok(false);
    }
    // The head was in order, so the answer may have begun before the fault was there.
    let request = fault
        .request
        .as_ref()
        .ok_or("a fault in a head is answered")?;
    if handler.reads(request) {
        let begun = !answer.is_whole && request.body.starts_with(&answer.body);
        ensure(begun, "a fault in a body is answered as if there was none")?;
    } else {
        handler.check(request, &answer)?;
    }
    Ok(false)
}

/// Takes the next final answer off `rest`, and the interim ones in front of it.
fn final_answer(rest: &mut &[u8], method: &str, expects: bool) -> Result<Option<Answer>, String> {
    let mut may_be_asked = expects;
    while !rest.is_empty() {
        let answer = take(rest, method == "HEAD")?;
        if answer.status != 100 {
            return Ok(Some(answer));
        }
        ensure(may_be_asked, "an interim answer nobody waits for")?;
        may_be_asked = false;
    }
    Ok(None)
}

/// Takes one answer off `rest`.
fn take(rest: &mut &[u8], to_head: bool) -> Result<Answer, String> {
    let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or("the head of an answer has no end")?;
    let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
    *rest = &rest[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("http/1.1 "));
    let status = status.and_then(|line| line.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| format!("no status line: {head}"))?;
    let lines: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let value = |name| {
        let mut values = lines.iter().filter(|(other, _)| *other == name);
        values.next().map(|(_, value)| *value)
    };
    let bodiless = to_head || matches!(status, 100..200 | 204 | 304);
    let (body, is_whole) = match (value("content-length"), value("transfer-encoding")) {
        _ if bodiless => (Vec::new(), true),
        (Some(length), None) => {
            let length: usize = length.parse().map_err(|_| "not a length")?;
            let (body, behind) = rest.split_at(length.min(rest.len()));
            *rest = behind;
            (body.to_vec(), body.len() == length)
        }
        (None, Some("chunked")) => chunks(rest)?,
        framing => return Err(format!("no framing of an answer: {framing:?}")),
    };
    Ok(Answer {
        status,
        body,
        closes: value("connection") == Some("close"),
        is_whole,
    })
}

/// Takes the chunks of an answer off `rest`, as far as they are there.
fn chunks(rest: &mut &[u8]) -> Result<(Vec<u8>, bool), String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            *rest = b"";
            return Ok((body, false));
        };
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| format!("size `{size}`"))?;
        let behind = &rest[end + 2..];
        body.extend_from_slice(&behind[..size.min(behind.len())]);
        let Some(behind) = behind.get(size..) else {
            *rest = b"";
            return Ok((body, false));
        };
        *rest = match behind.strip_prefix(b"\r\n") {
            Some(behind) => behind,
            None if behind.len() < 2 => {
                *rest = b"";
                return Ok((body, false));
            }
            None => return Err("no CRLF behind a chunk".into()),
        };
        if size == 0 {
            return Ok((body, true));
        }
    }
}

fn ensure(holds: bool, problem: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.into()) }
}
