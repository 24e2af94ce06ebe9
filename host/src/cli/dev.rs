//! `sockeye dev`: builds and serves a project, and does both again when a source has changed.
//!
//! The server is that of `sockeye serve`, in this process. A thread beside it looks at the sources,
//! builds, and has the process read its components again: by SIGHUP, as any operator would. No
//! connection is closed for that, and what does not build or does not fit changes nothing. For
//! another configuration the process runs its program anew, under the same number.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};
use tracing::{error, info};

use super::Told;
use super::file::Development;
use crate::config::Aim;
use crate::line_writer::LineWriter;
use crate::{Error, Inherited, ProjectError, server};

/// How often the sources are looked at. By looking, not by events of the kernel: that works on
/// every file system, and survives whatever an editor or a checkout does to directories.
const LOOKED_EVERY: Duration = Duration::from_millis(200);

/// How many files are looked at; more would be those of a build, not those of a person.
const FILES_MAX: usize = 10_000;

/// How long those who are connected are waited for. A browser keeps its connections open, and who
/// is at the terminal does not want to wait for that.
const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: when and how long it was written, and which it is.
type Stamp = (i64, i64, u64, u64);

/// The files of a project at one moment.
type Snapshot = BTreeMap<PathBuf, Stamp>;

/// A project that is being worked on.
struct Project {
    development: Development,
    /// The configuration file.
    file: PathBuf,
    /// What the sources were when the last build began.
    built: Snapshot,
    /// What the configuration file was when the process began.
    configured: Option<Stamp>,
}

/// Serves the project that the configuration file describes until a signal ends the server. `told`
/// is what `sockeye serve` would be told, and `args` are those of the process.
///
/// # Errors
/// [`ProjectError`], and what is wrong with the configuration.
pub(super) fn run(
    told: Told,
    inherited: Inherited,
    log: LineWriter,
    args: &[OsString],
) -> Result<(), Error> {
    let mut project = Project::new(&told)?;
    while !project.build() {
        project.wait_for_change();
    }
    let mut config = told.args.into_config(&told.services)?;
    config.compiling.aim = Aim::ShortWait;
    let limits = &mut config.limits;
    limits.drain_timeout = limits.drain_timeout.min(DRAIN_TIMEOUT_MAX);
    let restarts = Arc::new(AtomicBool::new(false));
    let starting = |source| Error::Start {
        step: "start looking at the sources",
        source,
    };
    let (ready, told_ready) = io::pipe().map_err(starting)?;
    let again = Arc::clone(&restarts);
    let arguments = args.to_owned();
    let watching = thread::Builder::new().name("watch".to_owned());
    let watching = watching.spawn(move || project.watch(ready, &arguments, &again));
    let watching = watching.map_err(starting)?;
    match server::serve(config, inherited.telling(told_ready.into()), Some(log)) {
        Ok(()) if !restarts.load(Ordering::Acquire) => Ok(()),
        Ok(()) => Err(run_again(args)),
        Err(error) => {
            super::report(&error);
            info!("waiting for a change");
            // The thread has ended: nothing will be served.
            let project = watching
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            project.wait_for_change();
            Err(run_again(args))
        }
    }
}

/// Becomes a new process of the same program, or says why not.
fn run_again(args: &[OsString]) -> Error {
    let error = match std::env::current_exe() {
        Ok(program) => Command::new(program).args(&args[1..]).exec(),
        Err(error) => error,
    };
    Error::Start {
        step: "start again",
        source: error,
    }
}

impl Project {
    fn new(told: &Told) -> Result<Project, Error> {
        let (Some(file), Some(development)) = (&told.file, &told.development) else {
            return Err(ProjectError::NoDevelopment.into());
        };
        let mut project = Project {
            development: development.clone(),
            file: file.clone(),
            built: Snapshot::new(),
            configured: stamp(file),
        };
        project.built = project.look();
        let found = match project.built.len() {
            0 => "no file",
            FILES_MAX => "more than 10,000 files",
            _ => return Ok(project),
        };
        Err(ProjectError::Watch { found }.into())
    }

    /// Builds, with this program in reach, and says whether that worked.
    fn build(&mut self) -> bool {
        self.built = self.look();
        let command = &self.development.build;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::null());
        // What commands print is for the person at the terminal; stdout may be an access log.
        shell.stdout(Stdio::from(io::stderr()));
        if let Some(path) = path_with_this_program() {
            shell.env("PATH", path);
        }
        if let Some(directory) = self
            .file
            .parent()
            .filter(|path| !path.as_os_str().is_empty())
        {
            shell.current_dir(directory);
        }
        info!(%command, "building");
        let start = Instant::now();
        let status = shell.status();
        let seconds = format!("{:.1}", start.elapsed().as_secs_f64());
        match status {
            Ok(status) if status.success() => {
                info!(seconds, "built");
                true
            }
            Ok(status) => {
                error!(%status, seconds, "the build failed; waiting for a change");
                false
            }
            Err(error) => {
                error!(%error, "failed to run the build; waiting for a change");
                false
            }
        }
    }

    /// Builds at every change of a source, until the configuration changes or nothing is served.
    fn watch(mut self, mut ready: impl Read, args: &[OsString], restarts: &AtomicBool) -> Project {
        let mut byte = [0];
        if !matches!(ready.read(&mut byte), Ok(1)) {
            return self;
        }
        loop {
            self.wait_for_change();
            if self.configured != stamp(&self.file) {
                self.configured = stamp(&self.file);
                if is_valid(args) {
                    info!("the configuration has changed; starting again");
                    restarts.store(true, Ordering::Release);
                    signal(Signal::TERM);
                    return self;
                }
                error!("the configuration stays as it was");
            }
            if self.built != self.look() && self.build() {
                signal(Signal::HUP);
            }
        }
    }

    /// Waits until something has changed and nothing changes any more.
    fn wait_for_change(&self) {
        let now = || (self.look(), stamp(&self.file));
        let (mut sources, mut configured) = (self.built.clone(), self.configured);
        loop {
            thread::sleep(LOOKED_EVERY);
            let found = now();
            let settled = found == (sources, configured);
            let changed = found != (self.built.clone(), self.configured);
            (sources, configured) = found;
            if settled && changed {
                return;
            }
        }
    }

    /// Looks at every file of the sources.
    fn look(&self) -> Snapshot {
        let mut found = Snapshot::new();
        let mut paths = self.development.watch.clone();
        while let Some(path) = paths.pop() {
            match fs::read_dir(&path) {
                Ok(entries) => {
                    let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
                    paths.extend(entries.filter(|path| is_source(path)));
                }
                Err(_) => found.extend(stamp(&path).map(|stamp| (path, stamp))),
            }
            if found.len() == FILES_MAX {
                break;
            }
        }
        found
    }
}

/// Whether a person has written the file; what editors leave beside it is hidden or ends in `~`,
/// and what Python does has a directory.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    !name.starts_with(b".") && !name.ends_with(b"~") && name != b"__pycache__"
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
}

/// Whether `sockeye serve` would start with what the configuration file says now; tells why not.
fn is_valid(args: &[OsString]) -> bool {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(&args[0]));
    let mut check = Command::new(program);
    check.arg("serve").args(&args[2..]).arg("--print-config");
    check.stdin(Stdio::null()).stdout(Stdio::null());
    check.status().is_ok_and(|status| status.success())
}

/// Where the build finds programs: at last where this one is, which makes components and need not
/// be installed. What lies beside it may have the name of a program that the build means.
fn path_with_this_program() -> Option<OsString> {
    let program = std::env::current_exe().ok()?;
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::split_paths(&usual).chain([program.parent()?.to_owned()]);
    std::env::join_paths(paths).ok()
}

fn signal(signal: Signal) {
    if let Err(error) = kill_process(getpid(), signal) {
        error!(%error, "failed to signal the server");
    }
}
