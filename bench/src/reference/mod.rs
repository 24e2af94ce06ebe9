//! `bench reference`: the servers that stand for other ways to do the same, in as little code as
//! each way allows.
//!
//! All answer one body at any path, or files of one directory, and speak just enough HTTP/1.1 for
//! that: they find the end of a head and the path in it. What a real parser costs is not in them.
//! They have no limits and no timeouts, and are for 127.0.0.1 alone.

mod blocking;
mod epoll;
mod hyper;
mod listener;
mod processes;
mod request;
mod site;
mod threads;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub use listener::listen;
use site::Site;

/// The body of the answer where no files are served.
const HELLO: &[u8] = b"Hello, World!";

/// What is sent for a request where no files are served.
const HELLO_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";

/// The same for a client that wants no more.
const HELLO_LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nHello, World!";

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// What a client may send before there is a whole head in it.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// What to serve, and where.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// How it is done
    server: Server,

    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Serve the files of this directory instead of 13 bytes
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,

    /// The congestion control of the connections
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
}

/// The ways.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Server {
    /// One thread that does nothing but the system calls
    Epoll,
    /// One thread of tokio with hyper
    Hyper,
    /// A thread for each connection
    Threads,
    /// A process for each connection
    Processes,
    /// The process of one connection, which is its standard input
    #[value(hide = true)]
    Connection,
}

/// Serves until a signal ends the process.
///
/// # Errors
/// Where the address cannot be listened on, or the files cannot be read.
pub fn run(args: &ReferenceArgs) -> io::Result<()> {
    if let Server::Connection = args.server {
        return processes::connection(args.files.as_deref());
    }
    let site = args.files.as_deref().map(Site::open).transpose()?;
    let listener = listen(args.listen, args.congestion.as_deref())?;
    match args.server {
        Server::Epoll => epoll::run(&listener, site),
        Server::Hyper => hyper::run(listener, site),
        Server::Threads => threads::run(&listener, site),
        Server::Processes => processes::run(&listener, args.files.as_deref()),
        Server::Connection => unreachable!("it has no listener"),
    }
}
