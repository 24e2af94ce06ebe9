//! The access log: what the host notes of each request, whatever the handler is.

use std::fs;

use serde_json::Value;

use crate::client::{get, post};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::session::Session;
use crate::wait;

/// A server that notes requests in a file.
struct Logged {
    server: TestServer,
    scratch: Scratch,
}

impl Logged {
    #[track_caller]
    fn start(guest: &str, format: &str, flags: &[&str]) -> Logged {
        let scratch = Scratch::new();
        scratch.write("page.txt", "a page\n");
        let path = scratch.path().join("access.log");
        let log = [
            "--access-log",
            path.to_str().unwrap(),
            "--access-log-format",
            format,
        ];
        let root = ["--root", scratch.text()];
        let server = TestServer::start(guest, &[&log[..], &root, flags].concat());
        Logged { server, scratch }
    }

    /// Waits for `count` lines, and returns them.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<String> {
        wait::until_some("the log has the lines", || {
            let text = fs::read_to_string(self.scratch.path().join("access.log")).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            assert!(lines.len() <= count, "{text}");
            (lines.len() == count && text.ends_with('\n')).then_some(lines)
        })
    }

    #[track_caller]
    fn objects(&self, count: usize) -> Vec<Value> {
        let lines = self.lines(count);
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn the_common_format_has_peer_time_request_status_and_length_of_the_body() {
    let logged = Logged::start("hello", "common", &[]);
    assert_eq!(logged.server.connect().get("/a?b=c").status, 200);
    let line = logged.lines(1).remove(0);
    let rest = line.strip_prefix("127.0.0.1 - - [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(rest, "\"GET /a?b=c HTTP/1.1\" 200 13");
    // 21/Nov/2026:10:42:00 +0000
    assert_eq!(time.len(), 26, "{time}");
    assert_eq!(&time[20..], " +0000");
    assert_eq!(time.matches(['/', ':']).count(), 5, "{time}");
}

#[test]
fn json_has_the_same_and_the_duration() {
    let logged = Logged::start("file", "json", &[]);
    let mut client = logged.server.connect();
    let peer = client.addr().to_string();
    assert_eq!(client.get("/page.txt").text(), "a page\n");
    assert_eq!(client.get("/missing").status, 404);
    client.send("HEAD /page.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    client.half_close();
    client.rest();
    let objects = logged.objects(3);
    let expected = [
        ("GET /page.txt HTTP/1.1", 200, 7),
        ("GET /missing HTTP/1.1", 404, 10),
        ("HEAD /page.txt HTTP/1.1", 200, 0),
    ];
    for (object, (request, status, bytes)) in objects.iter().zip(expected) {
        assert_eq!(object["request"], request);
        assert_eq!(object["status"], status, "{object}");
        assert_eq!(object["body_bytes"], bytes, "{object}");
        assert_eq!(object["peer"], peer.as_str());
        assert!(
            object["duration_us"].as_u64().unwrap() < 60_000_000,
            "{object}"
        );
        assert!(object["time"].as_str().unwrap().ends_with('Z'), "{object}");
    }
}

#[test]
fn a_client_that_is_gone_is_still_named() {
    let logged = Logged::start("hello", "json", &[]);
    for _ in 0..3 {
        let mut client = logged.server.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.half_close();
        client.rest();
    }
    for object in logged.objects(3) {
        assert!(
            object["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{object}"
        );
    }
}

#[test]
fn an_interim_answer_is_not_what_is_noted() {
    let logged = Logged::start("echo", "json", &[]);
    let mut client = logged.server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(client.line(), "HTTP/1.1 100 Continue\r");
    assert_eq!(client.line(), "\r");
    client.send("abc");
    assert_eq!(client.response().text(), "abc");
    let object = logged.objects(1).remove(0);
    assert_eq!(
        (&object["status"], &object["body_bytes"]),
        (&200.into(), &3.into())
    );
}

#[test]
fn pipelined_requests_have_a_line_each() {
    for flags in [&["--reuse", "never"][..], &["--reuse", "always"]] {
        let logged = Logged::start("echo", "json", flags);
        let mut client = logged.server.connect();
        let bodies = ["a", "bb", "ccc"];
        client.send(bodies.map(|body| post("/", body)).concat());
        for body in bodies {
            assert_eq!(client.response().text(), body);
        }
        let objects = logged.objects(3);
        let bytes: Vec<_> = objects
            .iter()
            .map(|object| object["body_bytes"].clone())
            .collect();
        assert_eq!(bytes, [1, 2, 3], "{flags:?}");
    }
}

#[test]
fn what_the_host_answers_itself_is_noted() {
    let logged = Logged::start("hello", "json", &["--head-limit", "1KiB"]);
    let mut client = logged.server.connect();
    client.send(format!("GET /long HTTP/1.1\r\nA: {}", "a".repeat(2000)));
    assert_eq!(client.response_head().status, 431);
    let object = logged.objects(1).remove(0);
    assert_eq!(object["status"], 431);
    assert_eq!(object["request"], "GET /long HTTP/1.1");
}

#[test]
fn a_handler_of_another_protocol_has_a_line_per_activation() {
    let logged = Logged::start("calls", "common", &[]);
    let mut session = Session::start(&logged.server);
    session.ask("send bye none | let-go");
    session.client.rest();
    let line = logged.lines(1).remove(0);
    assert!(line.ends_with(" - 3") || line.contains("\" - "), "{line}");
}

#[test]
fn a_request_whose_handler_traps_is_noted() {
    let logged = Logged::start("hostile", "json", &[]);
    let mut client = logged.server.connect();
    client.send(get("/trap"));
    client.rest();
    let object = logged.objects(1).remove(0);
    assert_eq!(object.get("status"), None);
}

#[test]
fn a_client_cannot_forge_a_line() {
    let logged = Logged::start("hello", "common", &[]);
    logged.server.connect().get("/\"%20200%200\\x");
    let line = logged.lines(1).remove(0);
    assert!(
        line.contains("\"GET /\\\"%20200%200\\\\x HTTP/1.1\" "),
        "{line}"
    );
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error() {
    let output = crate::server::run_to_end(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--access-log",
        "/nowhere/access.log",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("`/nowhere/access.log`"), "{stderr}");
}

#[test]
fn what_was_answered_is_in_the_log_when_the_server_has_ended() {
    let Logged { server, scratch } = Logged::start("hello", "common", &["--workers", "2"]);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        for _ in 0..50 {
            client.send(get("/"));
        }
        for _ in 0..50 {
            client.response();
        }
    }
    drop(clients);
    server.stop();
    let text = fs::read_to_string(scratch.path().join("access.log")).unwrap();
    assert_eq!(text.lines().count(), 1000);
}

#[test]
fn a_full_disk_is_told_once_and_stops_nobody() {
    let server = TestServer::start("hello", &["--access-log", "/dev/full"]);
    for _ in 0..20 {
        assert_eq!(server.connect().get("/").status, 200);
    }
    let dropped = "sockeye_log_lines_dropped_total{log=\"access\"}";
    server.wait_for_metric(dropped, 20);
    assert_eq!(server.log_lines("failed to write the access log").len(), 1);
    server.stop();
}
