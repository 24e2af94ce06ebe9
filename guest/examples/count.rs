//! Answers with the number of requests that this instance has served.
//!
//! Shows how long a global lives: with `--reuse connection` as long as a connection stays busy,
//! with `--reuse never` one request, with `--reuse always` across connections.
//!
//! ```text
//! sockeye serve --reuse always target/guests/count.wasm
//! curl http://127.0.0.1:8080/
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use sockeye_guest::http::{self, Exchange};

static REQUESTS: AtomicU64 = AtomicU64::new(0);

fn count(exchange: &mut Exchange) -> http::Result {
    let served = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(exchange.respond(200, "text/plain", format!("{served}\n"))?)
}

sockeye_guest::http_handler!(count);
