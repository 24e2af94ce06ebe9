//! What a refusal says: the one line of text and the header lines around it.
//!
//! Which requests are refused stands in `conformance/`, and what is ambiguous in `smuggling/`.

use crate::server::TestServer;

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
