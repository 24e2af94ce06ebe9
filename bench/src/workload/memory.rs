//! Loads of connections that take nothing but memory.
//!
//! What one costs is the slope between two numbers of connections, so that what a server needs
//! anyway is in none of them.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::Problem;
use crate::bench::{Bench, Running, Site, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::load::{First, Idle, request};
use crate::metrics::metric;
use crate::peers::Peer;
use crate::process::Memory;
use crate::subject::Subject;

/// What a server has to park its connections; the default of `--linger` is 20 ms.
const SETTLE_PAUSE: Duration = Duration::from_millis(300);

const SETTLE_ATTEMPTS: u32 = 10;

/// A change that is none.
const SETTLED_BYTES: u64 = 32 << 10;

/// The instances that line 9 asks for.
const INSTANCES: usize = 15_000;

/// Bounds of time that would close what is to be held; those of memory stay.
const PATIENT: [&str; 8] = [
    "--idle-timeout",
    "10m",
    "--call-timeout",
    "10m",
    "--activation-timeout",
    "10m",
    "--min-rate",
    "0",
];

/// Connections that have been answered once.
pub fn idle(bench: &Bench, subject: Subject) -> Result<Sample, Failure> {
    let (few, many) = match subject {
        // Each has a stack, or is a process.
        Subject::Peer(Peer::Threads) => (bench.effort.few / 2, bench.effort.many / 5),
        Subject::Peer(Peer::Processes) => (bench.effort.few / 20, bench.effort.many / 50),
        _ => (bench.effort.few, bench.effort.many),
    };
    // Parked at once: how many instances linger at the same time depends on how fast the clients
    // come, and the memory of a few of them is more than that of a thousand connections.
    let flags = ["--idle-timeout", "10m", "--linger", "0s"];
    let running = bench.start(subject, Site::Hello, &flags)?;
    let first = First::Answered(request("/"), b"Hello, World!");
    slope(&running, first, few, many).map_err(broken)
}

/// Connections whose handler has answered one request and waits for the body of the next.
pub fn blocked(bench: &Bench, _: Subject) -> Result<Sample, Failure> {
    let (few, many) = if bench.effort.quick {
        (100, 300)
    } else {
        (200, 1000)
    };
    let guest = bench.guest("echo");
    let running = bench.start_sockeye(Some(&guest), Site::Hello, &PATIENT);
    slope(&running.map_err(broken)?, blocked_in_recv(), few, many).map_err(broken)
}

/// The same with a project of `sockeye new`, and few of them: some are megabytes.
pub fn blocked_echo(bench: &Bench, component: &Path) -> Result<Sample, Problem> {
    let request = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n!";
    let running = bench.start_sockeye(Some(component), Site::Hello, &PATIENT)?;
    // Whether what has come is sent back at once is up to the language.
    slope(&running, First::Unread(request.to_vec()), 8, 40)
}

/// A request, and the first byte of another one that has more; `echo` sends that byte back and
/// waits for the rest.
fn blocked_in_recv() -> First {
    let mut requests = request("/");
    requests.extend_from_slice(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n!");
    First::Answered(requests, b"\r\n\r\n!")
}

/// Connections that were sent what the kernel takes of 10 MiB.
pub fn download(bench: &Bench, subject: Subject) -> Result<Sample, Failure> {
    let (few, many) = if bench.effort.quick {
        (50, 150)
    } else {
        (100, 500)
    };
    let running = bench.start(subject, Site::Files, &PATIENT)?;
    let path = format!("/{}.bin", 10 << 20);
    slope(&running, First::Unread(request(&path)), few, many).map_err(broken)
}

/// Measures the memory with few and with many connections.
fn slope(running: &Running, first: First, few: usize, many: usize) -> Result<Sample, Problem> {
    let mut idle = Idle::new(running.address, first);
    let mut memory_with = |count| {
        idle.grow_to(count)?;
        Ok::<Memory, Problem>(settled(running))
    };
    let (before, after) = (memory_with(few)?, memory_with(many)?);
    let per_connection =
        |before: u64, after: u64| (after as f64 - before as f64) / (many - few) as f64;
    let resident = per_connection(before.resident, after.resident);
    let page_tables = per_connection(before.page_tables, after.page_tables);
    Ok(Sample::default()
        .with(Figure::Resident, resident)
        .with(Figure::PageTables, page_tables)
        .with(Figure::Memory, resident + page_tables))
}

/// Returns the memory once it has stopped to change, or after `SETTLE_ATTEMPTS`.
fn settled(running: &Running) -> Memory {
    let mut last = running.server.memory();
    for _ in 0..SETTLE_ATTEMPTS {
        thread::sleep(SETTLE_PAUSE);
        let now = running.server.memory();
        if now.resident.abs_diff(last.resident) <= SETTLED_BYTES {
            return now;
        }
        last = now;
    }
    last
}

/// As many instances as the server takes, all of them waiting in `recv`.
pub fn live(bench: &Bench, _: Subject) -> Result<Sample, Failure> {
    let (running, most) = start_with_instances(bench).map_err(broken)?;
    let before = running.server.memory();
    let mut idle = Idle::new(running.address, blocked_in_recv());
    let problem = idle.grow_to(most).err().map(|problem| problem.to_string());
    let after = running.server.memory();
    let live = metric(running.admin, "sockeye_instances_live");
    let live = live.ok_or_else(|| broken("no metrics"))?;
    let count = idle.count().max(1) as f64;
    let memory =
        (after.resident + after.page_tables) as f64 - (before.resident + before.page_tables) as f64;
    let mut sample = Sample::default()
        .with(Figure::Live, live)
        .with(
            Figure::Maps,
            (after.maps as f64 - before.maps as f64) / count,
        )
        .with(Figure::Memory, memory / count);
    sample.problem = problem;
    Ok(sample)
}

/// Starts the server for `INSTANCES`, or for as many as it says that fit.
fn start_with_instances(bench: &Bench) -> Result<(Running, usize), Problem> {
    let guest = bench.guest("echo");
    let start = |instances: usize| {
        let instances = instances.to_string();
        let mut flags = PATIENT.to_vec();
        flags.extend(["--max-instances", &instances]);
        bench.start_sockeye(Some(&guest), Site::Hello, &flags)
    };
    match start(INSTANCES) {
        Ok(running) => Ok((running, INSTANCES)),
        Err(problem) => {
            let Some(fits) = fitting(&problem.to_string()) else {
                return Err(problem);
            };
            Ok((start(fits)?, fits))
        }
    }
}

/// Returns the number in the hint "`--max-instances N` fits".
fn fitting(said: &str) -> Option<usize> {
    let (before, _) = said.split_once("` fits")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_instances_that_fit_is_read_from_the_hint() {
        let said =
            "error: `--max-instances 15000` needs more\n\nhint: `--max-instances 10239` fits;";
        assert_eq!(fitting(said), Some(10239));
        assert_eq!(fitting("error: something else"), None);
    }
}
