//! The README's commands, run as they are printed, give the answers that are printed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::scratch::component;
use crate::server::TestServer;
use crate::tool::Tool;

/// Where the README's servers listen; the tests' servers listen elsewhere.
const ADDR: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// Returns the fenced blocks of the README in `language`.
fn blocks(language: &str) -> Vec<String> {
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

/// Starts the server of a line such as `sockeye serve target/guests/echo.wasm`.
fn start(line: &str) -> TestServer {
    let args = line.strip_prefix("sockeye ").expect("a server comes first");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.current_dir(root());
    for word in args.split_whitespace() {
        let guest = word
            .strip_prefix("target/guests/")
            .and_then(|name| name.strip_suffix(".wasm"));
        match guest {
            Some(name) => command.arg(component(name)),
            None => command.arg(word.replace(ADMIN, "127.0.0.1:0")),
        };
    }
    command.args(["--listen", "127.0.0.1:0"]);
    TestServer::spawn(command)
}

#[test]
fn every_command_answers_as_printed() {
    if Tool::find("curl").is_none() {
        return;
    }
    for block in blocks("console") {
        let commands = commands(&block);
        let (serve, rest) = commands.split_first().expect("a block has commands");
        let server = start(serve.0);
        let mut names = vec![(ADDR, server.addr().to_string())];
        if serve.0.contains(ADMIN) {
            names.push((ADMIN, server.admin().to_string()));
        }
        for (command, expected) in rest {
            let command = names
                .iter()
                .fold((*command).to_owned(), |text, (from, to)| {
                    text.replace(from, to)
                });
            let output = Command::new("sh").args(["-c", &command]).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let printed = names
                .iter()
                .fold(printed, |text, (to, from)| text.replace(from, to));
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                printed.trim_end(),
                expected.trim_end(),
                "{command}: {errors}"
            );
        }
    }
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
