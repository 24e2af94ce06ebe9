//! Connections that are kept alive: each asks, receives the whole answer, and asks again.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::Problem;
use crate::load::probe::{answer_bytes, request};
use crate::load::selector::Selector;
use crate::load::socket::connect_from;
use crate::load::{Ask, Outcome};

/// What is received at once where the bytes are looked at, and where they are only counted.
const LOOK_BYTES: usize = 16 << 10;
const DISCARD_BYTES: usize = 1 << 20;

/// The beginning of every good answer.
const STATUS: &[u8] = b"HTTP/1.1 200";

/// How long the answers may take that are still due when the time is over.
const REST_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that are open, with no request under way unless it is running.
pub struct ClosedLoop {
    selector: Selector,
    plans: Vec<Plan>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

/// What one ask comes to in bytes.
#[derive(Debug)]
struct Plan {
    address: SocketAddr,
    requests: Vec<u8>,
    depth: u64,
    /// Length of all answers to `requests`.
    answers_bytes: u64,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    plan: usize,
    /// Bytes that are still to come; none where no request is under way.
    missing: u64,
    asked: Instant,
}

impl ClosedLoop {
    /// Learns from one answer per ask how long all of them are, and opens the connections.
    ///
    /// # Errors
    /// Where a connection cannot be opened, or a first answer is wrong.
    pub fn open(asks: &[Ask]) -> Result<Self, Problem> {
        let mut new = Self {
            selector: Selector::new()?,
            plans: Vec::new(),
            connections: Vec::new(),
            buffer: vec![0; DISCARD_BYTES],
        };
        for (plan, ask) in asks.iter().enumerate() {
            let request = request(&ask.path);
            let answer_bytes = answer_bytes(ask.address, &request, ask.body_bytes)?;
            new.plans.push(Plan {
                address: ask.address,
                requests: request.repeat(ask.depth),
                depth: ask.depth as u64,
                answers_bytes: answer_bytes * ask.depth as u64,
            });
            for _ in 0..ask.connections {
                let index = new.connections.len();
                let stream = new.connect(plan, index)?;
                new.connections.push(Connection {
                    stream,
                    plan,
                    missing: 0,
                    asked: Instant::now(),
                });
            }
        }
        Ok(new)
    }

    fn connect(&self, plan: usize, index: usize) -> io::Result<TcpStream> {
        let stream = connect_from(0, self.plans[plan].address)?;
        stream.set_nonblocking(true)?;
        self.selector.add(&stream, index)?;
        Ok(stream)
    }

    /// Asks on all connections for `duration`, then waits for the answers that are due.
    ///
    /// Returns one outcome per ask. What was due and did not come counts as an error, so that no
    /// request of one run costs the server anything in the next.
    ///
    /// # Errors
    /// What the kernel says where it cannot wait.
    pub fn run(&mut self, duration: Duration) -> Result<Vec<Outcome>, Problem> {
        let mut outcomes = vec![Outcome::default(); self.plans.len()];
        let start = Instant::now();
        let end = start + duration;
        for index in 0..self.connections.len() {
            self.ask(index, &mut outcomes);
        }
        let mut due = self.connections.len();
        let mut now = start;
        while due > 0 && now < end + REST_TIMEOUT {
            let ready = self.selector.wait()?;
            now = Instant::now();
            for at in 0..ready {
                let index = self.selector.ready(at);
                if !self.receive(index, &mut outcomes) {
                    continue;
                }
                let connection = &self.connections[index];
                now = Instant::now();
                let outcome = &mut outcomes[connection.plan];
                outcome.seconds = now.duration_since(start).as_secs_f64();
                if now < end {
                    self.ask(index, &mut outcomes);
                } else {
                    due -= 1;
                }
            }
        }
        for index in 0..self.connections.len() {
            if self.connections[index].missing > 0 {
                self.replace(index, "an answer did not come in time", &mut outcomes);
            }
        }
        Ok(outcomes)
    }

    /// Sends the requests of one connection.
    fn ask(&mut self, index: usize, outcomes: &mut [Outcome]) {
        let connection = &mut self.connections[index];
        let plan = &self.plans[connection.plan];
        connection.missing = plan.answers_bytes;
        connection.asked = Instant::now();
        // They are short: a socket with nothing on its way takes them whole.
        match send(&connection.stream, &plan.requests, SendFlags::NOSIGNAL) {
            Ok(count) if count == plan.requests.len() => {}
            Ok(_) => self.replace(index, "a request was not sent whole", outcomes),
            Err(error) => self.replace(index, &format!("send: {error}"), outcomes),
        }
    }

    /// Receives once, and returns whether the connection is to ask again.
    fn receive(&mut self, index: usize, outcomes: &mut [Outcome]) -> bool {
        let connection = &mut self.connections[index];
        let plan = &self.plans[connection.plan];
        let outcome = &mut outcomes[connection.plan];
        let begins = connection.missing == plan.answers_bytes;
        // The rest of a large body is thrown away by the kernel, without being copied.
        let (most, flags) = match begins || connection.missing <= LOOK_BYTES as u64 {
            true => (LOOK_BYTES, RecvFlags::empty()),
            false => (DISCARD_BYTES, RecvFlags::TRUNC),
        };
        // One byte more than is due, because it must not come.
        let most = most.min(usize::try_from(connection.missing + 1).unwrap_or(usize::MAX));
        let problem = match recv(&connection.stream, &mut self.buffer[..most], flags) {
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(error) => format!("receive: {error}"),
            Ok((_, 0)) => "the server closed a connection".to_owned(),
            Ok((_, count)) if count as u64 > connection.missing => "an answer is longer".to_owned(),
            Ok((_, count)) if begins && !self.buffer[..count].starts_with(STATUS) => {
                let line = self.buffer[..count].split(|byte| *byte == b'\r').next();
                let line = String::from_utf8_lossy(line.unwrap_or_default());
                format!("an answer is `{line}`")
            }
            Ok((_, count)) => {
                connection.missing -= count as u64;
                outcome.bytes += count as u64;
                if connection.missing > 0 {
                    return false;
                }
                outcome.requests += plan.depth;
                outcome.latency.record(connection.asked.elapsed());
                return true;
            }
        };
        self.replace(index, &problem, outcomes);
        true
    }

    /// Counts an error, and puts a new connection in the place of one that is of no use any more.
    fn replace(&mut self, index: usize, problem: &str, outcomes: &mut [Outcome]) {
        let plan = self.connections[index].plan;
        outcomes[plan].fail(problem);
        self.connections[index].missing = 0;
        // Closing the old socket takes it off the selector. Where no new one is to be had, the old
        // one stays, and every attempt to use it is an error, too.
        if let Ok(stream) = self.connect(plan, index) {
            self.connections[index].stream = stream;
        }
    }
}
