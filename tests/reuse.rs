//! How long an instance lives under each `--reuse` policy, and what it never survives.

use crate::client::{Client, get};
use crate::gauges::{LIVE, connections};
use crate::server::TestServer;

fn server(reuse: &str) -> TestServer {
    TestServer::start("count", &["--reuse", reuse])
}

/// Asks for the next number, which is one more than this instance gave before.
#[track_caller]
fn count(client: &mut Client) -> u64 {
    client.get("/count").text().trim().parse().unwrap()
}

/// Waits until no connection has an instance any more.
#[track_caller]
fn wait_until_parked(server: &TestServer, count: u64) {
    server.wait_for_metric(&connections("parked"), count);
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn with_reuse_never_every_request_sees_a_fresh_instance() {
    let server = server("never");
    let mut client = server.connect();
    let mut other = server.connect();
    for _ in 0..5 {
        assert_eq!(count(&mut client), 1);
        assert_eq!(count(&mut other), 1);
    }
    wait_until_parked(&server, 2);
    assert_eq!(count(&mut client), 1);
}

#[test]
fn with_reuse_never_pipelined_requests_see_fresh_instances_too() {
    let server = server("never");
    let mut client = server.connect();
    client.send(get("/").repeat(20));
    for _ in 0..20 {
        assert_eq!(client.response().text().trim(), "1");
    }
}

#[test]
fn with_reuse_connection_an_instance_stays_while_the_connection_is_busy() {
    let server = TestServer::start("count", &["--reuse", "connection", "--linger", "10s"]);
    let mut client = server.connect();
    for expected in 1..=20 {
        assert_eq!(count(&mut client), expected);
    }
    assert_eq!(server.metric("sockeye_activations_total"), 1);
}

#[test]
fn with_reuse_connection_a_parked_connection_starts_anew() {
    let server = server("connection");
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(count(&mut client), 1);
        wait_until_parked(&server, 1);
    }
}

#[test]
fn with_reuse_connection_no_two_connections_share_an_instance() {
    let server = TestServer::start("count", &["--reuse", "connection", "--linger", "10s"]);
    let mut clients: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    for expected in 1..=3 {
        for client in &mut clients {
            assert_eq!(count(client), expected);
        }
    }
    drop(clients);
    server.wait_for_metric(LIVE, 0);
    assert_eq!(count(&mut server.connect()), 1);
}

#[test]
fn reuse_connection_is_the_default() {
    let server = TestServer::start("count", &[]);
    assert!(
        server.start_line().contains("reuse=connection"),
        "{}",
        server.start_line()
    );
    for _ in 0..3 {
        assert_eq!(count(&mut server.connect()), 1);
    }
}

#[test]
fn with_reuse_always_an_instance_serves_one_connection_after_another() {
    let server = server("always");
    for expected in 1..=10 {
        let mut client = server.connect();
        assert_eq!(count(&mut client), expected);
        drop(client);
        server.wait_for_metric(LIVE, 0);
        assert_eq!(server.metric("sockeye_instances_warm"), 1);
    }
}

#[test]
fn with_reuse_always_a_parked_connection_finds_a_warm_instance() {
    let server = server("always");
    let mut client = server.connect();
    for expected in 1..=3 {
        assert_eq!(count(&mut client), expected);
        wait_until_parked(&server, 1);
    }
}

#[test]
fn with_reuse_always_no_two_connections_share_an_instance_at_the_same_time() {
    let server = TestServer::start("count", &["--reuse", "always", "--linger", "10s"]);
    let mut clients: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    for expected in 1..=3 {
        for client in &mut clients {
            assert_eq!(count(client), expected);
        }
    }
    assert_eq!(server.metric(LIVE), 10);
}

/// Checks that after a request for `path` a warm instance of `hostile` is gone.
#[track_caller]
fn check_not_reused(path: &str) {
    let flags = [
        "--reuse",
        "always",
        "--linger",
        "0ms",
        "--cpu-limit",
        "100ms",
    ];
    let limits = ["--memory-limit", "16MiB", "--activation-timeout", "300ms"];
    let server = TestServer::start("hostile", &[&flags[..], &limits].concat());
    let mut client = server.connect();
    for expected in 1..=3 {
        assert_eq!(count(&mut client), expected, "{path}");
        wait_until_parked(&server, 1);
    }
    let mut culprit = server.connect();
    culprit.send(get(path));
    culprit.wait_until_closed();
    server.wait_for_metric(LIVE, 0);
    assert_eq!(count(&mut client), 1, "{path}: the instance is used again");
}

#[test]
fn an_instance_is_never_used_again_after_a_trap() {
    check_not_reused("/trap");
    check_not_reused("/recurse");
}

#[test]
fn an_instance_is_never_used_again_after_a_panic_or_an_exit() {
    check_not_reused("/panic");
    check_not_reused("/exit");
}

#[test]
fn an_instance_is_never_used_again_after_the_memory_limit() {
    check_not_reused("/grow");
}

#[test]
fn an_instance_is_never_used_again_after_the_cpu_limit() {
    check_not_reused("/spin");
}

#[test]
fn an_instance_is_never_used_again_after_a_deadline() {
    check_not_reused("/sleep");
}

#[test]
fn an_instance_is_never_used_again_after_it_kept_a_connection() {
    check_not_reused("/leak");
    check_not_reused("/keep");
}

#[test]
fn an_instance_near_its_memory_limit_is_not_kept_warm() {
    let flags = [
        "--reuse",
        "always",
        "--linger",
        "0ms",
        "--memory-limit",
        "16MiB",
    ];
    let server = TestServer::start("hostile", &flags);
    let mut client = server.connect();
    assert_eq!(count(&mut client), 1);
    wait_until_parked(&server, 1);
    assert_eq!(client.get("/hold").text(), "held");
    wait_until_parked(&server, 1);
    assert_eq!(count(&mut client), 1);
}
