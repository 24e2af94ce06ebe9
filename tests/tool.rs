//! Programs of the machine that some tests need.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, thread};

/// A program that is installed here.
pub(crate) struct Tool {
    path: PathBuf,
}

impl Tool {
    /// Finds the program called `name`, or says on stderr that the running test is skipped.
    #[track_caller]
    pub(crate) fn find(name: &str) -> Option<Self> {
        let found = env::split_paths(&env::var_os("PATH")?)
            .map(|directory| directory.join(name))
            .find(|path| path.is_file());
        if found.is_none() {
            skip(&format!("`{name}` is not installed"));
        }
        Some(Self { path: found? })
    }

    /// Returns a command that runs the program.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program and returns what it wrote to stdout.
    ///
    /// # Panics
    /// Where it exits with anything but 0.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Vec<u8> {
        let output = self.output(args);
        assert!(
            output.status.success(),
            "{} {args:?}: {}\n{}",
            self.path.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr),
        );
        output.stdout
    }

    /// Runs the program and returns what it wrote to stdout, as text.
    ///
    /// # Panics
    /// Where it exits with anything but 0, or writes something else than UTF-8.
    #[track_caller]
    pub(crate) fn run_text(&self, args: &[&str]) -> String {
        String::from_utf8(self.run(args)).unwrap()
    }

    /// Runs the program and returns how it ended.
    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }
}

/// Says on stderr that the running test is skipped, and why.
///
/// Written past the test harness, which would keep the output of a test that passes to itself.
///
/// # Panics
/// Where `CI` is set: what decides about a change skips nothing.
#[track_caller]
pub(crate) fn skip(why: &str) {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        env::var_os("CI").is_none(),
        "{test} would be skipped: {why}"
    );
    let _ = writeln!(io::stderr(), "SKIPPED: {test}: {why}");
}
