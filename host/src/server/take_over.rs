//! SIGUSR2: the program is started again and given every listening socket. Only when it says that
//! it serves does this process stop accepting, so no accept queue is ever without a reader.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::Socket;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::life::Event;
use super::successor::Successor;
use crate::net::inherited;

/// What the sockets of services are called.
const LISTEN: &str = "listen";

/// How often a process that lets go of its pipe is looked at until it has ended.
const ENDING_LOOK: Duration = Duration::from_millis(5);

/// Why a new process did not take over.
#[derive(Debug, thiserror::Error)]
pub(super) enum TakeOverError {
    /// It could not be started.
    #[error("failed to start `{program}`: {source}", program = program.display())]
    Start {
        /// The file of the program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended.
    #[error("it ended, {0}")]
    Ended(ExitStatus),
    /// It took too long, and was ended.
    #[error("it did not serve within {0:?} (`--take-over-timeout`)")]
    Late(Duration),
    /// The host is broken; what was started has been ended.
    #[error("the host panicked while it waited for it")]
    Panicked,
}

/// How this process was started.
#[derive(Debug)]
pub(super) struct Invocation {
    program: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

/// What a new process needs.
pub(super) struct TakeOver {
    pub(super) invocation: Invocation,
    /// The sockets of all services, for as long as a worker has them.
    pub(super) listening: Vec<Weak<Socket>>,
    pub(super) admin: Weak<tokio::net::TcpListener>,
    pub(super) timeout: Duration,
}

/// Starts one new process at a time.
pub(super) struct TakeOvers {
    take_over: Arc<TakeOver>,
    events: mpsc::UnboundedSender<Event>,
    running: Option<Arc<Mutex<Attempt>>>,
}

/// A new process, until the server knows that it serves.
#[derive(Debug, Default)]
struct Attempt {
    successor: Option<Successor>,
    /// Whether it serves.
    serves: bool,
    /// Whether nobody wants it any more.
    cancelled: bool,
}

impl Invocation {
    /// Finds out how this process was started; early, because the program's file may be replaced
    /// at any time.
    pub(super) fn of_this_process() -> Invocation {
        let mut arguments = env::args_os();
        let typed = arguments.next();
        Invocation {
            program: env::current_exe().map(|exact| as_typed(typed, &exact).unwrap_or(exact)),
            arguments: arguments.collect(),
        }
    }
}

/// The path by which the program was called, where that leads to `exact`: a link that is changed to
/// lead to a newer one is to be followed then.
fn as_typed(typed: Option<OsString>, exact: &Path) -> Option<PathBuf> {
    let typed = PathBuf::from(typed?);
    let candidates = match typed.components().count() {
        1 => {
            let path = env::var_os("PATH")?;
            env::split_paths(&path)
                .map(|dir| dir.join(&typed))
                .collect()
        }
        _ => vec![typed],
    };
    let absolute = candidates.into_iter().map(std::path::absolute);
    absolute
        .filter_map(Result::ok)
        .find(|path| fs::canonicalize(path).is_ok_and(|path| path == exact))
}

impl TakeOvers {
    /// Nothing is started until somebody asks; each attempt ends with an event.
    pub(super) fn new(take_over: TakeOver, events: mpsc::UnboundedSender<Event>) -> TakeOvers {
        TakeOvers {
            take_over: Arc::new(take_over),
            events,
            running: None,
        }
    }

    /// Starts a new process, unless one is on its way.
    pub(super) fn ask(&mut self) {
        if self.running.is_some() {
            info!("a new process is being started already");
            return;
        }
        let attempt = Arc::<Mutex<Attempt>>::default();
        let take_over = Arc::clone(&self.take_over);
        let events = self.events.clone();
        let begun = Arc::clone(&attempt);
        let thread = thread::Builder::new().name("take-over".to_owned());
        let spawned = thread.spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| take_over.run(&begun)));
            let end = end.unwrap_or_else(|_| {
                lock(&begun).cancel();
                Err(TakeOverError::Panicked)
            });
            // Fails only where the server has ended.
            let _ = events.send(Event::TookOver(end));
        });
        match spawned {
            Ok(_) => self.running = Some(attempt),
            Err(error) => error!(%error, "failed to start a thread for a new process"),
        }
    }

    /// Ends the new process: the server is to end, and nobody is to be left who serves.
    pub(super) fn cancel(&mut self) {
        if let Some(attempt) = self.running.take() {
            lock(&attempt).cancel();
        }
    }

    /// Notes that an attempt has ended; says whether it was wanted to the end.
    pub(super) fn ended(&mut self) -> bool {
        self.running.take().is_some()
    }
}

impl Drop for TakeOvers {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Attempt {
    /// Ends what was started. Once that serves it may have clients, so it ends in order then.
    fn cancel(&mut self) {
        self.cancelled = true;
        match &self.successor {
            Some(successor) if self.serves => successor.terminate(),
            Some(successor) => successor.kill(),
            None => {}
        }
    }

    /// Whether there is still something to wait for.
    fn goes_on(&mut self) -> bool {
        let successor = self.successor.as_mut();
        !self.cancelled && successor.is_some_and(Successor::is_running)
    }
}

fn lock(attempt: &Mutex<Attempt>) -> MutexGuard<'_, Attempt> {
    attempt.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TakeOver {
    /// Starts a new process and waits until it serves; returns its id. Where it does not serve, it
    /// has ended.
    fn run(&self, attempt: &Mutex<Attempt>) -> Result<i32, TakeOverError> {
        let mut ready = self.start(attempt)?;
        let deadline = Instant::now() + self.timeout;
        let serves = wait(&ready, deadline) && matches!(ready.read(&mut [0]), Ok(1));
        // One that fails lets go of the pipe before it says why and ends.
        while !serves && Instant::now() < deadline && lock(attempt).goes_on() {
            thread::sleep(ENDING_LOOK);
        }
        let mut attempt = lock(attempt);
        attempt.serves = serves && !attempt.cancelled;
        if attempt.serves
            && let Some(successor) = &attempt.successor
        {
            // It stays where it is: the server may be told to end before it learns of this.
            return Ok(successor.id());
        }
        let Some(mut successor) = attempt.successor.take() else {
            unreachable!("nobody else takes it");
        };
        let late = !attempt.cancelled && Instant::now() >= deadline;
        successor.kill();
        match successor.wait() {
            _ if late => Err(TakeOverError::Late(self.timeout)),
            Ok(status) => Err(TakeOverError::Ended(status)),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Starts a new process, and returns where it will say that it serves.
    fn start(&self, attempt: &Mutex<Attempt>) -> Result<PipeReader, TakeOverError> {
        // Until it is known, nobody can end it; so whoever wants to waits here.
        let mut attempt = lock(attempt);
        if attempt.cancelled {
            return Err(self.failed(io::ErrorKind::Interrupted.into()));
        }
        let started = || {
            let (ready, tell) = io::pipe()?;
            let program = match &self.invocation.program {
                Ok(program) => program,
                Err(error) => return Err(io::Error::new(error.kind(), error.to_string())),
            };
            let handed = self.handed(tell.into())?;
            let successor = Successor::start(program, &self.invocation.arguments, &handed)?;
            Ok((ready, successor))
        };
        let (ready, successor) = started().map_err(|source| self.failed(source))?;
        attempt.successor = Some(successor);
        Ok(ready)
    }

    /// What is handed over, with its names.
    fn handed(&self, ready: OwnedFd) -> io::Result<Vec<(&'static str, OwnedFd)>> {
        let mut handed = Vec::new();
        for socket in self.listening.iter().filter_map(Weak::upgrade) {
            handed.push((LISTEN, OwnedFd::from(socket.try_clone()?)));
        }
        if let Some(admin) = self.admin.upgrade() {
            handed.push((inherited::ADMIN, admin.as_fd().try_clone_to_owned()?));
        }
        handed.push((inherited::READY, ready));
        Ok(handed)
    }

    fn failed(&self, source: io::Error) -> TakeOverError {
        let program = self.invocation.program.as_ref();
        TakeOverError::Start {
            program: program.cloned().unwrap_or_default(),
            source,
        }
    }
}

/// Waits until something can be read, or the other end is closed; says whether that was in time.
fn wait(pipe: &PipeReader, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(pipe, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if left.is_zero() => return false,
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_panics_is_the_last_of_what_it_started_and_not_of_all_attempts() {
        let invocation = Invocation {
            program: Ok("/bin/sleep".into()),
            arguments: vec!["1000".into()],
        };
        let take_over = TakeOver {
            invocation,
            listening: Vec::new(),
            admin: Weak::new(),
            // More than the clock can add, which no configuration may have.
            timeout: Duration::MAX,
        };
        let (events, mut happened) = mpsc::unbounded_channel();
        let mut take_overs = TakeOvers::new(take_over, events);
        for _ in 0..2 {
            take_overs.ask();
            let attempt = take_overs.running.clone().expect("it has begun");
            let end = happened.blocking_recv();
            assert!(matches!(
                end,
                Some(Event::TookOver(Err(TakeOverError::Panicked)))
            ));
            let mut attempt = lock(&attempt);
            let successor = attempt.successor.as_mut().expect("it was started");
            assert!(!successor.wait().expect("it is a child").success());
            assert!(take_overs.ended());
        }
    }
}
