//! The tables that a person reads: the lines, the servers side by side, every load by itself.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::figure::{Figure, Results};
use crate::lines::Verdict;
use crate::peers::Peer;
use crate::report::Report;
use crate::rounds::{Spread, ratios, spread};
use crate::subject::Subject;
use crate::workload::Workload;

const EPOLL: Subject = Subject::Peer(Peer::Epoll);

/// A column of the table of servers.
type Column = (&'static str, Workload, Figure);

/// The table of servers: what each costs, next to each other.
const COLUMNS: [Column; 14] = [
    ("hello, requests/s", Workload::Hello, Figure::Rate),
    ("p50 µs", Workload::Hello, Figure::P50),
    ("p99 µs", Workload::Hello, Figure::P99),
    ("CPU µs/request", Workload::Hello, Figure::Cpu),
    ("system calls/request", Workload::Hello, Figure::Syscalls),
    (
        "16 at once, CPU µs/request",
        Workload::Pipelined,
        Figure::Cpu,
    ),
    ("CPU µs/connection", Workload::Accept, Figure::Cpu),
    ("1 KiB files/s", Workload::File1KiB, Figure::Rate),
    ("100 KiB GB/s", Workload::File100KiB, Figure::Gigabytes),
    ("10 MiB GB/s", Workload::File10MiB, Figure::Gigabytes),
    (
        "10 MiB CPU s/GB",
        Workload::File10MiB,
        Figure::CpuPerGigabyte,
    ),
    ("RSS B/idle connection", Workload::Idle, Figure::Resident),
    ("RSS B/download", Workload::Download, Figure::Resident),
    ("start ms", Workload::Start, Figure::Start),
];

/// Writes everything.
pub fn render(report: &Report<'_>) -> String {
    let mut out = String::from("# Benchmark\n\n");
    if report.quick {
        out.push_str(
            "A smoke test: short rounds and few connections. Only the full run decides.\n\n",
        );
    }
    lines(report, &mut out);
    servers(report.results, &mut out);
    for workload in Workload::ALL {
        load(report.results, workload, &mut out);
    }
    out.push_str("## Where and with what\n\n| | |\n|---|---|\n");
    for (name, value) in &report.machine.facts {
        let _ = writeln!(out, "| {name} | {} |", cell(value));
    }
    out
}

fn lines(report: &Report<'_>, out: &mut String) {
    out.push_str(
        "| # | line | how | bar | found: median [min–max] | |\n|---|---|---|---|---|---|\n",
    );
    for line in report.lines {
        let judgement = line.judge(report.results);
        let verdict = match &judgement.verdict {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Miss => "**miss**".to_owned(),
            Verdict::NotMeasured(why) => format!("not measured: {}", cell(why)),
        };
        let _ = writeln!(
            out,
            "| {} | `{}`: {} | {} | {} | {} | {verdict} |",
            line.number, line.name, line.what, line.how, judgement.bars, judgement.found
        );
    }
    out.push('\n');
}

/// All servers with the columns of which somebody has a value.
fn servers(results: &Results, out: &mut String) {
    let known = |(_, workload, figure): &&Column| {
        let mut all = Subject::ALL.into_iter();
        all.any(|subject| results.median(*workload, subject, *figure).is_some())
    };
    let columns: Vec<&Column> = COLUMNS.iter().filter(known).collect();
    // A single load is told about by its own table as well.
    let loads: BTreeSet<Workload> = columns.iter().map(|column| column.1).collect();
    if loads.len() < 2 {
        return;
    }
    let mut rows = Vec::new();
    for subject in Subject::ALL {
        let value = |(_, workload, figure): &&Column| {
            let median = results.median(*workload, subject, *figure);
            median.map_or(String::new(), |spread| figure.format(spread.median))
        };
        let mut values: Vec<String> = columns.iter().map(value).collect();
        if values.iter().all(String::is_empty) {
            continue;
        }
        values.insert(0, over_epoll(results, Workload::Hello, subject));
        values.insert(0, subject.to_string());
        rows.push(values);
    }
    let mut titles = vec!["server", "CPU × epoll"];
    titles.extend(columns.iter().map(|column| column.0));
    out.push_str("## Servers, medians\n\n");
    table(&titles, &rows, out);
}

/// The median of the ratios of CPU time to the bare loop's.
fn over_epoll(results: &Results, workload: Workload, subject: Subject) -> String {
    let values = |subject| results.values(workload, subject, Figure::Cpu);
    let (Ok(of), Ok(over)) = (values(subject), values(EPOLL)) else {
        return String::new();
    };
    let found = spread(&ratios(&of, &over));
    found.map_or(String::new(), |spread| format!("{:.2}", spread.median))
}

/// One load: every server that was under it, and what it could not be put under.
fn load(results: &Results, workload: Workload, out: &mut String) {
    let cells: Vec<_> = results
        .cells
        .iter()
        .filter(|(key, _)| key.0 == workload)
        .collect();
    if cells.is_empty() {
        return;
    }
    let known = |figure: &&Figure| {
        let mut keys = cells.iter().map(|(key, _)| key);
        keys.any(|(_, subject)| results.median(workload, *subject, **figure).is_some())
    };
    let columns: Vec<&Figure> = workload.columns().iter().filter(known).collect();
    let has_cpu = columns.iter().any(|figure| **figure == Figure::Cpu);
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for ((_, subject), cell) in &cells {
        if !cell.samples.is_empty() {
            let mut row = vec![subject.to_string()];
            if has_cpu {
                row.push(over_epoll(results, workload, *subject));
            }
            let values = columns.iter().map(|figure| {
                let median = results.median(workload, *subject, **figure);
                median.map_or(String::new(), |spread| with_range(**figure, spread))
            });
            row.extend(values);
            rows.push(row);
        }
        let problems = cell
            .samples
            .iter()
            .filter_map(|sample| sample.problem.clone());
        let failure = cell.failure.iter().map(ToString::to_string);
        let all = problems.take(1).chain(failure);
        notes.extend(all.map(|text| format!("- {subject}: {}", text.trim().replace('\n', " "))));
    }
    let _ = writeln!(out, "## {workload}\n");
    let mut titles = vec!["server"];
    titles.extend(has_cpu.then_some("CPU × epoll"));
    titles.extend(columns.iter().map(|figure| figure.name()));
    if !rows.is_empty() {
        table(&titles, &rows, out);
    }
    if !notes.is_empty() {
        let _ = writeln!(out, "{}\n", notes.join("\n"));
    }
}

fn with_range(figure: Figure, spread: Spread) -> String {
    let median = figure.format(spread.median);
    let (min, max) = (figure.format(spread.min), figure.format(spread.max));
    match min == max {
        true => median,
        false => format!("{median} [{min}–{max}]"),
    }
}

/// Writes a table whose columns are as wide as what is in them: it is read on a terminal, too.
fn table(titles: &[&str], rows: &[Vec<String>], out: &mut String) {
    let length = |text: &str| text.chars().count();
    let width = |at: usize| {
        let cells = rows.iter().map(|row| length(&row[at]));
        cells.fold(length(titles[at]), usize::max)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(out, "| {cell:width$} ");
        }
        out.push_str("|\n");
    };
    line(&mut titles.iter().copied());
    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut dashes.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out.push('\n');
}

/// Makes text fit into a cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let mut out = String::new();
        let rows = [vec!["sockeye".to_owned(), "5.10".to_owned()]];
        table(&["server", "µs"], &rows, &mut out);
        let want = "| server  | µs   |\n| ------- | ---- |\n| sockeye | 5.10 |\n\n";
        assert_eq!(out, want);
    }

    #[test]
    fn a_range_is_left_out_where_there_is_none() {
        let spread = |min, max| Spread {
            median: 5.0,
            min,
            max,
        };
        assert_eq!(with_range(Figure::Cpu, spread(5.0, 5.001)), "5.00");
        assert_eq!(
            with_range(Figure::Cpu, spread(4.0, 6.0)),
            "5.00 [4.00–6.00]"
        );
    }

    #[test]
    fn text_of_others_stays_within_its_cell() {
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }
}
