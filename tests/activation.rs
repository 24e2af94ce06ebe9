//! When a connection gets an instance, and what the host answers where it never does.

use std::time::{Duration, Instant};

use crate::client::{Client, get};
use crate::gauges::{LIVE, connections, fired};
use crate::machine;
use crate::server::TestServer;
use crate::session::Session;

const HALF_HEAD: &str = "GET / HTTP/1.1\r\nHost: te";
const OTHER_HALF: &str = "st\r\n\r\n";

/// Connects `count` clients, each of which has sent half a request head that the server has read.
#[track_caller]
fn half_heads(server: &TestServer, count: u64) -> Vec<Client> {
    let connect = |_| {
        let mut client = server.connect();
        client.send(HALF_HEAD);
        client
    };
    let before = server.metric("sockeye_bytes_received_total");
    let clients = (0..count).map(connect).collect();
    let bytes = before + count * HALF_HEAD.len() as u64;
    server.wait_for_metric("sockeye_bytes_received_total", bytes);
    clients
}

#[test]
fn half_a_head_costs_no_instance_and_delays_no_other_client() {
    let server = TestServer::start("hello", &[]);
    let mut clients = half_heads(&server, 200);
    assert_eq!(server.metric(LIVE), 0);
    assert_eq!(server.metric("sockeye_activations_total"), 0);
    assert_eq!(server.metric(&connections("parked")), 200);
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(server.metric("sockeye_activations_total"), 1);
    for client in &mut clients {
        client.send(OTHER_HALF);
        assert_eq!(client.response().status, 200);
    }
}

/// What a whole request may take while thousands of others are incomplete.
const ANSWER_MAX: Duration = Duration::from_millis(50);

/// Takes more than a second, because it opens 5,000 connections and then watches them idle.
#[test]
fn five_thousand_half_heads_cost_little_memory_no_cpu_and_no_time_of_others() {
    machine::measured(|| {
        let server = TestServer::start("hello", &[]);
        assert_eq!(server.connect().get("/").status, 200);
        server.wait_for_metric(LIVE, 0);
        let resident = server.resident_bytes();
        let clients = half_heads(&server, 5000);
        assert_eq!(server.metric(LIVE), 0);
        let growth = server.resident_bytes().saturating_sub(resident);
        let memory = server.proc_file("smaps_rollup");
        assert!(
            growth < 8 << 20,
            "{growth} bytes for 5,000 half heads\n{memory}"
        );
        let cpu = server.cpu_time();
        std::thread::sleep(Duration::from_secs(1));
        let cpu = server.cpu_time() - cpu;
        assert!(
            cpu < Duration::from_millis(10),
            "{cpu:?} of CPU in an idle second"
        );
        check_prompt(&server);
        // So many connections would otherwise keep their ports for a minute after the test.
        clients.into_iter().for_each(Client::reset);
    });
}

/// Checks that a new client gets an answer in time.
#[track_caller]
fn check_prompt(server: &TestServer) {
    let start = Instant::now();
    assert_eq!(server.connect().get("/").status, 200);
    assert!(
        start.elapsed() < ANSWER_MAX,
        "answered after {:?}",
        start.elapsed()
    );
}

/// Takes more than a second, because it opens 5,000 connections, most of which get an instance.
#[test]
fn five_thousand_half_heads_with_instances_cost_no_time_of_others() {
    machine::measured(|| {
        let server = TestServer::start("hello", &["--activate-on", "bytes"]);
        assert_eq!(server.connect().get("/").status, 200);
        let clients = half_heads(&server, 5000);
        check_prompt(&server);
        clients.into_iter().for_each(Client::reset);
    });
}

#[test]
fn a_head_that_does_not_end_in_time_is_answered_408() {
    let server = TestServer::start("hello", &["--head-timeout", "200ms"]);
    let mut client = server.connect();
    client.send(HALF_HEAD);
    let response = client.response();
    assert_eq!(response.status, 408);
    assert_eq!(response.text(), "request head took longer than 200ms\n");
    assert!(
        response
            .header("date")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
    assert_eq!(client.rest(), b"");
    assert_eq!(server.metric(&fired("head_time")), 1);
    assert_eq!(server.metric("sockeye_activations_total"), 0);
}

#[test]
fn a_client_that_drips_its_head_does_not_extend_the_deadline() {
    let server = TestServer::start("hello", &["--head-timeout", "300ms"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nX: ");
    let mut drips = 0;
    while client.receive_within(Duration::from_millis(50)).is_err() {
        client.send_in_vain("a");
        drips += 1;
        assert!(drips < 50, "every byte extends the deadline");
    }
    assert_eq!(client.response().status, 408);
}

#[test]
fn the_second_head_of_a_connection_has_a_deadline_too() {
    let server = TestServer::start("hello", &["--head-timeout", "200ms"]);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    client.send(HALF_HEAD);
    assert_eq!(client.response().status, 408);
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_head_above_the_limit_is_answered_431() {
    let server = TestServer::start("hello", &["--head-limit", "1KiB"]);
    let mut client = server.connect();
    client.send_in_vain(format!(
        "GET / HTTP/1.1\r\nHost: test\r\nX: {}",
        "x".repeat(2000)
    ));
    let response = client.response();
    assert_eq!(response.status, 431);
    assert_eq!(response.text(), "request head is larger than 1024 bytes\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.metric(&fired("head_bytes")), 1);
    assert_eq!(server.metric("sockeye_activations_total"), 0);
}

#[test]
fn an_endless_head_is_answered_431_and_not_kept() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send_in_vain("GET / HTTP/1.1\r\nX: ");
    client.send_in_vain("x".repeat(200_000));
    assert_eq!(client.response().status, 431);
    client.wait_until_closed();
}

/// Returns a request whose head has exactly `length` bytes.
fn head_of(length: usize) -> String {
    let frame = "GET / HTTP/1.1\r\nHost: test\r\nX: \r\n\r\n";
    let filler = "x".repeat(length - frame.len());
    frame.replace("X: ", &format!("X: {filler}"))
}

#[test]
fn a_head_of_exactly_the_limit_is_served() {
    let server = TestServer::start("hello", &["--head-limit", "1KiB"]);
    let mut client = server.connect();
    client.send(head_of(1024));
    assert_eq!(client.response().status, 200);
    client.send_in_vain(head_of(1025));
    assert_eq!(client.response().status, 431);
}

#[test]
fn a_client_that_sends_nothing_is_answered_nothing() {
    let flags = ["--head-timeout", "200ms", "--idle-timeout", "200ms"];
    let server = TestServer::start("hello", &flags);
    let mut client = server.connect();
    assert_eq!(client.rest(), b"");
    assert_eq!(server.metric("sockeye_activations_total"), 0);
}

#[test]
fn a_client_that_leaves_without_a_word_is_answered_nothing() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.half_close();
    assert_eq!(client.rest(), b"");
    server.wait_for_metric(&connections("parked"), 0);
}

#[test]
fn a_client_that_leaves_within_its_head_costs_no_instance() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send(HALF_HEAD);
    client.half_close();
    client.wait_until_closed();
    server.wait_for_metric(&connections("parked"), 0);
    assert_eq!(server.metric("sockeye_activations_total"), 0);
}

#[test]
fn a_parked_connection_is_closed_without_a_word_after_the_idle_time() {
    let server = TestServer::start("hello", &["--idle-timeout", "200ms"]);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(client.rest(), b"");
    assert_eq!(server.metric(&fired("idle_time")), 1);
}

#[test]
fn activation_on_bytes_starts_an_instance_for_half_a_head() {
    let server = TestServer::start("hello", &["--activate-on", "bytes"]);
    let mut client = server.connect();
    client.send(HALF_HEAD);
    server.wait_for_metric(LIVE, 1);
    assert_eq!(server.connect().get("/").status, 200);
    client.send(OTHER_HALF);
    assert_eq!(client.response().status, 200);
}

#[test]
fn activation_on_accept_starts_an_instance_before_any_byte() {
    let server = TestServer::start("hello", &["--activate-on", "accept"]);
    let mut client = server.connect();
    server.wait_for_metric(LIVE, 1);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_plain_handler_starts_on_accept() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    server.wait_for_metric(LIVE, 1);
    session.call("next").expect_ok();
    assert_eq!(server.metric("sockeye_activations_total"), 1);
}

#[test]
fn a_line_protocol_is_served_over_plain_tcp() {
    let server = TestServer::start("line-echo", &[]);
    let mut client = server.connect();
    client.send("salmon\ntrout\nher");
    client.wait_until_taken();
    client.send("ring\n");
    for fish in ["salmon", "trout", "herring"] {
        assert_eq!(client.line(), fish);
    }
    client.send("quit\n");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_plain_handler_activated_on_bytes_waits_for_them() {
    let server = TestServer::start("calls", &["--activate-on", "bytes"]);
    let mut session = Session::start(&server);
    server.wait_for_metric(&connections("parked"), 1);
    assert_eq!(server.metric("sockeye_activations_total"), 0);
    session.call("next").expect_ok();
    assert_eq!(server.metric("sockeye_activations_total"), 1);
}

#[test]
fn a_parked_connection_of_a_plain_handler_is_activated_by_bytes() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.ask("hand-back");
    server.wait_for_metric(&connections("parked"), 1);
    session.call("next").expect_ok();
}

#[test]
fn a_request_with_its_body_in_one_segment_reaches_the_guest_unchanged() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send(format!(
        "{}{}",
        crate::client::post("/", "first"),
        get("/echo")
    ));
    assert_eq!(client.response().text(), "first");
    assert!(client.response().text().contains("test"));
}
