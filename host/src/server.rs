//! The server: puts engine, listeners and workers together, and ends them in order.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::Error;
use crate::admin;
use crate::config::{ActivateOn, Config, Source};
use crate::imports::{Environment, GuestLog, LogBudget};
use crate::instance::{HandlerKind, Program, Ticker};
use crate::metrics::WorkerMetrics;
use crate::net::{FileCache, Listener, bind_listeners};
use crate::worker::{BACKEND, Inbox, Worker, WorkerParts};

/// Half of the descriptors are not for connections, but never more than this.
const DESCRIPTORS_SPARE_MAX: u64 = 1024;

/// How a worker ended: its number, and why if it was not asked to.
type WorkerEnd = (usize, Result<(), String>);

/// Serves until a signal ends the server.
///
/// SIGINT and SIGTERM end it in order: no connection is accepted any more, parked ones are
/// closed, and running activations have `drain_timeout` to finish.
///
/// # Errors
/// What is wrong with the configuration or the component, before anything is served; and what
/// ended the server other than one signal.
///
/// # Blocking
/// Until the server has ended.
pub fn serve(config: Config) -> Result<(), Error> {
    let descriptors = raise_descriptor_limit();
    let program = Arc::new(Program::load(&config)?);
    // A worker without an instance could serve nobody.
    let workers = config.workers.min(program.instances_max as usize);
    let config = Config { workers, ..config };
    let activate_on = activate_on(&config, &program)?;
    let mut listeners = Vec::new();
    for &address in &config.listen {
        listeners.push(bind_listeners(address, config.workers)?);
    }
    let urls: Vec<SocketAddr> = listeners.iter().map(|all| all[0].address()).collect();
    let runtime = shared_runtime().map_err(starting("start the runtime for WASI"))?;
    let ticker = Ticker::start(program.engine.clone(), config.workers);
    let ticker = ticker.map_err(starting("start the ticker"))?;
    let draining = Arc::new(AtomicBool::new(false));
    let metrics: Vec<Arc<WorkerMetrics>> = (0..config.workers).map(|_| Arc::default()).collect();
    // Before the workers, so that no signal is missed once the start line is out.
    let signals = runtime.block_on(async { Signals::new() });
    let mut signals = signals.map_err(starting("listen to signals"))?;
    let admin = match config.admin {
        Some(address) => Some(admin::start(&runtime, address, metrics.clone())?),
        None => None,
    };

    let (ends, ended) = mpsc::unbounded_channel();
    let mut inboxes = Vec::new();
    for worker in (0..config.workers).rev() {
        let (poll, inbox) = WorkerParts::selector().map_err(starting("make a selector"))?;
        inboxes.push(Arc::clone(&inbox));
        let parts = WorkerParts {
            poll,
            inbox,
            listeners: listeners
                .iter_mut()
                .filter_map(Vec::<Listener>::pop)
                .collect(),
            program: Arc::clone(&program),
            instances_max: instances_of_worker(&program, &config, worker),
            descriptors_max: descriptors_of_worker(descriptors, config.workers),
            ticker: ticker.handle(worker),
            draining: Arc::clone(&draining),
        };
        let shared = WorkerShared {
            config: config.clone(),
            activate_on,
            metrics: Arc::clone(&metrics[worker]),
            runtime: runtime.handle().clone(),
            ends: ends.clone(),
        };
        let thread = thread::Builder::new().name(format!("worker-{worker}"));
        let spawned = thread.spawn(move || shared.run(worker, parts));
        spawned.map_err(starting("start a worker"))?;
    }
    announce(&config, &program, &urls, admin);
    runtime.block_on(run(
        &mut signals,
        ended,
        config.workers,
        &draining,
        &inboxes,
    ))
}

/// What a worker's thread makes its environment of.
struct WorkerShared {
    config: Config,
    activate_on: ActivateOn,
    metrics: Arc<WorkerMetrics>,
    runtime: tokio::runtime::Handle,
    ends: mpsc::UnboundedSender<WorkerEnd>,
}

impl WorkerShared {
    /// Runs a worker to its end, and says how it ended.
    fn run(self, worker: usize, parts: WorkerParts) {
        let _entered = self.runtime.enter();
        let draining = Arc::clone(&parts.draining);
        let lines_max = self.config.limits.log_lines_max;
        let budget = |exceeded| LogBudget::new(Arc::clone(&self.metrics), lines_max, exceeded);
        let environment = Environment {
            reuse: self.config.reuse,
            activate_on: self.activate_on,
            files: FileCache::new(self.config.root.clone()).into(),
            log: GuestLog::new(budget("guests logged more lines than `--log-lines` allows")),
            failures_log: budget("more activations failed than `--log-lines` lets the log name"),
            metrics: self.metrics,
            wanted: false.into(),
            draining,
            limits: self.config.limits,
        };
        let run = || Worker::new(parts, environment)?.run();
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
    while left > 0 {
        tokio::select! {
            name = signals.next() => {
                if draining.swap(true, Ordering::Relaxed) {
                    return Err(Error::SecondSignal);
                }
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

/// Carries WASI's timers, reads from the disk, signals and the admin server: one thread, and a
/// few for calls that block. Nothing of a request passes through it.
fn shared_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(4)
        .thread_name("shared")
        .enable_all()
        .build()
}

fn starting(step: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Start { step, source }
}

fn activate_on(config: &Config, program: &Program) -> Result<ActivateOn, Error> {
    match (program.kind, config.activate_on) {
        (HandlerKind::Raw, Some(ActivateOn::Head)) => {
            let name = match &config.component {
                Source::BuiltIn => "built-in handler".to_owned(),
                Source::File(path) => path.display().to_string(),
            };
            Err(Error::NotHttp { name })
        }
        (_, Some(asked)) => Ok(asked),
        (HandlerKind::Http, None) => Ok(ActivateOn::Head),
        (HandlerKind::Raw, None) => Ok(ActivateOn::Accept),
    }
}

/// Every worker has the same share of the instances; the first ones share what is left over.
fn instances_of_worker(program: &Program, config: &Config, worker: usize) -> usize {
    let instances = program.instances_max as usize;
    instances / config.workers + usize::from(worker < instances % config.workers)
}

/// Every worker has the same share of the descriptors that are not spared for the files of
/// handlers, the operator's interface and the host itself.
fn descriptors_of_worker(limit: u64, workers: usize) -> usize {
    let spare = (limit / 2).min(DESCRIPTORS_SPARE_MAX);
    let share = (limit - spare) / workers as u64;
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
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

fn announce(config: &Config, program: &Program, urls: &[SocketAddr], admin: Option<SocketAddr>) {
    let scheme = program.kind.scheme();
    let path = if program.kind == HandlerKind::Http {
        "/"
    } else {
        ""
    };
    let urls: Vec<String> = urls
        .iter()
        .map(|url| format!("{scheme}://{url}{path}"))
        .collect();
    let admin = admin.map(|address| tracing::field::display(format!("http://{address}/")));
    info!(
        url = %urls.join(","),
        workers = config.workers,
        backend = %BACKEND,
        reuse = %config.reuse.name(),
        admin,
        "listening"
    );
}
