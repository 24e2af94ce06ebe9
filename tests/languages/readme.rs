//! The page of a project: every command of it works, as it is printed.

use std::fs;

use super::projects::built;
use crate::document::{Reader, blocks, is_server};
use crate::scratch::Scratch;
use crate::tool::Tool;

/// Checks the page of the project in `language`; the commands that build it have been run.
#[track_caller]
pub(super) fn check(language: &str, kind: &str) {
    let (Some(project), Some(_)) = (built(language, kind), Tool::find("curl")) else {
        return;
    };
    let page = fs::read_to_string(project.join("README.md")).unwrap();
    let [block] = &blocks(&page)[..] else {
        panic!("{language} {kind}: the page has one block of commands");
    };
    let scratch = Scratch::new();
    let mut reader = Reader::new(&project, &scratch);
    let mut commands = block.text.lines().skip_while(|line| !is_server(line));
    let serve = commands.next().expect("a command that serves");
    let server = reader.start(serve.split(" #").next().unwrap());
    let mut count = 0;
    for command in commands {
        count += 1;
        let fails = command.replace("curl http", "curl --fail http");
        let fails = fails.replace("curl --data", "curl --fail --data");
        // What each prints is up to the language; that it prints something is not.
        assert_ne!(reader.run(&fails), "", "{language} {kind}: {command}");
    }
    assert!(count > 0, "{language} {kind}: no command of a client");
    drop(server);
}
