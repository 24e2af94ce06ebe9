//! The raw rounds.

use serde_json::{Map, Value, json};

use crate::figure::Cell;
use crate::lines::{Judgement, Verdict};
use crate::report::Report;

/// Returns the machine, the lines, and every number of every round.
pub fn render(report: &Report<'_>) -> String {
    let lines: Vec<Value> = report
        .lines
        .iter()
        .map(|line| {
            let Judgement {
                verdict,
                bars,
                found,
            } = line.judge(report.results);
            let (word, why) = match verdict {
                Verdict::Pass => ("pass", None),
                Verdict::Miss => ("miss", None),
                Verdict::NotMeasured(why) => ("not measured", Some(why)),
            };
            json!({
                "number": line.number, "name": line.name, "what": line.what, "how": line.how,
                "bar": bars, "found": found, "verdict": word, "why": why,
            })
        })
        .collect();
    let cells = report.results.cells.iter();
    let rounds: Vec<Value> = cells
        .map(|((workload, subject), cell)| {
            json!({
                "load": workload.to_string(),
                "server": subject.to_string(),
                "failure": cell.failure.as_ref().map(ToString::to_string),
                "rounds": samples(cell),
            })
        })
        .collect();
    let all = json!({
        "machine": report.machine.json(), "quick": report.quick, "lines": lines, "loads": rounds,
    });
    format!("{all:#}\n")
}

fn samples(cell: &Cell) -> Vec<Value> {
    let samples = cell.samples.iter().map(|sample| {
        let figures = sample.figures.iter();
        let mut object: Map<String, Value> = figures
            .map(|(figure, value)| (figure.name().to_owned(), json!(value)))
            .collect();
        if let Some(problem) = &sample.problem {
            object.insert("problem".to_owned(), json!(problem));
        }
        Value::Object(object)
    });
    samples.collect()
}
