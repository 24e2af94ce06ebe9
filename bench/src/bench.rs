//! What every load needs: where the programs and files are, on which cores, for how long.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::Problem;
use crate::figure::Failure;
use crate::peers::{Wanted, command};
use crate::process::{Cores, Server, free_address, quiet};
use crate::reference::listen;
use crate::subject::Subject;

/// The file that is sent to a fast client; sparse, so that memory is read and not a disk.
pub const GIGABYTE: u64 = 1 << 30;

/// Over loopback, bbr hides what sendfile can do.
const CONGESTION: &str = "reno";

/// Hands the standard input over as systemd would: as descriptor 3, to the process itself.
const HAND_OVER: &str = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds where CPU time is measured.
    pub rounds: usize,
    /// How long a round lasts.
    pub duration: Duration,
    /// Before it, for caches and branch predictors.
    pub warm_up: Duration,
    /// Connections where many are wanted.
    pub many: usize,
    /// And the few that they are compared with.
    pub few: usize,
    /// Whether this is a smoke test.
    pub quick: bool,
}

/// Where everything is, and how much of it is done.
#[derive(Debug)]
pub struct Bench {
    /// The binary.
    pub sockeye: PathBuf,
    /// The components of the examples.
    pub guests: PathBuf,
    /// A component of Python, where there is one.
    pub python: Option<PathBuf>,
    /// Who runs where.
    pub cores: Cores,
    /// How much is done.
    pub effort: Effort,
    scratch: TempDir,
    /// The components that have been compiled in this run.
    compiled: RefCell<BTreeSet<PathBuf>>,
}

/// A server that answers, and what goes with it.
#[derive(Debug)]
pub struct Running {
    // In this order: the server ends before its directory is removed.
    pub server: Server,
    pub address: SocketAddr,
    /// Where sockeye tells about itself.
    pub admin: Option<SocketAddr>,
    pub scratch: TempDir,
}

/// What a server is to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// 13 bytes at `/`.
    Hello,
    /// The files of the site, without the machine's congestion control.
    Files,
}

impl Bench {
    /// Prepares the files that are served.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn new(
        (sockeye, guests): (PathBuf, PathBuf),
        python: Option<PathBuf>,
        cores: Cores,
        effort: Effort,
    ) -> Result<Self, Problem> {
        let scratch = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let site = scratch.path().join("site");
        fs::create_dir(&site)?;
        // A server may leave the date out of an answer for as long as it could change once more.
        let yesterday = SystemTime::now() - Duration::from_hours(24);
        for size in [1 << 10, 100 << 10, 10 << 20] {
            let mut file = File::create(site.join(format!("{size}.bin")))?;
            file.write_all(&vec![b'x'; size])?;
            file.set_modified(yesterday)?;
        }
        File::create(site.join(format!("{GIGABYTE}.bin")))?.set_len(GIGABYTE)?;
        Ok(Self {
            sockeye,
            guests,
            python,
            cores,
            effort,
            scratch,
            compiled: RefCell::default(),
        })
    }

    /// The directory of the files, each called by its size: `1024.bin`.
    pub fn site(&self) -> PathBuf {
        self.scratch.path().join("site")
    }

    /// The component of an example.
    pub fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(format!("{name}.wasm"))
    }

    /// A directory for one start of one server.
    pub fn scratch(&self) -> Result<TempDir, Problem> {
        Ok(tempfile::tempdir_in(self.scratch.path())?)
    }

    /// `sockeye serve`; components are compiled once and kept for this run.
    pub fn serve(&self, workers: usize) -> Command {
        self.serve_by(quiet(&self.sockeye), workers)
    }

    fn serve_by(&self, mut command: Command, workers: usize) -> Command {
        command
            .args([
                "serve",
                "--log-level",
                "warn",
                "--workers",
                &workers.to_string(),
            ])
            .env("SOCKEYE_CACHE_DIR", self.scratch.path().join("cache"))
            // What is in the current directory is nobody's configuration.
            .current_dir(self.scratch.path());
        command
    }

    /// Starts `subject`, with `extra` flags where it is sockeye.
    ///
    /// # Errors
    /// Where it is absent or does not answer.
    pub fn start(&self, subject: Subject, site: Site, extra: &[&str]) -> Result<Running, Failure> {
        let Some((guest, flags)) = subject.sockeye() else {
            return self.start_peer(subject, site);
        };
        let guest = guest.map(|name| self.guest(name));
        let mut all = flags.to_vec();
        all.extend(extra);
        self.start_sockeye(guest.as_deref(), site, &all)
            .map_err(broken)
    }

    fn start_peer(&self, subject: Subject, site: Site) -> Result<Running, Failure> {
        let Subject::Peer(peer) = subject else {
            unreachable!("everybody else is sockeye");
        };
        let scratch = self.scratch().map_err(broken)?;
        let address = free_address().map_err(broken)?;
        let files = self.site();
        let wanted = Wanted {
            address,
            files: (site == Site::Files).then_some(&files),
            congestion: (site == Site::Files).then_some(CONGESTION),
            scratch: scratch.path(),
        };
        let command = command(peer, &wanted).map_err(|why| Failure::Absent(why.to_string()))?;
        let server = self
            .launch(command, scratch.path(), address, site)
            .map_err(broken)?;
        Ok(Running {
            server,
            address,
            admin: None,
            scratch,
        })
    }

    /// Starts sockeye with a component, or with the handler that is built in.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn start_sockeye(
        &self,
        component: Option<&Path>,
        site: Site,
        flags: &[&str],
    ) -> Result<Running, Problem> {
        // A process that has compiled has the memory of a compiler, and shrinks while it serves.
        let name = component.unwrap_or(Path::new("")).to_owned();
        if self.compiled.borrow_mut().insert(name) {
            drop(self.start_sockeye(component, site, &[])?);
        }
        let scratch = self.scratch()?;
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = match site {
            Site::Hello => self.serve(1),
            Site::Files => {
                let mut shell = Command::new("sh");
                shell.args(["-c", HAND_OVER, "sh"]).arg(&self.sockeye);
                let socket = listen(address, Some(CONGESTION))?;
                shell.stdin(std::os::fd::OwnedFd::from(socket));
                let mut command = self.serve_by(shell, 1);
                command.arg("--root").arg(self.site());
                command
            }
        };
        command.args(["--listen", &address.to_string()]);
        command.args(["--admin", &admin.to_string()]);
        command.args(flags).args(component);
        let server = self.launch(command, scratch.path(), address, site)?;
        Ok(Running {
            server,
            address,
            admin: Some(admin),
            scratch,
        })
    }

    fn launch(
        &self,
        command: Command,
        scratch: &Path,
        address: SocketAddr,
        site: Site,
    ) -> Result<Server, Problem> {
        let path = match site {
            Site::Hello => "/",
            Site::Files => "/1024.bin",
        };
        self.launch_on(command, &[self.cores.server], scratch, (address, path))
    }

    /// Starts any command on `cores`, and waits until it answers at an address and path.
    ///
    /// # Errors
    /// Where it does not.
    pub fn launch_on(
        &self,
        command: Command,
        cores: &[usize],
        scratch: &Path,
        answers: (SocketAddr, &str),
    ) -> Result<Server, Problem> {
        Server::start(command, cores, self.cores.load, scratch, answers)
    }
}

/// What is there and does not work.
pub fn broken(problem: impl ToString) -> Failure {
    Failure::Broken(problem.to_string())
}
