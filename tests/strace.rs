//! strace, attached to a running server: what it asks the kernel for, and answers that the kernel
//! did not give.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::{self, Tool};
use crate::wait;

/// strace while it is attached; detached when dropped.
pub(crate) struct Strace {
    child: Child,
    output: PathBuf,
    /// Open as long as the child, which says a last word there when it detaches.
    _said: BufReader<ChildStderr>,
    _scratch: Scratch,
}

impl Strace {
    /// Attaches to every thread of `server`, those included that it starts from now on.
    ///
    /// Returns none, and says so, where there is no strace or the machine allows no tracing.
    #[track_caller]
    pub(crate) fn attach(server: &TestServer, args: &[&str]) -> Option<Self> {
        let pid = server.pid().as_raw_nonzero().to_string();
        Self::spawn(&[&["-f", "-p", &pid], args].concat())
    }

    /// Attaches to the only worker of `server` and to no other thread.
    ///
    /// What another thread calls is then neither seen nor counted: the n-th call is the worker's.
    ///
    /// Returns none, and says so, where there is no strace or the machine allows no tracing.
    #[track_caller]
    pub(crate) fn attach_to_worker(server: &TestServer, args: &[&str]) -> Option<Self> {
        let thread = server.thread("worker-0").to_string();
        Self::spawn(&[&["-p", &thread], args].concat())
    }

    #[track_caller]
    fn spawn(args: &[&str]) -> Option<Self> {
        let strace = Tool::find("strace")?;
        let scratch = Scratch::new();
        let output = scratch.path().join("strace.txt");
        let mut command = strace.command();
        command.args(["-o", output.to_str().unwrap()]).args(args);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        if !first.contains("attached") {
            let _ = child.wait();
            tool::skip(&format!("strace cannot attach: {}", first.trim()));
            return None;
        }
        Some(Self {
            child,
            output,
            _said: said,
            _scratch: scratch,
        })
    }

    /// Returns what was written so far.
    pub(crate) fn written(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Waits until the server was given an answer that the kernel did not give.
    #[track_caller]
    pub(crate) fn wait_for_injection(&self) {
        wait::until("strace injects its answer", || {
            self.written().contains("(INJECTED)")
        });
    }

    /// Detaches, and returns all that was written.
    pub(crate) fn detach(mut self) -> String {
        self.end();
        self.written()
    }

    fn end(&mut self) {
        // It has ended already where the server has.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.end();
            if thread::panicking() {
                eprintln!("strace wrote:\n{}", self.written());
            }
        }
    }
}
