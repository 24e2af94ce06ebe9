//! Guests that misbehave end only their own activation, with one line that names the cause.
//!
//! Beside each of them a normal client of the same worker is answered as ever. These tests
//! measure that, so each runs alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, get};
use crate::gauges::{LIVE, failed};
use crate::machine;
use crate::server::{TestServer, log_field};
use crate::wait;

/// Limits that end what never ends by itself while the tests still wait for it.
const LIMITS: [&str; 8] = [
    "--log-lines",
    "20",
    "--cpu-limit",
    "200ms",
    "--call-timeout",
    "200ms",
    "--memory-limit",
    "16MiB",
];

/// The limit that ends what waits for ever.
const SOON: [&str; 2] = ["--activation-timeout", "600ms"];

/// The same where another limit is to be the first, however little of a processor the guest gets.
const LATE: [&str; 2] = ["--activation-timeout", "30s"];

/// How long a line may take from the server to the test.
const PATIENCE_FOR_LOG: Duration = Duration::from_secs(1);

/// Requests of the normal client, at least.
const REQUESTS_MIN: usize = 50;

/// What 99 of 100 requests of the normal client take at most.
const NORMAL_MAX: Duration = Duration::from_millis(50);

/// Asks `client` for `path`, and meanwhile has a normal client of the same server answered.
#[track_caller]
fn ask_beside_normal_client(server: &TestServer, paths: &[&str]) {
    let mut culprits: Vec<Client> = paths.iter().map(|_| server.connect()).collect();
    let ended = AtomicBool::new(false);
    let mut latencies = Vec::new();
    let mut normal = server.connect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (culprit, path) in culprits.iter_mut().zip(paths) {
                culprit.send(get(path));
            }
            culprits.iter_mut().for_each(Client::wait_until_closed);
            ended.store(true, Ordering::Relaxed);
        });
        while latencies.len() < REQUESTS_MIN || !ended.load(Ordering::Relaxed) {
            let start = Instant::now();
            assert_eq!(normal.get("/").text(), "ok");
            latencies.push(start.elapsed());
        }
    });
    latencies.sort();
    let slow = latencies[latencies.len() * 99 / 100];
    assert!(
        slow < NORMAL_MAX,
        "{paths:?}: p99 of the normal client is {slow:?}"
    );
}

/// Checks that a request for `path` ends its activation because of one of `causes` and nothing
/// else.
#[track_caller]
fn check(path: &str, causes: &[&str]) {
    let waits = causes.contains(&"activation_time");
    let flags = [&LIMITS[..], if waits { &SOON } else { &LATE }].concat();
    machine::measured(|| {
        let server = TestServer::start("hostile", &flags);
        ask_beside_normal_client(&server, &[path]);
        let line = server.wait_for_log("activation ended");
        let cause = log_field(&line, "cause").unwrap_or_default();
        assert!(causes.contains(&cause), "{path}: {line}");
        assert!(
            line.contains("WARN") && line.contains("connection="),
            "{path}: {line}"
        );
        server.wait_for_metric(&failed(cause), 1);
        server.wait_for_metric(LIVE, 0);
        assert_eq!(server.connect().get("/").text(), "ok");
        assert_eq!(server.log_lines("activation ended").len(), 1, "{path}");
        // Every event is one line, with its level, whatever a guest or a trap says.
        let whole = |line: &String| line.contains(" WARN ") || line.contains(" INFO ");
        let lines = server.log_lines("");
        assert!(lines.iter().all(whole), "{path}: {lines:#?}");
        server.stop();
    });
}

#[test]
fn an_infinite_loop_ends_at_the_cpu_limit() {
    check("/spin", &["cpu"]);
}

#[test]
fn a_loop_of_calls_that_never_suspend_ends_at_the_cpu_limit() {
    check("/poll", &["cpu"]);
}

#[test]
fn infinite_recursion_ends_as_a_trap() {
    check("/recurse", &["trap"]);
}

#[test]
fn unbounded_memory_ends_at_the_memory_limit() {
    check("/grow", &["memory"]);
}

#[test]
fn a_trap_ends_the_activation() {
    check("/trap", &["trap"]);
}

#[test]
fn a_panic_ends_the_activation_as_a_trap() {
    check("/panic", &["trap"]);
}

#[test]
fn an_exit_ends_the_activation_and_not_the_server() {
    check("/exit", &["exit"]);
}

#[test]
fn a_million_tiny_sends_end_at_the_cpu_limit() {
    check("/sends", &["cpu"]);
}

#[test]
fn receiving_for_ever_ends_at_the_limit_of_the_activation() {
    check("/recv", &["activation_time"]);
}

#[test]
fn asking_for_the_next_request_for_ever_ends_at_the_limit_of_the_activation() {
    // `next` is false at once when half of the time is gone; the guest then only burns CPU.
    check("/next", &["activation_time", "cpu"]);
}

#[test]
fn dozing_for_ever_ends_at_the_limit_of_the_activation() {
    // Each nap is over at once, so the guest suspends as often as it runs.
    check("/doze", &["activation_time", "cpu"]);
}

#[test]
fn sleeping_for_ever_ends_at_the_limit_of_the_activation() {
    check("/sleep", &["activation_time"]);
}

#[test]
fn returning_a_connection_that_was_never_given_ends_the_activation() {
    check("/return-other", &["trap"]);
}

#[test]
fn dropping_a_connection_that_was_never_given_ends_the_activation() {
    check("/drop-other", &["trap"]);
}

#[test]
fn using_a_connection_that_was_never_given_ends_the_activation() {
    check("/use-other", &["trap"]);
}

#[test]
fn leaking_a_connection_ends_the_activation_and_closes_it() {
    check("/leak", &["handle"]);
}

#[test]
fn keeping_a_connection_in_a_global_ends_the_activation_and_closes_it() {
    check("/keep", &["handle"]);
}

/// Takes more than a second where the worker has to share the processor among six loops.
#[test]
fn ten_misbehaving_guests_at_once_harm_no_normal_client() {
    machine::measured(|| {
        let server = TestServer::start("hostile", &[&LIMITS[..], &SOON].concat());
        let paths = [
            "/spin",
            "/poll",
            "/recurse",
            "/grow",
            "/trap",
            "/panic",
            "/exit",
            "/sends",
            "/recv",
            "/next",
            "/sleep",
            "/doze",
            "/return-other",
        ];
        // A flood of log lines must not hide why the others ended.
        let mut flood = server.connect();
        flood.send(get("/log-lines"));
        ask_beside_normal_client(&server, &paths);
        server.wait_for_metric(LIVE, 0);
        let logged = || server.log_lines("activation ended").len();
        wait::within(PATIENCE_FOR_LOG, || (logged() >= paths.len()).then_some(()));
        assert_eq!(logged(), paths.len(), "lines that name the cause");
        drop(flood);
        server.stop();
    });
}

#[test]
fn ten_infinite_loops_at_once_harm_no_normal_client() {
    machine::measured(|| {
        let server = TestServer::start("hostile", &[&LIMITS[..], &SOON].concat());
        ask_beside_normal_client(&server, &["/spin"; 10]);
        // Ten of them have no time to use up their CPU, so the limit of the activation ends some.
        let ended = || server.metric(&failed("cpu")) + server.metric(&failed("activation_time"));
        wait::until("every loop has ended", || ended() == 10);
        server.wait_for_metric(LIVE, 0);
    });
}

#[test]
fn forty_guests_that_nap_before_they_are_preempted_harm_no_normal_client() {
    machine::measured(|| {
        // Long enough that making forty instances at the beginning is not what is measured.
        let server = TestServer::start("hostile", &["--activation-timeout", "3s"]);
        ask_beside_normal_client(&server, &["/nap"; 40]);
        server.wait_for_metric(LIVE, 0);
    });
}

/// Waits until the threads of an idle server use no time any more: the ticker is asleep, too.
#[track_caller]
fn wait_until_asleep(server: &TestServer) {
    wait::until("the server is idle", || {
        let before = server.cpu_time();
        thread::sleep(Duration::from_millis(20));
        server.cpu_time() == before
    });
}

#[test]
fn time_without_a_processor_is_not_charged_to_the_guest_that_had_it() {
    const LIMIT: Duration = Duration::from_secs(1);
    machine::alone();
    let server = TestServer::start("hostile", &["--cpu-limit", "1s"]);
    let before = server.cpu_time();
    let mut client = server.connect();
    client.send(get("/spin"));
    wait::until("the guest runs", || server.cpu_time() - before > LIMIT / 10);
    // Hardly any of its time is between two slices.
    server.freeze();
    let frozen = Instant::now();
    wait::until("the limit has passed", || frozen.elapsed() > LIMIT);
    server.thaw();
    server.wait_for_metric(&failed("cpu"), 1);
    let used = server.cpu_time() - before;
    assert!(used > LIMIT * 9 / 10, "stopped after {used:?}");
    server.stop();
}

#[test]
fn a_guest_that_spins_as_soon_as_it_is_accepted_is_stopped() {
    let flags = ["--activate-on", "accept", "--cpu-limit", "200ms"];
    let server = TestServer::start("hostile", &flags);
    for round in 1..=3 {
        wait_until_asleep(&server);
        // The request is there when the connection is accepted, so the guest never suspends.
        server.freeze();
        let mut client = server.connect();
        client.send(get("/spin"));
        server.thaw();
        server.wait_for_metric(&failed("cpu"), round);
        assert_eq!(client.rest(), b"");
    }
    server.stop();
}
