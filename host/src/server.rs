//! The server: puts engine, listeners and workers together, and ends them in order.

mod access_log;
mod life;
mod memory;
mod reload;
mod served;
mod sockets;
mod successor;
mod take_over;
mod workers;

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use access_log::AccessLogWriter;
use life::{Life, Signals, notify};
use reload::{Reload, Reloads};
use served::Served;
use sockets::Sockets;
use take_over::{Invocation, TakeOver, TakeOvers};
use workers::Workers;

use crate::admin::Admin;
use crate::config::Config;
use crate::instance::{Programs, Ticker};
use crate::line_writer::LineWriter;
use crate::metrics::ServerMetrics;
use crate::{Error, Inherited};

/// How long a thread that waits for the disk is kept when it has nothing to do: for ever.
const THREAD_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Serves until a signal ends the server.
///
/// SIGINT and SIGTERM end it in order: what has connected is accepted and nothing after it, every
/// connection has one more request, and what is still open after `drain_timeout` is closed. SIGHUP
/// replaces the components. SIGUSR2 starts the program again and hands the listening sockets over
/// to it; once that serves, this process ends in order, too.
///
/// `inherited` are the sockets that the process was started with. `log` is where the program's log
/// goes, if that counts what it loses.
///
/// # Errors
/// What is wrong with the configuration or the component, before anything is served; and what
/// ended the server other than one signal.
///
/// # Blocking
/// Until the server has ended.
pub fn serve(
    config: Config,
    mut inherited: Inherited,
    log: Option<LineWriter>,
) -> Result<(), Error> {
    let invocation = Invocation::of_this_process();
    let descriptors = raise_descriptor_limit();
    refuse_huge_pages();
    let programs = Programs::load(&config)?;
    let config = decide(config, &programs, &inherited)?;
    let workers = config.workers;
    let sockets = Sockets::open(&config, &mut inherited)?;
    let served = config.services.iter().zip(programs.each);
    let mut served = served
        .zip(sockets.services)
        .map(|((service, program), sockets)| Served::new(service, program, sockets))
        .collect::<Result<Vec<_>, _>>()?;
    let runtime = shared_runtime().map_err(starting("start the runtime for WASI"))?;
    let ticker = Ticker::start(programs.loader.engine.clone(), workers);
    let access_log = config.access_log.as_ref().map(AccessLogWriter::open);
    let shared = Workers {
        ticker: ticker.map_err(starting("start the ticker"))?,
        draining: Arc::default(),
        handed_over: Arc::default(),
        shortages: Arc::default(),
        metrics: (0..workers).map(|_| Arc::default()).collect(),
        access_log: access_log.transpose()?,
        descriptors,
        instances_max: programs.instances_max as usize,
    };
    // Before the workers, so that no signal is missed once the start line is out.
    let signals = runtime.block_on(async { Signals::new() });
    let signals = signals.map_err(starting("listen to signals"))?;
    let metrics = Arc::<ServerMetrics>::default();
    let admin = config.admin.map(|address| {
        let state = shared.admin_state(&metrics, log);
        Admin::start(&runtime, address, sockets.admin, state)
    });
    let admin = admin.transpose()?;
    let (events, happened) = mpsc::unbounded_channel();
    let inboxes = shared.start(&config, &mut served, &runtime, &events)?;
    memory::watch(
        &runtime,
        config.limits.free_bytes_min.unwrap_or_default(),
        Arc::clone(&shared.shortages),
        inboxes.clone(),
    );
    let reload = Reload {
        loader: programs.loader,
        components: served.iter().map(Served::component).collect(),
        inboxes: inboxes.clone(),
        metrics: Arc::clone(&metrics),
    };
    let take_over = TakeOver {
        invocation,
        listening: served.iter().flat_map(Served::listening).collect(),
        admin: admin.as_ref().map(Admin::listener).unwrap_or_default(),
        timeout: config.take_over_timeout,
    };
    let address = admin.as_ref().map(Admin::address);
    served.iter().for_each(|one| one.announce(workers, address));
    say_ready(&mut inherited);
    let life = Life {
        left: workers,
        drain_timeout: config.limits.drain_timeout,
        workers: shared.metrics.clone(),
        events: events.clone(),
        draining: Arc::clone(&shared.draining),
        handed_over: Arc::clone(&shared.handed_over),
        inboxes,
        access_log: shared.access_log,
        admin,
        metrics,
        reloads: Reloads::new(reload, events.clone()),
        take_overs: TakeOvers::new(take_over, events),
    };
    let end = runtime.block_on(life.run(signals, happened));
    // The process ends now. To drop the runtime is to wait for a disk that may never answer, and to
    // take it from workers that a second signal has not waited for.
    std::mem::forget(runtime);
    end
}

/// Fills in what a server with `config` would decide by itself.
///
/// # Errors
/// As [`serve`] before it listens.
pub(crate) fn decided(config: Config, inherited: &Inherited) -> Result<Config, Error> {
    let programs = Programs::load(&config)?;
    decide(config, &programs, inherited)
}

/// Fills in what was left to the server, and corrects what would not hold.
fn decide(mut config: Config, programs: &Programs, inherited: &Inherited) -> Result<Config, Error> {
    // A worker without an instance could serve nobody.
    config.workers = config.workers.min(programs.instances_max as usize);
    config.limits.instances_max = Some(programs.instances_max);
    config.limits.total_bytes_max = memory::limit_of_guests(&config.limits);
    config.limits.free_bytes_min = Some(memory::free_bytes_min(&config.limits));
    let unasked = sockets::unasked(&config, inherited);
    for (service, program) in config.services.iter_mut().zip(&programs.each) {
        service.activate_on = Some(served::activate_on(service, program)?);
        if service.listen.is_empty() {
            service.listen.clone_from(&unasked);
        }
    }
    Ok(config)
}

/// Tells whoever started the process that it serves.
fn say_ready(inherited: &mut Inherited) {
    match inherited.take_ready() {
        // Where nobody reads it any more, this is the only server.
        Some(ready) => drop(File::from(ready).write(b"1")),
        None => notify(NotifyState::Ready),
    }
}

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
