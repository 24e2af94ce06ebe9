//! How each server under test is started: in the foreground, with one worker, on an address that
//! the harness picked.
//!
//! What a server must have to be at its best is set here; what it answers is the same for all.

mod nginx;
mod wasmtime_serve;

use std::env;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;

/// Connections that a peer has to take where it would stop at some number by itself.
const CONNECTIONS_MAX: usize = 32_768;

/// A server that sockeye is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Peer {
    /// The bare epoll loop of this crate
    Epoll,
    /// hyper on one thread of tokio
    Hyper,
    /// A thread per connection
    Threads,
    /// A process per connection
    Processes,
    /// nginx as Debian has it
    Nginx,
    /// `wasmtime serve` with its defaults: an instance per request
    WasmtimeServe,
    /// `wasmtime serve` with instances that are used again
    WasmtimeServeReuse,
}

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no peer is hidden");
        f.write_str(value.get_name())
    }
}

/// What a peer is to serve, and where.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// An address with a port that is free.
    pub address: SocketAddr,
    /// The directory whose files are served at `/NAME`; without it, `Hello, World!` at `/`.
    pub files: Option<&'a Path>,
    /// The congestion control of the connections, where it is not to be the machine's.
    pub congestion: Option<&'a str>,
    /// An empty directory for what the peer writes.
    pub scratch: &'a Path,
}

/// Why a peer cannot be measured here.
#[derive(Debug)]
pub struct Absent {
    peer: Peer,
    why: String,
}

impl Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is absent: {}", self.peer, self.why)
    }
}

impl std::error::Error for Absent {}

impl Peer {
    fn absent(self, why: impl Into<String>) -> Absent {
        Absent {
            peer: self,
            why: why.into(),
        }
    }
}

/// Returns the command that starts `peer`; it ends on SIGTERM, its children with it.
///
/// nginx and `Peer::Processes` serve from children, so their time and memory is that of the tree.
/// nginx's worker survives a master that was killed otherwise.
///
/// Drop the command once it has been spawned: it may hold the listening socket, and while it does,
/// clients of a peer that has died wait instead of being refused.
///
/// # Errors
/// Where the peer is not installed, or cannot do what is wanted.
pub fn command(peer: Peer, wanted: &Wanted<'_>) -> Result<Command, Absent> {
    let mut command = match peer {
        Peer::Epoll | Peer::Threads | Peer::Processes | Peer::Hyper => reference(peer, wanted)?,
        Peer::Nginx => nginx::command(wanted)?,
        Peer::WasmtimeServe | Peer::WasmtimeServeReuse => wasmtime_serve::command(peer, wanted)?,
    };
    command.stdout(Stdio::null()).current_dir(wanted.scratch);
    // With it, a trap costs a walk of the stack.
    command.env_remove("RUST_BACKTRACE");
    Ok(command)
}

/// Returns what the results are to say about the program.
///
/// # Errors
/// Where it is not installed.
pub fn version(peer: Peer) -> Result<String, Absent> {
    match peer {
        Peer::Epoll | Peer::Threads | Peer::Processes => Ok("in-tree".into()),
        Peer::Hyper => Ok(locked("hyper")),
        Peer::Nginx => {
            let text = said(peer, Command::new(nginx::find()?).arg("-v"))?;
            Ok(text.rsplit('/').next().unwrap_or_default().into())
        }
        Peer::WasmtimeServe | Peer::WasmtimeServeReuse => {
            let text = said(
                peer,
                Command::new(wasmtime_serve::find(peer)?).arg("--version"),
            )?;
            Ok(text.split(' ').nth(1).unwrap_or_default().into())
        }
    }
}

fn reference(peer: Peer, wanted: &Wanted<'_>) -> Result<Command, Absent> {
    if peer == Peer::Hyper && wanted.files.is_some() {
        return Err(peer.absent("it serves no files here"));
    }
    let program = env::current_exe().map_err(|error| peer.absent(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["reference", &peer.to_string(), "--listen"]);
    command.arg(wanted.address.to_string());
    if let Some(directory) = wanted.files {
        command.arg("--files").arg(absolute(peer, directory)?);
    }
    if let Some(name) = wanted.congestion {
        command.args(["--congestion", name]);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

fn absolute(peer: Peer, path: &Path) -> Result<PathBuf, Absent> {
    std::path::absolute(path).map_err(|error| peer.absent(format!("`{}`: {error}", path.display())))
}

/// Returns the first line that the command writes, to wherever.
fn said(peer: Peer, command: &mut Command) -> Result<String, Absent> {
    let output = command
        .output()
        .map_err(|error| peer.absent(error.to_string()))?;
    let mut text = output.stdout;
    text.extend(output.stderr);
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().into())
}

/// Returns the version of a crate that this program is built with.
fn locked(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = lock
        .split(&format!("name = \"{name}\"\nversion = \""))
        .nth(1);
    version
        .and_then(|rest| rest.split('"').next())
        .unwrap_or("unknown")
        .into()
}

#[cfg(test)]
mod tests;
