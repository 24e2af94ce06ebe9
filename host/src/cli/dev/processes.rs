//! The processes that `sockeye dev` has: a build, and a server. Each leads a group of its own, so
//! that what a terminal sends reaches this process alone, which then ends both in order.

use std::env;
use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tracing::error;

/// How long those who are connected are waited for. A browser keeps its connections open, and who
/// is at the terminal does not want to wait for that.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What is served is replaced in a moment, and no server is left alone.
const OWN_FLAGS: [&str; 2] = ["--quick-compile", "--end-with-parent"];

/// Has the server's allocator keep what it frees. Compiling takes a hundred megabytes; where they
/// come from the kernel again every time, a reload in Go takes 0.75 s instead of 0.59.
const KEEP_MEMORY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// What builds and servers find: this program under its name, and a socket to say that one is
/// ready.
pub(super) struct Surroundings {
    directory: TempDir,
    program: PathBuf,
    notified: UnixDatagram,
}

impl Surroundings {
    /// Makes a directory for them.
    pub(super) fn new() -> io::Result<Surroundings> {
        let directory = tempfile::Builder::new().prefix("sockeye-dev-").tempdir()?;
        let program = env::current_exe()?;
        symlink(&program, directory.path().join("sockeye"))?;
        let notified = UnixDatagram::bind(directory.path().join("notify"))?;
        Ok(Surroundings {
            directory,
            program,
            notified,
        })
    }

    /// Waits until the server says that it is ready.
    pub(super) async fn ready(&self) {
        let mut message = [0; 4096];
        loop {
            match self.notified.recv(&mut message).await {
                Ok(count)
                    if message[..count]
                        .split(|b| *b == b'\n')
                        .any(|l| l == b"READY=1") =>
                {
                    return;
                }
                Ok(_) => {}
                Err(_) => pending().await,
            }
        }
    }

    /// Where builds find programs: first this one, which makes components and need not be
    /// installed, and nothing of what lies beside it.
    fn search_path(&self) -> Option<OsString> {
        let usual = env::var_os("PATH").unwrap_or_default();
        let usual = env::split_paths(&usual).filter(|path| !path.as_os_str().is_empty());
        let own = self.directory.path().to_owned();
        env::join_paths([own].into_iter().chain(usual)).ok()
    }

    /// Runs the build `command` of a project in its directory.
    pub(super) fn build(&self, command: &str, directory: &Path) -> io::Result<Build> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(directory)
            .envs(self.search_path().map(|path| ("PATH", path)))
            .stdin(Stdio::null())
            // What is printed is for who is at the terminal; stdout may be an access log.
            .stdout(Stdio::from(io::stderr()))
            .process_group(0);
        Ok(Build {
            child: shell.spawn()?,
            began: Instant::now(),
        })
    }

    /// Starts `sockeye serve` with `args`.
    pub(super) fn serve(&self, args: &[OsString]) -> io::Result<Server> {
        let mut serve = Command::new(&self.program);
        let own = OWN_FLAGS
            .iter()
            .filter(|own| args.iter().all(|arg| arg != **own));
        serve
            .arg("serve")
            .args(own)
            .args(args)
            .env("NOTIFY_SOCKET", self.directory.path().join("notify"))
            .env(KEEP_MEMORY.0, KEEP_MEMORY.1)
            .stdin(Stdio::null())
            .process_group(0);
        Ok(Server {
            child: serve.spawn()?,
            is_ready: false,
            is_stale: false,
            stop_by: None,
        })
    }
}

/// A build that runs.
pub(super) struct Build {
    child: Child,
    pub(super) began: Instant,
}

impl Build {
    /// Ends it, with the compilers that it has started.
    pub(super) fn end(&self) {
        if let Some(pid) = pid_of(&self.child) {
            tell(kill_process_group(pid, Signal::TERM));
        }
    }
}

/// A server that runs.
pub(super) struct Server {
    child: Child,
    /// It answers, and knows what signals mean.
    pub(super) is_ready: bool,
    /// There is a newer component than the one it has read.
    pub(super) is_stale: bool,
    /// It has been asked to end, and is to do so at once from then on.
    stop_by: Option<Instant>,
}

impl Server {
    /// Has it read its component again, now or as soon as it can.
    pub(super) fn reload(&mut self) {
        self.is_stale = !self.is_ready;
        if self.is_ready {
            self.signal(Signal::HUP);
        }
    }

    /// Asks it to end; the second time, or after a while, to do so at once.
    pub(super) fn stop(&mut self) {
        match self.is_ready {
            true => self.signal(Signal::TERM),
            // It does not know yet what to do then.
            false => self.signal(Signal::KILL),
        }
        self.stop_by = Some(Instant::now() + DRAIN_TIMEOUT);
    }

    /// Whether it has been asked to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Asks again where it takes too long.
    pub(super) fn insist(&mut self) {
        if self.stop_by.is_some_and(|by| Instant::now() > by) {
            self.stop();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = pid_of(&self.child) {
            tell(kill_process(pid, signal));
        }
    }
}

/// Waits until a process has ended; for ever where there is none.
pub(super) async fn ended(child: Option<&mut Child>) -> ExitStatus {
    match child {
        // What cannot be waited for is gone.
        Some(child) => child.wait().await.unwrap_or(ExitStatus::from_raw(1 << 8)),
        None => pending().await,
    }
}

impl AsMut<Child> for Build {
    fn as_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl AsMut<Child> for Server {
    fn as_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    let id = i32::try_from(child.id()?).ok()?;
    Pid::from_raw(id)
}

fn tell(sent: rustix::io::Result<()>) {
    if let Err(error) = sent {
        error!(%error, "failed to send a signal");
    }
}
