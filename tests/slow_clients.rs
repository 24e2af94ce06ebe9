//! Clients that are too slow: a handler waits for none that moves less than `--min-rate`.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use crate::client::{Client, get};
use crate::gauges::{LIVE, connections, fired};
use crate::machine;
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::session::Session;

const MIB: usize = 1 << 20;

/// Starts the built-in handler with a large file.
#[track_caller]
fn serve_file(root: &Scratch, flags: &[&str]) -> TestServer {
    root.write("large.bin", vec![b'x'; 16 * MIB]);
    TestServer::start_built_in(&[&["--root", root.text()], flags].concat())
}

/// Checks that what the client receives ends in a reset, and not in an end that could be taken for
/// that of the file.
#[track_caller]
fn check_reset(client: &mut Client) {
    let error = loop {
        match client.receive_within(Duration::from_secs(30)) {
            Ok(0) => panic!("an orderly end"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

#[test]
fn a_guest_cannot_end_the_stream_of_a_client_that_was_given_up() {
    let flags = ["--min-rate", "1KiB", "--min-rate-window", "200ms"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    session.ask("-send-filler 16000000 none | -shutdown send | -sleep 300ms | let-go");
    server.wait_for_log("shutdown ok");
    check_reset(&mut session.client);
}

#[test]
fn a_client_that_stops_reading_is_reset_and_costs_no_instance_any_more() {
    let root = Scratch::new();
    let flags = ["--min-rate", "1KiB", "--min-rate-window", "200ms"];
    let server = serve_file(&root, &flags);
    let mut stalled: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut stalled {
        client.send(get("/large.bin"));
    }
    server.wait_for_metric(&fired("send_rate"), 20);
    server.wait_for_metric(LIVE, 0);
    server.wait_for_metric(&connections("closing"), 0);
    stalled.iter_mut().for_each(check_reset);
    assert_eq!(server.connect().get("/large.bin").body.len(), 16 * MIB);
}

#[test]
fn a_client_that_reads_slowly_but_fast_enough_gets_everything() {
    machine::measured(|| {
        let root = Scratch::new();
        // What a narrow client takes in a window, at the least, is a read of this test.
        let flags = ["--min-rate", "1KiB", "--min-rate-window", "500ms"];
        let server = serve_file(&root, &[&flags[..], &["--unsent-limit", "64KiB"]].concat());
        let mut client = Client::connect_narrow(server.addr(), 64 * 1024);
        client.send(get("/large.bin"));
        assert_eq!(client.response_head().status, 200);
        // Ten windows and more, in each of which it waits most of the time.
        let mut received = 0;
        while received < 2 * MIB as u64 {
            received += client.pass(64 * 1024, |_, _| {});
            thread::sleep(Duration::from_millis(200));
        }
        let rest = 16 * MIB as u64 - received;
        assert_eq!(client.pass(rest, |_, _| {}), rest);
        assert_eq!(server.metric(&fired("send_rate")), 0);
        assert!(server.metric(&fired("unsent_bytes")) > 0);
    });
}

#[test]
fn a_body_that_drips_is_answered_with_408() {
    let flags = ["--min-rate", "1KiB", "--min-rate-window", "300ms"];
    let server = TestServer::start("upload", &flags);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
    // Each byte comes long before any timeout of a call.
    while client.receive_within(Duration::from_millis(20)).is_err() {
        client.send_in_vain("x");
    }
    let response = client.response();
    assert_eq!(response.status, 408, "{response:?}");
    assert_eq!(client.rest_in_vain().unwrap(), b"");
    assert_eq!(server.metric(&fired("receive_rate")), 1);
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn a_body_that_comes_fast_enough_is_taken_however_long_it_takes() {
    machine::measured(|| {
        let flags = ["--min-rate", "10B", "--min-rate-window", "200ms"];
        let server = TestServer::start("upload", &flags);
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 50\r\n\r\n");
        for _ in 0..50 {
            client.send("x");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(client.response().text().starts_with("50 "));
        assert_eq!(server.metric(&fired("receive_rate")), 0);
    });
}

#[test]
fn each_request_has_a_rate_of_its_own() {
    machine::measured(|| {
        let flags = [
            "--min-rate",
            "1KiB",
            "--min-rate-window",
            "500ms",
            "--linger",
            "10s",
        ];
        let server = TestServer::start("upload", &flags);
        let mut client = server.connect();
        // All together, they wait for several windows.
        for _ in 0..8 {
            client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n");
            thread::sleep(Duration::from_millis(150));
            client.send("x");
            assert!(client.response().text().starts_with("1 "));
        }
        assert_eq!(server.metric(&fired("receive_rate")), 0);
    });
}

#[test]
fn a_client_that_changed_the_protocol_may_be_silent() {
    let flags = ["--min-rate", "1MiB", "--min-rate-window", "100ms"];
    let server = TestServer::start("hostile", &flags);
    let mut client = server.connect();
    client.send(get("/upgrade"));
    assert_eq!(client.response_head().status, 101);
    assert!(client.receive_within(Duration::from_millis(400)).is_err());
    client.send("still here\n");
    assert_eq!(client.line(), "still here");
    assert_eq!(server.metric(&fired("receive_rate")), 0);
}

#[test]
fn a_client_of_a_protocol_of_its_own_may_be_silent() {
    let flags = ["--min-rate", "1MiB", "--min-rate-window", "100ms"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    let outcome = session.call("recv 10 400ms");
    outcome.expect_error("timeout");
    assert!(outcome.elapsed() >= Duration::from_millis(400));
    assert_eq!(server.metric(&fired("receive_rate")), 0);
}

#[test]
fn a_guest_that_sends_on_to_a_client_that_was_too_slow_is_refused_at_once() {
    let flags = ["--min-rate", "1MiB", "--min-rate-window", "100ms"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    session.ask("-send-filler 16777216 none | -send more none | let-go");
    let first = server.wait_for_log("send-filler error");
    assert!(first.contains("error=timeout"), "{first}");
    let second = server.wait_for_log("send error");
    assert!(second.contains("error=timeout sent=0"), "{second}");
    session.client.wait_until_closed();
    assert_eq!(server.metric(&fired("send_rate")), 1);
}

#[test]
fn a_client_that_was_too_slow_is_not_parked() {
    let flags = ["--min-rate", "1MiB", "--min-rate-window", "100ms"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    session.ask("-send-filler 16777216 none | hand-back");
    server.wait_for_log("send-filler error");
    session.client.wait_until_closed();
    assert_eq!(server.metric(&fired("send_rate")), 1);
    server.wait_for_metric(&connections("parked"), 0);
}

#[test]
fn a_body_that_comes_while_the_server_is_stopped_is_not_late() {
    let flags = ["--min-rate", "1KiB", "--min-rate-window", "200ms"];
    let server = TestServer::start("upload", &flags);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
    client.wait_until_taken();
    server.wait_for_metric(LIVE, 1);
    server.freeze();
    client.send("body");
    thread::sleep(Duration::from_millis(300));
    server.thaw();
    assert!(client.response().text().starts_with("4 "));
    assert_eq!(server.metric(&fired("receive_rate")), 0);
}

#[test]
fn a_head_that_comes_while_the_server_is_stopped_is_not_late() {
    let server = TestServer::start("hello", &["--head-timeout", "500ms"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\n");
    client.wait_until_taken();
    server.freeze();
    client.send("Host: test\r\n\r\n");
    thread::sleep(Duration::from_millis(700));
    server.thaw();
    assert_eq!(client.response().status, 200);
    assert_eq!(server.metric(&fired("head_time")), 0);
}

#[test]
fn without_a_rate_only_the_timeout_of_a_call_counts() {
    let flags = ["--min-rate", "0", "--min-rate-window", "50ms"];
    let server = TestServer::start("calls", &flags);
    let mut session = Session::start(&server);
    session.ask("-send-filler 16777216 400ms | let-go");
    let line = server.wait_for_log("send-filler error");
    assert!(line.contains("error=timeout"), "{line}");
    assert_eq!(server.metric(&fired("send_rate")), 0);
}

#[test]
fn what_a_handler_leaves_of_a_body_is_not_waited_for_byte_by_byte() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    assert_eq!(client.response().status, 200);
    // A second, in tenths; the extension of a chunk may have thousands of bytes.
    let mut drips = 0;
    while !matches!(client.receive_within(Duration::from_millis(100)), Ok(0)) {
        client.send_in_vain("a");
        drips += 1;
        assert!(drips < 100, "it is still waited for");
    }
}
