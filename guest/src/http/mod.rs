//! HTTP/1.1 for handlers: the loop that receives requests, and the [`Exchange`] that a handler
//! answers them with.
//!
//! The usual way in is [`http_handler!`](crate::http_handler); [`serve`] is for handlers that do
//! something else with the connection first. Requests are answered one after the other, pipelined
//! ones too; a small answer costs one `recv_until` and one `send`. Requests that are malformed or
//! ambiguous, too large or too slow are answered here and never reach the handler.

mod answer;
mod body;
mod characters;
mod chunked;
pub mod conditional;
mod date;
pub mod encoding;
mod exchange;
mod head;
#[doc(hidden)]
pub mod internals;
pub mod path;
pub mod range;
mod refusal;
mod response;
mod rules;
mod target;

use std::io::{self, Write};
use std::time::Duration;

use crate::{Connection, ErrorCode};
use refusal::Refusal;

pub use ::http::Version;
pub use answer::ResponseBody;
pub use body::RequestBody;
pub use exchange::Exchange;
pub use head::{HEAD_BYTES_MAX, HEADERS_MAX};
pub use response::{HeaderLines, Response};
pub use target::TARGET_BYTES_MAX;

/// How long a request head may take from its first bytes; a slower one is answered with 408.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may pause within a request body; one that is silent for longer is answered
/// with 408 where the handler has not answered yet.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of a body that the handler did not read is received and dropped to keep a connection;
/// where more is left, the connection is closed.
pub const DRAIN_BYTES_MAX: u64 = 64 * 1024;

/// How long receiving what the handler did not read may take.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What was received where a request may begin.
enum Received {
    Request,
    /// Empty lines, which are ignored in front of a request (RFC 9112 section 2.2).
    EmptyLines,
    /// The end of the connection, or nothing that an answer could reach.
    End,
}

/// The end of a request head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A request head, or what a client sent instead of one before it closed its side.
///
/// Empty means that there is nothing to answer. What is refused comes with its beginning.
type ReceivedHead = std::result::Result<Vec<u8>, (Refusal, Vec<u8>)>;

/// What a handler of requests returns.
///
/// An error before anything of the answer was sent becomes an answer with status 500, or 400, 408
/// or 413 where the client's body was at fault. Later it closes the connection without the end of
/// the answer, so that the client can tell.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Serves the requests of one connection and says what becomes of it.
///
/// The result is what a handler has to return: the connection when it is idle, `None` when it is
/// at its end. Errors that are not the client's go to stderr, which the host logs.
pub fn serve(
    connection: Connection,
    mut handle: impl FnMut(&mut Exchange) -> Result,
) -> Option<Connection> {
    let mut exchange = Exchange::new(connection);
    let mut received = exchange.receive(receive_head(&exchange.connection));
    loop {
        match received {
            Ok(Received::Request) => {
                let outcome = handle(&mut exchange);
                if !exchange.settle(outcome) {
                    return None;
                }
            }
            // A client that sends nothing else must not hold the instance until a head deadline.
            Ok(Received::EmptyLines) => {}
            Ok(Received::End) => return None,
            Err(refusal) => {
                exchange.refuse(refusal);
                return None;
            }
        }
        received = match next_head(&exchange.connection) {
            Some(head) => exchange.receive(head),
            None => return Some(exchange.connection),
        };
    }
}

impl Exchange {
    /// Takes the request that has the `head`, or says why it is refused.
    fn receive(&mut self, head: ReceivedHead) -> std::result::Result<Received, Refusal> {
        let bytes = head.map_err(|(refusal, start)| {
            // It is answered as to HTTP/1.1, and ends the connection.
            self.head.begin(start);
            refusal
        })?;
        match &bytes[..] {
            b"" => return Ok(Received::End),
            // httparse ignores one empty line, but two look like the end of a head.
            b"\r\n\r\n" | b"\r\n" => return Ok(Received::EmptyLines),
            _ => {}
        }
        self.head.parse(bytes)?;
        self.body
            .begin(self.head.framing, self.head.expects_continue);
        self.answer.begin(!self.head.keep_alive);
        Ok(Received::Request)
    }

    /// Brings an exchange to its end and says whether the connection can take another.
    fn settle(&mut self, outcome: Result) -> bool {
        match outcome {
            Ok(()) => {
                if let Err(error) = self.finish() {
                    self.fail(&error);
                }
            }
            Err(error) => self.fail(&*error),
        }
        !self.answer.close && self.body.drain(&self.connection)
    }

    /// Ends an exchange that the handler cannot: with an answer where nothing of one has been sent.
    fn fail(&mut self, error: &(impl std::fmt::Display + ?Sized)) {
        // What the client did is no news to the operator.
        if !self.body.has_fault() && self.answer.state != answer::State::Broken {
            let (method, target) = (self.method(), self.target());
            // Not `eprintln!`, which panics where stderr is closed.
            let _ = writeln!(io::stderr(), "handler failed: {method} `{target}`: {error}");
        }
        if !self.answer.sent {
            self.refuse(self.body.refusal().unwrap_or(Refusal::HANDLER_FAILED));
        }
        self.close();
    }

    /// Answers with what was wrong, and closes the connection.
    fn refuse(&mut self, refusal: Refusal) {
        self.answer.begin(true);
        // A client that does not take the answer gets the end of the connection all the same.
        let _ = self.respond(refusal.status, "text/plain", format!("{refusal}\n"));
    }
}

/// Receives the request head that the connection was activated for.
fn receive_head(connection: &Connection) -> ReceivedHead {
    // The host usually has all of it.
    let head = connection.recv_until(HEAD_END, HEAD_BYTES_MAX, Some(Duration::ZERO));
    head.or_else(|code| receive_unusual_head(connection, code))
}

/// Receives the next request head; `None` where the connection is to be handed back.
fn next_head(connection: &Connection) -> Option<ReceivedHead> {
    match connection.next_until(HEAD_END, HEAD_BYTES_MAX, Some(Duration::ZERO)) {
        Ok(head) => head.map(Ok),
        Err(code) => Some(receive_unusual_head(connection, code)),
    }
}

/// Receives a head that is not here and whole, where receiving it at once failed with `code`.
fn receive_unusual_head(connection: &Connection, code: ErrorCode) -> ReceivedHead {
    let until = |end, timeout| connection.recv_until(end, HEAD_BYTES_MAX, Some(timeout));
    let start = || {
        let start = connection.recv(HEAD_BYTES_MAX, Some(Duration::ZERO));
        start.unwrap_or_default()
    };
    let mut head = Err(code);
    if head == Err(ErrorCode::Timeout) {
        // Or it is whole but its lines end in bare line feeds, and is refused for that where it is
        // parsed. First what a good head has at its end, too: the rest of one may have come since,
        // and a body behind it may have two line feeds.
        let bare: [&[u8]; 2] = [b"\n\r\n", b"\n\n"];
        let found = bare.iter().find_map(|end| until(end, Duration::ZERO).ok());
        if let Some(bytes) = found {
            return Ok(bytes);
        }
        // Nothing of a head is taken before all of it is there: as long as that is so, the host
        // can give the instance to another connection.
        head = until(HEAD_END, HEAD_TIMEOUT);
    }
    match head {
        Ok(bytes) => Ok(bytes),
        Err(ErrorCode::TooLarge) => {
            let start = start();
            Err((head::too_large(&start), start))
        }
        Err(ErrorCode::Timeout) => match start() {
            start if start.is_empty() => Ok(start),
            start => Err((Refusal::HEAD_TOO_SLOW, start)),
        },
        Err(_) => Ok(Vec::new()),
    }
}
