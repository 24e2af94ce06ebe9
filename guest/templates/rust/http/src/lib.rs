//! A handler of HTTP requests.

use std::io::{self, Write};

use sockeye_guest::http::path::FilePath;
use sockeye_guest::http::{self, Exchange};
use sockeye_guest::{ErrorCode, File};

sockeye_guest::http_handler!(handle);

fn handle(exchange: &mut Exchange) -> http::Result {
    let path = exchange.path().to_owned();
    match (path.as_str(), exchange.method()) {
        ("/", "GET" | "HEAD") => exchange.respond(200, "text/plain", "Hello, World!\n")?,
        ("/echo", "POST") => echo(exchange)?,
        ("/", _) => not_allowed(exchange, "GET, HEAD")?,
        ("/echo", _) => not_allowed(exchange, "POST")?,
        (other, "GET" | "HEAD") if other.starts_with("/files/") => {
            file(exchange, &other["/files".len()..])?;
        }
        (other, _) if other.starts_with("/files/") => not_allowed(exchange, "GET, HEAD")?,
        _ => not_found(exchange)?,
    }
    Ok(())
}

/// Sends the body back while it is received, so it may have any size.
fn echo(exchange: &mut Exchange) -> io::Result<()> {
    let length = exchange.content_length();
    let answer = exchange
        .response(200)
        .content_type("application/octet-stream");
    answer.stream(length)?;
    let (mut body, mut answer) = exchange.split();
    io::copy(&mut body, &mut answer)?;
    answer.flush()
}

/// Sends a file of the directory that `--root` grants.
fn file(exchange: &mut Exchange, path: &str) -> io::Result<()> {
    let Ok(found) = FilePath::from_url(path) else {
        return not_found(exchange);
    };
    match File::open(&found.path) {
        Ok(file) => exchange.respond_file("application/octet-stream", &file),
        // An error that is returned is logged, and answered with status 500.
        Err(error @ (ErrorCode::TooManyFiles | ErrorCode::InsufficientResources)) => {
            Err(error.into())
        }
        Err(_) => not_found(exchange),
    }
}

fn not_found(exchange: &mut Exchange) -> io::Result<()> {
    exchange.respond(404, "text/plain", "not found\n")
}

fn not_allowed(exchange: &mut Exchange, allow: &str) -> io::Result<()> {
    let answer = exchange.response(405).header("Allow", allow);
    answer
        .content_type("text/plain")
        .send("method not allowed\n")
}
