//! Smuggling and ambiguity: thousands of generated requests, an oracle that says what each of them
//! is, and what comes back for them.
//!
//! `variants` are every known way to be unclear about where a request ends, in a fixed order;
//! `mutations` damage requests that are in order, at random and in a way that can be repeated. The
//! `oracle` reads what was sent as RFC 9112 has it, `answers` compares that with what came back:
//! one answer to each request, no request that nobody has made, and an error and the end of the
//! connection for all that two readers could read differently.

mod answers;
mod corpus;
mod handlers;
mod mutations;
mod oracle;
mod oracle_body;
mod oracle_cases;
mod pairs;
mod variants;
mod variants_body;
mod variants_head;
mod variants_line;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::client::Client;
use crate::gauges::LIVE;
use handlers::Served;
use oracle::Reading;

/// How many connections are open at once.
const CLIENTS: usize = 8;

/// How many problems are enough to end a test.
const PROBLEMS_MAX: usize = 10;

/// Does `work` with every number below `count`, several at once, and returns the problems that it
/// found.
fn for_each(count: usize, work: impl Fn(usize) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // A server that hangs is found by waiting; that is not done thousands of times.
                    let enough = problems.lock().unwrap().len() >= PROBLEMS_MAX;
                    if number >= count || enough {
                        return;
                    }
                    if let Err(problem) = work(number) {
                        problems.lock().unwrap().push(problem);
                    }
                }
            });
        }
    });
    problems.into_inner().unwrap()
}

/// Fails where there are problems, and shows some of them.
#[track_caller]
fn show(of: usize, problems: &[String]) {
    let count = problems.len();
    let shown = problems.join("\n");
    assert_eq!(count, 0, "{count} of {of} or more are wrong:\n{shown}");
}

/// Sends `bytes` in pieces that end at `cuts`, and says what is wrong with what comes back.
fn exchange(served: &Served, bytes: &[u8], cuts: &[usize]) -> Result<(), String> {
    let readings = oracle::read(bytes);
    let mut client = Client::connect(served.server.addr());
    let mut from = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        client.send_in_vain(&bytes[from..cut]);
        from = cut;
    }
    // What ends by itself has to, without being told that nothing follows.
    let ends = match readings.last() {
        Some(Reading::Request(request)) => !request.is_kept,
        Some(Reading::Refused(_)) => true,
        Some(Reading::Cut(_)) | None => false,
    };
    if !ends {
        client.half_close_in_vain();
    }
    let received = client
        .rest_in_vain()
        .map_err(|error| format!("it hangs ({error}): {readings:?}"))
        .and_then(|received| {
            answers::check(served.handler, &readings, &received)
                .map_err(|problem| format!("{problem}\n  got {}", received.escape_ascii()))
        });
    // Where the server has ended first, this leaves nothing in the kernel that waits for a minute
    // and makes its table of sockets long for the tests that look into it.
    client.reset();
    received.map_err(|problem| {
        let handler = served.handler;
        let bytes = bytes.escape_ascii();
        format!("{handler:?}: {problem}\n  sent {bytes}\n  in pieces that end at {cuts:?}")
    })
}

impl Served {
    /// Checks that nothing is left of what was sent, and ends the server.
    #[track_caller]
    fn stop(self) {
        self.server.wait_for_metric(LIVE, 0);
        self.server.stop();
    }
}
