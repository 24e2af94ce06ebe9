//! The server: puts engine, listeners and workers together, and ends them in order.

mod access_log;
mod memory;
mod served;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use access_log::AccessLogWriter;
use served::{Served, ServiceShare};

use crate::Error;
use crate::admin;
use crate::config::{Config, Limits};
use crate::imports::{Environment, GuestLog, LogBudget, MemoryBudget, RequestLog, Troubles};
use crate::instance::{Programs, Ticker, prepare_thread};
use crate::line_writer::LineWriter;
use crate::metrics::WorkerMetrics;
use crate::worker::{Inbox, Worker, WorkerParts};

/// Half of the descriptors are not for connections, but never more than this.
const DESCRIPTORS_SPARE_MAX: u64 = 1024;

/// Files that a worker keeps open for the next time, shared out between the services.
const FILES_MAX: usize = 128;

/// Signals this close together are one: `timeout` sends one to the process and one to its group.
const REPEATED_WITHIN: Duration = Duration::from_millis(100);

/// How a worker ended: its number, and why if it was not asked to.
type WorkerEnd = (usize, Result<(), String>);

/// Serves until a signal ends the server.
///
/// SIGINT and SIGTERM end it in order: what has connected is accepted and nothing after it, every
/// connection has one more request, and what is still open after `drain_timeout` is closed.
///
/// `log` is where the program's log goes, if that counts what it loses.
///
/// # Errors
/// What is wrong with the configuration or the component, before anything is served; and what
/// ended the server other than one signal.
///
/// # Blocking
/// Until the server has ended.
pub fn serve(config: Config, log: Option<LineWriter>) -> Result<(), Error> {
    let descriptors = raise_descriptor_limit();
    refuse_huge_pages();
    let programs = Programs::load(&config)?;
    // A worker without an instance could serve nobody.
    let workers = config.workers.min(programs.instances_max as usize);
    let config = Config { workers, ..config };
    let engine = programs.engine;
    let served = config.services.iter().zip(programs.each);
    let mut served = served
        .map(|(service, program)| Served::bind(service, program, workers))
        .collect::<Result<Vec<_>, _>>()?;
    let runtime = shared_runtime().map_err(starting("start the runtime for WASI"))?;
    let ticker = Ticker::start(engine, workers).map_err(starting("start the ticker"))?;
    let draining = Arc::new(AtomicBool::new(false));
    let shortages = Arc::new(AtomicU64::new(0));
    let handed_over = Arc::new(AtomicBool::new(false));
    let metrics: Vec<Arc<WorkerMetrics>> = (0..workers).map(|_| Arc::default()).collect();
    // Before the workers, so that no signal is missed once the start line is out.
    let signals = runtime.block_on(async { Signals::new() });
    let mut signals = signals.map_err(starting("listen to signals"))?;
    let access_log = match &config.access_log {
        Some(access_log) => Some(AccessLogWriter::open(access_log)?),
        None => None,
    };
    let admin = match config.admin {
        Some(address) => {
            let access_log = access_log.as_ref().map(AccessLogWriter::writer);
            let logs = [("stderr", log), ("access", access_log)];
            let state = admin::State::new(metrics.clone(), Arc::clone(&draining), logs);
            Some(admin::start(&runtime, address, state)?)
        }
        None => None,
    };

    let (ends, ended) = mpsc::unbounded_channel();
    let mut inboxes = Vec::new();
    for worker in (0..workers).rev() {
        let (poll, inbox) = WorkerParts::selector().map_err(starting("make a selector"))?;
        inboxes.push(Arc::clone(&inbox));
        let parts = WorkerParts {
            poll,
            inbox,
            instances_max: share_of_worker(programs.instances_max as usize, workers, worker),
            descriptors_max: descriptors_of_worker(descriptors, workers),
            ticker: ticker.handle(worker),
            draining: Arc::clone(&draining),
            handed_over: Arc::clone(&handed_over),
        };
        let shared = WorkerShared {
            services: served.iter_mut().map(Served::take_share).collect(),
            files_max: FILES_MAX / config.services.len(),
            limits: config.limits.clone(),
            request_log: access_log.as_ref().map(AccessLogWriter::share),
            memory_max: share_of_worker(total_bytes_max(&config.limits), workers, worker),
            shortages: Arc::clone(&shortages),
            metrics: Arc::clone(&metrics[worker]),
            runtime: runtime.handle().clone(),
            ends: ends.clone(),
        };
        let thread = thread::Builder::new().name(format!("worker-{worker}"));
        let spawned = thread.spawn(move || shared.run(worker, parts));
        spawned.map_err(starting("start a worker"))?;
    }
    memory::watch(
        &runtime,
        config.limits.free_bytes_min,
        shortages,
        inboxes.clone(),
    );
    served
        .iter()
        .for_each(|served| served.announce(workers, admin));
    runtime.block_on(run(&mut signals, ended, workers, &draining, &inboxes))
}

/// What a server with `config` decides by itself, by the names of the settings that would say
/// otherwise.
///
/// # Errors
/// As [`serve`] before it listens.
pub(crate) fn decided(config: &Config) -> Result<[(&'static str, u64); 3], Error> {
    let programs = Programs::load(config)?;
    Ok([
        ("workers", config.workers as u64),
        ("max-instances", u64::from(programs.instances_max)),
        ("total-memory-limit", total_bytes_max(&config.limits) as u64),
    ])
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
    ends: mpsc::UnboundedSender<WorkerEnd>,
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
        let _ = self.ends.send((worker, end));
    }
}

/// Waits for signals and for workers that end.
async fn run(
    signals: &mut Signals,
    mut ended: mpsc::UnboundedReceiver<WorkerEnd>,
    workers: usize,
    draining: &AtomicBool,
    inboxes: &[Arc<Inbox>],
) -> Result<(), Error> {
    let mut left = workers;
    let mut asked: Option<Instant> = None;
    while left > 0 {
        tokio::select! {
            name = signals.next() => {
                if let Some(asked) = asked {
                    if asked.elapsed() < REPEATED_WITHIN {
                        continue;
                    }
                    return Err(Error::SecondSignal);
                }
                asked = Some(Instant::now());
                draining.store(true, Ordering::Release);
                info!(signal = name, "shutting down");
                inboxes.iter().for_each(|inbox| inbox.interrupt());
            }
            Some((worker, end)) = ended.recv() => {
                end.map_err(|reason| Error::Worker { worker, reason })?;
                left -= 1;
            }
        }
    }
    info!("all connections are closed");
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals {
            interrupt,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// How long a thread that waits for the disk is kept when it has nothing to do: for ever.
const THREAD_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Carries WASI's timers, reads from the disk, signals and the admin server: one thread, and a
/// few for calls that block. Nothing of a request passes through it.
///
/// One thread for calls that block is there from the start, so that a machine that gives no more
/// threads makes them slow and not impossible.
fn shared_runtime() -> io::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(4)
        .thread_keep_alive(THREAD_KEPT)
        .thread_name("shared")
        .enable_all()
        .build()?;
    let started = runtime.block_on(runtime.spawn_blocking(|| ()));
    started.map_err(io::Error::other)?;
    Ok(runtime)
}

fn starting(step: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Start { step, source }
}

/// Every worker has the same share; the first ones share what is left over.
fn share_of_worker(all: usize, workers: usize, worker: usize) -> usize {
    all / workers + usize::from(worker < all % workers)
}

/// What the guests may have together: half of the memory there is, unless the operator says more or
/// less.
fn total_bytes_max(limits: &Limits) -> usize {
    let half = || memory::total_bytes().map_or(usize::MAX, |bytes| bytes / 2);
    limits.total_bytes_max.unwrap_or_else(half)
}

/// Every worker has the same share of the descriptors that are not spared for the files of
/// handlers, the operator's interface and the host itself.
fn descriptors_of_worker(limit: u64, workers: usize) -> usize {
    let spare = (limit / 2).min(DESCRIPTORS_SPARE_MAX);
    let share = (limit - spare) / workers as u64;
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}

/// Has the kernel give memory in small pages. The allocator asks for huge ones, which made 5,000
/// parked connections cost 8 MiB of resident memory instead of 2 (measured).
fn refuse_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        debug!(%error, "huge pages stay");
    }
}

/// Raises the limit of descriptors as far as it goes, and returns it. The soft limit is a default
/// for programs that use `select`; this one does not.
fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            warn!(%error, "failed to raise the limit of open descriptors");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
