//! Connections that do nothing any more, by the thousand.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Problem;
use crate::load::socket::connect_from;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are opened at once.
const BATCH: usize = 16;

/// What a connection does before it is idle.
#[derive(Clone, Debug)]
pub enum First {
    /// Sends these bytes, and waits until something comes that ends as given.
    Answered(Vec<u8>, &'static [u8]),
    /// Sends these bytes, and reads nothing.
    Unread(Vec<u8>),
}

/// Open connections, closed when dropped.
#[derive(Debug)]
pub struct Idle {
    address: SocketAddr,
    first: First,
    streams: Vec<TcpStream>,
}

impl Idle {
    /// Prepares connections to `address` which begin with `first`.
    pub fn new(address: SocketAddr, first: First) -> Self {
        Self {
            address,
            first,
            streams: Vec::new(),
        }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// Opens connections until there are `count`.
    ///
    /// # Errors
    /// Where one cannot be opened or is not answered; those before it stay open.
    pub fn grow_to(&mut self, count: usize) -> Result<(), Problem> {
        while self.streams.len() < count {
            let first = self.streams.len();
            let about =
                |number: usize| move |problem: Problem| format!("connection {number}: {problem}");
            // The server is kept busy, and never has to do with more than these at once.
            let mut asked = Vec::new();
            for number in first..count.min(first + BATCH) {
                asked.push(self.ask(number).map_err(about(number))?);
            }
            for (at, mut stream) in asked.into_iter().enumerate() {
                if let First::Answered(_, end) = &self.first {
                    receive_until(&mut stream, end).map_err(about(first + at))?;
                }
                self.streams.push(stream);
            }
        }
        Ok(())
    }

    /// Connects and sends what comes first.
    fn ask(&self, number: usize) -> Result<TcpStream, Problem> {
        let mut stream = connect_from(number, self.address)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        let (First::Answered(request, _) | First::Unread(request)) = &self.first;
        stream.write_all(request)?;
        Ok(stream)
    }
}

/// Receives until what came ends as `end` does.
fn receive_until(stream: &mut TcpStream, end: &[u8]) -> Result<(), Problem> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !received.ends_with(end) {
        let count = match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err("it was not answered".into());
            }
            other => other?,
        };
        if count == 0 {
            return Err("the server closed it".into());
        }
        received.extend_from_slice(&buffer[..count]);
        if !received.starts_with(&b"HTTP/1.1 200"[..received.len().min(12)]) {
            let line = received.split(|byte| *byte == b'\r').next();
            let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
            return Err(format!("the answer is `{line}`").into());
        }
    }
    Ok(())
}
