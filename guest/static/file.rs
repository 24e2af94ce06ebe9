//! Answers with a file: conditions first, then ranges, then the bytes by sendfile.

use std::io;
use std::ops::Range;
use std::time::SystemTime;

use sockeye_guest::http::conditional::{Conditions, Validators, Verdict};
use sockeye_guest::http::range::{self, Selection};
use sockeye_guest::http::{self, Exchange, HeaderLines, Response};

use crate::description::Description;
use crate::find::FoundFile;
use crate::options::Options;

/// What is answered.
enum Answer {
    Whole,
    Parts(Vec<Range<u64>>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// What an answer depends on besides the path, where the file may have a compressed form.
pub(crate) const VARY: &str = "Accept-Encoding";

/// Answers a GET or HEAD with the file that was found.
pub(crate) fn answer(
    exchange: &mut Exchange,
    found: &FoundFile,
    options: &Options,
) -> http::Result {
    let stat = match found.file.stat() {
        Ok(stat) => stat,
        Err(error) => return crate::fault(exchange, error),
    };
    let description = Description::of(found, stat, options)?;
    let mut answer = decide(exchange, &description.validators(), stat.size);
    // The coding is one of the body, which several parts make a frame around bytes that are coded
    // and not coded itself. Clients unpack the body all the same, and fail.
    if found.coding.is_some() && matches!(&answer, Answer::Parts(parts) if parts.len() > 1) {
        answer = Answer::Whole;
    }
    match answer {
        Answer::Whole => {
            let head = exchange.response(200).headers(&description.whole);
            Ok(head.send_file_part(&found.file, 0, stat.size)?)
        }
        Answer::Parts(parts) => {
            let head = exchange.response(206).headers(&description.representation);
            let head = head.headers(&with_bytes(HeaderLines::new())?);
            let content_type = found.content_type.value();
            Ok(head.send_file_ranges(&found.file, &content_type, &parts, stat.size)?)
        }
        Answer::NotModified => {
            let head = exchange.response(304).headers(&description.representation);
            Ok(head.send("")?)
        }
        Answer::PreconditionFailed => {
            let head = vary(exchange.response(412), found);
            crate::line(head, crate::PRECONDITION_FAILED)
        }
        Answer::Unsatisfiable => {
            let head = vary(exchange.response(416), found);
            let head = head.header("Content-Range", range::unsatisfied(stat.size));
            crate::line(head, "range not satisfiable\n")
        }
    }
}

fn decide(exchange: &Exchange, validators: &Validators, size: u64) -> Answer {
    let is_range = |name: &str| name.eq_ignore_ascii_case("range");
    let mut names = exchange.headers().map(|(name, _)| name);
    // Most requests have neither, and need no clock.
    if !names.any(|name| Conditions::may_be_in(name) || is_range(name)) {
        return Answer::Whole;
    }
    let conditions = Conditions::of(exchange.headers(), SystemTime::now());
    match conditions.evaluate(validators) {
        Verdict::NotModified => return Answer::NotModified,
        Verdict::PreconditionFailed => return Answer::PreconditionFailed,
        Verdict::Proceed => {}
    }
    // GET is the only method that ranges are defined for (RFC 9110 section 14.2).
    let mut ranges = exchange
        .headers()
        .filter(|(name, _)| exchange.method() == "GET" && is_range(name));
    match (ranges.next(), ranges.next()) {
        // Two lines of it are malformed, and ignored as everything malformed is.
        (Some((_, range)), None) if conditions.allow_range(validators) => {
            match range::select(range, size) {
                Selection::Whole => Answer::Whole,
                Selection::Parts(parts) => Answer::Parts(parts),
                Selection::Unsatisfiable => Answer::Unsatisfiable,
            }
        }
        _ => Answer::Whole,
    }
}

/// Adds what 200 and 206 say about the bytes that come with them.
pub(crate) fn with_bytes(lines: HeaderLines) -> io::Result<HeaderLines> {
    lines
        .header("Accept-Ranges", "bytes")?
        .header("X-Content-Type-Options", "nosniff")
}

/// Says what the answer depends on besides the path.
///
/// Also where there is no sibling: whether there is one was looked for only as far as this client's
/// `Accept-Encoding` made a difference.
fn vary<'a>(head: Response<'a>, found: &FoundFile) -> Response<'a> {
    match found.content_type.compresses {
        true => head.header("Vary", VARY),
        false => head,
    }
}
