//! Loads that share a worker with somebody greedy.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::Problem;
use crate::bench::{Bench, GIGABYTE, Running, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::load::{Ask, ClosedLoop, First, Idle, request};
use crate::process::free_address;
use crate::subject::Subject;
use crate::workload::requests::{HELLO_BYTES, sample, watch};

/// What the guests have to get going; they are on their way as soon as they have the processor.
const SPIN_PAUSE: Duration = Duration::from_millis(100);

const CONNECTIONS: usize = 64;

/// Requests for 13 bytes while `guests` loop for ever.
pub fn spin(bench: &Bench, _: Subject, guests: usize) -> Result<Sample, Failure> {
    beside(bench, "hostile", |running, greedy| {
        let mut spinning = Idle::new(greedy, First::Unread(request("/spin")));
        let mut load = ClosedLoop::open(&[hello(running)])?;
        load.run(bench.effort.warm_up)?;
        spinning.grow_to(guests)?;
        thread::sleep(SPIN_PAUSE);
        let (outcomes, used) = watch(&running.server, || load.run(bench.effort.duration))?;
        Ok(sample(&outcomes[0], used))
    })
}

/// Requests for 13 bytes while one client receives 1 GiB, again and again.
pub fn gigabyte(bench: &Bench, _: Subject) -> Result<Sample, Failure> {
    beside(bench, "file", |running, greedy| {
        let large = Ask {
            address: greedy,
            connections: 1,
            depth: 1,
            path: format!("/{GIGABYTE}.bin"),
            body_bytes: GIGABYTE,
        };
        let mut load = ClosedLoop::open(&[hello(running), large])?;
        load.run(bench.effort.warm_up)?;
        let (outcomes, used) = watch(&running.server, || load.run(bench.effort.duration))?;
        let large = sample(&outcomes[1], used);
        let errors = (outcomes[0].errors + outcomes[1].errors) as f64;
        Ok(sample(&outcomes[0], used)
            .with(Figure::Gigabytes, large.figures[&Figure::Gigabytes])
            .with(Figure::Errors, errors))
    })
}

fn hello(running: &Running) -> Ask {
    Ask {
        address: running.address,
        connections: CONNECTIONS,
        depth: 1,
        path: "/".to_owned(),
        body_bytes: HELLO_BYTES,
    }
}

/// Starts one worker with two services, `hello` and another one, and puts it under `load`.
fn beside(
    bench: &Bench,
    greedy: &str,
    load: impl FnOnce(&Running, std::net::SocketAddr) -> Result<Sample, Problem>,
) -> Result<Sample, Failure> {
    let start = || {
        let scratch = bench.scratch()?;
        let (address, other) = (free_address()?, free_address()?);
        let config = scratch.path().join("sockeye.toml");
        let text = format!(
            "[[service]]\nlisten = \"{address}\"\ncomponent = {:?}\n\n\
             [[service]]\nlisten = \"{other}\"\ncomponent = {:?}\nroot = {:?}\n",
            bench.guest("hello"),
            bench.guest(greedy),
            bench.site()
        );
        fs::write(&config, text)?;
        let mut command = bench.serve(1);
        command.arg("--config").arg(&config);
        let cores = [bench.cores.server];
        let server = bench.launch_on(command, &cores, scratch.path(), (address, "/"))?;
        let running = Running {
            server,
            address,
            admin: None,
            scratch,
        };
        Ok::<_, Problem>((running, other))
    };
    let (running, other) = start().map_err(broken)?;
    load(&running, other).map_err(broken)
}
