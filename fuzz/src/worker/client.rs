//! Clients over real sockets, driven step by step on one thread, none of which ever waits for one
//! other than all of them together: a guest in line must not wait for a client that is not read.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;

use super::PATIENCE;

/// How much of what went over a connection is shown where something is wrong with it.
const SHOWN_BYTES_MAX: usize = 1000;

/// How the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, after everything.
    Finished,
    /// By a reset.
    Reset,
    /// The client reset it before.
    OwnReset,
}

/// One client with what it has to send and what it has received.
pub(crate) struct Client {
    stream: Option<TcpStream>,
    pub(crate) input: Vec<u8>,
    /// How much of the input was sent.
    pub(crate) sent: usize,
    pub(crate) received: Vec<u8>,
    /// How the connection ended, once it has.
    pub(crate) end: Option<End>,
    half_closed: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, received) = (&self.input[..self.sent], &self.received);
        writeln!(
            f,
            "a client, {:?}; of {} bytes it sent",
            self.end,
            self.input.len()
        )?;
        writeln!(
            f,
            "  `{}`",
            sent[..sent.len().min(SHOWN_BYTES_MAX)].escape_ascii()
        )?;
        let shown = received.len().saturating_sub(SHOWN_BYTES_MAX);
        writeln!(
            f,
            "and the last of {} bytes that it received are",
            received.len()
        )?;
        writeln!(f, "  `{}`", received[shown..].escape_ascii())
    }
}

impl Client {
    /// Connects.
    pub(crate) fn new(address: SocketAddr, input: Vec<u8>) -> Client {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("it is a TCP socket");
        stream.set_nonblocking(true).expect("it is a socket");
        Client {
            stream: Some(stream),
            input,
            sent: 0,
            received: Vec::new(),
            end: None,
            half_closed: false,
        }
    }

    /// Sends up to `count` bytes more, as far as the server takes them.
    pub(crate) fn send(&mut self, count: usize) {
        let end = self.input.len().min(self.sent + count);
        while self.sent < end && !self.half_closed {
            let Some(stream) = &mut self.stream else {
                return;
            };
            match stream.write(&self.input[self.sent..end]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The server has ended it; reading tells how.
                Err(_) => self.half_closed = true,
            }
        }
    }

    /// Receives what is here; says whether that was anything.
    pub(crate) fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let Some(stream) = &mut self.stream else {
            return false;
        };
        match stream.read(&mut buffer) {
            Ok(0) => self.ended(End::Finished),
            Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => self.ended(End::Reset),
        }
        true
    }

    /// Says that nothing more comes.
    pub(crate) fn half_close(&mut self) {
        if let Some(stream) = &self.stream {
            // It fails where the server has reset the connection.
            let _ = stream.shutdown(Shutdown::Write);
        }
        self.half_closed = true;
    }

    /// Closes the connection by a reset.
    pub(crate) fn reset(&mut self) {
        while self.receive() {}
        if let Some(stream) = &self.stream {
            set_socket_linger(stream, Some(Duration::ZERO)).expect("it is a socket");
            self.ended(End::OwnReset);
        }
    }

    fn ended(&mut self, end: End) {
        self.stream = None;
        self.end = Some(end);
    }
}

/// Sends all that is left and receives until the server has ended every connection.
pub(crate) fn finish(clients: &mut [Client]) {
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let mut moved = false;
        for client in clients.iter_mut() {
            let before = client.sent;
            client.send(usize::MAX - client.sent);
            if client.sent == client.input.len() && !client.half_closed {
                client.half_close();
            }
            moved |= client.receive() || client.sent > before;
        }
        if clients.iter().all(|client| client.end.is_some()) {
            return;
        }
        if moved {
            deadline = Instant::now() + PATIENCE;
        } else {
            wait(clients);
        }
        assert!(
            Instant::now() < deadline,
            "nothing comes any more: {clients:?}"
        );
    }
}

/// Waits until one of the connections can go on, or for a moment.
fn wait(clients: &[Client]) {
    let flags = |client: &Client| match client.sent < client.input.len() && !client.half_closed {
        true => PollFlags::IN | PollFlags::OUT,
        false => PollFlags::IN,
    };
    let open = clients.iter();
    let open = open.filter_map(|client| Some((client.stream.as_ref()?, flags(client))));
    let mut fds: Vec<PollFd<'_>> = open
        .map(|(stream, flags)| PollFd::new(stream, flags))
        .collect();
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    // A signal is as good a reason to look.
    let _ = poll(&mut fds, Some(&moment));
}
