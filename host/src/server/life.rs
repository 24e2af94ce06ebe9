//! The life of a running server: the signals that it gets, and how its workers end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, error, info};

use super::access_log::AccessLogWriter;
use super::reload::Reloads;
use super::take_over::{TakeOverError, TakeOvers};
use crate::Error;
use crate::admin::Admin;
use crate::metrics::{Bound, ServerMetrics, WorkerMetrics};
use crate::worker::Inbox;

/// Signals this close together are one: `timeout` sends one to the process and one to its group.
const REPEATED_WITHIN: Duration = Duration::from_millis(100);

/// What happens in a server besides signals.
pub(super) enum Event {
    /// A worker ended; and why, if it was not asked to.
    WorkerEnded(usize, Result<(), String>),
    /// The components were read again.
    Reloaded,
    /// A new process serves, or has ended.
    TookOver(Result<i32, TakeOverError>),
    /// Every operator who had come before it served has been answered.
    OperatorsAnswered,
}

/// A running server, as its first thread sees it.
pub(super) struct Life {
    /// What the server waits for before it ends: its workers, and operators where it handed over.
    pub(super) left: usize,
    pub(super) drain_timeout: Duration,
    pub(super) workers: Vec<Arc<WorkerMetrics>>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) draining: Arc<AtomicBool>,
    pub(super) handed_over: Arc<AtomicBool>,
    pub(super) inboxes: Vec<Arc<Inbox>>,
    pub(super) access_log: Option<AccessLogWriter>,
    pub(super) admin: Option<Admin>,
    pub(super) metrics: Arc<ServerMetrics>,
    pub(super) reloads: Reloads,
    pub(super) take_overs: TakeOvers,
}

/// What a signal asks for.
enum Asked {
    /// The end; the name of the signal.
    End(&'static str),
    /// Reading the components again.
    Reload,
    /// A new process.
    TakeOver,
}

/// The signals that a server handles.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user2: Signal,
}

impl Life {
    /// Waits for signals and for what else happens, until every worker has ended.
    pub(super) async fn run(
        mut self,
        mut signals: Signals,
        mut events: mpsc::UnboundedReceiver<Event>,
    ) -> Result<(), Error> {
        let mut asked: Option<Instant> = None;
        while self.left > 0 {
            tokio::select! {
                signal = signals.next() => match signal {
                    Asked::End(_) if asked.is_some_and(|at| at.elapsed() < REPEATED_WITHIN) => {}
                    Asked::End(_) if asked.is_some() => return Err(Error::SecondSignal),
                    Asked::End(name) => {
                        asked = Some(Instant::now());
                        info!(signal = name, "shutting down");
                        if !self.is_draining() {
                            notify(NotifyState::Stopping);
                        }
                        self.take_overs.cancel();
                        self.drain();
                    }
                    Asked::Reload => self.reload(),
                    Asked::TakeOver if self.is_draining() => {
                        info!("shutting down, no new process is started");
                    }
                    Asked::TakeOver => self.take_overs.ask(),
                },
                Some(event) = events.recv() => match event {
                    Event::WorkerEnded(worker, end) => {
                        end.map_err(|reason| Error::Worker { worker, reason })?;
                        self.left -= 1;
                    }
                    Event::Reloaded => self.reloads.ended(),
                    Event::TookOver(end) => self.took_over(end),
                    Event::OperatorsAnswered => self.left -= 1,
                },
            }
        }
        let closed = self
            .workers
            .iter()
            .map(|one| one.bound(Bound::DrainTime).get());
        let at_deadline: u64 = closed.sum();
        info!(at_deadline, "all connections are closed");
        Ok(())
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn drain(&self) {
        // Release: a worker that sees this knows whether the sockets were handed over.
        self.draining.store(true, Ordering::Release);
        self.inboxes.iter().for_each(|inbox| inbox.interrupt());
    }

    fn reload(&mut self) {
        // Its file may have been renamed, however little there is left to write.
        if let Some(access_log) = &self.access_log {
            access_log.reopen();
        }
        if !self.is_draining() {
            self.reloads.ask();
        }
    }

    fn took_over(&mut self, end: Result<i32, TakeOverError>) {
        let wanted = self.take_overs.ended();
        match end {
            Ok(successor) if wanted => {
                notify(NotifyState::MainPid(successor.unsigned_abs()));
                self.handed_over.store(true, Ordering::Relaxed);
                // Before the drain, of which it tells those who ask.
                if let Some(admin) = self.admin.take() {
                    self.hand_over(admin);
                }
                self.drain();
                info!(successor, "handed over, finishing what is open");
            }
            Err(reason) if wanted => {
                self.metrics.take_overs_failed.add(1);
                error!(%reason, "the new process did not take over, this one goes on");
            }
            // It was ended because the server ends.
            _ => {}
        }
    }

    fn hand_over(&mut self, admin: Admin) {
        let answered = tokio::time::timeout(self.drain_timeout, admin.hand_over());
        let events = self.events.clone();
        self.left += 1;
        tokio::spawn(async move {
            let _ = answered.await;
            // Fails only where the server has ended.
            let _ = events.send(Event::OperatorsAnswered);
        });
    }
}

/// Tells the service manager, where there is one.
pub(super) fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        debug!(%error, "failed to tell the service manager");
    }
}

impl Signals {
    /// Begins to listen.
    pub(super) fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.user2.recv() => Asked::TakeOver,
        }
    }
}
