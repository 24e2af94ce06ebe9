//! `bench`: measures sockeye beside its peers, and says which lines it meets.
//!
//! Each server runs on one core and the load on another, in rounds in which everyone takes turns.
//! What counts are ratios within a round, and the CPU time that a server needs for a request: both
//! stay what they are while a shared machine does not.

mod args;
mod bench;
mod figure;
mod languages;
mod lines;
mod load;
mod machine;
mod metrics;
mod peers;
mod process;
mod reference;
mod report;
mod rounds;
mod run;
mod subject;
mod syscalls;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::args::{Cli, Subcommands};

/// What went wrong with a measurement.
type Problem = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_descriptor_limit();
    let outcome = match cli.command {
        Some(Subcommands::Reference(args)) => reference::run(&args)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Problem::from),
        None => run::run(&cli.run),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("error: {problem}");
        ExitCode::from(2)
    })
}

/// Thousands of connections need thousands of descriptors, here and in the servers, which inherit
/// the limit.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("warning: the limit of open descriptors stays as it is: {error}");
    }
}
