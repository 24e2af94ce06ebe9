//! Answers with the file at the path of the request, sent by the host out of its page cache.
//!
//! ```text
//! sockeye serve --root DIRECTORY target/guests/file.wasm
//! curl --output FILE http://127.0.0.1:8080/FILE
//! ```

use sockeye_guest::http::{self, Exchange};
use sockeye_guest::{ErrorCode, File};

fn file(exchange: &mut Exchange) -> http::Result {
    if !matches!(exchange.method(), "GET" | "HEAD") {
        let response = exchange.response(405).header("Allow", "GET, HEAD");
        return Ok(response
            .content_type("text/plain")
            .send("method not allowed\n")?);
    }
    let path = exchange
        .path()
        .strip_prefix('/')
        .and_then(decode)
        .unwrap_or_default();
    match File::open(&path) {
        Ok(file) => Ok(exchange.respond_file("application/octet-stream", &file)?),
        Err(ErrorCode::AccessDenied) => Ok(exchange.respond(403, "text/plain", "forbidden\n")?),
        Err(
            ErrorCode::NotFound
            | ErrorCode::IsDirectory
            | ErrorCode::NotRegularFile
            | ErrorCode::NameTooLong
            | ErrorCode::InvalidArgument,
        ) => Ok(exchange.respond(404, "text/plain", "not found\n")?),
        Err(error) => Err(error.into()),
    }
}

/// Decodes `%41` to `A`; a path that is malformed or not UTF-8 names no file.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            (digit()? * 16 + digit()?) as u8
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}

sockeye_guest::http_handler!(file);
