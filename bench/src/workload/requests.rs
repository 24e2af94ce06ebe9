//! Loads of requests: on connections that are kept, on fresh ones, and for files.

use std::time::Duration;

use crate::Problem;
use crate::bench::{Bench, Running, Site, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::load::{Ask, ClosedLoop, OneShot, Outcome};
use crate::metrics::metric;
use crate::process::{Cpu, Server};
use crate::subject::Subject;
use crate::syscalls;

/// The length of `Hello, World!`.
pub const HELLO_BYTES: u64 = 13;

/// How long system calls are counted.
const TRACE_DURATION: Duration = Duration::from_millis(500);

/// Clients that connect for every request, and connections that ask for files.
const CLIENTS: usize = 64;

/// Requests for 13 bytes on connections that are kept alive.
pub fn keep_alive(
    bench: &Bench,
    subject: Subject,
    connections: usize,
    depth: usize,
    trace: bool,
) -> Result<Sample, Failure> {
    let running = bench.start(subject, Site::Hello, &[])?;
    let ask = Ask {
        address: running.address,
        connections,
        depth,
        path: "/".to_owned(),
        body_bytes: HELLO_BYTES,
    };
    closed_loop(bench, &running, ask, trace).map_err(broken)
}

/// Requests for a file of `bytes`.
pub fn file(bench: &Bench, subject: Subject, bytes: u64, trace: bool) -> Result<Sample, Failure> {
    let running = bench.start(subject, Site::Files, &[])?;
    let ask = Ask {
        address: running.address,
        connections: CLIENTS,
        depth: 1,
        path: format!("/{bytes}.bin"),
        body_bytes: bytes,
    };
    closed_loop(bench, &running, ask, trace).map_err(broken)
}

/// Requests for 13 bytes, each on a connection of its own.
pub fn accept(bench: &Bench, subject: Subject, trace: bool) -> Result<Sample, Failure> {
    let running = bench.start(subject, Site::Hello, &[])?;
    let load = OneShot::new(running.address, CLIENTS, HELLO_BYTES);
    let mut load = load.map_err(broken)?;
    measure(bench, &running, trace, |duration| load.run(duration)).map_err(broken)
}

/// Asks over and over on connections that are kept alive.
pub fn closed_loop(
    bench: &Bench,
    running: &Running,
    ask: Ask,
    trace: bool,
) -> Result<Sample, Problem> {
    let mut load = ClosedLoop::open(&[ask])?;
    measure(bench, running, trace, |duration| {
        let mut outcomes = load.run(duration)?;
        Ok(outcomes.remove(0))
    })
}

/// Warms up, measures, and traces system calls if that is wanted.
fn measure(
    bench: &Bench,
    running: &Running,
    trace: bool,
    mut run: impl FnMut(Duration) -> Result<Outcome, Problem>,
) -> Result<Sample, Problem> {
    run(bench.effort.warm_up)?;
    let activations = metric(running.admin, "sockeye_activations_total");
    let (outcome, used) = watch(&running.server, || run(bench.effort.duration))?;
    let mut sample = sample(&outcome, used);
    if let (Some(before), Some(after)) = (
        activations,
        metric(running.admin, "sockeye_activations_total"),
    ) {
        let activations = (after - before) / outcome.requests.max(1) as f64;
        sample = sample.with(Figure::Activations, activations);
    }
    if trace {
        let family = running.server.family();
        let load = || Ok(run(TRACE_DURATION)?.requests);
        if let Some(calls) = syscalls::per_request(&family, running.scratch.path(), load)? {
            sample = sample.with(Figure::Syscalls, calls);
        }
    }
    Ok(sample)
}

/// CPU time of a server and of the load.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    server: Cpu,
    load: Cpu,
}

/// Runs a load and returns the CPU time that it took on both sides.
pub fn watch<T>(
    server: &Server,
    load: impl FnOnce() -> Result<T, Problem>,
) -> Result<(T, Used), Problem> {
    let before = (server.cpu(), Cpu::own());
    let outcome = load()?;
    let used = Used {
        server: server.cpu().since(before.0),
        load: Cpu::own().since(before.1),
    };
    Ok((outcome, used))
}

/// Turns what a load and its server did into figures.
pub fn sample(outcome: &Outcome, used: Used) -> Sample {
    let cpu = used.server;
    let requests = outcome.requests.max(1) as f64;
    let seconds = outcome.seconds.max(f64::MIN_POSITIVE);
    let gigabytes = outcome.bytes as f64 / 1e9;
    let mut sample = Sample::default()
        .with(Figure::Rate, outcome.requests as f64 / seconds)
        .with(Figure::Gigabytes, gigabytes / seconds)
        .with(Figure::Cpu, cpu.total / requests * 1e6)
        .with(
            Figure::Starved,
            cpu.starved.max(used.load.starved) / seconds * 100.0,
        )
        .with(Figure::Errors, outcome.errors as f64);
    if cpu.user + cpu.system > 0.0 {
        sample = sample
            .with(Figure::User, cpu.user / requests * 1e6)
            .with(Figure::System, cpu.system / requests * 1e6);
    }
    if gigabytes > 0.0 {
        sample = sample.with(Figure::CpuPerGigabyte, cpu.total / gigabytes);
    }
    for (figure, share) in [(Figure::P50, 0.5), (Figure::P99, 0.99)] {
        if let Some(latency) = outcome.latency.quantile(share) {
            sample = sample.with(figure, latency.as_secs_f64() * 1e6);
        }
    }
    sample.problem.clone_from(&outcome.problem);
    sample
}
