//! The operator's interface: health, and a number for everything that happens.

use crate::client::{Client, get, post};
use crate::gauges::{LIVE, connections};
use crate::server::TestServer;
use crate::session::Session;
use crate::wait;

/// Every metric, with a value of its label where it has one.
const SAMPLES: [&str; 11] = [
    "sockeye_connections{state=\"parked\"}",
    "sockeye_connections_accepted_total",
    "sockeye_instances_live",
    "sockeye_instances_warm",
    "sockeye_activations_total",
    "sockeye_requests_total",
    "sockeye_request_duration_seconds_count",
    "sockeye_bytes_received_total",
    "sockeye_bytes_sent_total",
    "sockeye_activations_failed_total{cause=\"trap\"}",
    "sockeye_bounds_fired_total{bound=\"connections\"}",
];

#[test]
fn every_metric_is_there_from_the_start() {
    let server = TestServer::start("hello", &[]);
    for sample in SAMPLES {
        assert_eq!(server.metric(sample), 0, "{sample}");
    }
}

#[test]
fn every_metric_has_a_help_text_and_a_type() {
    let server = TestServer::start("hello", &[]);
    let text = server.metrics();
    for sample in SAMPLES {
        let name = sample.split('{').next().unwrap();
        let suffixes = ["_total", "_count"];
        let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let family = family.unwrap_or(name);
        for line in ["# HELP", "# TYPE"] {
            assert!(
                text.contains(&format!("{line} {family}")),
                "no `{line} {family}`:\n{text}"
            );
        }
    }
}

#[test]
fn metrics_count_connections_requests_activations_and_bytes() {
    let server = TestServer::start("hello", &[]);
    let mut received = 0;
    for _ in 0..3 {
        let mut client = server.connect();
        for _ in 0..5 {
            assert_eq!(client.get("/").status, 200);
            received += get("/").len() as u64;
        }
    }
    server.wait_for_metric("sockeye_connections_accepted_total", 3);
    server.wait_for_metric("sockeye_requests_total", 15);
    server.wait_for_metric("sockeye_activations_total", 3);
    server.wait_for_metric("sockeye_bytes_received_total", received);
    server.wait_for_metric(LIVE, 0);
    assert!(server.metric("sockeye_bytes_sent_total") > 15 * 13);
}

#[test]
fn every_request_is_in_the_histogram_of_durations() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    for _ in 0..7 {
        assert_eq!(client.get("/").status, 200);
    }
    drop(client);
    server.wait_for_metric("sockeye_request_duration_seconds_count", 7);
    let infinite = "sockeye_request_duration_seconds_bucket{le=\"+Inf\"}";
    assert_eq!(server.metric(infinite), 7);
    let text = server.metrics();
    let name = "sockeye_request_duration_seconds_bucket{le=";
    let counts = text.lines().filter(|line| line.starts_with(name));
    let counts: Vec<u64> = counts
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert!(counts.len() > 10 && counts.is_sorted(), "{counts:?}");
    let sum = text.lines().find_map(|line| {
        line.strip_prefix("sockeye_request_duration_seconds_sum ")?
            .parse::<f64>()
            .ok()
    });
    assert!(sum.is_some_and(|sum| sum > 0.0 && sum < 60.0), "{sum:?}");
}

#[test]
fn a_request_that_was_never_received_is_not_counted() {
    let flags = ["--activate-on", "bytes", "--max-instances", "2"];
    let server = TestServer::start("hello", &flags);
    let half = "GET / HTTP/1.1\r\n";
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(half));
    server.wait_for_metric("sockeye_bytes_received_total", 20 * half.len() as u64);
    assert_eq!(server.connect().get("/").status, 200);
    server.wait_for_metric("sockeye_request_duration_seconds_count", 1);
    assert_eq!(server.metric("sockeye_requests_total"), 1);
    for client in &mut clients {
        client.send("Host: a\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
    drop(clients);
    server.wait_for_metric("sockeye_request_duration_seconds_count", 21);
    assert_eq!(server.metric("sockeye_requests_total"), 21);
}

#[test]
fn a_server_that_shuts_down_is_healthy_and_not_ready() {
    let server = TestServer::start("calls", &[]);
    let mut session = Session::start(&server);
    session.call("closing").expect_ok();
    let ready = || Client::connect(server.admin()).get("/readyz").status;
    assert_eq!(ready(), 200);
    server.signal(rustix::process::Signal::TERM);
    wait::until("the server is not ready", || ready() == 503);
    assert_eq!(Client::connect(server.admin()).get("/healthz").status, 200);
    session.ask("let-go");
}

#[test]
fn bytes_sent_are_exactly_those_that_arrive() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send(post("/", &"x".repeat(1000)));
    client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    let arrived = client.rest().len() as u64;
    server.wait_for_metric("sockeye_bytes_sent_total", arrived);
}

#[test]
fn a_connection_is_counted_in_one_state_at_a_time() {
    let server = TestServer::start("hello", &["--linger", "10s"]);
    let mut client = server.connect();
    let states = ["parked", "waiting", "active", "closing"];
    let counted = || -> u64 {
        states
            .iter()
            .map(|state| server.metric(&connections(state)))
            .sum()
    };
    server.wait_for_metric(&connections("parked"), 1);
    assert_eq!(counted(), 1);
    assert_eq!(client.get("/").status, 200);
    server.wait_for_metric(&connections("active"), 1);
    assert_eq!(counted(), 1);
    drop(client);
    states
        .iter()
        .for_each(|state| server.wait_for_metric(&connections(state), 0));
}

#[test]
fn health_is_ok_and_an_unknown_path_is_not_found() {
    let server = TestServer::start("hello", &[]);
    let get = |path| Client::connect(server.admin()).get(path);
    assert_eq!(get("/healthz").status, 200);
    assert_eq!(get("/nowhere").status, 404);
    let metrics = get("/metrics");
    assert_eq!(metrics.status, 200);
    let kind = metrics.header("content-type").unwrap();
    assert!(
        kind.starts_with("text/plain") || kind.starts_with("application/openmetrics"),
        "{kind}"
    );
}

#[test]
fn without_the_flag_there_is_no_operator_interface() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = TestServer::spawn(command);
    assert!(
        !server.start_line().contains("admin="),
        "{}",
        server.start_line()
    );
    let answer = server.connect().get("/metrics");
    assert!(!answer.text().contains("sockeye_"), "{answer:?}");
}

#[test]
fn the_operator_interface_answers_while_every_instance_is_busy() {
    let server = TestServer::start("calls", &["--max-instances", "1"]);
    let _busy: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    server.wait_for_metric(LIVE, 1);
    assert_eq!(Client::connect(server.admin()).get("/healthz").status, 200);
}
