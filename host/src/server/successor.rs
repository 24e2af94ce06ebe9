//! The process that is to take the place of this one: how it is started, and how it is ended.

use std::env;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use crate::net::inherited;

/// A process that was started with the sockets of this one.
#[derive(Debug)]
pub(super) struct Successor {
    pid: Pid,
    /// What it ended with; nothing is done to its id any more, which may be somebody else's then.
    ended: Option<ExitStatus>,
}

impl Successor {
    /// Starts `program`, and hands it descriptors with their names.
    ///
    /// Not by fork: that would copy the page tables of every guest's memory while the workers wait
    /// for theirs, and run what libraries do in a forked process, such as opening descriptors that
    /// the program would inherit.
    ///
    /// # Errors
    /// What the system says, such as that there is no such program.
    pub(super) fn start(
        program: &Path,
        arguments: &[OsString],
        handed: &[(&str, OwnedFd)],
    ) -> io::Result<Successor> {
        let count = i32::try_from(handed.len()).map_err(io::Error::other)?;
        let mut actions = PosixSpawnFileActions::init()?;
        // Out of the way of the numbers that the others are to have.
        let mut moved = Vec::new();
        for ((_, fd), number) in handed.iter().zip(inherited::FIRST..) {
            let fd = rustix::io::fcntl_dupfd_cloexec(fd, inherited::FIRST + count)?;
            actions.add_dup2(fd.as_raw_fd(), number)?;
            moved.push(fd);
        }
        let all = [program.as_os_str().to_owned()];
        let all = all.iter().chain(arguments).cloned();
        let all = all.map(to_c).collect::<io::Result<Vec<_>>>()?;
        let attributes = PosixSpawnAttr::init()?;
        let pid = posix_spawn(program, &actions, &attributes, &all, &environment(handed)?)?;
        let pid = Pid::from_raw(pid.as_raw()).ok_or(io::ErrorKind::NotFound)?;
        Ok(Successor { pid, ended: None })
    }

    /// Its process id.
    pub(super) fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Whether it has not ended yet.
    pub(super) fn is_running(&mut self) -> bool {
        self.wait_with(WaitOptions::NOHANG)
            .is_ok_and(|ended| ended.is_none())
    }

    /// Ends it at once, unless it has ended.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Has it end in order, unless it has ended.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // One that has ended and was not waited for keeps its id, and cannot be killed again.
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits until it has ended, and returns what with.
    ///
    /// # Errors
    /// Where somebody else has waited for it, which nobody does.
    ///
    /// # Blocking
    /// Until it has ended.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        let ended = self.wait_with(WaitOptions::empty())?;
        ended.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn wait_with(&mut self, options: WaitOptions) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let ended = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), options))?;
            let status = |(_, status): (Pid, WaitStatus)| ExitStatus::from_raw(status.as_raw());
            self.ended = ended.map(status);
        }
        Ok(self.ended)
    }
}

/// The environment of this process, with what was handed over.
fn environment(handed: &[(&str, OwnedFd)]) -> io::Result<Vec<CString>> {
    let names: Vec<&str> = handed.iter().map(|(name, _)| *name).collect();
    let own = [
        (inherited::COUNT, handed.len().to_string()),
        (inherited::NAMES, names.join(":")),
        (inherited::SENDER, std::process::id().to_string()),
    ];
    let replaced = [
        inherited::COUNT,
        inherited::NAMES,
        inherited::SENDER,
        inherited::RECEIVER,
    ];
    let others = env::vars_os().filter(|(name, _)| replaced.iter().all(|other| name != other));
    let own = own.map(|(name, value)| (name.into(), value.into()));
    let variables = others.chain(own).map(|(mut variable, value)| {
        variable.push("=");
        variable.push(value);
        to_c(variable)
    });
    variables.collect()
}

fn to_c(text: OsString) -> io::Result<CString> {
    Ok(CString::new(text.into_vec())?)
}
