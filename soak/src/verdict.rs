//! What was expected of the server, and whether it was so.

use std::process::ExitCode;

/// The expectations, in the order in which they were checked.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    lines: Vec<(bool, String)>,
}

impl Verdict {
    /// Notes whether `holds`, and what it is about with the numbers.
    pub(crate) fn expect(&mut self, holds: bool, text: impl Into<String>) {
        self.lines.push((holds, text.into()));
    }

    /// Prints every line, and returns success where all of them hold.
    pub(crate) fn print(&self) -> ExitCode {
        println!();
        for (holds, text) in &self.lines {
            let word = if *holds { "ok  " } else { "FAIL" };
            println!("{word}  {text}");
        }
        let failed = self.lines.iter().filter(|(holds, _)| !holds).count();
        println!();
        match failed {
            0 => println!("all {} expectations hold", self.lines.len()),
            _ => println!("{failed} of {} expectations fail", self.lines.len()),
        }
        ExitCode::from(u8::from(failed > 0))
    }
}
