//! Serves the files beneath the directory that the operator granted; the handler that is built into
//! the host.
//!
//! ```text
//! sockeye serve --root DIRECTORY [--list] [--spa] [--cache-control VALUE]
//! ```
//!
//! A request takes one way through the modules: [`find`] looks for what the path stands for,
//! [`file`](mod@file) answers with a file, [`listing`] with the entries of a directory.

mod content_type;
mod description;
mod file;
mod find;
mod listing;
mod options;
mod welcome;

use find::{Found, Missing};
use options::Options;
use sockeye_guest::ErrorCode;
use sockeye_guest::http::{self, Exchange, Response};

/// The methods that are answered.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// What is said where a condition of the request does not hold.
const PRECONDITION_FAILED: &str = "precondition failed\n";

fn serve(exchange: &mut Exchange) -> http::Result {
    let options = Options::get();
    match exchange.method() {
        "GET" | "HEAD" => {}
        "OPTIONS" => {
            let response = exchange.response(204).header("Allow", ALLOW);
            return Ok(response.send("")?);
        }
        "POST" | "PUT" | "DELETE" | "PATCH" | "TRACE" => {
            let response = exchange.response(405).header("Allow", ALLOW);
            return line(response, "method not allowed\n");
        }
        // What it would do is not known here (RFC 9110 section 15.6.2).
        _ => return text(exchange, 501, "not implemented\n"),
    }
    if options.welcome {
        return welcome::answer(exchange);
    }
    match find::find(exchange, options) {
        Ok(Found::File(found)) => file::answer(exchange, &found, options),
        Ok(Found::Listing(listing)) => listing.answer(exchange, options),
        Ok(Found::Directory(path)) => {
            let location = path.location(exchange.query());
            let response = exchange.response(301).header("Location", location);
            line(response, "moved permanently\n")
        }
        Err(Missing::Malformed) => text(exchange, 400, "bad request\n"),
        Err(Missing::Denied) => text(exchange, 403, "forbidden\n"),
        Err(Missing::Nothing | Missing::IsDirectory) => text(exchange, 404, "not found\n"),
        Err(Missing::Fault(error)) => fault(exchange, error),
    }
}

/// Answers with a status and one line of text.
fn text(exchange: &mut Exchange, status: u16, text: &str) -> http::Result {
    line(exchange.response(status), text)
}

/// Answers with one line of text behind a head that has everything else.
fn line(head: Response<'_>, text: &str) -> http::Result {
    Ok(head.content_type("text/plain; charset=utf-8").send(text)?)
}

/// Answers where the host could not do what it was asked for: what passes by itself is 503.
fn fault(exchange: &mut Exchange, error: ErrorCode) -> http::Result {
    match error {
        ErrorCode::TooManyFiles | ErrorCode::InsufficientResources => {
            let response = exchange.response(503).header("Retry-After", "1");
            line(response, "service unavailable\n")
        }
        error => Err(error.into()),
    }
}

sockeye_guest::http_handler!(serve);
