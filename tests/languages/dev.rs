//! `sockeye dev` in a project of a real language: its own compiler, and its own words for what is
//! wrong. What holds in every project is in `tests/dev.rs`.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::projects::{built, sockeye};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::wait;

/// The longest that a compiler may take here, beside all other tests.
const BUILD_PATIENCE: Duration = Duration::from_secs(60);

/// Copies a project, with the links that are in it.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args(["-a", "--"])
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

/// Waits for what a build makes true.
#[track_caller]
fn wait_for_build(what: &str, mut look: impl FnMut() -> bool) {
    let seen = wait::within(BUILD_PATIENCE, || look().then_some(()));
    assert!(seen.is_some(), "{what}: not so after {BUILD_PATIENCE:?}");
}

/// Checks that an edit of the handler in `source` is served, and that one that does not compile
/// shows `complaint` and changes nothing.
#[track_caller]
fn check(language: &str, source: &str, complaint: &str) {
    let Some(project) = built(language, "http") else {
        return;
    };
    let scratch = Scratch::new();
    let copied = scratch.path().join("my-handler");
    copy(&project, &copied);
    // What was installed for other projects meanwhile does not make it outdated.
    let component = File::options()
        .append(true)
        .open(copied.join("handler.wasm"));
    component.unwrap().set_modified(SystemTime::now()).unwrap();
    let mut dev = sockeye(&copied);
    dev.args(["dev", "--listen", "127.0.0.1:0"]);
    let server = TestServer::spawn(dev);
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "Hello, World!\n");
    let source = copied.join(source);
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("World", "edit")).unwrap();
    wait_for_build("the edit is served", || {
        client.get("/").text() == "Hello, edit!\n"
    });
    fs::write(&source, format!("{text}\n}} oops {{\n")).unwrap();
    wait_for_build("the build fails", || {
        !server.log_lines("the build failed").is_empty()
    });
    server.wait_for_log(complaint);
    assert_eq!(client.get("/").text(), "Hello, edit!\n");
}

#[test]
fn an_edit_in_c_is_served_and_a_broken_one_is_told_by_its_compiler() {
    check("c", "src/handler.c", "error: ");
}

#[test]
fn an_edit_in_go_is_served_and_a_broken_one_is_told_by_its_compiler() {
    check("go", "main.go", "syntax error: ");
}

#[test]
fn an_edit_in_python_is_served_and_a_broken_one_is_told_by_its_compiler() {
    check("python", "src/app.py", "SyntaxError: ");
}

#[test]
fn an_edit_in_javascript_is_served_and_a_broken_one_is_told_by_its_compiler() {
    check("js", "src/handler.js", "Unexpected \"}\"");
}
