//! Connections that do nothing any more, by the thousand.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Problem;
use crate::load::socket::connect_from;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

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

    /// Opens connections, one after the other, until there are `count`.
    ///
    /// # Errors
    /// Where one cannot be opened or is not answered; the others stay open.
    pub fn grow_to(&mut self, count: usize) -> Result<(), Problem> {
        while self.streams.len() < count {
            let number = self.streams.len();
            let opened = self.open();
            let opened = opened.map_err(|error| format!("connection {number}: {error}"))?;
            self.streams.push(opened);
        }
        Ok(())
    }

    fn open(&self) -> Result<TcpStream, Problem> {
        let mut stream = connect_from(self.streams.len(), self.address)?;
        match &self.first {
            First::Answered(request, end) => {
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                stream.write_all(request)?;
                receive_until(&mut stream, end)?;
            }
            First::Unread(request) => stream.write_all(request)?,
        }
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
