//! Answers with what the request consists of: its body, its header lines or its cookies.
//!
//! The body is sent back while it is received, so it may have any size.
//!
//! ```text
//! sockeye serve target/guests/echo.wasm
//! curl --data-binary @FILE http://127.0.0.1:8080/
//! curl http://127.0.0.1:8080/echo
//! curl --cookie 'a=1; b=2' http://127.0.0.1:8080/cookie
//! ```

use std::io::{BufRead, Write};

use sockeye_guest::http::{self, Exchange};

fn echo(exchange: &mut Exchange) -> http::Result {
    match (exchange.path(), exchange.method()) {
        ("/echo", _) => headers(exchange),
        ("/cookie", _) => cookies(exchange),
        ("/", "GET" | "HEAD") => Ok(exchange.respond(200, "text/plain", "POST something\n")?),
        ("/", _) => body(exchange),
        _ => Ok(exchange.respond(404, "text/plain", "not found\n")?),
    }
}

fn body(exchange: &mut Exchange) -> http::Result {
    let length = exchange.content_length();
    exchange
        .response(200)
        .content_type("application/octet-stream")
        .stream(length)?;
    let (mut request, mut response) = exchange.split();
    loop {
        let piece = request.fill_buf()?;
        if piece.is_empty() {
            return Ok(());
        }
        response.write_all(piece)?;
        let count = piece.len();
        request.consume(count);
        // A client may wait for this piece before it sends the next one.
        response.flush()?;
    }
}

fn headers(exchange: &mut Exchange) -> http::Result {
    let mut text = Vec::new();
    for (name, value) in exchange.headers() {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    Ok(exchange.respond(200, "text/plain", text)?)
}

fn cookies(exchange: &mut Exchange) -> http::Result {
    let mut text = String::new();
    for (_, value) in exchange
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
    {
        for cookie in String::from_utf8_lossy(value).split(';') {
            text.push_str(cookie.trim());
            text.push('\n');
        }
    }
    Ok(exchange.respond(200, "text/plain", text)?)
}

sockeye_guest::http_handler!(echo);
