//! The load that is hardly one: how long it takes until there is an answer at all.

use crate::bench::{Bench, Site, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::subject::Subject;

/// Starts the server at its default limits, and notes when the first byte of an answer came.
pub fn start(bench: &Bench, subject: Subject) -> Result<Sample, Failure> {
    // What has to be compiled was compiled before, as it is everywhere but on the first day.
    let running = bench.start(subject, Site::Hello, &[])?;
    Ok(started(running.server.start.as_secs_f64()))
}

/// The same with a component of Python, which was compiled before.
pub fn python(bench: &Bench, _: Subject) -> Result<Sample, Failure> {
    let Some(component) = &bench.python else {
        let why = "no component of Python was given (`--python-component`)";
        return Err(Failure::Absent(why.to_owned()));
    };
    let start = || {
        bench
            .start_sockeye(Some(component), Site::Hello, &[])
            .map_err(broken)
    };
    start()?;
    Ok(started(start()?.server.start.as_secs_f64()))
}

fn started(seconds: f64) -> Sample {
    Sample::default().with(Figure::Start, seconds * 1e3)
}
