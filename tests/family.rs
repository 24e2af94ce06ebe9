//! A server together with the processes that take its place, none of which outlives the test.

use std::fs;
use std::process::Command;

use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::server::{TestServer, log_field};
use crate::wait;

/// A server in a process group of its own, which its successors are in, too.
pub(crate) struct Family {
    /// The process that serves.
    serving: Pid,
    /// How many have handed over.
    generation: usize,
    pub(crate) first: TestServer,
}

impl Family {
    /// Starts the first server.
    #[track_caller]
    pub(crate) fn start(mut command: Command) -> Family {
        command.process_group(0);
        let first = TestServer::spawn(command);
        Family {
            serving: first.pid(),
            generation: 0,
            first,
        }
    }

    /// Sends a signal to the process that serves.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.serving, signal).unwrap();
    }

    /// The process that serves.
    pub(crate) fn serving(&self) -> Pid {
        self.serving
    }

    /// Waits until another process has taken over.
    #[track_caller]
    pub(crate) fn wait_for_successor(&mut self) {
        self.generation += 1;
        let line = wait::until_some("another process serves", || {
            let lines = self.first.log_lines("handed over");
            lines.get(self.generation - 1).cloned()
        });
        let successor = log_field(&line, "successor").unwrap().parse().unwrap();
        self.serving = Pid::from_raw(successor).unwrap();
    }

    /// Ends the process that serves, in order, and checks that the first one has ended well.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.signal(Signal::TERM);
        self.stop_waiting();
    }

    /// Checks that the process that serves ends, which it was told to, and that the first one has
    /// ended well.
    #[track_caller]
    pub(crate) fn stop_waiting(mut self) {
        assert_eq!(self.first.wait_for_exit().code(), Some(0));
        wait_until_gone(self.serving);
        wait::until("every process has ended in order", || {
            let ends = self.first.log_lines("all connections are closed");
            ends.len() == self.generation + 1
        });
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Fails where none of them is left.
        let _ = kill_process_group(self.first.pid(), Signal::KILL);
    }
}

/// Waits until a process that is no child of the test has ended.
#[track_caller]
pub(crate) fn wait_until_gone(pid: Pid) {
    wait::until("the process has ended", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // One that nobody has waited for is still there, in the state Z; and so is one whose first
        // thread has ended before the others, which still have its sockets.
        let Some((_, fields)) = stat.rsplit_once(") ") else {
            return true;
        };
        let threads = fields.split(' ').nth(20 - 3);
        fields.starts_with('Z') && matches!(threads, Some("0" | "1"))
    });
}
