//! Guests that reach for more than they may have and are refused, by value or by a bound.

use std::time::Instant;

use crate::client::get;
use crate::gauges::{LIVE, fired};
use crate::scratch::Scratch;
use crate::server::TestServer;

/// Asks for `first`, which keeps its connection, and returns what another client then gets.
#[track_caller]
fn after_keeping(flags: &[&str], then: &str) -> String {
    let server = TestServer::start("hostile", flags);
    let mut first = server.connect();
    assert_eq!(first.get("/keep").text(), "kept");
    assert_eq!(
        first.rest(),
        b"",
        "nothing follows on a connection that was let go"
    );
    let mut second = server.connect();
    second.send(get(then));
    String::from_utf8(second.response().body).unwrap()
}

#[test]
fn a_connection_kept_in_a_global_is_of_no_use_later() {
    for reuse in ["never", "connection", "always"] {
        let answer = after_keeping(&["--reuse", reuse], "/use-kept");
        assert!(
            ["nothing kept", "invalid"].contains(&answer.as_str()),
            "{reuse}: {answer}"
        );
    }
}

#[test]
fn a_connection_kept_in_a_global_cannot_be_returned_for_another() {
    let server = TestServer::start("hostile", &["--reuse", "always"]);
    server.connect().get("/keep");
    let mut second = server.connect();
    // Either the instance is a fresh one and keeps the connection, or it dies with it.
    second.send(get("/return-kept"));
    second.half_close();
    assert_eq!(second.rest(), b"");
    assert_eq!(server.connect().get("/").text(), "ok");
}

#[test]
fn using_a_connection_after_shutdown_fails_by_value_and_closes_it() {
    let server = TestServer::start("hostile", &[]);
    let mut client = server.connect();
    client.send(get("/after-shutdown"));
    assert_eq!(client.response().text(), "bye");
    assert_eq!(client.rest(), b"");
    let line = server.wait_for_log("after shutdown");
    assert!(line.contains("after shutdown Ok(()): Err("), "{line}");
    assert!(line.contains("ConnectionBroken"), "{line}");
    assert!(line.contains("Ok([]) false"), "{line}");
    server.wait_for_metric(LIVE, 0);
    assert_eq!(server.connect().get("/").text(), "ok");
}

#[test]
fn ten_thousand_files_are_refused_above_the_limit_and_closed_again() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    let flags = ["--root", root.text(), "--max-open-files", "100"];
    let server = TestServer::start("hostile", &flags);
    let mut client = server.connect();
    for _ in 0..3 {
        let answer = client.get("/files");
        assert!(answer.text().starts_with("100 "), "{answer:?}");
        assert!(answer.text().contains("TooManyFiles"), "{answer:?}");
        assert!(answer.text().ends_with(" true"), "{answer:?}");
    }
    assert!(server.metric(&fired("open_files")) >= 3);
    assert!(
        server.descriptors() < 150,
        "{} descriptors",
        server.descriptors()
    );
    assert_eq!(server.connect().get("/").text(), "ok");
}

#[test]
fn a_flood_of_log_lines_is_cut_to_the_rate_that_the_operator_allows() {
    let server = TestServer::start("hostile", &["--log-lines", "20"]);
    let start = Instant::now();
    assert_eq!(server.connect().get("/log-lines").text(), "logged");
    assert_eq!(server.connect().get("/").text(), "ok");
    let seconds = start.elapsed().as_secs() as usize;
    let lines = server.log_lines("flood").len();
    // A window of a second can begin within another one.
    assert!(lines <= 20 * (seconds + 2), "{lines} lines in {seconds} s");
    assert!(server.metric(&fired("log_lines")) > 0);
}

#[test]
fn an_endless_log_line_is_cut() {
    let server = TestServer::start("hostile", &[]);
    assert_eq!(server.connect().get("/log-line").text(), "logged");
    assert_eq!(server.connect().get("/").text(), "ok");
    let longest = server.log_lines("flood").iter().map(String::len).max();
    assert!(longest.unwrap_or(0) < 64 * 1024, "{longest:?}");
    assert!(
        server.resident_bytes() < 512 << 20,
        "{}",
        server.resident_bytes()
    );
}
