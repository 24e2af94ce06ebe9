//! The lines: figures that sockeye has to show, as data, and whether it does.

mod table;

use std::fmt::Write;

use crate::figure::{Figure, Results};
use crate::rounds::{ratios, spread};
use crate::subject::Subject;
use crate::workload::Workload;

pub use table::LINES;

/// Per cent of the time without a processor from which on latencies are somebody else's
/// doing; some is always there, since a server's own threads wait for each other.
const STARVED_MAX: f64 = 20.0;

/// One line: what, how it is measured, and what decides.
#[derive(Debug)]
pub struct Line {
    /// Its number.
    pub number: u32,
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it is about.
    pub what: &'static str,
    /// How that is measured.
    pub how: &'static str,
    /// What it has to show; all of it decides, except for what is an aim.
    pub checks: &'static [Check],
}

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What distinguishes it from the others of its line.
    pub label: &'static str,
    /// Under which load.
    pub workload: Workload,
    /// Which number.
    pub figure: Figure,
    /// Of whom.
    pub of: Subject,
    /// Divided by whose in the same round, where it is a ratio.
    pub over: Option<Subject>,
    /// What it may be.
    pub bar: Bar,
    /// Whether it decides, or is wished for only.
    pub decides: bool,
}

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Bar::AtMost(bar) => value <= bar,
            Bar::AtLeast(bar) => value >= bar,
        }
    }
}

/// How a line came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that decides holds.
    Pass,
    /// Something that decides does not hold.
    Miss,
    /// Something that decides is not known, for this reason.
    NotMeasured(String),
}

/// A line with its figures.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether it is met.
    pub verdict: Verdict,
    /// The bars, as text.
    pub bars: String,
    /// What was found, as text.
    pub found: String,
}

impl Check {
    /// The bar and whom it is compared with, as text.
    fn bar(&self) -> String {
        let (sign, value) = match self.bar {
            Bar::AtMost(value) => ('≤', value),
            Bar::AtLeast(value) => ('≥', value),
        };
        let value = match self.over {
            Some(_) => format!("{value}×"),
            None => self.figure.format(value),
        };
        let aim = if self.decides { "" } else { "aim " };
        let over = self.over.map_or(String::new(), |over| format!(" {over}"));
        format!("{}{aim}{sign} {value}{over}", prefix(self.label))
    }

    /// Returns the values, one per round.
    fn values(&self, results: &Results) -> Result<Vec<f64>, String> {
        let of = results.values(self.workload, self.of, self.figure)?;
        let Some(over) = self.over else {
            return Ok(of);
        };
        let over = results.values(self.workload, over, self.figure)?;
        Ok(ratios(&of, &over))
    }

    /// Returns whether it holds, and what was found, as text.
    fn judge(&self, results: &Results) -> Result<(bool, String), String> {
        let values = self.values(results)?;
        let found = spread(&values).ok_or("no round has both")?;
        let format = |value| match self.over {
            Some(_) => format!("{value:.2}×"),
            None => self.figure.format(value),
        };
        let mut text = prefix(self.label) + &format(found.median);
        if values.len() > 1 {
            let _ = write!(text, " [{}–{}]", format(found.min), format(found.max));
        }
        let errors = results.values(self.workload, self.of, Figure::Errors);
        let errors: f64 = errors.unwrap_or_default().iter().sum();
        if errors > 0.0 {
            let _ = write!(text, ", {errors} errors");
        }
        let starved = results.median(self.workload, self.of, Figure::Starved);
        let starved = starved.map_or(0.0, |spread| spread.median);
        if self.figure.suffers() && starved > STARVED_MAX {
            let _ = write!(text, " while starved for {starved:.0} % of the time");
        }
        Ok((self.bar.holds(found.median) && errors == 0.0, text))
    }
}

fn prefix(label: &str) -> String {
    match label {
        "" => String::new(),
        label => format!("{label}: "),
    }
}

impl Line {
    /// Compares what was measured with what is wanted.
    ///
    /// Figures of an error-ridden round count as a miss, because wrong answers are cheap.
    pub fn judge(&self, results: &Results) -> Judgement {
        let (mut found, mut missed, mut unknown) = (Vec::new(), false, None);
        for check in self.checks {
            match check.judge(results) {
                Ok((holds, text)) => {
                    missed |= check.decides && !holds;
                    found.push(match (check.decides, holds) {
                        // The first check and its aim have the same figure behind them.
                        (false, true) => format!("aim reached: {text}"),
                        (false, false) => format!("aim not reached: {text}"),
                        (true, _) => text,
                    });
                }
                Err(why) if check.decides => unknown = Some(why),
                Err(_) => {}
            }
        }
        let verdict = match unknown {
            _ if missed => Verdict::Miss,
            Some(why) => Verdict::NotMeasured(why),
            None => Verdict::Pass,
        };
        let bars: Vec<String> = self.checks.iter().map(Check::bar).collect();
        Judgement {
            verdict,
            bars: bars.join("; "),
            found: found.join("; "),
        }
    }

    /// Returns the loads and servers that it needs; those of aims, too, where `aims` says so.
    pub fn needs(&self, aims: bool) -> impl Iterator<Item = (Workload, Subject)> {
        let checks = self
            .checks
            .iter()
            .filter(move |check| check.decides || aims);
        checks.flat_map(|check| {
            let subjects = [Some(check.of), check.over].into_iter().flatten();
            subjects.map(|subject| (check.workload, subject))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{Cell, Failure, Sample};
    use crate::peers::Peer;

    const EPOLL: Subject = Subject::Peer(Peer::Epoll);

    /// Returns results in which line 1 has these figures, one per round.
    fn results(sockeye: &[f64], epoll: &[f64], errors: f64) -> Results {
        let cell = |values: &[f64]| Cell {
            samples: values
                .iter()
                .map(|value| {
                    Sample::default()
                        .with(Figure::Cpu, *value)
                        .with(Figure::Errors, errors)
                })
                .collect(),
            failure: None,
        };
        let mut results = Results::default();
        let mut insert = |subject, values| {
            results
                .cells
                .insert((Workload::Hello, subject), cell(values));
        };
        insert(Subject::SockeyeConnection, sockeye);
        insert(EPOLL, epoll);
        results
    }

    #[test]
    fn the_median_of_the_ratios_decides() {
        let line = &LINES[0];
        let judge = |sockeye: &[f64], errors| line.judge(&results(sockeye, &[4.0; 3], errors));
        let passed = judge(&[4.0, 5.0, 8.0], 0.0);
        assert_eq!(passed.verdict, Verdict::Pass);
        assert!(
            passed.found.starts_with("1.25× [1.00×–2.00×]"),
            "{}",
            passed.found
        );
        assert_eq!(judge(&[4.0, 6.0, 8.0], 0.0).verdict, Verdict::Miss);
        assert_eq!(judge(&[4.0, 5.0, 8.0], 1.0).verdict, Verdict::Miss);
    }

    #[test]
    fn what_is_absent_is_named() {
        let mut results = results(&[4.0], &[], 0.0);
        let why = "`epoll` is absent: it was forgotten";
        let failure = Some(Failure::Absent(why.to_owned()));
        let cell = results.cells.get_mut(&(Workload::Hello, EPOLL));
        cell.expect("it was inserted").failure = failure;
        let verdict = LINES[0].judge(&results).verdict;
        assert_eq!(verdict, Verdict::NotMeasured(why.to_owned()));
    }

    #[test]
    fn lines_are_numbered_and_have_names_of_their_own() {
        for (at, line) in LINES.iter().enumerate() {
            assert_eq!(line.number as usize, at + 1);
            assert!(line.checks.iter().any(|check| check.decides));
            let same = LINES.iter().filter(|other| other.name == line.name);
            assert_eq!(same.count(), 1, "{}", line.name);
        }
        assert_eq!(LINES.len(), 15);
    }
}
