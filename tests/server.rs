//! The server under test: the real binary, on ports that the kernel picks.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::scratch::{component, target_dir};
use crate::{machine, wait};

/// A running server, killed when dropped.
pub(crate) struct TestServer {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    start_line: String,
    addr: SocketAddr,
    admin: Option<SocketAddr>,
}

impl TestServer {
    /// Starts a server for the guest `name`: one worker, any free ports, then `flags`.
    ///
    /// Returns when the server has said that it listens. A flag given here replaces the one of
    /// the same name that the tests otherwise use.
    #[track_caller]
    pub(crate) fn start(name: &str, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(arguments(name, flags));
        Self::spawn(command)
    }

    /// Starts a server as `start` does, for the component in a file.
    #[track_caller]
    pub(crate) fn start_file(path: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.args(arguments_for(path, flags));
        Self::spawn(command)
    }

    /// Starts a server for the built-in handler as `start` does for a guest.
    #[track_caller]
    pub(crate) fn start_built_in(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        let mut arguments = arguments("static", flags);
        // The component, which is the second; without one, the built-in handler is meant.
        arguments.remove(1);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts a server as `start` does, through a shell that runs `setup` first.
    #[track_caller]
    pub(crate) fn start_after(setup: &str, name: &str, flags: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("{setup}; exec \"$@\""))
            .arg("sh");
        command
            .arg(env!("CARGO_BIN_EXE_sockeye"))
            .args(arguments(name, flags));
        Self::spawn(command)
    }

    /// Starts `command`, which runs a server on one or more ports of 127.0.0.1.
    #[track_caller]
    pub(crate) fn spawn(mut command: Command) -> Self {
        machine::share();
        machine::raise_descriptor_limit();
        command
            .envs(cache())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = collect_lines(child.stderr.take().unwrap());
        let started = wait::within(wait::PATIENCE, || {
            let line = find(&log, "listening url=").map(Ok);
            line.or_else(|| child.try_wait().unwrap().map(Err))
        });
        let Some(Ok(start_line)) = started else {
            let _ = child.kill();
            panic!(
                "the server did not start ({started:?}): {:#?}",
                log.lock().unwrap()
            );
        };
        let addr = addr_in(&start_line, "url").expect("a start line names its address");
        let admin = addr_in(&start_line, "admin");
        Self {
            child,
            log,
            start_line,
            addr,
            admin,
        }
    }

    /// Returns the line in which the server said that it listens.
    pub(crate) fn start_line(&self) -> &str {
        &self.start_line
    }

    /// Returns the address that the server serves.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address of the operator's interface.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.expect("the tests start servers with `--admin`")
    }

    /// Returns the URL of `path`, for curl.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Connects a client.
    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Returns the id of the process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Stops every thread of the process where it is.
    #[track_caller]
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        // One thread takes the signal, and the others go on until it has told them.
        wait::until("every thread has stopped", || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
            threads
                .map(|thread| thread.unwrap().path().join("stat"))
                .all(|stat| {
                    // The state stands behind the name, which is in parentheses.
                    let stat = fs::read_to_string(stat).unwrap_or_default();
                    stat.rsplit_once(')')
                        .is_some_and(|(_, rest)| rest.starts_with(" T "))
                })
        });
    }

    /// Lets the threads that were stopped by `freeze` go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Says whether the process has ended by itself.
    pub(crate) fn has_exited(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        wait::until_some("the server exits", || self.child.try_wait().unwrap())
    }

    /// Asks the server to end and checks that it does so in order.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait_for_exit();
        assert_eq!(status.code(), Some(0), "{status}");
    }

    /// Returns every line of the log so far that contains `text`.
    pub(crate) fn log_lines(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|line| line.contains(text))
            .cloned()
            .collect()
    }

    /// Waits for the first line of the log that contains `text`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        wait::until_some(&format!("the log says `{text}`"), || find(&self.log, text))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log.lock().unwrap();
        if thread::panicking() {
            eprintln!("log of the server: {log:#?}");
            return;
        }
        // A guest's panic is a line of the guest; one of the host is a defect in any test.
        let own = |line: &&String| line.contains("panicked at") && !line.contains(" line=");
        let panicked = log.iter().find(own);
        assert!(panicked.is_none(), "the host panicked: {log:#?}");
    }
}

/// Runs the program to its end, which has to come soon, and returns how it ended.
#[track_caller]
pub(crate) fn run_to_end(args: &[&str]) -> Output {
    machine::share();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command
        .args(args)
        .envs(cache())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let ended = wait::within(wait::PATIENCE, || {
        // Nothing fills a pipe here: what the program prints is small, or it has ended.
        child.try_wait().unwrap()
    });
    if ended.is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_some(), "{args:?} keeps running: {output:?}");
    output
}

/// Where the tests' servers keep compiled components, unless a flag says something else.
fn cache() -> [(&'static str, PathBuf); 1] {
    [("SOCKEYE_CACHE_DIR", target_dir().join("component-cache"))]
}

fn arguments(name: &str, flags: &[&str]) -> Vec<String> {
    arguments_for(&component(name), flags)
}

fn arguments_for(component: &Path, flags: &[&str]) -> Vec<String> {
    let usual = [
        ("--listen", "127.0.0.1:0"),
        ("--admin", "127.0.0.1:0"),
        ("--workers", "1"),
        // Guests say in the log what a test waits for, and some say it often.
        ("--log-lines", "10000"),
    ];
    let mut arguments = vec!["serve".to_owned(), component.to_str().unwrap().to_owned()];
    for (flag, value) in usual {
        if !flags.contains(&flag) {
            arguments.extend([flag.to_owned(), value.to_owned()]);
        }
    }
    arguments.extend(flags.iter().map(|flag| flag.to_string()));
    arguments
}

/// Reads lines on a thread of its own, so that the server never waits for its log to be read.
fn collect_lines(stderr: ChildStderr) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
    log
}

fn find(log: &Mutex<Vec<String>>, text: &str) -> Option<String> {
    log.lock()
        .unwrap()
        .iter()
        .find(|line| line.contains(text))
        .cloned()
}

/// Returns the value of a field of a log line, without the quotes that it may have.
pub(crate) fn log_field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line
        .split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

/// Returns the address in the first URL of a field such as `url=http://127.0.0.1:8080/`.
fn addr_in(line: &str, field: &str) -> Option<SocketAddr> {
    let first = log_field(line, field)?.split(',').next()?;
    let (_, rest) = first.split_once("://")?;
    rest.trim_end_matches('/').parse().ok()
}
