//! The load: clients on one thread that cost so little that the server is what is measured.
//!
//! They check what they receive (the status, and that every answer is as long as it should be) and
//! parse nothing else: the first answer of a connection's kind is taken apart, all others have to
//! be like it.

mod closed_loop;
mod histogram;
mod idle;
mod one_shot;
mod probe;
mod selector;
mod socket;

use std::net::SocketAddr;

pub use closed_loop::ClosedLoop;
pub use histogram::Histogram;
pub use idle::{First, Idle};
pub use one_shot::OneShot;
pub use probe::{request, until_first_byte};

/// What a group of connections asks for, over and over.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Whom it asks.
    pub address: SocketAddr,
    /// On how many connections.
    pub connections: usize,
    /// Requests that are sent at once, before any answer is waited for.
    pub depth: usize,
    /// The path of the request, from its slash.
    pub path: String,
    /// The body of the answer has this many bytes.
    pub body_bytes: u64,
}

/// What came of asking.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Requests that were answered as they should be.
    pub requests: u64,
    /// The time from the first request to the last answer.
    pub seconds: f64,
    /// Answers that were wrong, late or did not come.
    pub errors: u64,
    /// The first of the errors.
    pub problem: Option<String>,
    /// Bytes of all answers.
    pub bytes: u64,
    /// Times of the answers; of a whole batch, where several requests are sent at once.
    pub latency: Histogram,
}

impl Outcome {
    /// Counts an error, and keeps its text if it is the first.
    fn fail(&mut self, problem: impl Into<String>) {
        self.errors += 1;
        self.problem.get_or_insert_with(|| problem.into());
    }
}
