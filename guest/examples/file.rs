//! Answers with the file at the path of the request, sent by the host out of its page cache.
//!
//! The shortest way to serve files; the handler that is built into the host has ranges, conditions
//! and compressed forms.
//!
//! ```text
//! sockeye serve --root DIRECTORY target/guests/file.wasm
//! curl --output FILE http://127.0.0.1:8080/FILE
//! ```

use sockeye_guest::http::path::{FilePath, PathError};
use sockeye_guest::http::{self, Exchange};
use sockeye_guest::{ErrorCode, File};

fn file(exchange: &mut Exchange) -> http::Result {
    if !matches!(exchange.method(), "GET" | "HEAD") {
        let response = exchange.response(405).header("Allow", "GET, HEAD");
        return Ok(response
            .content_type("text/plain")
            .send("method not allowed\n")?);
    }
    let opened = match FilePath::from_url(exchange.path()) {
        Ok(found) if found.is_directory => Err(ErrorCode::NotFound),
        Ok(found) => File::open(&found.path),
        Err(PathError::Outside) => Err(ErrorCode::AccessDenied),
        Err(PathError::Malformed | PathError::NoFile) => Err(ErrorCode::NotFound),
    };
    match opened {
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

sockeye_guest::http_handler!(file);
