//! A process for each connection, with blocking calls.
//!
//! A server in C would fork: the child is the parent's image, and its first request costs a few
//! hundred microseconds. Between fork and exec a program that may have threads can call next to
//! nothing, so fork is unsafe here, and the child is this program started again, as inetd does it:
//! on top of the fork come exec, the dynamic linker, and the files, which each process opens for
//! itself. So this shows the price of a request once a connection stands, and of a connection only
//! what a program per connection costs.

use std::env;
use std::io::{self, stdin};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Signal, WaitOptions, set_parent_process_death_signal, wait};

use super::blocking;
use super::site::Site;

/// Serves until a signal ends the process; the connections end with it.
pub(super) fn run(listener: &TcpListener, files: Option<&Path>) -> io::Result<()> {
    let program = env::current_exe()?;
    loop {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        // Those that have ended since the last connection. Without a child it is an error.
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let mut child = Command::new(&program);
        child.args(["reference", "connection"]);
        if let Some(directory) = files {
            child.arg("--files").arg(directory);
        }
        // Where no process is left, the connection is closed.
        let _ = child
            .stdin(OwnedFd::from(stream))
            .stdout(Stdio::null())
            .spawn();
    }
}

/// Serves the connection that is the standard input.
///
/// # Errors
/// Where the files cannot be read.
pub(super) fn connection(files: Option<&Path>) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let site = files.map(Site::open).transpose()?;
    let stream = TcpStream::from(stdin().as_fd().try_clone_to_owned()?);
    // A client that is gone is no news.
    let _ = blocking::serve(stream, site.as_ref());
    Ok(())
}
