//! The limit: one thread that makes the system calls of a server and does next to nothing else.
//!
//! An answered request is a `recv`, a `send` and its share of an `epoll_wait`. Nothing is
//! allocated for it, and requests that arrive together are answered with one `send`.

use std::io;
use std::net::TcpListener;
use std::ops::ControlFlow::{self, Break, Continue};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send};

use super::request::{heads, is_last, name};
use super::site::{Entry, Site};
use super::{HEAD_BYTES_MAX, HELLO_ANSWER, HELLO_LAST, NOT_FOUND};

/// Events that one `epoll_wait` brings.
const EVENTS_MAX: usize = 512;

/// What one `recv` takes.
const BUFFER_BYTES: usize = 64 << 10;

/// Answers that one `send` carries.
const BATCH_MAX: usize = 64;

/// What all connections share.
struct Server {
    epoll: OwnedFd,
    site: Option<Site>,
    /// As many answers as may be due at once.
    batch: Vec<u8>,
}

/// One client.
struct Connection {
    socket: OwnedFd,
    /// What came of a head that is not whole yet, or after the request that is being answered.
    rest: Vec<u8>,
    /// A file that did not go at once.
    download: Option<Box<Download>>,
}

struct Download {
    entry: Arc<Entry>,
    offset: u64,
    last: bool,
}

/// Whether the connection stays open.
type Outcome = ControlFlow<()>;

/// Serves until a signal ends the process.
pub(super) fn run(listener: &TcpListener, site: Option<Site>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let server = Server {
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        site,
        batch: HELLO_ANSWER.repeat(BATCH_MAX),
    };
    let listening = u64::MAX;
    epoll::add(
        &server.epoll,
        listener,
        EventData::new_u64(listening),
        EventFlags::IN,
    )?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut events = Vec::with_capacity(EVENTS_MAX);
    loop {
        match epoll::wait(&server.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let token = event.data.u64();
            if token == listening {
                server.accept(listener, &mut connections)?;
                continue;
            }
            let slot = &mut connections[token as usize];
            if let Some(connection) = slot
                && connection.proceed(&server, &mut buffer).is_break()
            {
                *slot = None;
            }
        }
    }
}

impl Server {
    /// Takes everybody who has connected; a descriptor is the index of its connection.
    fn accept(
        &self,
        listener: &TcpListener,
        connections: &mut Vec<Option<Connection>>,
    ) -> io::Result<()> {
        while let Ok(socket) = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            let index = socket.as_raw_fd() as usize;
            epoll::add(
                &self.epoll,
                &socket,
                EventData::new_u64(index as u64),
                EventFlags::IN,
            )?;
            if connections.len() <= index {
                connections.resize_with(index + 1, || None);
            }
            connections[index] = Some(Connection {
                socket,
                rest: Vec::new(),
                download: None,
            });
        }
        Ok(())
    }

    fn wait_for(&self, connection: &Connection, flags: EventFlags) -> Outcome {
        let token = EventData::new_u64(connection.socket.as_raw_fd() as u64);
        match epoll::modify(&self.epoll, &connection.socket, token, flags) {
            Ok(()) => Continue(()),
            Err(_) => Break(()),
        }
    }
}

impl Connection {
    /// Does what the connection is ready for.
    fn proceed(&mut self, server: &Server, buffer: &mut [u8]) -> Outcome {
        if let Some(download) = &mut self.download {
            if !download.send(&self.socket)? {
                return Continue(());
            }
            self.download = None;
            server.wait_for(self, EventFlags::IN)?;
            let rest = std::mem::take(&mut self.rest);
            return self.answer(server, &rest);
        }
        let have = self.rest.len();
        if have > HEAD_BYTES_MAX {
            return Break(());
        }
        buffer[..have].copy_from_slice(&self.rest);
        self.rest.clear();
        match recv(&self.socket, &mut buffer[have..], RecvFlags::empty()) {
            Ok((0, _)) => Break(()),
            Ok((count, _)) => self.answer(server, &buffer[..have + count]),
            Err(Errno::AGAIN | Errno::INTR) => Continue(()),
            Err(_) => Break(()),
        }
    }

    /// Answers what `bytes` ask for, and keeps what comes after that.
    fn answer(&mut self, server: &Server, bytes: &[u8]) -> Outcome {
        let answered = match &server.site {
            None => self.answer_hello(server, bytes)?,
            Some(site) => self.answer_files(server, site, bytes)?,
        };
        self.rest.extend_from_slice(&bytes[answered..]);
        Continue(())
    }

    fn answer_hello(&self, server: &Server, bytes: &[u8]) -> ControlFlow<(), usize> {
        let (mut count, mut answered) = (0, 0);
        for (_, end) in heads(bytes) {
            count += 1;
            answered = end;
        }
        // The head that says so is the last, or the client would not send more.
        let last = is_last(&bytes[..answered]);
        let mut plain = count - usize::from(last);
        while plain > 0 {
            let now = plain.min(BATCH_MAX);
            self.send(
                &server.batch[..now * HELLO_ANSWER.len()],
                SendFlags::empty(),
            )?;
            plain -= now;
        }
        if last {
            self.send(HELLO_LAST, SendFlags::empty())?;
            return Break(());
        }
        Continue(answered)
    }

    fn answer_files(
        &mut self,
        server: &Server,
        site: &Site,
        bytes: &[u8],
    ) -> ControlFlow<(), usize> {
        let mut answered = 0;
        for (head, end) in heads(bytes) {
            answered = end;
            let Some(entry) = site.get(name(head)) else {
                self.send(NOT_FOUND, SendFlags::empty())?;
                continue;
            };
            let last = is_last(head);
            self.send(entry.head(last), SendFlags::MORE)?;
            let mut download = Download {
                entry: Arc::clone(entry),
                offset: 0,
                last,
            };
            if !download.send(&self.socket)? {
                self.download = Some(Box::new(download));
                // Not for more requests: they would be reported again and again.
                server.wait_for(self, EventFlags::OUT)?;
                break;
            }
        }
        Continue(answered)
    }

    /// Sends all of `bytes`. A client that leaves so many answers unread that they do not fit is
    /// not worth a queue, and is closed.
    fn send(&self, bytes: &[u8], flags: SendFlags) -> Outcome {
        match send(&self.socket, bytes, flags | SendFlags::NOSIGNAL) {
            Ok(sent) if sent == bytes.len() => Continue(()),
            _ => Break(()),
        }
    }
}

impl Download {
    /// Sends what goes at once, and returns whether that is all.
    fn send(&mut self, socket: &OwnedFd) -> ControlFlow<(), bool> {
        let Entry { file, len, .. } = &*self.entry;
        while self.offset < *len {
            let left = (len - self.offset) as usize;
            match sendfile(socket, file, Some(&mut self.offset), left) {
                // The file has become shorter.
                Ok(0) => return Break(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Continue(false),
                Err(_) => return Break(()),
            }
        }
        if self.last { Break(()) } else { Continue(true) }
    }
}
