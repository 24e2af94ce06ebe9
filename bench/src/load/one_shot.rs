//! A connection for every request: connects, asks, receives until the server closes.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use crate::Problem;
use crate::load::Outcome;
use crate::load::probe::answer_bytes;
use crate::load::selector::Selector;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";

const STATUS: &[u8] = b"HTTP/1.1 200";

const REST_TIMEOUT: Duration = Duration::from_secs(5);

/// So many clients side by side, each of which connects again as soon as it is answered.
pub struct OneShot {
    selector: Selector,
    address: SocketAddr,
    answer_bytes: usize,
    clients: usize,
}

/// A connection that waits for its answer.
#[derive(Debug)]
struct Attempt {
    stream: TcpStream,
    received: usize,
    began: Instant,
}

impl OneShot {
    /// Learns from one answer how long all of them are.
    ///
    /// # Errors
    /// Where that answer is not a 200 with a body of `body_bytes`.
    pub fn new(address: SocketAddr, clients: usize, body_bytes: u64) -> Result<Self, Problem> {
        Ok(Self {
            selector: Selector::new()?,
            address,
            answer_bytes: answer_bytes(address, REQUEST, body_bytes)? as usize,
            clients,
        })
    }

    /// Connects and asks for `duration`, then waits for the answers that are due.
    ///
    /// # Errors
    /// Where no connection can be made or waited for.
    pub fn run(&mut self, duration: Duration) -> Result<Outcome, Problem> {
        let mut outcome = Outcome::default();
        let start = Instant::now();
        let end = start + duration;
        let mut attempts = Vec::new();
        for index in 0..self.clients {
            attempts.push(Some(self.begin(index)?));
        }
        let mut now = start;
        while attempts.iter().any(Option::is_some) && now < end + REST_TIMEOUT {
            let ready = self.selector.wait()?;
            now = Instant::now();
            for at in 0..ready {
                let index = self.selector.ready(at);
                let Some(attempt) = &mut attempts[index] else {
                    continue;
                };
                if !receive(attempt, self.answer_bytes, &mut outcome) {
                    continue;
                }
                // The old socket is closed before the new one is opened.
                attempts[index] = None;
                now = Instant::now();
                outcome.seconds = now.duration_since(start).as_secs_f64();
                if now < end {
                    attempts[index] = Some(self.begin(index)?);
                }
            }
        }
        for _ in attempts.iter().flatten() {
            outcome.fail("an answer did not come in time");
        }
        Ok(outcome)
    }

    /// Begins to connect, and sends the request: over loopback, the one is done before the other.
    fn begin(&self, index: usize) -> Result<Attempt, Problem> {
        let began = Instant::now();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&socket, &self.address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(format!("failed to connect: {error}").into()),
        }
        send(&socket, REQUEST, SendFlags::NOSIGNAL).map_err(|error| format!("send: {error}"))?;
        self.selector.add(&socket, index)?;
        Ok(Attempt {
            stream: TcpStream::from(socket),
            received: 0,
            began,
        })
    }
}

/// Receives once, and returns whether the attempt is over.
fn receive(attempt: &mut Attempt, answer_bytes: usize, outcome: &mut Outcome) -> bool {
    let mut buffer = [0; 4096];
    match recv(&attempt.stream, &mut buffer[..], RecvFlags::empty()) {
        Err(Errno::AGAIN | Errno::INTR) => return false,
        Err(error) => outcome.fail(format!("receive: {error}")),
        Ok((_, 0)) if attempt.received == answer_bytes => {
            outcome.requests += 1;
            outcome.latency.record(attempt.began.elapsed());
        }
        Ok((_, 0)) => {
            let count = attempt.received;
            outcome.fail(format!("an answer has {count} bytes, not {answer_bytes}"));
        }
        Ok((_, count)) if attempt.received == 0 && !buffer[..count].starts_with(STATUS) => {
            outcome.fail("an answer is not a 200");
        }
        Ok((_, count)) => {
            attempt.received += count;
            outcome.bytes += count as u64;
            return false;
        }
    }
    true
}
