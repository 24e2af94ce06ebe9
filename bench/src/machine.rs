//! Where and with what it was measured.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;
use rustix::process::{Resource, getrlimit};
use rustix::system::uname;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::peers::{Peer, version};
use crate::process::Cores;

/// Facts for whoever wants to repeat a run, with their names.
#[derive(Debug)]
pub struct Machine {
    /// The day, in UTC.
    pub date: String,
    /// What is known, in the order in which it is told.
    pub facts: Vec<(String, String)>,
}

impl Machine {
    /// Looks around.
    pub fn look(sockeye: &Path, cores: Cores) -> Self {
        let mut facts = Vec::new();
        let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
        let date = OffsetDateTime::now_utc().date().to_string();
        fact("command", command_line());
        fact("date", date.clone());
        fact("sockeye", said(Command::new(sockeye).arg("--version")));
        let revision = ["describe", "--always", "--dirty", "--abbrev=10"];
        fact("revision", said(Command::new("git").args(revision)));
        for peer in Peer::value_variants() {
            let version = version(*peer).unwrap_or_else(|absent| absent.to_string());
            fact(&peer.to_string(), version);
        }
        let system = uname();
        let [name, release] =
            [system.sysname(), system.release()].map(|text| text.to_string_lossy());
        fact("kernel", format!("{name} {release}"));
        fact("CPU", cpu_model());
        fact("memory", line_of("/proc/meminfo", "MemTotal:"));
        fact(
            "cores",
            format!("server {}, load {}", cores.server, cores.load),
        );
        let files = getrlimit(Resource::Nofile).current;
        fact(
            "open files",
            files.map_or("unlimited".to_owned(), |limit| limit.to_string()),
        );
        fact("vm.max_map_count", file("/proc/sys/vm/max_map_count"));
        let congestion = file("/proc/sys/net/ipv4/tcp_congestion_control");
        fact(
            "congestion control",
            format!("{congestion}; reno for files where it can be set"),
        );
        fact("load average at first", file("/proc/loadavg"));
        Self { date, facts }
    }

    /// The facts as an object.
    pub fn json(&self) -> Value {
        let facts = self.facts.iter();
        Value::Object(
            facts
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect(),
        )
    }
}

/// What was typed, as far as it can be known.
fn command_line() -> String {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.is_empty() {
        true => "cargo run --release -p bench".to_owned(),
        false => format!("cargo run --release -p bench -- {}", arguments.join(" ")),
    }
}

fn said(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return "unknown".to_owned();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

fn cpu_model() -> String {
    line_of("/proc/cpuinfo", "model name")
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

fn line_of(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.unwrap_or("unknown").trim().to_owned()
}

fn file(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|_| "unknown".to_owned());
    text.trim().to_owned()
}
