//! Loads that show what other connections cost, and to whom they go.

use std::thread;
use std::time::Duration;

use crate::Problem;
use crate::bench::{Bench, Running, Site, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::load::{Ask, ClosedLoop, First, Idle, request};
use crate::process::free_address;
use crate::subject::Subject;
use crate::workload::requests::{HELLO_BYTES, sample, watch};

const BUSY: usize = 64;

const PARK_PAUSE: Duration = Duration::from_millis(300);

/// The connections whose spread is looked at.
const SPREAD: usize = 1000;

/// The least that tells a worker's selector from others in the process.
const WATCHED_MIN: usize = 16;

/// CPU time per request of the same busy connections, alone and with many parked ones.
pub fn growth(bench: &Bench, subject: Subject) -> Result<Sample, Failure> {
    let running = bench.start(subject, Site::Hello, &["--idle-timeout", "10m"])?;
    grow(bench, &running).map_err(broken)
}

fn grow(bench: &Bench, running: &Running) -> Result<Sample, Problem> {
    let mut load = ClosedLoop::open(&[Ask {
        address: running.address,
        connections: BUSY,
        depth: 1,
        path: "/".to_owned(),
        body_bytes: HELLO_BYTES,
    }])?;
    let mut busy = || {
        load.run(bench.effort.warm_up)?;
        let (outcomes, used) = watch(&running.server, || load.run(bench.effort.duration))?;
        Ok::<_, Problem>(sample(&outcomes[0], used))
    };
    let alone = busy()?;
    let mut parked = Idle::new(
        running.address,
        First::Answered(request("/"), b"Hello, World!"),
    );
    parked.grow_to(bench.effort.many - BUSY)?;
    thread::sleep(PARK_PAUSE);
    let crowded = busy()?;
    let growth = crowded.figures[&Figure::Cpu] / alone.figures[&Figure::Cpu];
    let errors = alone.figures[&Figure::Errors] + crowded.figures[&Figure::Errors];
    Ok(crowded
        .with(Figure::Growth, growth)
        .with(Figure::Errors, errors))
}

/// How two workers share connections.
pub fn spread(bench: &Bench, _: Subject) -> Result<Sample, Failure> {
    shared_by_two(bench).map_err(broken)
}

fn shared_by_two(bench: &Bench) -> Result<Sample, Problem> {
    let scratch = bench.scratch()?;
    let address = free_address()?;
    let mut command = bench.serve(2);
    command.args(["--listen", &address.to_string()]);
    command.arg(bench.guest("hello"));
    let cores = [bench.cores.server, bench.cores.load];
    let server = bench.launch_on(command, &cores, scratch.path(), (address, "/"))?;
    let mut idle = Idle::new(address, First::Answered(request("/"), b"Hello, World!"));
    idle.grow_to(SPREAD)?;
    let watched = server.watched(WATCHED_MIN)?;
    let (Some(most), Some(least)) = (watched.iter().max(), watched.iter().min()) else {
        return Err("no selector of a worker was found".into());
    };
    // Where there is one selector only, the other worker has next to nothing.
    let least = if watched.len() < 2 { &1 } else { least };
    Ok(Sample::default().with(Figure::Balance, *most as f64 / *least as f64))
}
