//! The README's commands, run as they are printed, give the answers that are printed.

use std::fs;
use std::process::Command;

use crate::document::{self, Reader, commands, is_server};
use crate::scratch::{Scratch, component, workspace_dir};
use crate::server::TestServer;
use crate::tool::Tool;
use crate::wait;

fn readme() -> String {
    fs::read_to_string(workspace_dir().join("README.md")).unwrap()
}

/// Returns the fenced blocks of the README in `language`.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let blocks = document::blocks(&readme()).into_iter();
    let blocks = blocks.filter(|block| block.language == language);
    let blocks: Vec<String> = blocks.map(|block| block.text).collect();
    assert!(!blocks.is_empty(), "the README has blocks of {language}");
    blocks
}

#[test]
fn every_command_answers_as_printed() {
    if Tool::find("curl").is_none() {
        return;
    }
    for block in blocks("console") {
        let scratch = Scratch::new();
        let mut reader = Reader::new(&workspace_dir(), &scratch);
        let mut server = None;
        for (command, expected) in commands(&block) {
            if is_server(&command) {
                server = Some(reader.start(&command));
            } else {
                assert_eq!(reader.run(&command), expected.trim_end(), "{command}");
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
        let mut reader = Reader::new(&workspace_dir(), &scratch);
        let server = reader.start(line);
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        for row in rows {
            let cells: Vec<&str> = row.split('`').collect();
            let [_, command, _, answer, _] = cells[..] else {
                panic!("`{row}` has a command and an answer in backticks");
            };
            // A table has no room for more than one line.
            let printed = reader.run(command).replace('\n', " ");
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
    let text = document::with_any_port(text);
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
    let example = fs::read_to_string(workspace_dir().join("guest/examples/hello.rs")).unwrap();
    let code = example.split_once("\n\n").expect("docs, then code").1;
    assert_eq!(blocks("rust"), [code]);
}

#[test]
fn every_command_of_cargo_is_run_by_continuous_integration() {
    let script = fs::read_to_string(workspace_dir().join(".ci/run")).unwrap();
    for command in blocks("sh") {
        let command = command.trim();
        assert!(script.contains(command), "`.ci/run` runs `{command}`");
    }
}
