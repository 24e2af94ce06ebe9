//! One accepted socket: the system calls on it, each tried once and never waiting.
//!
//! Every call keeps the readiness flags true and says `WouldBlock` instead of waiting. The calls
//! that wait stand in `stream_calls.rs`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::{Interest, Kept, OpenFile, Readiness, Wait};

/// The size of a worker's receive buffer, unless one call is allowed more.
const SCRATCH_BYTES: usize = 64 * 1024;

/// What one `recv` found.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// This many bytes, at least one.
    Bytes(usize),
    /// The peer closed its side and everything was received.
    End,
    /// Nothing now.
    WouldBlock,
}

/// Which directions to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// No more is received.
    Receive,
    /// No more is sent.
    Send,
    /// Both.
    Both,
}

/// An accepted socket with what is known of it.
///
/// It belongs to one worker thread. The worker and the guest's calls share it; every field is a
/// cell that is borrowed for one statement and never across a wait.
pub struct Stream {
    fd: OwnedFd,
    readiness: Cell<Readiness>,
    wait: Cell<Wait>,
    /// Elsewhere, because hardly any parked connection has some.
    kept: Cell<Option<Box<Kept>>>,
    /// Whether the kernel may hold a short segment back because of MSG_MORE.
    held: Cell<bool>,
    receive_shut: Cell<bool>,
    send_shut: Cell<bool>,
    /// What broke the connection. The kernel tells it once; without this the next `recv` would
    /// find an orderly end.
    broken: Cell<Option<Errno>>,
    /// Whether the guest chose few packets, so that a push must not leave TCP_NODELAY set.
    delay: Cell<bool>,
    /// What the log has said of this connection: a bit for each bound.
    told: Cell<u32>,
    /// Whether the peer was too slow to take what was sent, so that closing drops that.
    abandoned: Cell<bool>,
    /// Bytes moved since the worker last resumed the task.
    turn_bytes: Cell<u32>,
    bytes_received: Cell<u64>,
    bytes_sent: Cell<u64>,
    /// How many of those the worker has not counted, which it does every turn.
    uncounted_received: Cell<u32>,
    uncounted_sent: Cell<u32>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("fd", &self.fd)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Takes over an accepted, non-blocking socket.
    pub fn new(fd: OwnedFd) -> Stream {
        Stream {
            fd,
            readiness: Cell::new(Readiness::accepted()),
            wait: Cell::new(Wait::NONE),
            kept: Cell::default(),
            held: Cell::new(false),
            receive_shut: Cell::new(false),
            send_shut: Cell::new(false),
            broken: Cell::new(None),
            delay: Cell::new(false),
            told: Cell::new(0),
            abandoned: Cell::new(false),
            turn_bytes: Cell::new(0),
            bytes_received: Cell::new(0),
            bytes_sent: Cell::new(0),
            uncounted_received: Cell::default(),
            uncounted_sent: Cell::default(),
        }
    }

    /// The descriptor, for registering it with the selector.
    pub fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The readiness flags as they are.
    pub fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    /// Has the first `recv` ask the kernel, before the selector has reported anything.
    pub fn assume_readable(&self) {
        self.update(|readiness| readiness.set(true, false, false));
    }

    /// Takes in an event, and says whether a suspended call can go on.
    pub fn observe(&self, event: &mio::event::Event) -> bool {
        self.update(|readiness| readiness.observe(event));
        self.satisfies(self.wait.get().interest)
    }

    /// Whether `interest` is met by the flags as they are.
    pub fn satisfies(&self, interest: Interest) -> bool {
        match interest {
            Interest::Nothing => false,
            Interest::Turn => true,
            Interest::Readable => self.readiness().readable(),
            Interest::Writable => self.readiness().writable(),
        }
    }

    /// What a suspended call waits for.
    pub fn wait(&self) -> Wait {
        self.wait.get()
    }

    /// Replaces the note of what a suspended call waits for.
    pub fn set_wait(&self, wait: Wait) {
        self.wait.set(wait);
    }

    /// Lets a suspended call find that its deadline has passed.
    pub fn expire_wait(&self) {
        self.wait.set(Wait {
            expired: true,
            ..self.wait.get()
        });
    }

    /// Runs `read` on the bytes that were received and not taken.
    pub fn with_kept<R>(&self, read: impl FnOnce(&mut Kept) -> R) -> R {
        // Not a RefCell, whose flag every parked connection would have.
        let mut kept = self.kept.take();
        let mut new = Kept::default();
        let result = read(kept.as_deref_mut().unwrap_or(&mut new));
        if !new.is_empty() {
            kept = Some(Box::new(new));
        }
        self.kept.set(kept);
        result
    }

    /// Fits what is kept to its size, before the connection waits for long, and returns whether
    /// there is anything.
    pub fn shrink_kept(&self) -> bool {
        let mut kept = self.kept.take().filter(|kept| !kept.is_empty());
        if let Some(kept) = &mut kept {
            kept.shrink();
        }
        let any = kept.is_some();
        self.kept.set(kept);
        any
    }

    /// Starts a new slice of the task: it may move bytes again.
    pub fn begin_turn(&self) {
        self.turn_bytes.set(0);
    }

    /// Bytes moved in this slice so far.
    pub fn turn_bytes(&self) -> u32 {
        self.turn_bytes.get()
    }

    /// Returns how many bytes were received and sent since the last call.
    pub fn take_byte_counts(&self) -> (u64, u64) {
        let received = self.uncounted_received.take();
        (received.into(), self.uncounted_sent.take().into())
    }

    /// How many bytes were received since the connection was accepted.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.get()
    }

    /// How many bytes were sent since the connection was accepted.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.get()
    }

    /// How many of the bytes sent the peer's kernel has acknowledged.
    pub fn bytes_taken(&self) -> u64 {
        self.bytes_sent().saturating_sub(self.bytes_queued())
    }

    /// How many of the bytes sent the peer's kernel has not acknowledged; zero where this cannot be
    /// told.
    fn bytes_queued(&self) -> u64 {
        #[cfg(target_os = "linux")]
        {
            use rustix::ioctl::{Getter, Opcode, ioctl};
            // tcp(7) calls it SIOCOUTQ, which is the same number.
            const QUEUED: Opcode = libc::TIOCOUTQ as Opcode;
            // SAFETY: the operation writes one int, as this getter says, and the descriptor is
            // borrowed for the whole call.
            #[allow(unsafe_code)]
            let queued = unsafe { ioctl(&self.fd, Getter::<QUEUED, std::ffi::c_int>::new()) };
            queued.map_or(0, |queued| u64::try_from(queued).unwrap_or(0))
        }
        #[cfg(not(target_os = "linux"))]
        0
    }

    /// Gives the peer up: closing resets the connection, and the kernel keeps nothing for a peer
    /// that does not take it.
    pub fn abandon(&self) {
        self.abandoned.set(true);
        // A socket without the option is closed in the usual way.
        let _ = rustix::net::sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }

    /// Whether the peer was given up.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.get()
    }

    /// Notes that the log says something of the connection; returns whether it had not before.
    pub fn tell(&self, subject: u32) -> bool {
        let news = !self.was_told(subject);
        self.told.set(self.told.get() | 1 << subject);
        news
    }

    /// Whether the log said something of the connection before.
    pub fn was_told(&self, subject: u32) -> bool {
        self.told.get() & 1 << subject != 0
    }

    /// Whether the sending side was shut down: such a connection is never parked.
    pub fn is_send_shut(&self) -> bool {
        self.send_shut.get()
    }

    fn update(&self, change: impl FnOnce(&mut Readiness)) {
        let mut readiness = self.readiness.get();
        change(&mut readiness);
        self.readiness.set(readiness);
    }

    /// Counts bytes that moved in one direction.
    fn moved(&self, all: &Cell<u64>, uncounted: &Cell<u32>, count: usize) {
        let moved = u32::try_from(count).unwrap_or(u32::MAX);
        for counter in [&self.turn_bytes, uncounted] {
            counter.set(counter.get().saturating_add(moved));
        }
        all.set(all.get() + count as u64);
    }

    /// Receives into `buffer`, once.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        if let Some(error) = self.broken.get() {
            return Err(error.into());
        }
        if !self.readiness().readable() {
            return Ok(Received::WouldBlock);
        }
        let room = buffer.len();
        loop {
            return match rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::empty()) {
                Ok((_, 0)) => Ok(Received::End),
                Ok((_, count)) => {
                    if count < room {
                        self.update(Readiness::received_short);
                    }
                    self.moved(&self.bytes_received, &self.uncounted_received, count);
                    Ok(Received::Bytes(count))
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.update(Readiness::recv_would_block);
                    Ok(Received::WouldBlock)
                }
                Err(error) => Err(self.failed(error)),
            };
        }
    }

    /// Receives up to `max` bytes into what is kept, once.
    pub fn try_recv_kept(&self, max: usize) -> io::Result<Received> {
        with_scratch(|scratch| {
            let room = max.clamp(1, SCRATCH_BYTES);
            let received = self.try_recv(&mut scratch[..room])?;
            if let Received::Bytes(count) = received {
                self.with_kept(|kept| kept.extend(&scratch[..count]));
            }
            Ok(received)
        })
    }

    /// Receives up to `max` bytes into a new buffer, once.
    pub fn try_recv_new(&self, max: usize) -> io::Result<(Received, Vec<u8>)> {
        with_scratch(|scratch| {
            let room = max.max(1);
            if scratch.len() < room {
                scratch.resize(room, 0);
            }
            match self.try_recv(&mut scratch[..room])? {
                Received::Bytes(count) => Ok((Received::Bytes(count), scratch[..count].to_vec())),
                other => Ok((other, Vec::new())),
            }
        })
    }

    /// Receives and drops up to `max` bytes, once.
    pub fn try_discard(&self, max: usize) -> io::Result<Received> {
        with_scratch(|scratch| {
            let room = max.clamp(1, SCRATCH_BYTES);
            self.try_recv(&mut scratch[..room])
        })
    }

    /// Sends from the front of `bytes`, once; `None` where it would block.
    pub fn try_send(&self, bytes: &[u8], more: bool) -> io::Result<Option<usize>> {
        let more_flag = if more {
            SendFlags::MORE
        } else {
            SendFlags::empty()
        };
        let flags = SendFlags::NOSIGNAL | more_flag;
        self.sending(more, || rustix::net::send(&self.fd, bytes, flags))
    }

    /// Sends up to `length` bytes of `file` from `offset`, once; `None` where it would block and
    /// zero at the end of the file.
    pub fn try_sendfile(
        &self,
        file: &OpenFile,
        offset: u64,
        length: usize,
    ) -> io::Result<Option<usize>> {
        let mut position = offset;
        self.sending(false, || {
            rustix::fs::sendfile(&self.fd, file.fd(), Some(&mut position), length)
        })
    }

    fn sending(
        &self,
        more: bool,
        mut call: impl FnMut() -> rustix::io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        if let Some(error) = self.broken.get() {
            return Err(error.into());
        }
        if !self.readiness().writable() {
            return Ok(None);
        }
        loop {
            return match call() {
                Ok(count) => {
                    if count > 0 {
                        self.held.set(more);
                    }
                    self.moved(&self.bytes_sent, &self.uncounted_sent, count);
                    Ok(Some(count))
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.update(Readiness::send_would_block);
                    Ok(None)
                }
                Err(error) => Err(self.failed(error)),
            };
        }
    }

    /// Remembers what broke the connection.
    fn failed(&self, error: Errno) -> io::Error {
        if matches!(
            error,
            Errno::CONNRESET | Errno::CONNABORTED | Errno::TIMEDOUT
        ) {
            self.broken.set(Some(error));
        }
        error.into()
    }

    /// Pushes out what the kernel holds back because of MSG_MORE.
    ///
    /// Without it a short segment stays for 200 ms even with TCP_NODELAY (measured 202 ms).
    /// Setting TCP_NODELAY again is what pushes; an empty send does not.
    pub fn push_held(&self) {
        if self.held.replace(false) {
            // A socket that cannot be pushed any more is broken, which the next call reports.
            let _ = rustix::net::sockopt::set_tcp_nodelay(&self.fd, true);
            if self.delay.get() {
                let _ = rustix::net::sockopt::set_tcp_nodelay(&self.fd, false);
            }
        }
    }

    /// Closes one or both directions.
    ///
    /// A peer that was given up is told of no end, which it could take for that of what it was
    /// sent: it is reset when the socket is closed.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let (receive, send, how) = match how {
            Shutdown::Receive => (true, false, rustix::net::Shutdown::Read),
            Shutdown::Send => (false, true, rustix::net::Shutdown::Write),
            Shutdown::Both => (true, true, rustix::net::Shutdown::Both),
        };
        if !send {
            self.push_held();
        }
        if !self.is_abandoned() {
            rustix::net::shutdown(&self.fd, how)?;
        }
        if send {
            // It went out with the end of the stream, in one packet.
            self.held.set(false);
        }
        if receive {
            self.receive_shut.set(true);
            self.kept.take();
        }
        self.send_shut.set(self.send_shut.get() || send);
        Ok(())
    }

    /// Whether the receiving side was shut down: every `recv` then finds the end.
    pub fn is_receive_shut(&self) -> bool {
        self.receive_shut.get()
    }

    /// The peer's address.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        let address = rustix::net::getpeername(&self.fd)?.ok_or(io::ErrorKind::NotConnected)?;
        SocketAddr::try_from(address).map_err(io::Error::from)
    }

    /// The address at which the connection was accepted.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        let address = rustix::net::getsockname(&self.fd)?;
        SocketAddr::try_from(address).map_err(io::Error::from)
    }

    /// Chooses between small delay and few packets.
    pub fn set_no_delay(&self, enabled: bool) -> io::Result<()> {
        rustix::net::sockopt::set_tcp_nodelay(&self.fd, enabled)?;
        self.delay.set(!enabled);
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Lends the thread's receive buffer: bytes are received into one place per worker, and only
/// what must wait is kept in an allocation of its own size.
pub(super) fn with_scratch<R>(use_it: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
    }
    SCRATCH.with(|scratch| use_it(&mut scratch.borrow_mut()))
}
