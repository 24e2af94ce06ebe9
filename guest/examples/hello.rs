//! Answers every request with a short text: the smallest HTTP handler.
//!
//! ```text
//! sockeye serve target/guests/hello.wasm
//! curl http://127.0.0.1:8080/
//! ```

use sockeye_guest::http::{self, Exchange};

fn hello(exchange: &mut Exchange) -> http::Result {
    Ok(exchange.respond(200, "text/plain", "Hello, World!")?)
}

sockeye_guest::http_handler!(hello);
