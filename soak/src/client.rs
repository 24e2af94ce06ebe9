//! A client that behaves: asks, and reads the whole answer.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest head and the largest body that any answer here has.
const HEAD_BYTES_MAX: usize = 16 << 10;
const BODY_BYTES_MAX: usize = 16 << 20;

/// One connection to the server.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes that were received and not yet looked at.
    received: Vec<u8>,
    /// The port at this end, by which the server's log names the connection.
    port: u16,
    since: Instant,
    answers: u64,
}

/// An answer to an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether the server closes the connection behind it.
    pub(crate) closes: bool,
}

impl Client {
    /// Connects to `addr`.
    pub(crate) async fn connect(addr: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(addr).await.map_err(named("connect"))?;
        stream.set_nodelay(true).map_err(named("connect"))?;
        let local = stream.local_addr().map_err(named("connect"))?;
        Ok(Self {
            stream,
            received: Vec::new(),
            port: local.port(),
            since: Instant::now(),
            answers: 0,
        })
    }

    /// Where the connection stands, for whoever looks into a failure.
    pub(crate) fn story(&self) -> String {
        let (port, answers, age) = (self.port, self.answers, self.since.elapsed());
        let received = self.received.len();
        format!("port {port}, {answers} answers in {age:.1?}, {received} bytes of the next")
    }

    /// Sends all of `bytes`.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).await.map_err(named("send"))
    }

    /// Receives one answer to any request but HEAD.
    pub(crate) async fn answer(&mut self) -> Result<Answer, String> {
        let length = self.until(b"\r\n\r\n", HEAD_BYTES_MAX).await?;
        let head: Vec<u8> = self.received.drain(..length).collect();
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let mut length = None;
        let mut closes = false;
        for line in head.lines() {
            match line.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().ok(),
                Some(("connection", value)) => closes = value.trim() == "close",
                _ => {}
            }
        }
        let length: usize = length.ok_or("answer without a length")?;
        if length > BODY_BYTES_MAX {
            return Err("answer too long".to_owned());
        }
        self.answers += 1;
        Ok(Answer {
            status: status.ok_or("no status line")?,
            body: self.exactly(length).await?,
            closes,
        })
    }

    /// Receives one line, with its end.
    pub(crate) async fn line(&mut self) -> Result<Vec<u8>, String> {
        let length = self.until(b"\n", HEAD_BYTES_MAX).await?;
        Ok(self.received.drain(..length).collect())
    }

    /// Receives up to and with `end`, and returns how many bytes that makes.
    async fn until(&mut self, end: &[u8], max: usize) -> Result<usize, String> {
        let mut searched = 0;
        loop {
            let unsearched = &self.received[searched..];
            let found = unsearched.windows(end.len()).position(|bytes| bytes == end);
            if let Some(at) = found {
                return Ok(searched + at + end.len());
            }
            if self.received.len() > max {
                return Err("no end of a head".to_owned());
            }
            searched = self.received.len().saturating_sub(end.len() - 1);
            self.receive().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.received.len() < length {
            self.receive().await?;
        }
        Ok(self.received.drain(..length).collect())
    }

    async fn receive(&mut self) -> Result<(), String> {
        self.received.reserve(16 << 10);
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) if self.received.is_empty() => Err("closed instead of an answer".to_owned()),
            Ok(0) => Err("closed within an answer".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(named("receive")(error)),
        }
    }
}

/// Says what failed, in few different words, so that failures of a kind are counted together.
fn named(what: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {}", error.kind())
}
