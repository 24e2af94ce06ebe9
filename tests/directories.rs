//! What a guest sees of a directory: its entries and their kinds, and nothing outside the root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::session::Session;

#[test]
fn read_names_every_entry_with_its_kind_and_follows_no_link() {
    let scratch = Scratch::new();
    scratch.write("root/page.txt", "a page\n");
    scratch.write("root/sub/inner.txt", "an inner page\n");
    let root = scratch.path().join("root");
    symlink("sub", root.join("to-directory")).unwrap();
    symlink("../secret", root.join("to-outside")).unwrap();
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let server = TestServer::start("calls", &["--root", root.to_str().unwrap()]);
    let mut session = Session::start(&server);
    session.call("list .").expect_text(
        "fifo:Other page.txt:RegularFile sub:Directory \
         to-directory:SymbolicLink to-outside:SymbolicLink",
    );
    session
        .call("list sub")
        .expect_text("inner.txt:RegularFile");
    for path in ["sub/", "sub/../sub", "to-directory", "./sub/."] {
        let outcome = session.call(&format!("list {path}"));
        outcome.expect_text("inner.txt:RegularFile");
    }
}

#[test]
fn a_directory_without_entries_is_at_its_end_at_once() {
    let scratch = Scratch::new();
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let outcome = Session::start(&server).call("list .");
    outcome.expect_text("");
    assert_eq!(outcome.number("calls"), 1);
}

#[test]
fn a_large_directory_comes_in_bounded_parts_and_each_entry_once() {
    let scratch = Scratch::new();
    let mut expected = Vec::new();
    for number in 0..1000 {
        scratch.write(&format!("{number:04}"), "");
        expected.push(format!("{number:04}:RegularFile"));
    }
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let outcome = Session::start(&server).call("list .");
    outcome.expect_text(&expected.join(" "));
    // At most 256 entries in each, and the empty one that is the end.
    assert_eq!(outcome.number("calls"), 5);
}

#[test]
fn names_that_are_not_utf_8_are_left_out() {
    let scratch = Scratch::new();
    scratch.write("\u{fc}", "");
    fs::write(scratch.path().join(OsStr::from_bytes(b"\xfc")), "").unwrap();
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let outcome = Session::start(&server).call("list .");
    outcome.expect_text("\u{fc}:RegularFile");
}

#[test]
fn the_errors_of_opening_a_directory_have_the_names_of_the_contract() {
    let scratch = Scratch::new();
    scratch.write("outside/secret.txt", "");
    scratch.write("root/page.txt", "a page\n");
    let root = scratch.path().join("root");
    symlink("../outside", root.join("link-out")).unwrap();
    symlink(scratch.path(), root.join("link-absolute")).unwrap();
    symlink("..", root.join("link-up")).unwrap();
    symlink("link-loop", root.join("link-loop")).unwrap();
    mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let server = TestServer::start("calls", &["--root", root.to_str().unwrap()]);
    let mut session = Session::start(&server);
    let long = format!("list {}", "x".repeat(300));
    for (command, code) in [
        ("list missing", "not-found"),
        ("list page.txt", "not-found"),
        ("list page.txt/below", "not-found"),
        ("list fifo", "not-found"),
        ("list ''", "invalid-argument"),
        ("list .\\0", "invalid-argument"),
        ("list ..", "access-denied"),
        ("list ../outside", "access-denied"),
        ("list ./../root", "access-denied"),
        ("list /", "access-denied"),
        ("list /etc", "access-denied"),
        ("list link-out", "access-denied"),
        ("list link-absolute", "access-denied"),
        ("list link-up", "access-denied"),
        ("list link-up/outside", "access-denied"),
        ("list link-loop", "access-denied"),
        (&long, "name-too-long"),
    ] {
        let outcome = session.call(command);
        assert_eq!(outcome.field("error"), code, "{command}");
    }
    session.call("list .").expect_ok();
}

#[test]
fn without_a_root_no_directory_can_be_opened() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    for path in [".", "/", "..", "/etc"] {
        let outcome = session.call(&format!("list {path}"));
        outcome.expect_error("access-denied");
    }
}

#[test]
fn open_directories_count_as_open_files() {
    let scratch = Scratch::new();
    let flags = ["--root", scratch.text(), "--max-open-files", "5"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    assert_eq!(session.call("open-directories . 5").number("opened"), 5);
    let outcome = session.call("open-directories . 6");
    outcome.expect_error("too-many-files");
    assert_eq!(outcome.number("opened"), 5);
    // Those of the calls before are closed again.
    assert_eq!(session.call("open-directories . 5").number("opened"), 5);
}
