//! Listening sockets that the process was started with: by a service manager that holds them for
//! it, or by the server whose place it takes. The protocol is that of sd_listen_fds(3).

use std::env;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;
use rustix::process::{Pid, RawPid, getpid, getppid};
use socket2::Socket;

/// The first descriptor that is handed over.
pub const FIRST: RawFd = 3;

/// How many descriptors there are.
pub const COUNT: &str = "LISTEN_FDS";

/// Which process they are for. Whoever starts a process learns this too late to say it.
pub const RECEIVER: &str = "LISTEN_PID";

/// Their names, with a colon between each two.
pub const NAMES: &str = "LISTEN_FDNAMES";

/// Which process they come from, which is to be the parent: that is known beforehand.
pub const SENDER: &str = "SOCKEYE_PREDECESSOR";

/// What the socket of `--admin` is called.
pub const ADMIN: &str = "admin";

/// What the pipe is called through which the process says that it serves.
pub const READY: &str = "ready";

/// More descriptors than this are a mistake.
const COUNT_MAX: RawFd = 65_536;

/// What is wrong with what the process was started with.
#[derive(Debug, thiserror::Error)]
pub enum InheritError {
    /// The process that the sockets come from is not the parent.
    #[error("process {sender}, whose place this one was to take, did not start it or is gone")]
    NoPredecessor {
        /// Its id.
        sender: RawPid,
    },
    /// A variable that makes no sense.
    #[error("`{NAMES}` and `{COUNT}` do not say which sockets were handed over: {reason}")]
    Variables {
        /// What is wrong.
        reason: String,
    },
    /// Something else than a socket that listens.
    #[error("descriptor {number} (`{name}`), which was handed over, is no listening TCP socket")]
    NoListener {
        /// Its number.
        number: RawFd,
        /// Its name.
        name: String,
        /// What the kernel said, where it said anything.
        #[source]
        source: Option<io::Error>,
    },
    /// A socket that nothing is configured for.
    #[error(
        "nothing is to be served at `{address}`, whose socket was handed over as descriptor \
         {number} (`{name}`)"
    )]
    Unclaimed {
        /// Its number.
        number: RawFd,
        /// Its name.
        name: String,
        /// Where it listens.
        address: SocketAddr,
    },
}

/// A listening socket that was handed over.
#[derive(Debug)]
struct Handed {
    number: RawFd,
    name: String,
    socket: Arc<Socket>,
    address: SocketAddr,
}

/// What the process was started with, less what was claimed.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<Handed>,
    ready: Option<OwnedFd>,
}

impl Inherited {
    /// Takes what the environment says was handed over to this process; nothing else uses those
    /// descriptors or passes them on then. To be called before the process opens anything itself;
    /// the second time, nothing is left.
    ///
    /// # Errors
    /// [`InheritError`].
    pub fn take() -> Result<Inherited, InheritError> {
        // Their numbers belong to others once the first call's sockets are closed.
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(Inherited::default());
        }
        let sender: Option<RawPid> = variable(SENDER);
        let Ok(count) = env::var(COUNT) else {
            return Ok(Inherited::default());
        };
        match sender {
            Some(sender) if getppid().map(Pid::as_raw_pid) == Some(sender) => {}
            // It holds sockets that nobody accepts from, and is not to bind others beside them.
            Some(sender) => return Err(InheritError::NoPredecessor { sender }),
            None if variable(RECEIVER) == Some(getpid().as_raw_pid()) => {}
            // The variables of another process, which has passed them on without the sockets.
            None => return Ok(Inherited::default()),
        }
        let fail = |reason| Err(InheritError::Variables { reason });
        let count = match count.parse::<RawFd>() {
            Ok(count @ 0..=COUNT_MAX) => count,
            _ => return fail(format!("`{count}` is no number of sockets")),
        };
        let names = env::var(NAMES).unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut inherited = Inherited::default();
        for number in FIRST..FIRST + count {
            let name = names.next().filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| "unknown".to_owned());
            match take_descriptor(number) {
                Ok(fd) if sender.is_some() && name == READY => inherited.ready = Some(fd),
                Ok(fd) => inherited.sockets.push(Handed::new(number, name, fd)?),
                Err(error) => {
                    let source = Some(error);
                    return Err(InheritError::NoListener {
                        number,
                        name,
                        source,
                    });
                }
            }
        }
        if names.next().is_some_and(|name| !name.is_empty()) {
            return fail("there are more names than sockets".to_owned());
        }
        Ok(inherited)
    }

    /// Returns where sockets listen that are neither for `--admin` nor at one of the `configured`
    /// addresses, each address once.
    pub fn addresses(&self, configured: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for Handed { name, address, .. } in &self.sockets {
            let is_known = |known: &SocketAddr| same(*known, *address);
            if name != ADMIN && !configured.iter().chain(&addresses).any(is_known) {
                addresses.push(*address);
            }
        }
        addresses
    }

    /// Takes the sockets that listen at `wanted`. Port 0 stands for any port of that address which
    /// is not among those that are `configured`.
    pub fn claim(
        &mut self,
        wanted: SocketAddr,
        configured: &[SocketAddr],
    ) -> Option<(SocketAddr, Vec<Arc<Socket>>)> {
        let fits =
            |handed: &Handed| handed.name != ADMIN && is_at(wanted, handed.address, configured);
        let address = self.sockets.iter().find(|handed| fits(handed))?.address;
        let ours = |handed: &mut Handed| same(handed.address, address) && fits(handed);
        let claimed = self.sockets.extract_if(.., ours);
        Some((address, claimed.map(|handed| handed.socket).collect()))
    }

    /// Takes the socket that listens at `wanted`, or at any port for 0, for `--admin`.
    pub fn claim_admin(&mut self, wanted: SocketAddr) -> Option<Arc<Socket>> {
        let found = self.sockets.iter().position(|handed| {
            let named = handed.name == ADMIN && wanted.port() == 0;
            same(wanted, handed.address) || (named && wanted.ip() == handed.address.ip())
        });
        found.map(|index| self.sockets.remove(index).socket)
    }

    /// Checks that every socket was claimed: clients would wait for an answer in the others.
    ///
    /// # Errors
    /// [`InheritError::Unclaimed`].
    pub fn check_claimed(&mut self) -> Result<(), InheritError> {
        match self.sockets.pop() {
            None => Ok(()),
            Some(handed) => Err(InheritError::Unclaimed {
                number: handed.number,
                name: handed.name,
                address: handed.address,
            }),
        }
    }

    /// Takes the pipe through which the server whose place this one takes is told that it serves.
    pub fn take_ready(&mut self) -> Option<OwnedFd> {
        self.ready.take()
    }
}

impl Handed {
    fn new(number: RawFd, name: String, fd: OwnedFd) -> Result<Handed, InheritError> {
        let listens = rustix::net::sockopt::socket_acceptconn(&fd);
        let socket = Socket::from(fd);
        let address = socket.local_addr().ok().and_then(|addr| addr.as_socket());
        match (listens, address, socket.r#type()) {
            (Ok(true), Some(address), Ok(socket2::Type::STREAM)) => Ok(Handed {
                number,
                name,
                socket: Arc::new(socket),
                address,
            }),
            (listens, ..) => Err(InheritError::NoListener {
                number,
                name,
                source: listens.err().map(io::Error::from),
            }),
        }
    }
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// The flow and the scope of an IPv6 address are the kernel's business.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

fn is_at(wanted: SocketAddr, address: SocketAddr, configured: &[SocketAddr]) -> bool {
    let exact = |other: &SocketAddr| same(*other, address);
    match wanted.port() {
        0 => wanted.ip() == address.ip() && !configured.iter().any(exact),
        _ => same(wanted, address),
    }
}

/// Makes a descriptor that the process was started with its own.
fn take_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the number is only looked up by one call, which tells whether it is open.
    #[allow(unsafe_code)]
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(borrowed.as_fd(), FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and whoever started the process says that it is for this purpose. Nothing
    // else in the process knows the number: it comes from the environment alone, and what the
    // process opens itself has numbers that were free.
    #[allow(unsafe_code)]
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, address: &str, fits: bool) {
        let configured = ["127.0.0.1:80".parse().unwrap(), wanted.parse().unwrap()];
        let found = is_at(
            wanted.parse().unwrap(),
            address.parse().unwrap(),
            &configured,
        );
        assert_eq!(found, fits, "{wanted} {address}");
    }

    #[test]
    fn a_socket_is_for_its_address_and_for_port_0_of_it() {
        check("127.0.0.1:80", "127.0.0.1:80", true);
        check("127.0.0.1:80", "127.0.0.1:81", false);
        check("127.0.0.1:80", "127.0.0.2:80", false);
        check("0.0.0.0:80", "127.0.0.1:80", false);
        check("127.0.0.1:0", "127.0.0.1:81", true);
        check("127.0.0.1:0", "127.0.0.1:80", false);
        check("127.0.0.1:0", "[::1]:81", false);
        check("[::1]:0", "[::1]:81", true);
    }
}
