//! Idle connections are parked and cost almost nothing; a bounded line waits for instances.

use std::time::Duration;

use crate::client::{Client, get, post};
use crate::gauges::{LIVE, connections, fired};
use crate::server::{TestServer, log_field};
use crate::session::Session;
use crate::{machine, tool, wait};

/// Connections that are open at once while a batch gets its first answers.
const BATCH: usize = 250;

/// Connects `count` clients, each of which gets one answer and is parked then.
#[track_caller]
fn park(server: &TestServer, clients: &mut Vec<Client>, count: usize) {
    let target = clients.len() + count;
    while clients.len() < target {
        let mut batch: Vec<Client> = (0..BATCH).map(|_| server.connect()).collect();
        batch.iter_mut().for_each(|client| client.send(get("/")));
        for client in &mut batch {
            assert_eq!(client.response().status, 200);
        }
        clients.extend(batch);
        // All are parked before more come, so that no batch needs more instances than the first.
        server.wait_for_metric(&connections("parked"), clients.len() as u64);
    }
}

/// Takes more than a second, because it opens 15,000 connections and asks each of them twice.
#[test]
fn a_parked_connection_costs_at_most_512_bytes_and_answers_again() {
    const FEW: usize = 1000;
    const MANY: usize = 15_000;
    machine::alone();
    if machine::raise_descriptor_limit() < MANY as u64 + 100 {
        tool::skip("the limit on open descriptors is too low (`ulimit -Hn`)");
        return;
    }
    let server = TestServer::start("hello", &["--linger", "0ms"]);
    let mut clients = Vec::new();
    park(&server, &mut clients, FEW);
    let few = server.resident_bytes();
    park(&server, &mut clients, MANY - FEW);
    assert_eq!(server.metric(LIVE), 0);
    let mut slope = 0;
    // An allocator gives back what a table left behind when it grew, but not at once.
    let settled = wait::within(Duration::from_secs(1), || {
        slope = server.resident_bytes().saturating_sub(few) / (MANY - FEW) as u64;
        (slope <= 512).then_some(())
    });
    assert!(settled.is_some(), "{slope} bytes for one parked connection");
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    // So many connections would otherwise keep their ports for a minute after the test.
    clients.into_iter().for_each(Client::reset);
}

#[test]
fn a_parked_connection_leaves_the_table_when_its_client_leaves() {
    let server = TestServer::start("hello", &["--linger", "0ms"]);
    let mut clients = Vec::new();
    park(&server, &mut clients, BATCH);
    drop(clients);
    server.wait_for_metric(&connections("parked"), 0);
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn a_connection_waits_in_line_until_an_instance_is_free() {
    let server = TestServer::start("calls", &["--max-instances", "2"]);
    let mut first = Session::start(&server);
    let mut second = Session::start(&server);
    first.call("next").expect_ok();
    second.call("next").expect_ok();
    let mut third = Session::start(&server);
    third.ask("closing");
    server.wait_for_metric(&connections("waiting"), 1);
    assert_eq!(server.metric(LIVE), 2);
    first.ask("let-go");
    third.outcome().expect_ok();
    assert_eq!(server.metric(LIVE), 2);
    second.call("closing").expect_ok();
}

#[test]
fn the_line_is_served_in_the_order_of_arrival() {
    let server = TestServer::start("calls", &["--max-instances", "1"]);
    let mut holder = Session::start(&server);
    holder.call("closing").expect_ok();
    let mut line: Vec<Session> = Vec::new();
    for place in 0..5 {
        let mut session = Session::start(&server);
        session.ask("peer | let-go");
        line.push(session);
        server.wait_for_metric(&connections("waiting"), place + 1);
    }
    holder.ask("let-go");
    let mut expected = Vec::new();
    for session in &mut line {
        session.outcome().expect_ok();
        expected.push(format!("addr={}", session.client.addr()));
    }
    wait::until("all are logged", || server.log_lines("peer ok").len() == 5);
    let served = server.log_lines("peer ok");
    let in_order = served
        .iter()
        .zip(&expected)
        .all(|(line, addr)| line.contains(addr));
    assert!(in_order, "{served:?} instead of {expected:?}");
}

#[test]
fn a_full_line_leaves_further_connections_in_the_kernel_until_there_is_room() {
    let flags = ["--max-instances", "1", "--max-waiting", "2"];
    let server = TestServer::start("calls", &flags);
    let mut holder = Session::start(&server);
    holder.call("closing").expect_ok();
    let mut others: Vec<Session> = (0..10).map(|_| Session::start(&server)).collect();
    server.wait_for_metric(&connections("waiting"), 2);
    // The kernel has completed the others, and nobody has accepted them.
    assert_eq!(server.metric("sockeye_connections_accepted_total"), 3);
    holder.ask("let-go");
    for session in &mut others {
        session.call("closing").expect_ok();
        session.ask("let-go");
    }
}

#[test]
fn requests_that_find_the_line_full_are_answered_when_there_is_room() {
    let flags = [
        "--max-instances",
        "1",
        "--max-waiting",
        "1",
        "--idle-timeout",
        "2s",
    ];
    let server = TestServer::start("upload", &flags);
    let mut parked: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut parked {
        assert_eq!(client.ask("POST", "/", &[]).status, 200);
    }
    server.wait_for_metric(&connections("parked"), 10);
    let mut holder = server.connect();
    holder.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n");
    server.wait_for_metric(LIVE, 1);
    for client in &mut parked {
        client.send(post("/", "body"));
    }
    // One stands in line. The others are open already and are not read, however long it takes.
    server.wait_for_metric(&fired("waiting"), 9);
    assert!(
        parked[9]
            .receive_within(Duration::from_millis(2500))
            .is_err()
    );
    assert_eq!(server.metric(&connections("waiting")), 1);
    assert_eq!(server.metric(&connections("parked")), 9);
    // One of them gives up, which is noticed all the same.
    parked.remove(4).reset();
    server.wait_for_metric(&connections("parked"), 8);
    holder.send("x");
    assert_eq!(holder.response().status, 200);
    for client in &mut parked {
        assert!(client.response().text().starts_with("4 "));
    }
    assert_eq!(server.metric(&fired("idle_time")), 0);
}

#[test]
fn clients_that_leave_while_they_are_put_off_take_nobodys_place() {
    let flags = ["--max-instances", "1", "--max-waiting", "1"];
    let server = TestServer::start("upload", &flags);
    let mut clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
    server.wait_for_metric(&connections("parked"), 60);
    let mut holder = server.connect();
    holder.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n");
    server.wait_for_metric(LIVE, 1);
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(post("/", "body"));
        // One after the other: the first stands in line, and the last is put off last.
        server.wait_for_metric(&fired("waiting"), number as u64);
    }
    let mut last = clients.pop().unwrap();
    let mut first = clients.remove(0);
    clients.into_iter().for_each(Client::reset);
    server.wait_for_metric(&connections("parked"), 1);
    holder.send("x");
    assert_eq!(holder.response().status, 200);
    assert!(first.response().text().starts_with("4 "));
    assert!(last.response().text().starts_with("4 "));
}

#[test]
fn a_connection_that_waits_too_long_for_an_instance_is_answered_with_503() {
    let flags = ["--max-instances", "1", "--call-timeout", "300ms"];
    let server = TestServer::start("hostile", &flags);
    let mut holder = server.connect();
    holder.send(get("/sleep"));
    server.wait_for_metric(LIVE, 1);
    let mut refused = server.connect();
    assert_eq!(refused.get("/").status, 503);
    assert_eq!(refused.rest(), b"");
}

#[test]
fn a_client_that_leaves_the_line_is_not_served() {
    let server = TestServer::start("calls", &["--max-instances", "1"]);
    let mut holder = Session::start(&server);
    holder.call("closing").expect_ok();
    let waiting = Session::start(&server);
    server.wait_for_metric(&connections("waiting"), 1);
    waiting.client.reset();
    server.wait_for_metric(&connections("waiting"), 0);
    holder.call("closing").expect_ok();
}

#[test]
fn next_gives_the_instance_up_when_another_connection_waits_for_it() {
    let flags = ["--max-instances", "1", "--linger", "60s"];
    let server = TestServer::start("hello", &flags);
    let mut first = server.connect();
    let mut second = server.connect();
    for _ in 0..10 {
        assert_eq!(first.get("/").status, 200);
        assert_eq!(second.get("/").status, 200);
    }
}

#[test]
fn clients_that_say_nothing_shut_nobody_out_and_are_answered_once_they_speak() {
    let server = TestServer::start("line-echo", &["--max-instances", "2"]);
    let mut silent: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    let mut client = server.connect();
    client.send("salmon\n");
    assert_eq!(client.line(), "salmon");
    assert_eq!(server.metric(LIVE), 2);
    assert!(server.metric(&fired("instances")) > 0);
    for (number, client) in silent.iter_mut().enumerate() {
        client.send(format!("{number}\n"));
    }
    for (number, client) in silent.iter_mut().enumerate() {
        assert_eq!(client.line(), number.to_string());
    }
}

#[test]
fn a_guest_that_has_said_something_keeps_its_instance() {
    let server = TestServer::start("calls", &["--max-instances", "1"]);
    let mut first = Session::start(&server);
    first.call("closing").expect_ok();
    let mut second = Session::start(&server);
    second.ask("closing");
    server.wait_for_metric(&connections("waiting"), 1);
    // It waits for its next command, and has the answers of a call before in its memory.
    first.call("closing").expect_ok();
    assert_eq!(server.metric("sockeye_activations_total"), 1);
    first.ask("let-go");
    second.outcome().expect_ok();
}

#[test]
fn a_connection_above_the_limit_is_turned_away_until_another_leaves() {
    let server = TestServer::start("hello", &["--max-connections", "3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut refused = server.connect();
    server.wait_for_metric(&fired("connections"), 1);
    drop(clients.pop());
    // Turned away or kept waiting: both are bounded; a new client is served in either case.
    refused.send_in_vain(get("/"));
    drop(refused);
    server.wait_for_metric(&connections("active"), 0);
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn fewer_instances_than_workers_serve_all_clients() {
    let flags = ["--workers", "4", "--max-instances", "2"];
    let server = TestServer::start("hello", &flags);
    assert_eq!(log_field(server.start_line(), "workers"), Some("2"));
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn what_a_client_sent_before_it_closed_its_side_survives_that_its_guest_gives_way() {
    let server = TestServer::start("line-echo", &["--max-instances", "1"]);
    let mut first = server.connect();
    first.send("tail");
    first.wait_until_taken();
    let mut second = server.connect();
    second.send("salmon\n");
    assert_eq!(second.line(), "salmon");
    server.wait_for_metric(&connections("parked"), 1);
    first.half_close();
    assert_eq!(first.rest(), b"tail");
}

#[test]
fn two_workers_serve_all_clients_and_count_them_together() {
    let server = TestServer::start("hello", &["--workers", "2"]);
    let mut clients: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(server.metric("sockeye_connections_accepted_total"), 40);
    assert_eq!(server.metric("sockeye_requests_total"), 40);
    drop(clients);
    server.stop();
}

#[test]
fn nobody_overtakes_those_who_wait_for_an_instance() {
    let flags = ["--max-instances", "1", "--activate-on", "bytes"];
    let server = TestServer::start("calls", &flags);
    let mut first = Session::start(&server);
    first.call("closing").expect_ok();
    let mut second = Session::start(&server);
    second.ask("closing");
    server.wait_for_metric(&connections("waiting"), 1);
    let mut third = Session::start(&server);
    server.wait_for_metric(&connections("parked"), 1);
    // The end of the first and the bytes of the third are found in one turn of the worker.
    server.freeze();
    first.ask("let-go");
    third.ask("closing");
    server.thaw();
    // The third would keep the only instance: its guest waits for another command.
    second.outcome().expect_ok();
    second.ask("let-go");
    third.outcome().expect_ok();
}
