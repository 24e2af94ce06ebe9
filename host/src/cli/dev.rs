//! `sockeye dev`: builds and serves a project, and does both again when a source has changed.
//!
//! The server is `sockeye serve` in a process of its own. After every build that works it is sent
//! SIGHUP, as by any operator: it reads its component again and closes no connection. What does not
//! build or does not fit changes nothing. With another configuration it is started anew.

mod processes;
mod sources;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep_until;
use tracing::{error, info, warn};

use super::Told;
use super::file::Development;
use crate::{Error, ProjectError};
use processes::{Build, Server, Surroundings, ended};
use sources::{Changes, Sources, Stamp, stamp};

/// How long the sources are left alone after a look, at least and at most.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The least pause after a look that found a change; a build waits for one more.
const SETTLING: Duration = Duration::from_millis(20);

/// How many times as long as a look took, where there are many sources.
const PAUSE_FACTOR: u32 = 20;

/// After how many builds in a row that each saw a source change the next one has to wait. A
/// formatter makes one more build necessary; what always makes one would never end.
const RESTLESS_BUILDS_MAX: u32 = 3;

/// How long it waits.
const REST: Duration = Duration::from_secs(5);

/// What `sockeye dev --help` says below the flags, which are those of `sockeye serve`.
pub(super) const HELP: &str = "\
In `sockeye.toml`, beside the settings of the server:
  component = \"handler.wasm\"

  [dev]
  build = \"make\"              what a shell runs to build it
  watch = [\"src\"]             the files and directories it is built of

The flags are those of `sockeye serve`. Compiling is quick, and code slower than there. When the
server ends, it waits for a second for those who are connected. `sockeye new` writes a project.";

/// A project that is being worked on.
struct Session {
    surroundings: Surroundings,
    /// What `sockeye serve` is started with.
    args: Vec<OsString>,
    /// The configuration file, and what it was when it was read.
    file: PathBuf,
    configured: Option<Stamp>,
    development: Development,
    sources: Sources,
    build: Option<Build>,
    server: Option<Server>,
    /// The server that runs has another configuration than the one to come.
    is_outdated: bool,
    /// How many builds in a row have seen a source change.
    restless_builds: u32,
    /// When the next one may begin.
    rests_until: Instant,
}

/// Serves the project that the configuration file describes until a signal ends it. `told` is what
/// `sockeye serve` would be told, and `args` are what is typed behind its name.
///
/// # Errors
/// [`ProjectError`], and what keeps processes from being started.
pub(super) fn run(told: Told, args: Vec<OsString>) -> Result<(), Error> {
    let starting = |source| Error::Start {
        step: "start working on the project",
        source,
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(starting)?;
    let _entered = runtime.enter();
    let mut session = Session::new(told, args, Surroundings::new().map_err(starting)?)?;
    runtime.block_on(session.run()).map_err(starting)
}

/// The signals that are meant for this process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal is gone.
    hangup: Signal,
    /// Another program is for the server, and only where an operator starts it.
    user2: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for one that ends this process.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => return,
                _ = self.user2.recv() => warn!("SIGUSR2 is for `sockeye serve`"),
            }
        }
    }
}

impl Session {
    fn new(
        told: Told,
        args: Vec<OsString>,
        surroundings: Surroundings,
    ) -> Result<Session, ProjectError> {
        let (Some(file), Some(development)) = (told.file, told.development) else {
            return Err(ProjectError::NoDevelopment);
        };
        let sources = Sources::new(development.watch.clone())?;
        Ok(Session {
            surroundings,
            args,
            configured: stamp(&file),
            file,
            development,
            sources,
            build: None,
            server: None,
            is_outdated: false,
            restless_builds: 0,
            rests_until: Instant::now(),
        })
    }

    /// Works until a signal ends it, and everything that it has started.
    async fn run(&mut self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let mut next_look = Instant::now();
        let mut is_ending = false;
        self.start_build();
        loop {
            tokio::select! {
                () = signals.end() => {
                    is_ending = true;
                    self.build.iter().for_each(Build::end);
                    self.server.iter_mut().for_each(Server::stop);
                }
                status = ended(self.build.as_mut().map(AsMut::as_mut)) => {
                    let build = self.build.take();
                    if !is_ending {
                        self.built(build, status);
                    }
                }
                status = ended(self.server.as_mut().map(AsMut::as_mut)) => {
                    let server = self.server.take();
                    if !is_ending {
                        self.served(server, status);
                    }
                }
                () = self.surroundings.ready() => self.ready(),
                () = sleep_until(next_look.into()) => {
                    let began = Instant::now();
                    self.server.iter_mut().for_each(Server::insist);
                    let pause_min = match is_ending || self.build.is_some() {
                        true => PAUSE_MIN,
                        false => self.look(),
                    };
                    let pause = began.elapsed() * PAUSE_FACTOR;
                    next_look = Instant::now() + pause.clamp(pause_min, PAUSE_MAX);
                }
            }
            if is_ending && self.build.is_none() && self.server.is_none() {
                return Ok(());
            }
        }
    }

    /// Looks for changes, builds where there is one, and says how long to wait at least until the
    /// next look.
    fn look(&mut self) -> Duration {
        if self.configured != stamp(&self.file) {
            self.configured = stamp(&self.file);
            match self.configure() {
                Ok(()) => {
                    info!("the configuration has changed");
                    self.is_outdated = true;
                    self.start_build();
                }
                Err(problem) => {
                    super::write_to_stderr(&problem);
                    error!("the configuration stays as it was");
                }
            }
        } else if Instant::now() >= self.rests_until {
            match self.sources.changes() {
                Changes::None => {}
                Changes::Fresh => return SETTLING,
                Changes::Settled => self.start_build(),
            }
        }
        PAUSE_MIN
    }

    /// Reads the configuration again; says why it cannot be served.
    fn configure(&mut self) -> Result<(), String> {
        let serve = ["sockeye".into(), "serve".into()];
        let serve = serve.into_iter().chain(self.args.iter().cloned()).collect();
        let told = super::gathered(serve)?;
        let development = told.development.clone();
        let in_words = |error: Error| super::told(&error);
        let config = told.args.into_config(&told.services);
        config.map_err(in_words)?;
        let development = development.ok_or(ProjectError::NoDevelopment);
        let read = development.and_then(|new| Ok((Sources::new(new.watch.clone())?, new)));
        let (sources, development) = read.map_err(|error| in_words(error.into()))?;
        (self.sources, self.development) = (sources, development);
        Ok(())
    }

    fn start_build(&mut self) {
        self.sources.building();
        let directory = match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let command = &self.development.build;
        info!(%command, "building");
        match self.surroundings.build(command, directory) {
            Ok(build) => self.build = Some(build),
            Err(error) => error!(%error, "failed to run the build; waiting for a change"),
        }
    }

    /// Serves what a build has made.
    fn built(&mut self, build: Option<Build>, status: ExitStatus) {
        let seconds = build.map_or(0.0, |build| build.began.elapsed().as_secs_f64());
        let seconds = format!("{seconds:.1}");
        self.note_restlessness();
        if !status.success() {
            error!(%status, seconds, "the build failed; waiting for a change");
            return;
        }
        info!(seconds, "built");
        match &mut self.server {
            Some(server) if server.is_stopping() => {}
            Some(server) if self.is_outdated => server.stop(),
            Some(server) => server.reload(),
            None => self.start_server(),
        }
    }

    /// Has the next build wait where builds follow each other because of what they do themselves.
    fn note_restlessness(&mut self) {
        let Some(changed) = self.sources.changed_since() else {
            self.restless_builds = 0;
            return;
        };
        self.restless_builds += 1;
        if self.restless_builds > RESTLESS_BUILDS_MAX {
            let path = changed.display();
            warn!(%path, "a source has changed during each of the last builds; is it one?");
            self.rests_until = Instant::now() + REST;
        }
    }

    fn start_server(&mut self) {
        self.is_outdated = false;
        match self.surroundings.serve(&self.args) {
            Ok(server) => self.server = Some(server),
            Err(error) => error!(%error, "failed to start the server; waiting for a change"),
        }
    }

    /// Has a server that has begun read what was built meanwhile.
    fn ready(&mut self) {
        if let Some(server) = &mut self.server {
            server.is_ready = true;
            if server.is_stale {
                server.reload();
            }
        }
    }

    /// Starts another server where one was to make room for it.
    fn served(&mut self, server: Option<Server>, status: ExitStatus) {
        match server.is_some_and(|server| server.is_stopping()) {
            true => self.start_server(),
            // It has said why.
            false => error!(%status, "the server has ended; waiting for a change"),
        }
    }
}
