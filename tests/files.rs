//! What a guest reads and sends of files, and when the host notices that they changed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::client::{Response, get};
use crate::gauges::LIVE;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::session::Session;
use crate::wait;

#[test]
fn read_returns_a_range_and_is_short_only_at_the_end() {
    let scratch = Scratch::new();
    scratch.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let mut session = Session::start(&server);
    session.call("read digits 2 3").expect_text("234");
    session.call("read digits 8 100").expect_text("89");
    session.call("read digits 10 100").expect_text("");
    session.call("read digits 999 1").expect_text("");
    session.call("read digits 0 0").expect_text("");
    session
        .call("read digits 18446744073709551615 1")
        .expect_error("invalid-argument");
}

#[test]
fn stat_tells_size_and_an_identity_that_a_replacement_changes() {
    let scratch = Scratch::new();
    scratch.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let mut session = Session::start(&server);
    let before = session.call("stat digits");
    assert_eq!(before.number("size"), 10);
    assert_eq!(
        session.call("stat digits").field("identity"),
        before.field("identity")
    );
    let replacement = scratch.write("new", "9876543210");
    fs::rename(replacement, scratch.path().join("digits")).unwrap();
    let changed = wait::within(Duration::from_millis(1500), || {
        let after = session.call("stat digits");
        (after.field("identity") != before.field("identity")).then_some(())
    });
    assert!(
        changed.is_some(),
        "the old file is still there after more than a second"
    );
}

#[test]
fn stat_tells_at_once_what_was_appended() {
    let scratch = Scratch::new();
    let path = scratch.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", scratch.text()]);
    let mut session = Session::start(&server);
    assert_eq!(session.call("stat digits").number("size"), 10);
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"abc").unwrap();
    assert_eq!(session.call("stat digits").number("size"), 13);
}

#[test]
fn a_file_made_anew_has_another_identity_even_with_the_inode_and_time_of_the_old_one() {
    let scratch = Scratch::new();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let write = |content: &str| {
        let path = scratch.write("letters", content);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
        path
    };
    // Each server has a cache of its own, so that nothing keeps the old file.
    let identity = || {
        let server = TestServer::start("calls", &["--root", scratch.text()]);
        let outcome = Session::start(&server).call("stat letters");
        outcome.field("identity").to_owned()
    };
    let path = write("AAAA");
    let before = identity();
    assert_eq!(identity(), before);
    fs::remove_file(path).unwrap();
    write("BBBB");
    assert_ne!(identity(), before);
}

#[test]
fn a_guest_holds_as_many_files_as_the_operator_allows() {
    let scratch = Scratch::new();
    scratch.write("digits", "0123456789");
    let flags = ["--root", scratch.text(), "--max-open-files", "5"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    assert_eq!(session.call("open-many digits 5").number("opened"), 5);
    let outcome = session.call("open-many digits 6");
    outcome.expect_error("too-many-files");
    assert_eq!(outcome.number("opened"), 5);
}

/// Checks that `page.txt` is answered with `expected` within about a second of `change`.
///
/// Takes up to that second: for so long a host may answer from a descriptor that it has open.
#[track_caller]
fn check_noticed(change: impl FnOnce(&Scratch), expected: impl Fn(&Response) -> bool) {
    let scratch = Scratch::new();
    scratch.write("page.txt", "old content");
    let server = TestServer::start("file", &["--root", scratch.text()]);
    assert_eq!(server.connect().get("/page.txt").text(), "old content");
    change(&scratch);
    // A second, and what the last look before it takes on a busy machine.
    let noticed = wait::within(Duration::from_millis(1500), || {
        let response = server.connect().get("/page.txt");
        expected(&response).then_some(())
    });
    assert!(noticed.is_some(), "not noticed within a second");
}

#[test]
fn a_file_replaced_at_its_path_is_noticed_within_a_second() {
    let replace = |scratch: &Scratch| {
        let new = scratch.write("new.txt", "new");
        fs::rename(new, scratch.path().join("page.txt")).unwrap();
    };
    check_noticed(replace, |response| response.body == b"new");
}

#[test]
fn a_file_rewritten_in_place_is_noticed_within_a_second() {
    let same_length = |scratch: &Scratch| drop(scratch.write("page.txt", "new content"));
    check_noticed(same_length, |response| response.body == b"new content");
    let longer = |scratch: &Scratch| drop(scratch.write("page.txt", "new and longer content"));
    check_noticed(longer, |response| {
        response.body == b"new and longer content"
    });
}

#[test]
fn a_file_that_is_removed_is_noticed_within_a_second() {
    let remove = |scratch: &Scratch| fs::remove_file(scratch.path().join("page.txt")).unwrap();
    check_noticed(remove, |response| response.status == 404);
}

#[test]
fn a_file_replaced_by_a_link_out_of_the_root_is_noticed_within_a_second() {
    let replace = |scratch: &Scratch| {
        let page = scratch.path().join("page.txt");
        fs::remove_file(&page).unwrap();
        symlink("/etc/hostname", page).unwrap();
    };
    check_noticed(replace, |response| response.status == 403);
}

#[test]
fn a_download_goes_on_with_the_content_that_was_opened() {
    let scratch = Scratch::new();
    let length = 32 << 20;
    scratch.write("large", vec![b'a'; length]);
    let server = TestServer::start("file", &["--root", scratch.text()]);
    let mut client = server.connect();
    client.send(get("/large"));
    client.response_head();
    let replacement = scratch.write("new", vec![b'b'; length]);
    fs::rename(replacement, scratch.path().join("large")).unwrap();
    assert!(client.exactly(length).iter().all(|byte| *byte == b'a'));
}

#[test]
fn a_file_that_shrinks_during_its_download_ends_the_connection() {
    let scratch = Scratch::new();
    let length = 64 << 20;
    let path = scratch.write("large", vec![b'a'; length]);
    let server = TestServer::start("file", &["--root", scratch.text()]);
    let mut client = server.connect();
    client.send(get("/large"));
    client.response_head();
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    // Whatever was on the way arrives; the rest is missing, and no other answer takes its place.
    assert!(client.rest().len() < length);
    server.wait_for_metric(LIVE, 0);
    assert_eq!(server.connect().get("/missing").status, 404);
}
