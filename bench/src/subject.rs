//! What is measured: sockeye in some setting, or a peer.

use std::fmt::{self, Display};

use crate::peers::Peer;

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The handler `hello`, an instance per busy connection, which is the default.
    SockeyeConnection,
    /// The same with instances that serve all connections, and give up one at once.
    SockeyeAlways,
    /// The same with a fresh instance for every request.
    SockeyeNever,
    /// The handler of files that is built in.
    SockeyeStatic,
    /// The handler `file`, the shortest that serves files.
    SockeyeFile,
    /// Somebody else.
    Peer(Peer),
}

impl Subject {
    /// Everyone, in the order of the tables.
    pub const ALL: [Subject; 12] = [
        Subject::SockeyeConnection,
        Subject::SockeyeAlways,
        Subject::SockeyeNever,
        Subject::SockeyeStatic,
        Subject::SockeyeFile,
        Subject::Peer(Peer::Epoll),
        Subject::Peer(Peer::Nginx),
        Subject::Peer(Peer::Hyper),
        Subject::Peer(Peer::Threads),
        Subject::Peer(Peer::Processes),
        Subject::Peer(Peer::WasmtimeServe),
        Subject::Peer(Peer::WasmtimeServeReuse),
    ];

    /// The handler of `target/guests` that it runs, and the flags that make it what it is; `None`
    /// for the others.
    pub fn sockeye(self) -> Option<(Option<&'static str>, &'static [&'static str])> {
        match self {
            Subject::SockeyeConnection => Some((Some("hello"), &["--reuse", "connection"])),
            Subject::SockeyeAlways => {
                Some((Some("hello"), &["--reuse", "always", "--linger", "0s"]))
            }
            Subject::SockeyeNever => Some((Some("hello"), &["--reuse", "never"])),
            Subject::SockeyeStatic => Some((None, &[])),
            Subject::SockeyeFile => Some((Some("file"), &[])),
            Subject::Peer(_) => None,
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self {
            Subject::SockeyeConnection => "sockeye, reuse connection".to_owned(),
            Subject::SockeyeAlways => "sockeye, reuse always".to_owned(),
            Subject::SockeyeNever => "sockeye, reuse never".to_owned(),
            Subject::SockeyeStatic => "sockeye, built-in handler".to_owned(),
            Subject::SockeyeFile => "sockeye, handler `file`".to_owned(),
            Subject::Peer(peer) => peer.to_string(),
        })
    }
}
