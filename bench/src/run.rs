//! One run: every load in turn, every server under it in turn, then the report.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::Problem;
use crate::args::RunArgs;
use crate::bench::Bench;
use crate::figure::{Cell, Failure, Results};
use crate::languages;
use crate::machine::Machine;
use crate::process::{Cores, pin};
use crate::report::Report;
use crate::rounds::interleave;
use crate::subject::Subject;
use crate::workload::Workload;

/// A round that takes so much longer than the load lasts is told about.
const SLOW: Duration = Duration::from_secs(5);

/// Measures what is asked for, prints the tables and leaves them with the raw numbers.
///
/// Fails where something that is there could not be measured; what is absent, or misses its bar, is
/// a result.
///
/// # Errors
/// Where nothing can be measured at all, or the results cannot be written.
pub fn run(args: &RunArgs) -> Result<ExitCode, Problem> {
    let programs = args.programs()?;
    let cores = Cores::pick()?;
    let machine = Machine::look(&programs.0, cores);
    let effort = args.effort();
    let bench = Bench::new(programs, args.python()?, cores, effort)?;
    pin(&[cores.load])?;
    if args.languages {
        let (out, _) = args.out(&machine.date);
        languages::run(&bench, &machine, &out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = args.plan();
    let mut results = Results::default();
    for workload in Workload::ALL {
        let subjects: Vec<Subject> = Subject::ALL
            .into_iter()
            .filter(|subject| plan.contains(&(workload, *subject)))
            .collect();
        measure(&bench, workload, &subjects, &mut results);
    }
    let report = Report {
        machine: &machine,
        lines: &args.lines(),
        results: &results,
        quick: effort.quick,
    };
    println!("{}", report.markdown());
    let (out, name) = args.out(&machine.date);
    report.write(&out, &name)?;
    eprintln!("results: {}/{name}.{{md,json,svg}}", out.display());
    let broken = results
        .cells
        .values()
        .any(|cell| matches!(cell.failure, Some(Failure::Broken(_))));
    Ok(ExitCode::from(u8::from(broken)))
}

/// Puts all of `subjects` under a load, and says on stderr how it goes.
fn measure(bench: &Bench, workload: Workload, subjects: &[Subject], results: &mut Results) {
    if subjects.is_empty() {
        return;
    }
    let began = Instant::now();
    let rounds = workload.rounds(bench.effort.rounds);
    let all = interleave(subjects, rounds, |subject, round| {
        let began = Instant::now();
        let sample = workload.measure(bench, subject, round);
        if began.elapsed() > bench.effort.duration + SLOW {
            eprintln!(
                "{workload}: {subject}: {:.1} s",
                began.elapsed().as_secs_f64()
            );
        }
        sample
    });
    for (subject, samples, failure) in all {
        if let Some(failure) = &failure {
            eprintln!("{workload}: {subject}: {failure}");
        }
        results
            .cells
            .insert((workload, subject), Cell { samples, failure });
    }
    eprintln!("{workload}: {:.1} s", began.elapsed().as_secs_f64());
}
