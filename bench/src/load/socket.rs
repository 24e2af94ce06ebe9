//! Sockets that connect from an address of choice.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

/// Connections from one source address; an address has about 28,000 ports by default.
const PER_SOURCE: usize = 4000;

/// Returns the source address of connection `index`: 127.0.0.2, 127.0.0.3 and so on.
fn source(index: usize) -> Ipv4Addr {
    let last = u8::try_from(2 + index / PER_SOURCE).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 0, 0, last)
}

/// Connects to `address` from the source address of connection `index`.
pub fn connect_from(index: usize, address: SocketAddr) -> io::Result<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddr::from((source(index), 0)))?;
    connect(&socket, &address)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}
