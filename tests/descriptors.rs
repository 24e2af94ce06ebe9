//! A server that has no descriptors left gives up its idle connections for new ones.

use std::time::{Duration, Instant};

use crate::client::{Client, get};
use crate::gauges::{connections, fired};
use crate::machine;
use crate::scratch::Scratch;
use crate::server::TestServer;

/// Checks that a server with 64 descriptors and 200 idle clients, which have sent `first`, answers
/// a new request within a second, and that it recovers when they leave.
#[track_caller]
fn check(guest: &str, first: &str) {
    machine::alone();
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    let flags = ["--root", root.text()];
    let server = TestServer::start_after("ulimit -n 64", guest, &flags);
    let connect = |_| {
        let mut client = server.connect();
        client.send_in_vain(first);
        client
    };
    let idle: Vec<Client> = (0..200).map(connect).collect();
    let start = Instant::now();
    assert_eq!(server.connect().get("/page.txt").status, 200);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    drop(idle);
    // The operator's interface needs descriptors as well, so the server itself is asked first.
    for _ in 0..50 {
        assert_eq!(server.connect().get("/page.txt").status, 200);
    }
    assert!(server.metric(&fired("descriptors")) > 0);
    for state in ["parked", "waiting", "active", "closing"] {
        server.wait_for_metric(&connections(state), 0);
    }
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/page.txt").status, 200);
    }
    drop(clients);
    server.stop();
}

#[test]
fn clients_that_send_nothing_do_not_keep_the_descriptors() {
    check("hello", "");
}

#[test]
fn clients_that_send_half_a_head_do_not_keep_the_descriptors() {
    check("hello", "GET / HTTP/1.1\r\nHost: te");
}

#[test]
fn clients_that_idle_after_an_answer_do_not_keep_the_descriptors() {
    check("hello", &get("/"));
}

#[test]
fn a_file_can_still_be_opened_when_idle_clients_hold_the_descriptors() {
    check("file", "");
}

#[test]
fn a_server_without_descriptors_does_not_spin() {
    machine::alone();
    let server = TestServer::start_after("ulimit -n 64", "calls", &[]);
    // Every activation waits for a command; nothing is idle that could be given up.
    let busy: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    busy[0].wait_until_taken();
    let cpu = server.cpu_time();
    std::thread::sleep(Duration::from_millis(500));
    let cpu = server.cpu_time() - cpu;
    assert!(
        cpu < Duration::from_millis(100),
        "{cpu:?} of CPU in half a second"
    );
    drop(busy);
    server.stop();
}
