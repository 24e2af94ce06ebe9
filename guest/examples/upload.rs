//! Answers an upload of any size with its length and its SHA-256, and never holds it.
//!
//! The body is read as a stream, so an instance needs the same memory for a byte and for a
//! gigabyte. What bounds an upload is the operator's `--cpu-limit` and `--activation-timeout`.
//!
//! ```text
//! sockeye serve target/guests/upload.wasm
//! curl --upload-file FILE http://127.0.0.1:8080/
//! curl --data-binary @FILE --header 'Transfer-Encoding: chunked' http://127.0.0.1:8080/
//! ```

use std::io;

use sha2::{Digest, Sha256};
use sockeye_guest::http::{self, Exchange};

const USAGE: &str = "POST or PUT something: the answer is its length and its SHA-256\n";

fn upload(exchange: &mut Exchange) -> http::Result {
    match exchange.method() {
        "POST" | "PUT" => {
            let mut sum = Sha256::new();
            let length = io::copy(exchange, &mut sum)?;
            let answer = format!("{length} {:x}\n", sum.finalize());
            Ok(exchange.respond(200, "text/plain", answer)?)
        }
        "GET" | "HEAD" => Ok(exchange.respond(200, "text/plain", USAGE)?),
        _ => {
            let response = exchange
                .response(405)
                .header("Allow", "GET, HEAD, POST, PUT");
            Ok(response.content_type("text/plain").send(USAGE)?)
        }
    }
}

sockeye_guest::http_handler!(upload);
