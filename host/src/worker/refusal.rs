//! What the host answers itself, because no handler will.

use time::OffsetDateTime;
use time::macros::format_description;

use crate::config::Limits;

/// Why a request is not given to a handler.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// The head did not come in time.
    RequestTimeout,
    /// The head is too long.
    HeadTooLarge,
    /// The line for instances took too long.
    Unavailable,
    /// No instance could be made.
    NoInstance,
}

impl Refusal {
    /// The whole answer to a request that begins with `start`, with one line that says which limit
    /// it was.
    pub(super) fn response(self, start: &[u8], limits: &Limits) -> String {
        let (status, field, text) = match self {
            Refusal::RequestTimeout => (
                "408 Request Timeout",
                "",
                format!("request head took longer than {:?}\n", limits.head_timeout),
            ),
            Refusal::HeadTooLarge => (
                "431 Request Header Fields Too Large",
                "",
                format!(
                    "request head is larger than {} bytes\n",
                    limits.head_bytes_max
                ),
            ),
            Refusal::Unavailable => (
                "503 Service Unavailable",
                "Retry-After: 1\r\n",
                "every handler is busy\n".to_owned(),
            ),
            Refusal::NoInstance => (
                "503 Service Unavailable",
                "Retry-After: 1\r\n",
                "no handler could be started\n".to_owned(),
            ),
        };
        // RFC 9110 section 5.6.7.
        let format = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let date = OffsetDateTime::now_utc().format(format).unwrap_or_default();
        // The answer to HEAD has no body (RFC 9110 section 9.3.2); what comes in its place is taken
        // for the beginning of the next answer.
        let body = if is_head(start) { "" } else { &text };
        format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\n{field}Content-Type: text/plain\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            text.len()
        )
    }
}

/// Says whether a request is one of HEAD, as far as its beginning shows that.
fn is_head(start: &[u8]) -> bool {
    // Empty lines in front of a request are ignored (RFC 9112 section 2.2).
    let blank = start.iter().take_while(|byte| b"\r\n".contains(byte));
    start[blank.count()..].starts_with(b"HEAD ")
}
