//! Listening sockets: one per worker and address, all bound to the same port.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel completes before a worker accepts them. It lowers the value to
/// `net.core.somaxconn`.
pub const BACKLOG: i32 = 4096;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step} `{address}`")]
pub struct BindError {
    /// What was tried.
    pub step: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

/// A non-blocking listening socket of one worker; where there are fewer sockets than workers, of
/// several.
#[derive(Debug)]
pub struct Listener {
    socket: Arc<Socket>,
    address: SocketAddr,
    /// Whether `accept` is worth trying. Only a call that would block clears it, because an edge
    /// never comes twice.
    pub ready: bool,
}

/// Binds one listener per worker to `address`; with port 0 all get the same free port.
///
/// # Errors
/// `AddrInUse` also when another process listens with SO_REUSEPORT: the kernel would let this one
/// join silently and give it a share of the other's connections.
pub fn bind_listeners(
    address: SocketAddr,
    workers: usize,
    unsent_bytes_max: u32,
) -> Result<Vec<Listener>, BindError> {
    let fail = |step| {
        move |source| BindError {
            step,
            address,
            source,
        }
    };
    if address.port() != 0 {
        // SO_REUSEADDR only ignores connections in TIME_WAIT; against a listening socket, with or
        // without SO_REUSEPORT, this bind fails.
        let probe = new_socket(address).map_err(fail("create a socket for"))?;
        probe.bind(&address.into()).map_err(fail("bind"))?;
    }
    let mut listeners = Vec::with_capacity(workers);
    let mut actual = address;
    for _ in 0..workers {
        let listener = Listener::bind(actual, unsent_bytes_max);
        let listener = listener.map_err(|(step, error)| fail(step)(error))?;
        actual = listener.address;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Shares out sockets that listen at `address` already: every socket has a worker, and every worker
/// a socket.
///
/// # Errors
/// Where the kernel refuses the options that the server's own sockets have.
pub fn share_listeners(
    address: SocketAddr,
    sockets: &[Arc<Socket>],
    workers: usize,
    unsent_bytes_max: u32,
) -> Result<Vec<Vec<Listener>>, BindError> {
    for socket in sockets {
        let set = Listener::set_inherited_options(socket, unsent_bytes_max);
        set.and_then(|()| socket.set_nonblocking(true))
            .map_err(|source| BindError {
                step: "set options of",
                address,
                source,
            })?;
    }
    let mut shares: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    for index in 0..workers.max(sockets.len()) {
        shares[index % workers].push(Listener {
            socket: Arc::clone(&sockets[index % sockets.len()]),
            address,
            ready: false,
        });
    }
    Ok(shares)
}

fn new_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` can then be listened on side by side, as their names say.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

impl Listener {
    fn bind(
        address: SocketAddr,
        unsent_bytes_max: u32,
    ) -> Result<Listener, (&'static str, io::Error)> {
        let socket = new_socket(address).map_err(|error| ("create a socket for", error))?;
        socket
            .set_reuse_port(true)
            .map_err(|error| ("share", error))?;
        socket
            .bind(&address.into())
            .map_err(|error| ("bind", error))?;
        Listener::set_inherited_options(&socket, unsent_bytes_max)
            .and_then(|()| socket.set_nonblocking(true))
            .map_err(|error| ("set options of", error))?;
        socket
            .listen(BACKLOG)
            .map_err(|error| ("listen on", error))?;
        let actual = socket.local_addr().map_err(|error| ("name", error))?;
        let address = actual.as_socket().unwrap_or(address);
        Ok(Listener {
            socket: Arc::new(socket),
            address,
            ready: false,
        })
    }

    /// Sets what every accepted socket inherits, which saves the calls per connection.
    ///
    /// The kernel takes `unsent_bytes_max` beyond what is on its way to the peer. A reader that
    /// stalls would otherwise pin the whole send buffer: 4.2 MiB of kernel memory per connection
    /// instead of 0.29 MiB with 128 KiB (measured), so that 1,000 of them exhaust the machine.
    fn set_inherited_options(socket: &Socket, unsent_bytes_max: u32) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_notsent_lowat(unsent_bytes_max)?;
        // A peer that vanished without a word is found out even while its connection is parked.
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(Duration::from_secs(60))
            .with_interval(Duration::from_secs(10));
        socket.set_tcp_keepalive(&keepalive)
    }

    /// The address that the socket is bound to, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts one connection as a non-blocking socket.
    ///
    /// # Errors
    /// `WouldBlock` when none is waiting; EMFILE and ENFILE when descriptors run out; the errors
    /// of connections that failed before they were accepted, after which others may be waiting.
    pub fn accept(&self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        Ok(rustix::net::accept_with(&*self.socket, flags)?)
    }

    /// The socket, for handing it to another process for as long as a worker has it.
    pub fn socket(&self) -> Weak<Socket> {
        Arc::downgrade(&self.socket)
    }

    /// The descriptor, for registering it with the selector.
    pub fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
