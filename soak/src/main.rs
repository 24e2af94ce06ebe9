//! `soak`: loads a server that it starts itself, and says whether the server took it well.
//!
//! `attack` is an assault of some minutes, `run` is a long day in little. Both have clients that
//! behave, ask on a fixed schedule and check every answer; everybody else is there to disturb them.
//! Everything here is bounded in time, and speaks to 127.0.0.1 alone.

mod attack;
mod chart;
mod client;
mod crowd;
mod gauges;
mod mischief;
mod normal;
mod run;
mod sampler;
mod server;
mod site;
mod tally;
mod verdict;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};

/// What went wrong with the load itself, as opposed to the server.
type Problem = Box<dyn Error + Send + Sync>;

/// Loads a sockeye server and checks how it takes that
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Two identical attacks by thousands of clients, and what is left of them
    Attack(attack::AttackArgs),
    /// Mixed normal, slow and hostile clients with hostile guests, for as long as wanted
    Run(run::RunArgs),
}

/// What both commands need to know.
#[derive(Debug, Args)]
struct Common {
    /// The server's binary
    #[arg(long, value_name = "FILE", default_value = "target/release/sockeye")]
    server: PathBuf,

    /// Where the build left the components of the examples and the tests
    #[arg(long, value_name = "DIR", default_value = "target/guests")]
    guests: PathBuf,

    /// Where to leave the samples, the chart and the server's log
    #[arg(long, value_name = "DIR", default_value = "target/soak")]
    out: PathBuf,

    /// Normal requests per second
    #[arg(long, value_name = "N", default_value = "300")]
    rate: u32,

    /// What the random choices begin with; the same seed makes the same choices
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,

    /// More arguments for `sockeye serve`
    #[arg(last = true, value_name = "ARGUMENT")]
    extra: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_descriptor_limit();
    let outcome = match cli.command {
        Command::Attack(args) => attack::attack(&args),
        Command::Run(args) => run::run(&args),
    };
    match outcome {
        Ok(verdict) => verdict.print(),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Thousands of clients need thousands of descriptors; where they are refused, connecting fails
/// and is counted.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("warning: the limit of open descriptors stays as it is: {error}");
    }
}
