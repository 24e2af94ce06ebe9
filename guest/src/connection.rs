//! A connection that the host accepted: calls that block the guest, never the host.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use crate::bindings::service::sockeye::net::connections as wit;
use crate::{ErrorCode, File, SendError};

#[doc(inline)]
pub use wit::{SendFlags, ShutdownHow};

/// One accepted stream connection.
///
/// Every call looks as if it blocked; the host suspends the guest wherever it would wait and runs
/// others meanwhile. The `timeout` of a call bounds the whole call: `None` means the operator's cap
/// for one call (`--call-timeout`), larger values are lowered to it, and `Some(Duration::ZERO)`
/// does what can be done at once and never waits.
///
/// [`Read`] and [`Write`] use the timeouts that [`set_read_timeout`](Self::set_read_timeout) and
/// [`set_write_timeout`](Self::set_write_timeout) chose, as those of `TcpStream` do. A `BufReader`
/// around a connection keeps bytes that the host no longer has: hand no connection back while
/// there are any.
///
/// Dropping a connection closes it in an orderly way, exactly as returning `None` does.
///
/// # Errors
/// Besides those that a call names, each can fail with
/// - `ConnectionReset`: the peer reset the connection;
/// - `ConnectionAborted`: the network gave up;
/// - `InvalidState`: the connection is no longer open.
#[derive(Debug)]
pub struct Connection {
    resource: wit::Connection,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Connection {
    /// Receives at least one byte and at most `max`, or none where the peer has closed its side.
    ///
    /// Returns what is there without waiting for more. The host may return less than `max`, and
    /// has a cap of its own for one call (at least 64 KiB). A timeout loses nothing.
    ///
    /// # Errors
    /// - `Timeout`: no byte arrived in time.
    /// - `InvalidArgument`: `max` is zero.
    pub fn recv(&self, max: u32, timeout: Option<Duration>) -> Result<Vec<u8>, ErrorCode> {
        self.resource.recv(max, timeout.map(nanoseconds))
    }

    /// Receives up to and including the first `delimiter`, at most `max` bytes.
    ///
    /// What follows the delimiter stays with the host for the next call. Where the peer closes its
    /// side first, the result is what came before that, without a delimiter. After `Timeout` and
    /// `TooLarge` the bytes stay with the host, and the next call starts with them.
    ///
    /// # Errors
    /// - `Timeout`: the delimiter did not arrive in time, however many bytes did.
    /// - `TooLarge`: the first `max` bytes do not contain the delimiter.
    /// - `InvalidArgument`: `delimiter` is empty or longer than `max`, or `max` is more than the
    ///   operator allows.
    pub fn recv_until(
        &self,
        delimiter: &[u8],
        max: u32,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, ErrorCode> {
        self.resource
            .recv_until(delimiter, max, timeout.map(nanoseconds))
    }

    /// Sends all of `bytes`, in one call.
    ///
    /// Returns when the network has every byte, which is not when the peer received them.
    ///
    /// # Errors
    /// The error says how many bytes are gone.
    /// - `Timeout`: the peer did not take them in time; the rest can be sent by another call.
    /// - `ConnectionBroken`: the peer closed the connection, or this side was shut down.
    /// - `InsufficientResources`: the kernel is short of memory.
    pub fn send(
        &self,
        bytes: &[u8],
        flags: SendFlags,
        timeout: Option<Duration>,
    ) -> Result<(), SendError> {
        self.resource.send(bytes, flags, timeout.map(nanoseconds))
    }

    /// Sends all of `bytes`, for as long as the peer takes at least one within each `timeout`.
    ///
    /// # Errors
    /// As of [`send`](Self::send); `Timeout`: the peer took nothing for a whole `timeout`.
    pub fn send_all(
        &self,
        mut bytes: &[u8],
        flags: SendFlags,
        timeout: Option<Duration>,
    ) -> Result<(), ErrorCode> {
        loop {
            let Err(error) = self.send(bytes, flags, timeout) else {
                return Ok(());
            };
            let sent = usize::try_from(error.sent)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            if error.code != ErrorCode::Timeout || sent == 0 {
                return Err(error.code);
            }
            bytes = &bytes[sent..];
        }
    }

    /// Sends `length` bytes of `file` that start at `offset`, and returns how many were sent.
    ///
    /// The count is less than `length` only where the file ends first or has changed: its size or
    /// time of modification is no longer what the last [`File::stat`] said, or the open where
    /// there was none. Close the connection then, so that the peer can tell; [`http`](crate::http)
    /// does. The bytes never enter the guest's memory. A `length` of zero pushes out what an
    /// earlier `send` held back.
    ///
    /// A file that is renamed, removed or replaced at its path is sent whole, with the content that
    /// was opened. Of a file that is written to in place, bytes that the kernel has taken and the
    /// peer has not received can still change: replace files by rename.
    ///
    /// # Errors
    /// As of [`send`](Self::send), and
    /// - `Io`: the device under the file failed;
    /// - `InvalidArgument`: `offset` is beyond what the platform can express.
    pub fn sendfile(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        timeout: Option<Duration>,
    ) -> Result<u64, SendError> {
        self.resource
            .sendfile(file.resource(), offset, length, timeout.map(nanoseconds))
    }

    /// Does what [`sendfile`](Self::sendfile) does, for as long as the peer takes at least one
    /// byte within each `timeout`.
    ///
    /// # Errors
    /// As of `sendfile`; `Timeout`: the peer took nothing for a whole `timeout`.
    pub fn sendfile_all(
        &self,
        file: &File,
        offset: u64,
        length: u64,
        timeout: Option<Duration>,
    ) -> Result<u64, ErrorCode> {
        let mut gone = 0;
        loop {
            match self.sendfile(file, offset + gone, length - gone, timeout) {
                Ok(sent) => return Ok(gone + sent),
                Err(error) if error.code != ErrorCode::Timeout || error.sent == 0 => {
                    return Err(error.code);
                }
                Err(error) => gone = (gone + error.sent).min(length),
            }
        }
    }

    /// Sends all of `bytes` and behind them `length` bytes of `file` that start at `offset`, and
    /// returns how many of the file were sent.
    ///
    /// Does what [`send`](Self::send) with `MORE` and then [`sendfile`](Self::sendfile) do, with
    /// one call and one timeout. What `sent` counts in an error begins with `bytes`.
    ///
    /// # Errors
    /// As of `sendfile`.
    pub fn send_with_file(
        &self,
        bytes: &[u8],
        file: &File,
        offset: u64,
        length: u64,
        timeout: Option<Duration>,
    ) -> Result<u64, SendError> {
        let timeout = timeout.map(nanoseconds);
        self.resource
            .send_with_file(bytes, file.resource(), offset, length, timeout)
    }

    /// Does what [`send_with_file`](Self::send_with_file) does, for as long as the peer takes at
    /// least one byte within each `timeout`.
    ///
    /// # Errors
    /// As of `sendfile`; `Timeout`: the peer took nothing for a whole `timeout`.
    pub fn send_with_file_all(
        &self,
        bytes: &[u8],
        file: &File,
        offset: u64,
        length: u64,
        timeout: Option<Duration>,
    ) -> Result<u64, ErrorCode> {
        let error = match self.send_with_file(bytes, file, offset, length, timeout) {
            Ok(sent) => return Ok(sent),
            Err(error) if error.code != ErrorCode::Timeout || error.sent == 0 => {
                return Err(error.code);
            }
            Err(error) => error,
        };
        let ahead = bytes.len() as u64;
        if error.sent < ahead {
            let rest = &bytes[usize::try_from(error.sent).unwrap_or(bytes.len())..];
            self.send_all(rest, SendFlags::MORE, timeout)?;
        }
        let gone = error.sent.saturating_sub(ahead).min(length);
        Ok(gone + self.sendfile_all(file, offset + gone, length - gone, timeout)?)
    }

    /// Says whether to go on with this connection now; where not, return it from the handler.
    ///
    /// True: bytes are here (for an `http-handler` a whole request head), and the next `recv` or
    /// `recv_until` returns them without waiting. False: nothing came within the operator's linger
    /// time, or the host wants the instance, or the peer has closed its side. Nothing is lost by
    /// handing the connection back: bytes activate it again. Pushes out what was held back.
    ///
    /// Ask after something was served, not before: the answer can be no every time (`--reuse
    /// never`), and bytes that are handed back unread activate the connection at once.
    pub fn next(&self) -> bool {
        self.resource.next()
    }

    /// Does what [`next`](Self::next) does and then, where that is true, what
    /// [`recv_until`](Self::recv_until) does, in one call of the host.
    ///
    /// `None`: return the connection from the handler.
    ///
    /// # Errors
    /// As of `recv_until`.
    pub fn next_until(
        &self,
        delimiter: &[u8],
        max: u32,
        timeout: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, ErrorCode> {
        self.resource
            .next_until(delimiter, max, timeout.map(nanoseconds))
    }

    /// Says whether the host will close this connection instead of taking it back.
    ///
    /// A protocol that can announce the end of a connection should do so then, and the handler
    /// should return `None` after that. Never waits.
    pub fn closing(&self) -> bool {
        self.resource.closing()
    }

    /// Closes one or both directions; what was held back is sent first.
    ///
    /// A connection whose sending side was shut down is closed when it is handed back.
    ///
    /// # Errors
    /// - `ConnectionBroken`: the connection is already closed.
    pub fn shutdown(&self, how: ShutdownHow) -> Result<(), ErrorCode> {
        self.resource.shutdown(how)
    }

    /// Returns the address of the peer, as the network shows it.
    ///
    /// # Errors
    /// - `ConnectionBroken`: the connection is already closed.
    /// - `NotSupported`: the peer has no IP address, because this is a Unix domain socket.
    pub fn peer_address(&self) -> Result<SocketAddr, ErrorCode> {
        socket_address(self.resource.peer_address()?)
    }

    /// Returns the address at which the connection was accepted.
    ///
    /// # Errors
    /// - `NotSupported`: it is no IP address, because this is a Unix domain socket.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        socket_address(self.resource.local_address()?)
    }

    /// Chooses between small delay (true, the default) and few packets (false) for small sends.
    ///
    /// # Errors
    /// - `NotSupported`: the connection is not a TCP connection.
    pub fn set_no_delay(&self, enabled: bool) -> Result<(), ErrorCode> {
        self.resource.set_no_delay(enabled)
    }

    /// Sets the timeout of each read through [`Read`]; at first it is `None`.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.read_timeout = timeout;
    }

    /// Sets the timeout of each write through [`Write`]; at first it is `None`.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = timeout;
    }

    /// Runs a handler on what the host gives and returns what the host takes.
    #[doc(hidden)]
    pub fn activate(
        resource: wit::Connection,
        handle: impl FnOnce(Connection) -> Option<Connection>,
    ) -> Option<wit::Connection> {
        let connection = Connection {
            resource,
            read_timeout: None,
            write_timeout: None,
        };
        handle(connection).map(|connection| connection.resource)
    }
}

impl Read for &Connection {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let max = u32::try_from(buf.len()).unwrap_or(u32::MAX);
        let bytes = self.recv(max, self.read_timeout)?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for &Connection {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.send(buf, SendFlags::empty(), self.write_timeout) {
            Ok(()) => Ok(buf.len()),
            Err(error) if error.code == ErrorCode::Timeout && error.sent > 0 => {
                Ok(usize::try_from(error.sent)
                    .unwrap_or(usize::MAX)
                    .min(buf.len()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does nothing: a write holds nothing back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Connection {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for Connection {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn socket_address(address: wit::Address) -> Result<SocketAddr, ErrorCode> {
    match address {
        wit::Address::Ipv4(v4) => {
            let (a, b, c, d) = v4.octets;
            Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), v4.port).into())
        }
        wit::Address::Ipv6(v6) => {
            let (a, b, c, d, e, f, g, h) = v6.segments;
            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            Ok(SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id).into())
        }
        wit::Address::UnixSocket(_) => Err(ErrorCode::NotSupported),
    }
}
