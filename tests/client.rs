//! A client with its bytes in the open: what it sends, when, and in which pieces, is the test's.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::wait::{self, PATIENCE};

/// How much one read takes from the kernel.
const READ_BYTES: usize = 64 * 1024;

/// One connection to a server.
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes that were received and not yet looked at.
    received: Vec<u8>,
}

/// An answer to an HTTP request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Connects to `addr`; every read waits at most `PATIENCE`.
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::connect_as(addr, |_| {})
    }

    /// Connects from an address of this machine.
    #[track_caller]
    pub(crate) fn connect_from(ip: IpAddr, addr: SocketAddr) -> Self {
        let from = SocketAddr::new(ip, 0).into();
        Self::connect_as(addr, |socket| socket.bind(&from).unwrap())
    }

    /// Connects with room for no more than about `bytes` that the test has not received yet.
    #[track_caller]
    pub(crate) fn connect_narrow(addr: SocketAddr, bytes: usize) -> Self {
        // Before connecting, so that the window never opens further.
        Self::connect_as(addr, |socket| socket.set_recv_buffer_size(bytes).unwrap())
    }

    #[track_caller]
    fn connect_as(addr: SocketAddr, prepare: impl Fn(&Socket)) -> Self {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).unwrap();
        prepare(&socket);
        socket.connect_timeout(&addr.into(), PATIENCE).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Leaves room for no more than about `bytes` from now on.
    pub(crate) fn narrow(&self, bytes: usize) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_recv_buffer_size(bytes).unwrap();
    }

    /// Returns the address at this end.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends all of `bytes`.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends `bytes` as far as the other end still takes them.
    pub(crate) fn send_in_vain(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that refuses may have closed already.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Sends `bytes` at most `times` times, until the other end does not take them any more.
    ///
    /// # Panics
    /// Where it takes them all.
    #[track_caller]
    pub(crate) fn send_until_refused(&mut self, bytes: &[u8], times: usize) {
        let refused = (0..times).any(|_| self.stream.write_all(bytes).is_err());
        assert!(refused, "everything was taken");
    }

    /// Sends a GET request for `path` and returns the answer.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(get(path));
        self.response()
    }

    /// Sends a request without a body, with header lines, and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[&str]) -> Response {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n"
        ));
        if method == "HEAD" {
            self.response_head()
        } else {
            self.response()
        }
    }

    /// Says that nothing more is sent.
    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Says that nothing more is sent, to a server that may have closed already.
    pub(crate) fn half_close_in_vain(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes the connection in a way that sends RST instead of FIN.
    pub(crate) fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// Waits until the server has taken everything sent so far from its socket.
    ///
    /// The kernel's table of sockets knows, so no byte has to come back for this.
    #[track_caller]
    pub(crate) fn wait_until_taken(&self) {
        wait::until("the server reads what was sent", || {
            self.untaken() == Some(0)
        });
    }

    /// Waits until `count` bytes are there for the server, which does not take them.
    #[track_caller]
    pub(crate) fn wait_until_there(&self, count: u64) {
        let are_there = || self.untaken().is_some_and(|untaken| untaken >= count);
        wait::until("the server has what was sent", are_there);
    }

    /// Returns how many bytes the server could take from its socket.
    fn untaken(&self) -> Option<u64> {
        let peer = self.stream.peer_addr().unwrap();
        let server_side = format!("{} {}", kernel_notation(peer), kernel_notation(self.addr()));
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        // `local remote state transmit:receive ...`, the queues as eight hex digits each.
        let line = table[table.find(&server_side)?..].lines().next().unwrap();
        let queues = line.split_ascii_whitespace().nth(3).unwrap();
        let (_, receive) = queues.split_once(':').unwrap();
        Some(u64::from_str_radix(receive, 16).unwrap())
    }

    /// Receives once, waiting at most `limit`, and returns how many bytes came; 0 at the end.
    pub(crate) fn receive_within(&mut self, limit: Duration) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let count = self.receive();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        count
    }

    /// Receives one line, without its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut searched = 0;
        let length = loop {
            let unsearched = &self.received[searched..];
            if let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') {
                break searched + end + 1;
            }
            searched = self.received.len();
            self.receive_some();
        };
        let mut line = self.take(length);
        line.pop();
        String::from_utf8(line).unwrap()
    }

    /// Receives bytes as long as they are zero, and returns how many those were.
    #[track_caller]
    pub(crate) fn zeros(&mut self) -> u64 {
        let mut count = 0;
        loop {
            let zeros = self.received.iter().take_while(|byte| **byte == 0).count();
            count += zeros as u64;
            self.take(zeros);
            if !self.received.is_empty() {
                return count;
            }
            self.receive_some();
        }
    }

    /// Receives exactly `count` bytes.
    #[track_caller]
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            self.receive_some();
        }
        self.take(count)
    }

    /// Receives an answer to any request but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        let mut response = self.response_head();
        response.body = if response.header("transfer-encoding") == Some("chunked") {
            self.chunked_body()
        } else if let Some(length) = response.header("content-length") {
            self.exactly(length.parse().unwrap())
        } else if matches!(response.status, 100..200 | 204 | 304) {
            Vec::new()
        } else {
            self.rest()
        };
        response
    }

    /// Receives the head of an answer, which is all of it where the request was HEAD.
    #[track_caller]
    pub(crate) fn response_head(&mut self) -> Response {
        let status_line = self.line();
        let mut words = status_line.splitn(3, ' ');
        let status = words.nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: `{status_line}`"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some(line) = line.strip_suffix('\r') else {
                panic!("bare LF after `{line}`")
            };
            if line.is_empty() {
                return Response {
                    status,
                    headers,
                    body: Vec::new(),
                };
            }
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Receives at most `count` bytes and shows them as they come, without keeping them.
    ///
    /// Returns how many came before the server ended its side.
    #[track_caller]
    pub(crate) fn pass(&mut self, count: u64, mut show: impl FnMut(u64, &[u8])) -> u64 {
        let mut passed = 0;
        while passed < count {
            if self.received.is_empty() && self.receive().unwrap() == 0 {
                break;
            }
            let length = usize::try_from(count - passed).unwrap_or(usize::MAX);
            let bytes = self.take(length.min(self.received.len()));
            show(passed, &bytes);
            passed += bytes.len() as u64;
        }
        passed
    }

    /// Receives everything until the server ends its side.
    ///
    /// # Panics
    /// Where the connection is reset instead.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive().unwrap() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Receives everything until the server ends its side, in whatever way.
    ///
    /// # Errors
    /// It does not end it.
    pub(crate) fn rest_in_vain(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.receive() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => return Err(error),
            }
        }
        Ok(std::mem::take(&mut self.received))
    }

    /// Waits until the server has ended its side in whatever way; bytes before that are dropped.
    #[track_caller]
    pub(crate) fn wait_until_closed(&mut self) {
        loop {
            self.received.clear();
            match self.receive() {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("still open: {error}"),
            }
        }
    }

    #[track_caller]
    fn chunked_body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line().trim_end(), 16).unwrap();
            let chunk = self.exactly(size);
            assert_eq!(self.line(), "\r", "a chunk ends with CRLF");
            if size == 0 {
                return body;
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Receives at least one byte.
    #[track_caller]
    fn receive_some(&mut self) {
        let problem = match self.receive() {
            Ok(0) => "the connection ended".to_owned(),
            Ok(_) => return,
            Err(error) => format!("receive failed: {error}"),
        };
        let start = self.received.get(..200).unwrap_or(&self.received);
        panic!(
            "{problem}; received and not used before that: `{}`",
            start.escape_ascii()
        );
    }

    fn receive(&mut self) -> io::Result<usize> {
        // On the stack, so that thousands of clients keep no buffer of this size.
        let mut buf = [0; READ_BYTES];
        let count = self.stream.read(&mut buf)?;
        self.received.extend_from_slice(&buf[..count]);
        Ok(count)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }
}

impl Response {
    /// Returns the value of the first header called `name`, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other == name)?;
        Some(value)
    }

    /// Returns the body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Returns a GET request for `path`.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// Returns a POST request with a body.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Returns `addr` as `/proc/net/tcp` writes it: the address in the machine's byte order, in hex.
fn kernel_notation(addr: SocketAddr) -> String {
    let SocketAddr::V4(addr) = addr else {
        panic!("not an IPv4 address: {addr}")
    };
    let octets = u32::from_ne_bytes(addr.ip().octets());
    format!("{octets:08X}:{:04X}", addr.port())
}
