//! The README's commands, run as they are printed, give the answers that are printed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::scratch::{Scratch, component};
use crate::server::TestServer;
use crate::tool::Tool;
use crate::wait;

/// Where the README's servers listen; the tests' servers listen elsewhere.
const ADDR: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";

/// What the README compiles; the test compiles into a directory of its own.
const OUTPUT: &str = "target/line-echo.cwasm";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// Returns the fenced blocks of the README in `language`.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    let blocks: Vec<String> = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "the README has blocks of {language}");
    blocks
}

/// Splits a block into commands and what each prints.
fn commands(block: &str) -> Vec<(&str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("`{line}` belongs to no command"),
        }
    }
    commands
}

/// A command that runs the program with the words behind `sockeye`, at the root of the workspace.
fn sockeye(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.current_dir(root()).args(args.split_whitespace());
    command
}

/// What stands in the README, and what it is in a test.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
    /// The guests, which the build may have left elsewhere, and a scratch directory.
    fn new(scratch: &Scratch) -> Names {
        let guests = component("hello");
        let guests = guests.parent().unwrap().to_str().unwrap().to_owned();
        let output = scratch.path().join("line-echo.cwasm");
        Names(vec![
            ("target/guests".to_owned(), guests),
            (OUTPUT.to_owned(), output.to_str().unwrap().to_owned()),
        ])
    }

    fn in_test(&self, text: &str) -> String {
        let names = self.0.iter();
        names.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn in_readme(&self, text: &str) -> String {
        let names = self.0.iter();
        names.fold(text.to_owned(), |text, (to, from)| text.replace(from, to))
    }

    /// Starts the server of a line such as `sockeye serve target/guests/echo.wasm`.
    fn start(&mut self, line: &str) -> TestServer {
        let args = line.strip_prefix("sockeye ").expect("a server comes first");
        let args = self.in_test(args).replace(ADMIN, "127.0.0.1:0");
        let mut command = sockeye(&args);
        command.args(["--listen", "127.0.0.1:0"]);
        let server = TestServer::spawn(command);
        self.0.push((ADDR.to_owned(), server.addr().to_string()));
        if line.contains(ADMIN) {
            self.0.push((ADMIN.to_owned(), server.admin().to_string()));
        }
        server
    }

    /// Runs a command and returns what it prints, as the README would have it.
    fn run(&self, command: &str) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_sockeye"));
        let path = env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", binary.parent().unwrap().display());
        let mut shell = Command::new("sh");
        shell
            .current_dir(root())
            .env("PATH", path)
            .args(["-c", &self.in_test(command)]);
        let output = shell.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        self.in_readme(printed.trim_end())
    }
}

#[test]
fn every_command_answers_as_printed() {
    if Tool::find("curl").is_none() {
        return;
    }
    for block in blocks("console") {
        let scratch = Scratch::new();
        let mut names = Names::new(&scratch);
        let mut server = None;
        for (command, expected) in commands(&block) {
            if command.starts_with("sockeye serve") && !command.contains("--print-config") {
                server = Some(names.start(command));
            } else {
                assert_eq!(names.run(command), expected.trim_end(), "{command}");
            }
        }
        drop(server);
    }
}

#[test]
fn every_answer_in_a_table_is_that_of_its_command() {
    if Tool::find("curl").is_none() {
        return;
    }
    let text = readme();
    let tables: Vec<_> = text.split("| command | answer |\n|---|---|\n").collect();
    assert!(tables.len() > 3, "the README has tables of commands");
    for [before, table] in tables.array_windows() {
        // The paragraph above a table begins with the command of its server.
        let paragraph = before.trim_end().rsplit("\n\n").next().unwrap();
        let line = paragraph.split('`').nth(1).unwrap();
        let scratch = Scratch::new();
        let mut names = Names::new(&scratch);
        let server = names.start(line);
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        for row in rows {
            let cells: Vec<&str> = row.split('`').collect();
            let [_, command, _, answer, _] = cells[..] else {
                panic!("`{row}` has a command and an answer in backticks");
            };
            // A table has no room for more than one line.
            let printed = names.run(command).replace("\r\n", "\n").replace('\n', " ");
            assert_eq!(printed, answer, "{command}");
        }
        drop(server);
    }
}

#[test]
fn the_configuration_file_is_taken() {
    let [text] = &blocks("toml")[..] else {
        panic!("the README has one configuration file");
    };
    let scratch = Scratch::new();
    scratch.write("public/page.txt", "a page\n");
    fs::copy(component("hello"), scratch.path().join("handler.wasm")).unwrap();
    let text = text
        .replace(ADDR, "127.0.0.1:0")
        .replace(ADMIN, "127.0.0.1:0");
    scratch.write("sockeye.toml", text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.current_dir(scratch.path()).arg("serve");
    let server = TestServer::spawn(command);
    let page = server.connect().get("/page.txt");
    assert_eq!(page.header("cache-control"), Some("max-age=3600"));
    server.wait_for_log("reuse=always");
    wait::until("the request is noted", || {
        let log = fs::read_to_string(scratch.path().join("access.log"));
        log.is_ok_and(|log| log.contains("\"GET /page.txt HTTP/1.1\" 200 7"))
    });
}

#[test]
fn the_handler_is_the_example_hello() {
    let example = fs::read_to_string(root().join("guest/examples/hello.rs")).unwrap();
    let code = example.split_once("\n\n").expect("docs, then code").1;
    assert_eq!(blocks("rust"), [code]);
}

#[test]
fn every_command_of_cargo_is_run_by_continuous_integration() {
    let script = fs::read_to_string(root().join(".ci/run")).unwrap();
    for command in blocks("sh") {
        let command = command.trim();
        assert!(script.contains(command), "`.ci/run` runs `{command}`");
    }
}
