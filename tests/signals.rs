//! Signals: the first one drains, the second one ends.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::{get, post};
use crate::gauges::{connections, fired};
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::session::Session;
use crate::strace::Strace;
use crate::wait;

/// Checks that `server` no longer takes connections, which is when it has seen the signal.
#[track_caller]
fn wait_until_refusing(server: &TestServer) {
    wait::until("new connections are refused", || {
        TcpStream::connect(server.addr()).is_err()
    });
}

/// Starts a server that runs one activation, whose guest waits for a command.
#[track_caller]
fn busy_server(flags: &[&str]) -> (TestServer, Session) {
    let server = TestServer::start("calls", flags);
    let mut session = Session::start(&server);
    session.call("closing").expect_ok();
    (server, session)
}

#[test]
fn an_idle_server_ends_at_once_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = TestServer::start("hello", &["--workers", "2"]);
        server.signal(signal);
        assert_eq!(server.wait_for_exit().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn the_next_request_of_a_parked_connection_is_its_last() {
    for linger in ["0ms", "60s"] {
        let mut server = TestServer::start("hello", &["--linger", linger]);
        let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.get("/").header("connection"), None);
        }
        server.signal(Signal::TERM);
        wait_until_refusing(&server);
        // A guest that lingers has handed its connection back by now.
        server.wait_for_metric(&connections("parked"), 20);
        for client in &mut clients {
            let response = client.get("/");
            assert_eq!(response.text(), "Hello, World!");
            assert_eq!(response.header("connection"), Some("close"));
            assert_eq!(client.rest(), b"");
        }
        // Nothing is open any more, so nothing is waited for.
        drop(clients);
        assert_eq!(server.wait_for_exit().code(), Some(0), "{linger}");
    }
}

#[test]
fn what_is_still_parked_at_the_drain_timeout_is_closed() {
    let flags = ["--linger", "0ms", "--drain-timeout", "300ms"];
    let mut server = TestServer::start("hello", &flags);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    server.wait_for_metric(&connections("parked"), 20);
    let start = Instant::now();
    server.signal(Signal::TERM);
    for client in &mut clients {
        assert_eq!(client.rest(), b"");
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(300), "{elapsed:?}");
    }
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn the_server_ends_when_the_last_parked_client_leaves() {
    let flags = ["--linger", "0ms", "--drain-timeout", "10m"];
    let mut server = TestServer::start("hello", &flags);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    server.wait_for_metric(&connections("parked"), 1);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    assert_eq!(server.metric(&connections("parked")), 1);
    drop(client);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_in_time_during_the_drain_too() {
    let timeouts = ["--idle-timeout", "300ms", "--drain-timeout", "10m"];
    let flags = [&timeouts[..], &["--linger", "0ms"]].concat();
    let mut server = TestServer::start("hello", &flags);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    server.signal(Signal::TERM);
    assert_eq!(client.rest(), b"");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn who_waits_in_the_accept_queue_is_served_before_it_is_closed() {
    let mut server = TestServer::start("hello", &["--workers", "2"]);
    server.freeze();
    // The kernel completes these; no worker has seen them.
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("/"));
    }
    server.signal(Signal::TERM);
    server.thaw();
    for client in &mut clients {
        assert_eq!(client.response().text(), "Hello, World!");
    }
    drop(clients);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn who_waits_in_the_accept_queue_is_served_even_where_there_is_no_room_at_first() {
    let one_at_a_time = [
        (
            &["--max-instances", "1", "--max-waiting", "1"][..],
            connections("waiting"),
        ),
        (&["--max-connections", "2"], fired("connections")),
    ];
    for (flags, full) in one_at_a_time {
        let mut server = TestServer::start("upload", flags);
        let request = post("/", "abc");
        let (first, rest) = request.split_at(request.len() - 1);
        let mut active = server.connect();
        active.send(first);
        server.wait_for_metric(&connections("active"), 1);
        let mut clients: Vec<_> = (0..11).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(&request);
        }
        wait::until("nobody else is accepted", || server.metric(&full) > 0);
        server.signal(Signal::TERM);
        server.wait_for_log("shutting down");
        active.send(rest);
        // Each leaves for the next.
        for mut client in [active].into_iter().chain(clients) {
            assert_eq!(client.response().status, 200, "{flags:?}");
        }
        assert_eq!(server.wait_for_exit().code(), Some(0), "{flags:?}");
    }
}

#[test]
fn a_running_activation_finishes_before_the_server_ends() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut server, mut session) = busy_server(&[]);
        assert_eq!(session.call("closing").field("value"), "false");
        server.signal(signal);
        wait_until_refusing(&server);
        assert_eq!(session.call("closing").field("value"), "true");
        session.ask("send bye none | let-go");
        let answer = String::from_utf8(session.client.rest()).unwrap();
        assert!(answer.starts_with("bye"), "{answer}");
        drop(session);
        assert_eq!(server.wait_for_exit().code(), Some(0));
    }
}

#[test]
fn a_request_in_flight_is_answered_with_connection_close() {
    let mut server = TestServer::start("upload", &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\na");
    client.wait_until_taken();
    server.wait_for_metric(&connections("active"), 1);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    client.send("b");
    let response = client.response();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    drop(client);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_client_that_could_not_be_told_may_send_one_more_request() {
    let mut server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    // The head of the answer is under way before the drain begins.
    assert_eq!(client.response_head().header("connection"), None);
    assert_eq!(client.exactly(6), b"1\r\na\r\n");
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    client.send("1\r\nb\r\n0\r\n\r\n");
    assert_eq!(client.exactly(11), b"1\r\nb\r\n0\r\n\r\n");
    let response = client.get("/");
    assert_eq!(response.text(), "POST something\n");
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    drop(client);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_connection_is_handed_back_once_more_during_the_drain_and_then_closed() {
    let (mut server, mut session) = busy_server(&["--drain-timeout", "10m"]);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    // This activation began before the drain, so it may not have known that it was the last.
    session.ask("hand-back");
    server.wait_for_metric(&connections("parked"), 1);
    assert_eq!(session.call("closing").field("value"), "true");
    session.ask("hand-back");
    assert_eq!(session.client.rest(), b"");
    drop(session);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let (mut server, mut session) = busy_server(&["--drain-timeout", "10m"]);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    let start = Instant::now();
    // One that comes at once is taken for the first one, sent twice.
    wait::until("the server ends", || {
        server.signal(Signal::TERM);
        server.has_exited()
    });
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    session.client.wait_until_closed();
}

#[test]
fn a_second_signal_takes_nothing_from_a_guest_that_sleeps() {
    let (mut server, mut session) = busy_server(&["--drain-timeout", "10m"]);
    session.ask("sleep 1h");
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    wait::until("the server ends", || {
        server.signal(Signal::TERM);
        server.has_exited()
    });
    session.client.wait_until_closed();
    // That it did not panic is checked for every server.
}

/// Takes as long as the disk, for which strace waits.
#[test]
fn a_disk_that_never_answers_does_not_keep_the_server_from_ending() {
    let scratch = Scratch::new();
    scratch.write("page.bin", [0; 100_000]);
    let flags = ["--root", scratch.text(), "--drain-timeout", "200ms"];
    let mut server = TestServer::start("file", &flags);
    let inject = ["preadv2:error=EAGAIN", "pread64:delay_enter=4000000"];
    let inject = inject.map(|inject| format!("inject={inject}"));
    let args = [
        "-e",
        "trace=preadv2,pread64,exit_group",
        "-e",
        &inject[0],
        "-e",
        &inject[1],
    ];
    let Some(strace) = Strace::attach(&server, &args) else {
        return;
    };
    let mut client = server.connect();
    client.send(get("/page.bin"));
    strace.wait_for_injection();
    let start = Instant::now();
    server.signal(Signal::TERM);
    // A process cannot be waited for while strace holds one of its threads.
    wait::until("the process asks for its end", || {
        strace.written().contains("exit_group(0")
    });
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn an_activation_that_outlasts_the_drain_is_ended() {
    let (mut server, mut session) = busy_server(&["--drain-timeout", "200ms"]);
    let start = Instant::now();
    server.signal(Signal::TERM);
    let status = server.wait_for_exit();
    let elapsed = start.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(elapsed >= Duration::from_millis(200), "{elapsed:?}");
    session.client.wait_until_closed();
    let line = server.wait_for_log("activation ended");
    assert_eq!(log_field(&line, "cause"), Some("drain"), "{line}");
}

#[test]
fn the_drain_counts_what_it_ends() {
    let flags = ["--drain-timeout", "3s", "--linger", "0ms", "--workers", "2"];
    let (mut server, session) = busy_server(&flags);
    let parked: Vec<_> = (0..2).map(|_| Session::start(&server)).collect();
    let mut parked: Vec<_> = parked
        .into_iter()
        .map(|mut session| {
            session.call("closing").expect_ok();
            session.ask("hand-back");
            session
        })
        .collect();
    server.wait_for_metric(&connections("parked"), 2);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    // The operator's interface stays, so that a drain can be watched.
    assert_eq!(server.metric(&connections("active")), 1);
    assert_eq!(server.metric(&fired("drain_time")), 0);
    // One leaves by itself.
    drop(parked.pop());
    assert_eq!(server.wait_for_exit().code(), Some(0));
    let line = server.wait_for_log("all connections are closed");
    assert_eq!(log_field(&line, "at_deadline"), Some("2"), "{line}");
    drop(session);
}

#[test]
fn a_waiting_connection_does_not_delay_the_end() {
    let (mut server, mut session) = busy_server(&["--max-instances", "1"]);
    let mut waiting = server.connect();
    server.wait_for_metric(&connections("waiting"), 1);
    server.signal(Signal::TERM);
    wait_until_refusing(&server);
    session.ask("let-go");
    session.client.rest();
    drop(session);
    waiting.half_close();
    waiting.wait_until_closed();
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_spinning_guest_does_not_keep_the_server_from_ending() {
    let mut server = TestServer::start("hostile", &["--drain-timeout", "200ms"]);
    let mut client = server.connect();
    client.send(get("/spin"));
    server.wait_for_metric(&connections("active"), 1);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}
