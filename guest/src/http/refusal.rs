//! Why a request is refused: the status of the answer, and one line for the person with curl.

use std::fmt;
use std::io::{Error, ErrorKind};

use super::head::{HEAD_BYTES_MAX, HEADERS_MAX};
use super::target::TARGET_BYTES_MAX;

/// A status and what was wrong with the request, in words that need no source code beside them.
///
/// Made of constants: refusing costs the good path nothing, and the text is put together only
/// when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    reason: &'static str,
    /// The limit that the reason ends with, and what it counts.
    limit: Option<(u64, &'static str)>,
}

impl Refusal {
    pub(super) const HEAD_TOO_LARGE: Refusal = limited(
        431,
        "request head is larger than",
        HEAD_BYTES_MAX as u64,
        "bytes",
    );
    pub(super) const TOO_MANY_HEADERS: Refusal = limited(
        431,
        "request has more than",
        HEADERS_MAX as u64,
        "header lines",
    );
    pub(super) const TARGET_TOO_LONG: Refusal = limited(
        414,
        "request target is longer than",
        TARGET_BYTES_MAX as u64,
        "bytes",
    );
    // Without a number: the operator's limits of a call and of a rate may be what it was.
    pub(super) const HEAD_TOO_SLOW: Refusal = Refusal::new(408, "request head came too slowly");
    pub(super) const BODY_TOO_SLOW: Refusal = Refusal::new(408, "request body came too slowly");
    pub(super) const BODY_CUT: Refusal = Refusal::bad("request body ended before its end");
    pub(super) const BAD_CHUNK: Refusal = Refusal::bad("request body is malformed as chunks");
    pub(super) const HANDLER_FAILED: Refusal = Refusal::new(500, "the handler failed");

    pub(super) const fn new(status: u16, reason: &'static str) -> Refusal {
        Refusal {
            status,
            reason,
            limit: None,
        }
    }

    /// A request that is malformed or ambiguous.
    pub(super) const fn bad(reason: &'static str) -> Refusal {
        Refusal::new(400, reason)
    }

    /// A request whose body is larger than its handler allows.
    pub(super) const fn body_too_large(max: u64) -> Refusal {
        limited(413, "request body is larger than", max, "bytes")
    }

    /// Says the same to a handler that reads the body.
    fn kind(self) -> ErrorKind {
        match self.status {
            408 => ErrorKind::TimedOut,
            413 => ErrorKind::FileTooLarge,
            _ if self == Refusal::BODY_CUT => ErrorKind::UnexpectedEof,
            _ => ErrorKind::InvalidData,
        }
    }
}

const fn limited(status: u16, reason: &'static str, max: u64, unit: &'static str) -> Refusal {
    Refusal {
        status,
        reason,
        limit: Some((max, unit)),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)?;
        match self.limit {
            Some((max, unit)) => write!(f, " {max} {unit}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::new(refusal.kind(), refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(refusal: Refusal, status: u16, kind: ErrorKind, text: &str) {
        assert_eq!((refusal.status, refusal.to_string()), (status, text.into()));
        let error = Error::from(refusal);
        assert_eq!((error.kind(), error.to_string()), (kind, text.into()));
    }

    #[test]
    fn a_refusal_names_the_limit_and_its_number() {
        check(
            Refusal::HEAD_TOO_LARGE,
            431,
            ErrorKind::InvalidData,
            "request head is larger than 16384 bytes",
        );
        check(
            Refusal::body_too_large(1000),
            413,
            ErrorKind::FileTooLarge,
            "request body is larger than 1000 bytes",
        );
    }

    #[test]
    fn a_slow_body_is_told_so_without_a_number_that_may_be_the_operators() {
        let text = "request body came too slowly";
        check(Refusal::BODY_TOO_SLOW, 408, ErrorKind::TimedOut, text);
    }

    #[test]
    fn a_body_that_ended_early_differs_from_one_that_is_malformed() {
        let text = "request body ended before its end";
        check(Refusal::BODY_CUT, 400, ErrorKind::UnexpectedEof, text);
        assert_eq!(Refusal::BAD_CHUNK.kind(), ErrorKind::InvalidData);
    }
}
