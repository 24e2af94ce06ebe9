//! What is left of a run: a Markdown table, the raw numbers and a chart.

mod chart;
mod json;
mod markdown;

use std::fs;
use std::path::Path;

use crate::Problem;
use crate::figure::Results;
use crate::lines::Line;
use crate::machine::Machine;

/// All that there is to tell.
#[derive(Debug)]
pub struct Report<'a> {
    /// Where it was measured.
    pub machine: &'a Machine,
    /// The lines that were asked for.
    pub lines: &'a [&'static Line],
    /// What was found.
    pub results: &'a Results,
    /// Whether it is a smoke test, which decides nothing.
    pub quick: bool,
}

impl Report<'_> {
    /// The text that a person reads.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// Leaves `NAME.md`, `NAME.json` and `NAME.svg` in `out`.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn write(&self, out: &Path, name: &str) -> Result<(), Problem> {
        let failed = |error| format!("failed to write to `{}`: {error}", out.display());
        fs::create_dir_all(out).map_err(failed)?;
        let file = |ending: &str| out.join(format!("{name}.{ending}"));
        fs::write(file("md"), self.markdown()).map_err(failed)?;
        fs::write(file("json"), json::render(self)).map_err(failed)?;
        chart::draw(self, &file("svg"))
    }
}
