//! What `send`, `sendfile` and `shutdown` do, seen from inside a guest and from its client.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

use crate::gauges::{LIVE, connections};
use crate::machine;
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::session::Session;

#[test]
fn send_gives_a_large_answer_to_a_client_that_reads() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("send-filler 8388608 none");
    let filler = session.client.exactly(8 << 20);
    assert!(filler.iter().all(|byte| *byte == b'x'));
    session.outcome().expect_ok();
}

#[test]
fn send_of_nothing_succeeds() {
    let server = TestServer::start("calls", &[]);
    Session::start(&server).call("send '' none").expect_ok();
}

/// Checks that what `commands` hold back with the flag `more` arrives at once.
///
/// Linux lets go of what MSG_MORE holds after 200 ms by itself, so this has to measure.
#[track_caller]
fn check_pushed(commands: &str) {
    machine::alone();
    let root = Scratch::new();
    root.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", root.text(), "--linger", "1s"]);
    let mut session = Session::start(&server);
    session.call("closing").expect_ok();
    let start = Instant::now();
    session.ask(commands);
    assert_eq!(session.client.exactly(4), b"held");
    assert!(
        start.elapsed() < Duration::from_millis(150),
        "held {:?}",
        start.elapsed()
    );
}

#[test]
fn held_bytes_are_pushed_before_the_guest_waits_in_recv() {
    check_pushed("-send-more held | -recv 1 1h");
}

#[test]
fn held_bytes_are_pushed_before_the_guest_waits_in_recv_until() {
    check_pushed("-send-more held | -recv-until ; 1 1h");
}

#[test]
fn held_bytes_are_pushed_before_the_guest_sleeps() {
    check_pushed("-send-more held | -sleep 1h");
}

#[test]
fn held_bytes_are_pushed_by_next() {
    check_pushed("-send-more held | -next");
}

#[test]
fn held_bytes_are_pushed_when_the_connection_is_handed_back() {
    check_pushed("-send-more held | hand-back");
}

#[test]
fn held_bytes_are_pushed_when_the_connection_is_let_go() {
    check_pushed("-send-more held | let-go");
}

#[test]
fn held_bytes_are_pushed_by_the_end_of_the_stream() {
    check_pushed("-send-more held | -shutdown send | -recv 1 1h");
}

#[test]
fn held_bytes_are_pushed_when_the_guest_is_interrupted() {
    check_pushed("-send-more held | -spin 1s");
}

#[test]
fn held_bytes_arrive_even_if_the_guest_traps_with_input_unread() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("-spin 300ms | -send-more held | -trap");
    session.client.wait_until_taken();
    // Closing with these unread resets the connection, and drops what has not left by then.
    session.client.send("unread");
    session.client.wait_until_there(6);
    assert_eq!(session.client.exactly(4), b"held");
}

#[test]
fn held_bytes_are_pushed_by_sendfile_of_zero_bytes() {
    // The guest keeps the processor afterwards, so that nothing but `sendfile` can push.
    check_pushed("-send-more held | -sendfile digits 0 0 none | -spin 250ms");
}

#[test]
fn held_bytes_are_pushed_by_a_send_without_the_flag() {
    check_pushed("-send-more he | -send ld none | -spin 250ms");
}

#[test]
fn sendfile_sends_the_range_that_was_asked_for() {
    let root = Scratch::new();
    root.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    session.ask("sendfile digits 2 5 none");
    assert_eq!(session.client.exactly(5), b"23456");
    assert_eq!(session.outcome().number("sent"), 5);
}

#[test]
fn sendfile_is_short_only_at_the_end_of_the_file() {
    let root = Scratch::new();
    root.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    session.ask("sendfile digits 7 100 none");
    assert_eq!(session.client.exactly(3), b"789");
    assert_eq!(session.outcome().number("sent"), 3);
    assert_eq!(
        session.call("sendfile digits 10 100 none").number("sent"),
        0
    );
    assert_eq!(
        session
            .call("sendfile digits 5000000000 1 none")
            .number("sent"),
        0
    );
    assert_eq!(session.call("sendfile digits 0 0 none").number("sent"), 0);
}

#[test]
fn sendfile_of_an_offset_that_no_file_has_is_an_invalid_argument() {
    let root = Scratch::new();
    root.write("digits", "0123456789");
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    let outcome = session.call("sendfile digits 18446744073709551615 1 none");
    outcome.expect_error("invalid-argument");
}

#[test]
fn a_file_goes_out_behind_the_bytes_that_are_sent_with_it() {
    let root = Scratch::new();
    root.write("digits", "0123456789");
    root.write("filler", vec![b'x'; 100_000]);
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    let mut check = |call: &str, expected: &[u8], sent: u64| {
        session.ask(call);
        assert_eq!(session.client.exactly(expected.len()), expected, "{call}");
        assert_eq!(session.outcome().number("sent"), sent, "{call}");
    };
    check("send-with-file head: digits 2 5 none", b"head:23456", 5);
    check("send-with-file head: digits 7 100 none", b"head:789", 3);
    check("send-with-file head: digits 10 1 none", b"head:", 0);
    check("send-with-file head: digits 0 0 none", b"head:", 0);
    // Too long to be copied.
    let mut long = b"head:".to_vec();
    long.resize(50_005, b'x');
    check("send-with-file head: filler 1 50000 none", &long, 50_000);
    let outcome = session.call("send-with-file head: digits 18446744073709551615 1 none");
    outcome.expect_error("invalid-argument");
}

#[test]
fn what_was_sent_of_bytes_and_file_counts_together() {
    const FILE_BYTES: u64 = 20_000_000;
    let root = Scratch::new();
    root.write("large", vec![b'x'; FILE_BYTES as usize]);
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    session.ask(&format!("send-with-file head: large 0 {FILE_BYTES} 100ms"));
    let line = server.wait_for_log("send-with-file error=timeout");
    let sent = line.split("sent=").nth(1).unwrap();
    let sent: usize = sent.split(' ').next().unwrap().parse().unwrap();
    assert!(sent > 5 && sent < FILE_BYTES as usize, "{line}");
    let received = session.client.exactly(sent);
    assert!(received.starts_with(b"head:x") && received[5..].iter().all(|byte| *byte == b'x'));
    session.outcome().expect_error("timeout");
}

#[test]
fn sendfile_of_a_large_file_arrives_whole() {
    let root = Scratch::new();
    let content: Vec<u8> = (0..5_000_000u32)
        .flat_map(|number| number.to_le_bytes())
        .collect();
    root.write("large", &content);
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    session.ask("sendfile large 0 20000000 none");
    assert!(
        session.client.exactly(content.len()) == content,
        "the file arrives changed"
    );
    assert_eq!(session.outcome().number("sent"), 20_000_000);
}

/// Has a guest send `old`, then `new` once `change` is done, and then `new` again after a `stat`;
/// returns how much was sent at these three times.
#[track_caller]
fn sent_around(change: impl FnOnce(&Scratch)) -> [u64; 3] {
    let root = Scratch::new();
    let path = root.write("digits", "old<new>");
    let file = File::options().append(true).open(path).unwrap();
    // Long ago, so that a change is one in whatever steps the file system's clock goes.
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let server = TestServer::start("calls", &["--root", root.text()]);
    let mut session = Session::start(&server);
    session.ask("sendfile-around digits 4");
    assert_eq!(session.client.exactly(4), b"old<");
    change(&root);
    session.client.send("!");
    let line = server.wait_for_log("sendfile-around ok");
    ["first", "second", "third"].map(|part| log_field(&line, part).unwrap().parse().unwrap())
}

#[test]
fn sendfile_sends_no_more_of_a_file_that_changed_until_the_guest_looks_again() {
    let overwrite = |root: &Scratch| drop(root.write("digits", "OLD<NEW>"));
    assert_eq!(sent_around(overwrite), [4, 0, 4]);
    let append = |root: &Scratch| {
        let path = root.path().join("digits");
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    };
    assert_eq!(sent_around(append), [4, 0, 4]);
    let truncate = |root: &Scratch| drop(root.write("digits", "OLD<N"));
    assert_eq!(sent_around(truncate), [4, 0, 1]);
}

#[test]
fn sendfile_goes_on_with_a_file_whose_path_changed_but_not_its_content() {
    let path = |root: &Scratch, name: &str| root.path().join(name);
    let rename = |root: &Scratch| fs::rename(path(root, "digits"), path(root, "other")).unwrap();
    assert_eq!(sent_around(rename), [4, 4, 4]);
    let replace = |root: &Scratch| {
        fs::rename(root.write("new", "OLD<NEW>"), path(root, "digits")).unwrap();
    };
    assert_eq!(sent_around(replace), [4, 4, 4]);
    let remove = |root: &Scratch| fs::remove_file(path(root, "digits")).unwrap();
    assert_eq!(sent_around(remove), [4, 4, 4]);
    let link = |root: &Scratch| fs::hard_link(path(root, "digits"), path(root, "too")).unwrap();
    assert_eq!(sent_around(link), [4, 4, 4]);
}

#[test]
fn shutdown_of_sending_ends_the_stream_for_the_peer_and_for_the_guest() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("shutdown send | send more none");
    assert_eq!(session.client.rest(), b"");
    let line = server.wait_for_log("send error=");
    assert!(
        line.contains("error=connection-broken") && line.contains("sent=0"),
        "{line}"
    );
}

#[test]
fn shutdown_of_sending_still_lets_the_guest_receive() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("shutdown send | recv 3 none");
    assert_eq!(session.client.rest(), b"");
    session.client.send("abc");
    server.wait_for_log("recv ok");
    assert_eq!(server.log_lines("text=abc").len(), 1);
}

#[test]
fn shutdown_of_receiving_makes_recv_return_nothing() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("shutdown receive | recv 100 none | send still none");
    session.outcome().expect_ok();
    session.outcome().expect_text("");
    assert_eq!(session.client.exactly(5), b"still");
    session.outcome().expect_ok();
}

#[test]
fn a_connection_that_was_shut_down_is_closed_when_it_is_handed_back() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("shutdown send | hand-back");
    assert_eq!(session.client.rest(), b"");
    session.client.half_close();
    server.wait_for_metric(LIVE, 0);
    for state in ["parked", "waiting", "active", "closing"] {
        server.wait_for_metric(&connections(state), 0);
    }
}

#[test]
fn send_to_a_peer_that_reset_the_connection_fails_and_harms_nobody() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("send-filler 16777216 none");
    session.client.exactly(1);
    session.client.reset();
    let line = server.wait_for_log("send-filler error=");
    let named = ["connection-reset", "connection-broken"];
    assert!(named.iter().any(|name| line.contains(name)), "{line}");
    server.wait_for_metric(LIVE, 0);
    Session::start(&server).call("closing").expect_ok();
}

#[test]
fn a_guest_sees_the_addresses_of_both_ends() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    assert_eq!(
        session.call("peer").field("addr"),
        session.client.addr().to_string()
    );
    assert_eq!(
        session.call("local").field("addr"),
        server.addr().to_string()
    );
}

#[test]
fn no_delay_can_be_chosen_on_a_tcp_connection() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.call("no-delay off").expect_ok();
    session.call("no-delay on").expect_ok();
}
