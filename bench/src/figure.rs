//! What a round yields: named numbers, and all of them together.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use crate::rounds::{Spread, spread};
use crate::subject::Subject;
use crate::workload::Workload;

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Requests per second.
    Rate,
    /// Half of the answers took less, in microseconds.
    P50,
    /// All but a hundredth of the answers took less, in microseconds.
    P99,
    /// CPU time of the server per request, in microseconds.
    Cpu,
    /// The part of it in the server's own code.
    User,
    /// The part of it in the kernel.
    System,
    /// Gigabytes (10^9 bytes) of answers per second.
    Gigabytes,
    /// CPU time of the server per gigabyte, in seconds.
    CpuPerGigabyte,
    /// System calls per request.
    Syscalls,
    /// Activations, and with `--reuse never` instances, per request.
    Activations,
    /// Resident memory per connection, in bytes: the slope between two numbers of connections.
    Resident,
    /// Page tables per connection, in bytes.
    PageTables,
    /// Both of them.
    Memory,
    /// Instances that lived at the same time.
    Live,
    /// Maps of the address space per live instance.
    Maps,
    /// The size of a component, in bytes.
    Component,
    /// From the start of the process to the first byte of the first answer, in milliseconds.
    Start,
    /// The same where the component has to be compiled.
    FirstStart,
    /// CPU time per request with many parked connections over that without.
    Growth,
    /// Connections of the fullest worker over those of the emptiest.
    Balance,
    /// Per cent of the time that the server or the load was ready to run and had no processor.
    Starved,
    /// Answers that were wrong or missing.
    Errors,
}

impl Figure {
    /// The name, which is the key in the raw results, too.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Rate => "requests/s",
            Figure::P50 => "p50 µs",
            Figure::P99 => "p99 µs",
            Figure::Cpu => "CPU µs/request",
            Figure::User => "user µs",
            Figure::System => "system µs",
            Figure::Gigabytes => "GB/s",
            Figure::CpuPerGigabyte => "CPU s/GB",
            Figure::Syscalls => "system calls/request",
            Figure::Activations => "activations/request",
            Figure::Resident => "RSS B/connection",
            Figure::PageTables => "page tables B/connection",
            Figure::Memory => "RSS + page tables B/connection",
            Figure::Live => "live instances",
            Figure::Maps => "maps/instance",
            Figure::Component => "component B",
            Figure::Start => "start ms",
            Figure::FirstStart => "first start ms",
            Figure::Growth => "CPU × few connections",
            Figure::Balance => "fullest ÷ emptiest worker",
            Figure::Starved => "starved %",
            Figure::Errors => "errors",
        }
    }

    /// Whether it suffers where other work keeps the processors busy; CPU time hardly does.
    pub fn suffers(self) -> bool {
        matches!(
            self,
            Figure::Rate | Figure::Gigabytes | Figure::P50 | Figure::P99
        )
    }

    /// Writes a value with as many digits as it deserves.
    pub fn format(self, value: f64) -> String {
        let digits = match self {
            Figure::CpuPerGigabyte => 3,
            Figure::Cpu | Figure::User | Figure::System | Figure::Gigabytes => 2,
            Figure::Syscalls | Figure::Activations | Figure::Growth | Figure::Balance => 2,
            Figure::Maps | Figure::Start => 1,
            _ => 0,
        };
        grouped(value, digits)
    }
}

/// Writes a number with a comma between thousands.
fn grouped(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (&text[..], String::new()),
    };
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", whole),
    };
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &fraction
}

/// What one round of one server yields.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The numbers.
    pub figures: BTreeMap<Figure, f64>,
    /// What went wrong first, where something did.
    pub problem: Option<String>,
}

impl Sample {
    /// Adds a number.
    pub fn with(mut self, figure: Figure, value: f64) -> Self {
        self.figures.insert(figure, value);
        self
    }
}

/// Why there is no sample.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server or what it needs is not there; it was not asked for.
    Absent(String),
    /// It is there, and it could not be measured.
    Broken(String),
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Absent(why) | Failure::Broken(why) => f.write_str(why),
        }
    }
}

/// All rounds of one server under one load.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// One sample per round.
    pub samples: Vec<Sample>,
    /// Why there are no more of them.
    pub failure: Option<Failure>,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Results {
    /// By load, then by server.
    pub cells: BTreeMap<(Workload, Subject), Cell>,
}

impl Results {
    /// Returns the values of a figure, one per round.
    ///
    /// # Errors
    /// Why there are none.
    pub fn values(
        &self,
        workload: Workload,
        subject: Subject,
        figure: Figure,
    ) -> Result<Vec<f64>, String> {
        let cell = self.cells.get(&(workload, subject));
        let cell = cell.ok_or_else(|| format!("`{subject}` was not asked for"))?;
        let samples = cell.samples.iter();
        let values: Vec<f64> = samples
            .filter_map(|sample| sample.figures.get(&figure).copied())
            .collect();
        match &cell.failure {
            Some(failure) if values.is_empty() => Err(failure.to_string()),
            _ if values.is_empty() => Err(format!("`{subject}` yields no {}", figure.name())),
            _ => Ok(values),
        }
    }

    /// Returns the median of a figure, with the extremes.
    pub fn median(&self, workload: Workload, subject: Subject, figure: Figure) -> Option<Spread> {
        spread(&self.values(workload, subject, figure).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(1234567.0, 0), "1,234,567");
        assert_eq!(grouped(-1234.5, 1), "-1,234.5");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(0.119, 3), "0.119");
    }
}
