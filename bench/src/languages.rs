//! The table of languages: what a handler costs in each, as `sockeye new` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Problem;
use crate::args::WORKSPACE;
use crate::bench::{Bench, Site, broken};
use crate::figure::{Failure, Figure, Sample};
use crate::load::Ask;
use crate::machine::Machine;
use crate::rounds::{interleave, spread};
use crate::workload::{blocked_echo, closed_loop};

/// As `sockeye new` and as people write them.
const LANGUAGES: [(&str, &str); 9] = [
    ("rust", "Rust"),
    ("c", "C"),
    ("cpp", "C++"),
    ("zig", "Zig"),
    ("python", "Python"),
    ("js", "JavaScript"),
    ("ts", "TypeScript"),
    ("go", "Go"),
    ("assemblyscript", "AssemblyScript"),
];

/// What every template answers at `/`.
const HELLO_BYTES: u64 = 14;

/// Connections that ask for it.
const CONNECTIONS: usize = 64;

/// Where `guest/build` could not, because a compiler is missing.
const NOT_INSTALLED: i32 = 3;

/// One row.
type Row = (&'static str, Vec<Sample>, Option<Failure>);

/// A column: its title, what is in it, and how that is written.
type Column = (&'static str, Figure, fn(f64) -> String);

/// Builds a handler in each language, measures them in turn, and leaves `languages.md` in `out`.
///
/// # Errors
/// Where one that is installed cannot be built or measured.
pub fn run(bench: &Bench, machine: &Machine, out: &Path) -> Result<(), Problem> {
    let measure = |language: (&'static str, &'static str), _| {
        let component = build(&bench.sockeye, language.0)?;
        measure(bench, &component).map_err(broken)
    };
    let all = interleave(&LANGUAGES, bench.effort.rounds, measure);
    let rows: Vec<Row> = all
        .into_iter()
        .map(|((_, title), samples, failure)| (title, samples, failure))
        .collect();
    let text = render(&rows, machine);
    println!("{text}");
    fs::create_dir_all(out)?;
    fs::write(out.join("languages.md"), text)?;
    let failed = rows.iter().find_map(|(title, _, failure)| match failure {
        Some(Failure::Broken(why)) => Some(format!("{title}: {why}")),
        _ => None,
    });
    failed.map_or(Ok(()), |why| Err(why.into()))
}

/// Returns the component of the language's project.
fn build(sockeye: &Path, language: &str) -> Result<PathBuf, Failure> {
    let mut build = Command::new(Path::new(WORKSPACE).join("guest/build"));
    build.args([language, "http"]).env("SOCKEYE", sockeye);
    build.stdin(Stdio::null());
    let output = build.output().map_err(broken)?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => {
            let project = String::from_utf8_lossy(&output.stdout);
            Ok(Path::new(project.trim()).join("handler.wasm"))
        }
        Some(NOT_INSTALLED) => Err(Failure::Absent(said)),
        _ => Err(broken(said)),
    }
}

fn measure(bench: &Bench, component: &Path) -> Result<Sample, Problem> {
    let bytes = fs::metadata(component)?.len();
    // Compiled at the first start and at every one without a cache, which is the same.
    let start = |flags: &[&str]| bench.start_sockeye(Some(component), Site::Hello, flags);
    let first = start(&["--no-cache"])?.server.start;
    let cached = start(&[])?;
    let ask = Ask {
        address: cached.address,
        connections: CONNECTIONS,
        depth: 1,
        path: "/".to_owned(),
        body_bytes: HELLO_BYTES,
    };
    let hello = closed_loop(bench, &cached, ask, false)?;
    let live = blocked_echo(bench, component)?;
    let sample = hello
        .with(Figure::Component, bytes as f64)
        .with(Figure::FirstStart, first.as_secs_f64() * 1e3)
        .with(Figure::Start, cached.server.start.as_secs_f64() * 1e3);
    Ok(match live.figures.get(&Figure::Resident) {
        Some(resident) => sample.with(Figure::Resident, *resident),
        None => sample,
    })
}

fn render(rows: &[Row], machine: &Machine) -> String {
    let mut out = String::from("# Languages\n\n");
    let columns: [Column; 5] = [
        ("component", Figure::Component, size),
        ("RSS per live instance", Figure::Resident, size),
        ("CPU per hello", Figure::Cpu, microseconds),
        ("first start", Figure::FirstStart, milliseconds),
        ("cached start", Figure::Start, milliseconds),
    ];
    let titles = columns.map(|(title, ..)| title).join(" | ");
    let _ = writeln!(out, "| language | {titles} |\n|---|{}", "---|".repeat(5));
    for (title, samples, failure) in rows {
        let _ = write!(out, "| {title} |");
        for (_, figure, write) in columns {
            let values = samples.iter().filter_map(|one| one.figures.get(&figure));
            let values: Vec<f64> = values.copied().collect();
            let cell = match (spread(&values), failure) {
                (Some(found), _) => write(found.median),
                (None, Some(Failure::Absent(_))) => "not installed".to_owned(),
                (None, _) => "failed".to_owned(),
            };
            let _ = write!(out, " {cell} |");
        }
        out.push('\n');
    }
    out.push_str("\n| | |\n|---|---|\n");
    for (name, value) in &machine.facts {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    out
}

fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.0} kB", bytes / 1e3),
    }
}

fn microseconds(value: f64) -> String {
    format!("{value:.1} µs")
}

fn milliseconds(value: f64) -> String {
    format!("{value:.0} ms")
}
