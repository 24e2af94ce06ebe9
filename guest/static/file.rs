//! Answers with a file: conditions first, then ranges, then the bytes by sendfile.

use std::ops::Range;
use std::time::SystemTime;

use sockeye_guest::FileStat;
use sockeye_guest::http::conditional::{self, Conditions, Validators, Verdict};
use sockeye_guest::http::encoding::Coding;
use sockeye_guest::http::range::{self, Selection};
use sockeye_guest::http::{self, Exchange, Response};

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
    let now = SystemTime::now();
    let etag = etag(&stat, found.coding);
    let validators = Validators {
        etag: Some(&etag),
        modified: conditional::date_of(stat.modified, now),
    };
    let content_type = &*found.content_type.value;
    let mut answer = decide(exchange, &validators, stat.size, now);
    // The coding is one of the body, which several parts make a frame around bytes that are coded
    // and not coded itself. Clients unpack the body all the same, and fail.
    if found.coding.is_some() && matches!(&answer, Answer::Parts(parts) if parts.len() > 1) {
        answer = Answer::Whole;
    }
    match answer {
        Answer::Whole => {
            let head = describe(exchange.response(200), found, &validators, options);
            let head = with_bytes(head).content_type(content_type);
            Ok(head.send_file_part(&found.file, 0, stat.size)?)
        }
        Answer::Parts(parts) => {
            let head = describe(exchange.response(206), found, &validators, options);
            Ok(with_bytes(head).send_file_ranges(&found.file, content_type, &parts, stat.size)?)
        }
        Answer::NotModified => {
            let head = describe(exchange.response(304), found, &validators, options);
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

fn decide(exchange: &Exchange, validators: &Validators, size: u64, now: SystemTime) -> Answer {
    let conditions = Conditions::of(exchange.headers(), now);
    match conditions.evaluate(validators) {
        Verdict::NotModified => return Answer::NotModified,
        Verdict::PreconditionFailed => return Answer::PreconditionFailed,
        Verdict::Proceed => {}
    }
    // GET is the only method that ranges are defined for (RFC 9110 section 14.2).
    let mut ranges = exchange
        .headers()
        .filter(|(name, _)| exchange.method() == "GET" && name.eq_ignore_ascii_case("range"));
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

/// Adds what 200, 206 and 304 say alike about the representation.
fn describe<'a>(
    mut head: Response<'a>,
    found: &FoundFile,
    validators: &Validators,
    options: &Options,
) -> Response<'a> {
    if let Some(etag) = validators.etag {
        head = head.header("ETag", etag);
    }
    if let Some(modified) = validators.modified {
        head = head.header("Last-Modified", conditional::format_date(modified));
    }
    if let Some(coding) = found.coding {
        head = head.header("Content-Encoding", coding.token());
    }
    head = vary(head, found);
    if let Some(value) = &options.cache_control {
        head = head.header("Cache-Control", value);
    }
    head
}

/// Adds what 200 and 206 say about the bytes that come with them.
fn with_bytes(head: Response<'_>) -> Response<'_> {
    head.header("Accept-Ranges", "bytes")
        .header("X-Content-Type-Options", "nosniff")
}

/// Says what the answer depends on besides the path.
///
/// Also where there is no sibling: whether there is one was looked for only as far as this client's
/// `Accept-Encoding` made a difference.
fn vary<'a>(head: Response<'a>, found: &FoundFile) -> Response<'a> {
    match found.content_type.compresses {
        true => head.header("Vary", "Accept-Encoding"),
        false => head,
    }
}

/// Returns the strong entity tag of a file: it says everything that changes with the content.
fn etag(stat: &FileStat, coding: Option<Coding>) -> String {
    let modified = match stat.modified.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_nanos(),
        // Before 1970; what it is does not matter as long as it is another for another time.
        Err(before) => u128::MAX - before.duration().as_nanos(),
    };
    let coding = coding.map_or("", Coding::suffix).trim_start_matches('.');
    format!(
        "\"{modified:x}-{:x}-{:x}{coding}\"",
        stat.size, stat.identity
    )
}
