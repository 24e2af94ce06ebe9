//! Commands of the guide, typed as they are printed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Page, pages};
use crate::document::{Reader, commands, is_server};
use crate::languages::projects::built;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

/// Reads the pages with commands, one test each.
macro_rules! pages_with_commands {
    ($($test:ident: $name:literal)+) => {
        const PAGES_WITH_COMMANDS: &[&str] = &[$($name),+];

        $(#[test]
        fn $test() {
            check(&Page::open($name));
        })+
    };
}

pages_with_commands! {
    first_handler: "first-handler.md"
    connection: "connection.md"
    timeouts: "timeouts.md"
    granted: "granted.md"
    limits: "limits.md"
    rust: "languages/rust.md"
    c: "languages/c.md"
    cpp: "languages/cpp.md"
    zig: "languages/zig.md"
    python: "languages/python.md"
    javascript: "languages/javascript.md"
    go: "languages/go.md"
    assemblyscript: "languages/assemblyscript.md"
}

#[test]
fn every_page_with_commands_is_read() {
    let with = pages().into_iter();
    let with = with.filter(|page| !page.blocks("console").is_empty());
    let with: BTreeSet<String> = with.map(|page| page.name).collect();
    let read = PAGES_WITH_COMMANDS.iter().map(|&name| name.to_owned());
    assert_eq!(with, read.collect());
}

/// Types every command of a page.
fn check(page: &Page) {
    if Tool::find("curl").is_none() {
        return;
    }
    let (home, scratch) = (Scratch::new(), Scratch::new());
    let mut terminal = Terminal {
        reader: Reader::new(home.path(), &scratch),
        project: None,
        server: None,
    };
    for block in page.blocks("console") {
        for (command, expected) in commands(&block.text) {
            let Some(printed) = terminal.enter(&command) else {
                return;
            };
            let place = page.place(&block);
            assert_eq!(printed, expected.trim_end(), "{place}: {command}");
        }
        terminal.server = None;
    }
}

/// Where the commands of a page are typed, one after the other.
struct Terminal {
    reader: Reader,
    project: Option<Project>,
    server: Option<TestServer>,
}

/// The project that the page works on.
struct Project {
    /// Where the same was built before, under the name that templates have.
    built: PathBuf,
    /// What the page was told to build it with.
    steps: Vec<String>,
}

impl Terminal {
    /// Types a command, and returns what it prints; nothing where that takes a language that is
    /// not installed.
    #[track_caller]
    fn enter(&mut self, command: &str) -> Option<String> {
        if let Some((language, kind)) = new_project(command) {
            let built = built(language, kind)?;
            let printed = self.reader.run(command);
            let steps = steps(&printed);
            self.project = Some(Project { built, steps });
            return Some(printed);
        }
        if let Some(directory) = command.strip_prefix("cd ") {
            self.reader.change_directory(directory);
        } else if is_server(command) {
            self.serve(command);
        } else if let Some(project) = self.project.as_ref().filter(|it| it.is_step(command)) {
            project.take_built(self.reader.directory());
        } else {
            return Some(self.reader.run(command));
        }
        Some(String::new())
    }

    /// Starts a server in the place of the one before.
    #[track_caller]
    fn serve(&mut self, command: &str) {
        if let Some(project) = self.project.as_ref().filter(|_| command == "sockeye dev") {
            // What a compiler takes is more than a server may take to start.
            let steps = project.steps.iter();
            steps.for_each(|step| drop(self.reader.run(step)));
        }
        self.server = None;
        self.server = Some(self.reader.start(command));
    }
}

impl Project {
    /// Whether a command is one of those that build it.
    fn is_step(&self, command: &str) -> bool {
        self.steps.iter().any(|step| step == command)
    }

    /// Puts what was built beside what was written, instead of building it again.
    fn take_built(&self, directory: &Path) {
        let mut copy = Command::new("sh");
        let script = "tar -C \"$1\" -c . | tar -C \"$2\" -x --skip-old-files";
        copy.args(["-c", script, "sh"]);
        copy.arg(&self.built).arg(directory);
        assert!(copy.status().unwrap().success());
    }
}

/// Returns language and kind of the project that a command makes, if it makes one.
fn new_project(command: &str) -> Option<(&str, &str)> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["sockeye", "new", _, "--lang", language] => Some((language, "http")),
        ["sockeye", "new", _, "--lang", language, "--kind", kind] => Some((language, kind)),
        _ => None,
    }
}

/// Returns the commands that build a project, of what `sockeye new` prints.
fn steps(printed: &str) -> Vec<String> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("  "));
    let steps = lines.filter(|line| !line.starts_with("cd ") && !line.starts_with("sockeye "));
    steps.map(str::to_owned).collect()
}
