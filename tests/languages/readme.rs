//! The page of a project: every command of it works, as it is printed.

use std::fs;
use std::process::Command;

use super::projects::{built, sockeye};
use crate::server::TestServer;
use crate::tool::Tool;

/// Where the page's servers listen; the tests' servers listen elsewhere.
const ADDR: &str = "127.0.0.1:8080";

/// Checks the page of the project in `language`; the commands that build it have been run.
#[track_caller]
pub(super) fn check(language: &str, kind: &str) {
    let Some(project) = built(language, kind) else {
        return;
    };
    if Tool::find("curl").is_none() {
        return;
    }
    let page = fs::read_to_string(project.join("README.md")).unwrap();
    let block = page.split("```sh\n").nth(1).expect("a block of commands");
    let commands = block.split("```").next().unwrap();
    let (_, commands) = commands
        .split_once("sockeye serve ")
        .expect("a command that serves");
    let (flags, clients) = commands.split_once('\n').unwrap();
    let flags = flags.split('#').next().unwrap();
    let mut serve = sockeye(&project);
    serve.arg("serve").args(flags.split_whitespace());
    serve.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let server = TestServer::spawn(serve);
    assert!(clients.contains("curl "), "{language} {kind}: {commands}");
    for client in clients.lines() {
        let mut shell = Command::new("sh");
        let client = client.replace(ADDR, &server.addr().to_string());
        let output = shell.current_dir(&project).args(["-c", &client]).output();
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{client}: {stderr}");
        assert!(!output.stdout.is_empty(), "{client}: nothing is printed");
    }
    assert_eq!(server.failures(), 0);
}
