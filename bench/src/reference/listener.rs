//! The listening socket of every server that does not open its own.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_congestion};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen as mark, socket_with};

/// Connections that the kernel completes before they are accepted; sockeye has the same.
const BACKLOG: i32 = 4096;

/// Listens on `address`; connections have the congestion control of that name, or the machine's.
///
/// Over loopback, bbr paces what sendfile could send at once, so files are compared under reno.
///
/// # Errors
/// What the kernel says, with the value that it says it about.
pub fn listen(address: SocketAddr, congestion: Option<&str>) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if let Some(name) = congestion {
        set_tcp_congestion(&socket, name).map_err(|error| about(error, "congestion", name))?;
    }
    bind(&socket, &address)
        .and_then(|()| mark(&socket, BACKLOG))
        .map_err(|error| about(error, "listen", address))?;
    Ok(socket.into())
}

fn about(error: rustix::io::Errno, flag: &str, value: impl std::fmt::Display) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("`--{flag} {value}`: {error}"))
}
