//! The server under load: the real binary, on ports that the kernel picks.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Common, Problem};

/// How long the server has to listen; a first start compiles its components.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it has to end after SIGTERM: its own drain timeout, and some.
const STOP_TIMEOUT: Duration = Duration::from_secs(45);

const PAUSE: Duration = Duration::from_millis(10);

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where each service listens, in the order of the configuration.
    pub(crate) addrs: Vec<SocketAddr>,
    /// Where `/metrics` is.
    pub(crate) admin: SocketAddr,
}

impl Server {
    /// Starts the server with the services of `config`, which is a `sockeye.toml`.
    ///
    /// # Errors
    /// Where it does not listen in time; the message has its log.
    pub(crate) fn start(common: &Common, config: &str, flags: &[&str]) -> Result<Self, Problem> {
        fs::create_dir_all(&common.out)?;
        let file = common.out.join("sockeye.toml");
        fs::write(&file, config)?;
        let log = common.out.join("server.log");
        let child = Command::new(&common.server)
            .args(["serve", "--admin", "127.0.0.1:0", "--config"])
            .arg(&file)
            .args(flags)
            .args(&common.extra)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| format!("cannot run `{}`: {error}", common.server.display()))?;
        // From here on it is killed where anything goes wrong.
        let mut server = Self {
            child,
            addrs: Vec::new(),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        server.wait_for_start(&log, config.matches("[[service]]").count())?;
        Ok(server)
    }

    fn wait_for_start(&mut self, log: &Path, services: usize) -> Result<(), Problem> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let text = fs::read_to_string(log)?;
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let started = whole.lines().filter(|line| line.contains("listening url="));
            let started: Vec<&str> = started.collect();
            if started.len() == services {
                let addrs = started.iter().map(|line| addr_in(line, "url="));
                self.addrs = addrs.collect::<Option<_>>().ok_or("no URL in the log")?;
                self.admin = addr_in(started[0], "admin=").ok_or("no admin URL in the log")?;
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("the server does not start:\n{text}").into());
            }
            thread::sleep(PAUSE);
        }
    }

    /// The directory of the process in `/proc`.
    pub(crate) fn proc_dir(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.child.id()))
    }

    /// Whether the process is still there.
    pub(crate) fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks the server to end, and returns how it did, or `None` where it had to be killed.
    pub(crate) fn stop(mut self) -> Result<Option<ExitStatus>, Problem> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(PAUSE);
        }
        Ok(None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address in the first URL behind `field`, as in `url=http://127.0.0.1:8080/`.
fn addr_in(line: &str, field: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(field)?;
    let (_, rest) = rest.split_once("://")?;
    let end = rest.find(['/', ' ', ',', '"']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
