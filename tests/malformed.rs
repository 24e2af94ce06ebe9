//! Requests that are malformed or could be read in two ways: answered 400, then closed.
//!
//! Each of these has been a way to smuggle a request past a proxy somewhere.

use crate::gauges::LIVE;
use crate::server::TestServer;

/// Sends `head` and `body` to `echo` and checks that one refusal comes and the connection ends.
#[track_caller]
fn check(server: &TestServer, lines: &[&str], body: &str) {
    let mut client = server.connect();
    client.send_in_vain(format!("{}\r\n\r\n{body}", lines.join("\r\n")));
    let status = client.response_head().status;
    assert_eq!(status, 400, "{lines:?}");
    let rest = String::from_utf8_lossy(&client.rest()).into_owned();
    assert!(
        !rest.contains("HTTP/1."),
        "{lines:?}: answered twice: {rest}"
    );
}

fn check_all(cases: &[&[&str]], body: &str) {
    let server = TestServer::start("echo", &[]);
    for lines in cases {
        check(&server, lines, body);
    }
    server.wait_for_metric(LIVE, 0);
    assert_eq!(server.connect().get("/echo").status, 200);
    server.stop();
}

const HOST: &str = "Host: test";

#[test]
fn a_malformed_request_line_is_a_bad_request() {
    check_all(
        &[
            &["GET"],
            &["GET /"],
            &["/ HTTP/1.1", HOST],
            &["GET / HTTP/1.1 x", HOST],
            &["GET / x HTTP/1.1", HOST],
            &["G\u{e4}T / HTTP/1.1", HOST],
            &["G(T / HTTP/1.1", HOST],
            &["GET / HTTP/1.x", HOST],
            &["GET / HTTP/11", HOST],
            &["GET / http/1.1", HOST],
            &["GET / FTP/1.1", HOST],
            &["GET /\u{1} HTTP/1.1", HOST],
            &["GET /\0 HTTP/1.1", HOST],
            &["\u{16}\u{3}\u{1}\u{2}\0\u{1}"],
        ],
        "",
    );
}

#[test]
fn a_malformed_header_is_a_bad_request() {
    check_all(
        &[
            &["GET / HTTP/1.1", HOST, "no-colon"],
            &["GET / HTTP/1.1", HOST, ": no-name"],
            &["GET / HTTP/1.1", HOST, "Space : before-colon"],
            &["GET / HTTP/1.1", HOST, "Two words: x"],
            &["GET / HTTP/1.1", HOST, "X: a", " folded"],
            &["GET / HTTP/1.1", " Leading: space", HOST],
            &["GET / HTTP/1.1", HOST, "X: a\0b"],
            &["GET / HTTP/1.1", HOST, "X: a\rb"],
            &["GET / HTTP/1.1", HOST, "X\u{7f}: a"],
        ],
        "",
    );
}

#[test]
fn a_missing_or_doubled_host_is_a_bad_request() {
    check_all(
        &[
            &["GET / HTTP/1.1"],
            &["GET / HTTP/1.1", HOST, "Host: other"],
        ],
        "",
    );
}

#[test]
fn an_ambiguous_length_is_a_bad_request() {
    let post = "POST / HTTP/1.1";
    check_all(
        &[
            &[post, HOST, "Content-Length: 3", "Content-Length: 4"],
            &[post, HOST, "Content-Length: 3, 4"],
            &[post, HOST, "Content-Length: +3"],
            &[post, HOST, "Content-Length: -3"],
            &[post, HOST, "Content-Length: 0x3"],
            &[post, HOST, "Content-Length: 3 3"],
            &[post, HOST, "Content-Length:"],
            &[post, HOST, "Content-Length: three"],
            &[post, HOST, "Content-Length: 18446744073709551616"],
            &[
                post,
                HOST,
                "Content-Length: 3",
                "Transfer-Encoding: chunked",
            ],
            &[
                post,
                HOST,
                "Transfer-Encoding: chunked",
                "Content-Length: 3",
            ],
            &[
                post,
                HOST,
                "Transfer-Encoding: chunked",
                "Transfer-Encoding: chunked",
            ],
            &[post, HOST, "Transfer-Encoding: chunked, identity"],
            &["POST / HTTP/1.0", HOST, "Transfer-Encoding: chunked"],
        ],
        "abc",
    );
}

#[test]
fn an_unknown_transfer_coding_is_refused() {
    let server = TestServer::start("echo", &[]);
    for coding in [
        "xchunked",
        "\"chunked\"",
        "identity",
        "gzip, chunked",
        "chunk ed",
    ] {
        let mut client = server.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: {coding}\r\n\r\n");
        client.send_in_vain(format!("{head}0\r\n\r\n"));
        // RFC 9112 section 6.1 wants 501 for a coding that is not implemented.
        let status = client.response_head().status;
        assert!(matches!(status, 400 | 501), "{coding}: {status}");
        let rest = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(
            !rest.contains("HTTP/1."),
            "{coding}: answered twice: {rest}"
        );
    }
}

#[test]
fn a_malformed_chunk_is_a_bad_request_or_ends_the_connection() {
    let server = TestServer::start("echo", &[]);
    let head = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "x\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3 \u{1}\r\nabc\r\n0\r\n\r\n",
        "10000000000000000\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send_in_vain(format!("{head}{chunks}"));
        client.send_in_vain("GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n");
        client.half_close();
        // The answer may have begun before the bad chunk came; then it must not end well.
        let answer = String::from_utf8_lossy(&client.rest()).into_owned();
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "{chunks:?}: {answer}"
        );
        let bad = answer.starts_with("HTTP/1.1 400 ");
        assert!(
            bad || !answer.ends_with("0\r\n\r\n"),
            "{chunks:?}: {answer}"
        );
    }
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn an_unknown_version_of_http_is_refused() {
    let server = TestServer::start("echo", &[]);
    for line in ["GET / HTTP/2.0", "GET / HTTP/3.0", "PRI * HTTP/2.0"] {
        let mut client = server.connect();
        client.send_in_vain(format!("{line}\r\nHost: test\r\n\r\n"));
        let status = client.response_head().status;
        assert!(matches!(status, 400 | 505), "{line}: {status}");
        client.rest();
    }
}

#[test]
fn a_target_in_every_form_of_rfc_9112_is_accepted() {
    let server = TestServer::start("hello", &[]);
    for line in [
        "GET /a?b=c HTTP/1.1",
        "GET http://test/a HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ] {
        let mut client = server.connect();
        client.send(format!("{line}\r\nHost: test\r\n\r\n"));
        assert_eq!(client.response().status, 200, "{line}");
    }
}

#[test]
fn what_a_client_sends_into_a_tunnel_is_not_taken_for_a_request() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n");
    client.send_in_vain("GET /tunnel HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.response().status, 501);
    assert_eq!(client.rest(), b"");
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

/// Checks the whole answer to a request that is refused.
#[track_caller]
fn check_reason(server: &TestServer, request: &str, status: u16, reason: &str) {
    let mut client = server.connect();
    client.send_in_vain(request);
    let response = client.response();
    assert_eq!((response.status, response.text()), (status, reason));
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_refusal_says_in_one_line_what_was_wrong() {
    let server = TestServer::start("inspect", &[]);
    for (request, status, reason) in [
        (
            "GET / HTTP/1.1\r\n\r\n",
            400,
            "a request has exactly one Host line\n",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n",
            417,
            "no expectation but 100-continue can be met\n",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
            400,
            "request body is malformed as chunks\n",
        ),
        (
            "POST /limit HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
            413,
            "request body is larger than 10 bytes\n",
        ),
        (
            "GET /status/99 HTTP/1.1\r\nHost: a\r\n\r\n",
            500,
            "the handler failed\n",
        ),
    ] {
        check_reason(&server, request, status, reason);
    }
}

/// With a larger `--head-limit` than the library's own, the guest sees heads without an end.
#[test]
fn a_head_above_the_limit_of_the_guest_is_refused_for_its_target_or_for_itself() {
    let server = TestServer::start("inspect", &["--head-limit", "64KiB"]);
    let long = "a".repeat(20_000);
    check_reason(
        &server,
        &format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        414,
        "request target is longer than 8000 bytes\n",
    );
    check_reason(
        &server,
        &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
        431,
        "request head is larger than 16384 bytes\n",
    );
    let mut client = server.connect();
    client.send_in_vain(format!("HEAD / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"));
    assert_eq!(client.response_head().status, 431);
    assert_eq!(client.rest(), b"", "an answer to HEAD has no body");
}
