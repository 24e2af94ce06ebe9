//! Answers with what the library made of a request, as text: one line, then the body.
//!
//! ```text
//! METHOD target host=... version=1.1 keep=true body=BYTES
//! ```
//!
//! Some paths do something particular, so that a test sees what becomes of it: `/unread` leaves
//! the body where it is, `/limit` reads at most 10 bytes, `/early` does so after its answer has
//! begun, `/stream` answers in chunks, and `/status/NUMBER` answers with that status.

use std::io::{self, Read, Write};

use sockeye_guest::http::{self, Exchange, Version};

/// What `/limit` and `/early` read.
const BODY_BYTES_MAX: u64 = 10;

fn inspect(exchange: &mut Exchange) -> http::Result {
    let path = exchange.path().to_owned();
    if path == "/limit" || path == "/early" {
        exchange.limit_body(BODY_BYTES_MAX);
    }
    if path == "/early" {
        exchange.response(200).stream(None)?;
        let (mut request, mut answer) = exchange.split();
        io::copy(&mut request, &mut answer)?;
        return Ok(());
    }
    let mut body = Vec::new();
    if path != "/unread" {
        exchange.read_to_end(&mut body)?;
    }
    let version = match exchange.version() {
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    let mut text = format!(
        "{} {} host={} version={version} keep={} body=",
        exchange.method(),
        exchange.target(),
        exchange.host(),
        exchange.keep_alive(),
    )
    .into_bytes();
    text.extend_from_slice(&body);
    if path == "/stream" {
        exchange
            .response(200)
            .content_type("text/plain")
            .stream(None)?;
        // Every byte is a chunk of its own.
        for byte in text {
            exchange.write_all(&[byte])?;
            exchange.flush()?;
        }
        return Ok(());
    }
    let status = path
        .strip_prefix("/status/")
        .and_then(|status| status.parse().ok());
    Ok(exchange.respond(status.unwrap_or(200), "text/plain", text)?)
}

sockeye_guest::http_handler!(inspect);
