//! The flags, and the run that they ask for.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::Problem;
use crate::bench::Effort;
use crate::lines::{LINES, Line};
use crate::peers::Peer;
use crate::reference::ReferenceArgs;
use crate::subject::Subject;
use crate::workload::Workload;

/// The root of the workspace.
pub const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Measures sockeye beside its peers, one worker on one core, and writes what it found
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = examples())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Subcommands>,

    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub enum Subcommands {
    /// Runs a server to compare with
    #[command(hide = true)]
    Reference(ReferenceArgs),
}

/// What to measure, and for how long.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Measure these lines only, by name or number, each against what decides it
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = line)]
    only: Vec<&'static Line>,

    /// Peers to measure beside sockeye and `epoll` [default: all; with --only, those of the lines]
    #[arg(long, value_name = "PEER", num_args = 1..)]
    with: Vec<Peer>,

    /// A smoke test: short rounds, 2,000 connections instead of 15,000
    #[arg(long)]
    quick: bool,

    /// How often each server is measured [default: 5; 2 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,

    /// How long each of them lasts, in seconds [default: 2; 0.3 with --quick]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,

    /// The binary to measure [default: profile `dist` of this workspace, which is built first]
    #[arg(long, value_name = "PATH")]
    sockeye: Option<PathBuf>,

    /// The components of the examples [default: `guests` two directories above the binary]
    #[arg(long, value_name = "DIR")]
    guests: Option<PathBuf>,

    /// Measure a handler in every language instead, for the guide; they are built first
    #[arg(long, conflicts_with_all = ["only", "with"])]
    pub languages: bool,

    /// A component made of Python, for its start-up time
    #[arg(long, value_name = "PATH")]
    python_component: Option<PathBuf>,

    /// Where to leave the results [default: `bench/results`; with --only, `target/bench`]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What `--help` ends with.
fn examples() -> String {
    format!(
        "Lines: {}\n\nExample, for every change:\n  \
         cargo run --release -p bench -- --only hello-connection --rounds 3 --seconds 1",
        names()
    )
}

/// The names of all lines.
fn names() -> String {
    let names: Vec<&str> = LINES.iter().map(|line| line.name).collect();
    names.join(", ")
}

/// Finds a line by its name or number.
fn line(text: &str) -> Result<&'static Line, String> {
    let found = LINES
        .iter()
        .find(|line| line.name == text || line.number.to_string() == text);
    found.ok_or_else(|| format!("there are {}", names()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if !(0.05..=60.0).contains(&seconds) {
        return Err("0.05 to 60 are possible".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

impl RunArgs {
    /// The lines that are asked for, in their order.
    pub fn lines(&self) -> Vec<&'static Line> {
        let wanted = |line: &&Line| {
            let mut only = self.only.iter();
            self.only.is_empty() || only.any(|one| one.number == line.number)
        };
        LINES.iter().filter(wanted).collect()
    }

    /// What has to be measured for that.
    pub fn plan(&self) -> BTreeSet<(Workload, Subject)> {
        let everything = self.only.is_empty();
        let wanted = |subject: Subject| match subject {
            Subject::Peer(Peer::Epoll) => true,
            Subject::Peer(peer) => self.with.is_empty() || self.with.contains(&peer),
            _ => true,
        };
        let lines = self.lines();
        let aims = everything || !self.with.is_empty();
        let needs = lines.iter().flat_map(|line| line.needs(aims));
        let mut plan: BTreeSet<_> = needs.filter(|(_, subject)| wanted(*subject)).collect();
        if everything {
            for workload in Workload::ALL {
                let mut table = Subject::ALL.to_vec();
                table.retain(|subject| workload.table(*subject) && wanted(*subject));
                plan.extend(table.into_iter().map(|subject| (workload, subject)));
            }
        } else {
            // Peers that are named are measured wherever sockeye is, whatever the line compares.
            let loads: BTreeSet<Workload> = plan.iter().map(|(workload, _)| *workload).collect();
            for workload in loads {
                let named = self.with.iter().map(|peer| Subject::Peer(*peer));
                let named = named.filter(|subject| workload.compares(*subject));
                plan.extend(named.map(|subject| (workload, subject)));
            }
        }
        plan
    }

    /// How much is done.
    pub fn effort(&self) -> Effort {
        let (rounds, millis, warm_up) = if self.quick {
            (2, 300, 100)
        } else {
            (5, 2000, 300)
        };
        let (few, many) = if self.quick {
            (500, 2_000)
        } else {
            (1_000, 15_000)
        };
        Effort {
            rounds: self.rounds.unwrap_or(rounds) as usize,
            duration: self.seconds.unwrap_or(Duration::from_millis(millis)),
            warm_up: Duration::from_millis(warm_up),
            few,
            many,
            quick: self.quick,
        }
    }

    /// The component of Python, if it is there.
    ///
    /// # Errors
    /// Where it is not.
    pub fn python(&self) -> Result<Option<PathBuf>, Problem> {
        self.python_component.as_deref().map(existing).transpose()
    }

    /// Where results go, and what they are called.
    pub fn out(&self, date: &str) -> (PathBuf, String) {
        let default = if self.only.is_empty() {
            "bench/results"
        } else {
            "target/bench"
        };
        let out = self.out.clone();
        let out = out.unwrap_or_else(|| Path::new(WORKSPACE).join(default));
        let mut name = date.to_owned();
        if self.quick {
            name.push_str("-quick");
        }
        for line in &self.only {
            name.push('-');
            name.push_str(line.name);
        }
        (out, name)
    }

    /// Returns the binary to measure and the directory of its guests, and builds them if no binary
    /// is named.
    ///
    /// # Errors
    /// Where they cannot be built, or are not there.
    pub fn programs(&self) -> Result<(PathBuf, PathBuf), Problem> {
        let sockeye = match &self.sockeye {
            Some(path) => existing(path)?,
            None => build()?,
        };
        let guests = match &self.guests {
            Some(path) => path.clone(),
            None => {
                let target = sockeye.parent().and_then(Path::parent);
                target.unwrap_or(Path::new("target")).join("guests")
            }
        };
        existing(&guests.join("hello.wasm"))
            .map_err(|error| format!("{error} (see `--guests`)"))?;
        Ok((sockeye, std::path::absolute(guests)?))
    }
}

/// Builds the host as it is released, and with it the guests.
fn build() -> Result<PathBuf, Problem> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--profile", "dist", "--package", "sockeye"])
        .current_dir(WORKSPACE)
        .status()
        .map_err(|error| format!("failed to run cargo: {error}"))?;
    if !status.success() {
        return Err("cargo could not build sockeye".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    existing(&Path::new(WORKSPACE).join(target).join("dist/sockeye"))
}

fn existing(path: &Path) -> Result<PathBuf, Problem> {
    let found = path.canonicalize();
    Ok(found.map_err(|error| format!("`{}`: {error}", path.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the plan of a command line.
    #[track_caller]
    fn plan(flags: &[&str]) -> BTreeSet<(Workload, Subject)> {
        let flags = ["bench"].iter().chain(flags);
        Cli::try_parse_from(flags).unwrap().run.plan()
    }

    const SOCKEYE: (Workload, Subject) = (Workload::Hello, Subject::SockeyeConnection);
    const EPOLL: (Workload, Subject) = (Workload::Hello, Subject::Peer(Peer::Epoll));
    const NGINX: (Workload, Subject) = (Workload::Hello, Subject::Peer(Peer::Nginx));

    #[test]
    fn a_line_needs_what_decides_it_and_what_is_named() {
        let alone = plan(&["--only", "hello-connection"]);
        assert_eq!(alone, BTreeSet::from([SOCKEYE, EPOLL]));
        assert_eq!(plan(&["--only", "1"]), alone);
        let named = plan(&["--only", "hello-connection", "--with", "nginx"]);
        assert_eq!(named, BTreeSet::from([SOCKEYE, EPOLL, NGINX]));
    }

    #[test]
    fn a_run_of_everything_has_all_peers_or_those_that_are_named() {
        assert!(plan(&[]).contains(&NGINX));
        let named = plan(&["--with", "hyper"]);
        assert!(named.contains(&EPOLL) && !named.contains(&NGINX));
    }

    #[test]
    fn unknown_lines_and_endless_rounds_are_refused() {
        for flags in [["--only", "hello"], ["--seconds", "1e9"], ["--rounds", "0"]] {
            let flags = ["bench"].iter().chain(&flags);
            assert!(Cli::try_parse_from(flags).is_err());
        }
    }
}
