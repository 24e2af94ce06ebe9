//! The threads of a server's workers, and what they share.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::access_log::AccessLogWriter;
use super::life::Event;
use super::served::{Served, ServiceShare};
use super::starting;
use crate::Error;
use crate::admin;
use crate::config::{Config, Limits};
use crate::imports::{Environment, GuestLog, LogBudget, MemoryBudget, RequestLog, Troubles};
use crate::instance::{Ticker, prepare_thread};
use crate::line_writer::LineWriter;
use crate::metrics::{ServerMetrics, WorkerMetrics};
use crate::worker::{Inbox, Worker, WorkerParts};

/// Half of the descriptors are not for connections, but never more than this.
const DESCRIPTORS_SPARE_MAX: u64 = 1024;

/// Files that a worker keeps open for the next time, shared out between the services.
const FILES_MAX: usize = 128;

/// What the workers of a server share.
pub(super) struct Workers {
    pub(super) ticker: Ticker,
    /// Set when the server shuts down.
    pub(super) draining: Arc<AtomicBool>,
    /// Set before `draining` where another process serves the listening sockets from now on.
    pub(super) handed_over: Arc<AtomicBool>,
    /// How often the machine was seen to have little memory left.
    pub(super) shortages: Arc<AtomicU64>,
    /// The counters of each.
    pub(super) metrics: Vec<Arc<WorkerMetrics>>,
    pub(super) access_log: Option<AccessLogWriter>,
    /// How many descriptors the process may have.
    pub(super) descriptors: u64,
    /// How many instances the process may have.
    pub(super) instances_max: usize,
}

impl Workers {
    /// What the operator is told about.
    pub(super) fn admin_state(
        &self,
        server: &Arc<ServerMetrics>,
        log: Option<LineWriter>,
    ) -> admin::State {
        let access_log = self.access_log.as_ref().map(AccessLogWriter::writer);
        let logs = [("stderr", log), ("access", access_log)];
        let draining = Arc::clone(&self.draining);
        admin::State::new(self.metrics.clone(), Arc::clone(server), draining, logs)
    }

    /// Starts the threads; each sends an event when it ends.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub(super) fn start(
        &self,
        config: &Config,
        served: &mut [Served],
        runtime: &Runtime,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Result<Vec<Arc<Inbox>>, Error> {
        let workers = self.metrics.len();
        let memory = config.limits.total_bytes_max.unwrap_or(usize::MAX);
        let mut inboxes = Vec::new();
        for worker in (0..workers).rev() {
            let (poll, inbox) = WorkerParts::selector().map_err(starting("make a selector"))?;
            inboxes.push(Arc::clone(&inbox));
            let parts = WorkerParts {
                poll,
                inbox,
                instances_max: share_of_worker(self.instances_max, workers, worker),
                descriptors_max: descriptors_of_worker(self.descriptors, workers),
                ticker: self.ticker.handle(worker),
                draining: Arc::clone(&self.draining),
                handed_over: Arc::clone(&self.handed_over),
            };
            let shared = WorkerShared {
                services: served.iter_mut().map(Served::take_share).collect(),
                files_max: FILES_MAX / config.services.len(),
                limits: config.limits.clone(),
                request_log: self.access_log.as_ref().map(AccessLogWriter::share),
                memory_max: share_of_worker(memory, workers, worker),
                shortages: Arc::clone(&self.shortages),
                metrics: Arc::clone(&self.metrics[worker]),
                runtime: runtime.handle().clone(),
                events: events.clone(),
            };
            let thread = thread::Builder::new().name(format!("worker-{worker}"));
            let spawned = thread.spawn(move || shared.run(worker, parts));
            spawned.map_err(starting("start a worker"))?;
        }
        Ok(inboxes)
    }
}

/// What a worker's thread makes its environment of.
struct WorkerShared {
    services: Vec<ServiceShare>,
    files_max: usize,
    limits: Limits,
    request_log: Option<RequestLog>,
    memory_max: usize,
    shortages: Arc<AtomicU64>,
    metrics: Arc<WorkerMetrics>,
    runtime: tokio::runtime::Handle,
    events: mpsc::UnboundedSender<Event>,
}

impl WorkerShared {
    /// Runs a worker to its end, and says how it ended.
    fn run(self, worker: usize, parts: WorkerParts) {
        let _entered = self.runtime.enter();
        let lines_max = self.limits.log_lines_max;
        let budget = |exceeded| LogBudget::new(Arc::clone(&self.metrics), lines_max, exceeded);
        let environment = Rc::new(Environment {
            log: GuestLog::new(budget("guests logged more lines than `--log-lines` allows")),
            failures_log: budget("more activations failed than `--log-lines` lets the log name"),
            metrics: self.metrics,
            request_log: self.request_log,
            memory: MemoryBudget::new(self.memory_max),
            shortages: self.shortages,
            troubles: Troubles::default(),
            wanted: false.into(),
            draining: Arc::clone(&parts.draining),
            limits: self.limits,
        });
        let services = self.services.into_iter();
        let listening =
            services.flat_map(|share| share.into_listening(&environment, self.files_max));
        let listening = listening.collect();
        let run = || {
            prepare_thread();
            Worker::new(parts, environment, listening)?.run()
        };
        let end = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result.map_err(|error: io::Error| error.to_string()),
            Err(_) => Err("it panicked".to_owned()),
        };
        // Fails only where the server has ended already.
        let _ = self.events.send(Event::WorkerEnded(worker, end));
    }
}

/// Every worker has the same share; the first ones share what is left over.
fn share_of_worker(all: usize, workers: usize, worker: usize) -> usize {
    all / workers + usize::from(worker < all % workers)
}

/// Every worker has the same share of the descriptors that are not spared for the files of
/// handlers, the operator's interface and the host itself.
fn descriptors_of_worker(limit: u64, workers: usize) -> usize {
    let spare = (limit / 2).min(DESCRIPTORS_SPARE_MAX);
    let share = (limit - spare) / workers as u64;
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}
