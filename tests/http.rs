//! HTTP/1 as bytes: framing, splitting, pipelining, closing, and what is refused.

use crate::client::{Client, get, post};
use crate::gauges::{LIVE, connections};
use crate::server::TestServer;

#[test]
fn a_request_is_answered_on_the_same_connection_again_and_again() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    let first = client.get("/");
    for _ in 0..100 {
        let response = client.get("/");
        assert_eq!((response.status, &response.body), (200, &first.body));
    }
    assert_eq!(server.metric("sockeye_connections_accepted_total"), 1);
}

#[test]
fn a_connection_that_was_parked_answers_again() {
    let server = TestServer::start("hello", &["--linger", "0ms"]);
    let mut client = server.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").status, 200);
        server.wait_for_metric(&connections("parked"), 1);
        assert_eq!(server.metric(LIVE), 0);
    }
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert_eq!(client.rest(), b"");
}

#[test]
fn http_1_0_with_keep_alive_is_answered_again_or_closed_as_it_says() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 200);
    if response.header("connection") == Some("keep-alive") {
        client.send("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(client.rest(), b"");
}

#[test]
fn http_1_0_gets_no_chunks() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
    let response = client.response();
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.text(), "abc");
}

#[test]
fn connection_close_is_answered_announced_and_closed() {
    let server = TestServer::start("hello", &[]);
    for option in ["close", "Close", "foo, close", "keep-alive, close"] {
        let mut client = server.connect();
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: {option}\r\n\r\n"
        ));
        let response = client.response();
        assert_eq!(response.status, 200, "{option}");
        assert_eq!(response.header("connection"), Some("close"), "{option}");
        assert_eq!(client.rest(), b"", "{option}");
    }
}

#[test]
fn head_is_followed_by_the_next_answer_without_a_body_between() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(get("/"));
    let head = client.response_head();
    let got = client.response();
    assert_eq!((head.status, got.status), (200, 200));
    assert_eq!(head.header("content-length"), got.header("content-length"));
}

/// The kernel reports the request and the end of the stream at once or one after the other; a
/// server that takes either for nothing hangs in some of the runs, so there are many.
#[test]
fn a_request_followed_by_half_close_is_answered() {
    let server = TestServer::start("hello", &[]);
    for run in 0..100 {
        let mut client = server.connect();
        client.send(get("/"));
        client.half_close();
        assert_eq!(client.response().status, 200, "run {run}");
        assert_eq!(client.rest(), b"", "run {run}");
    }
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn a_half_close_after_the_request_was_read_is_answered_too() {
    let server = TestServer::start("echo", &[]);
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\na");
        client.wait_until_taken();
        client.send("bc");
        client.half_close();
        assert_eq!(client.response().text(), "abc");
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn a_half_close_within_a_body_ends_the_connection() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nab");
    client.half_close();
    client.wait_until_closed();
    server.wait_for_metric(LIVE, 0);
}

/// Sends `request` in two pieces, split at every byte, and checks that each is answered.
#[track_caller]
fn check_split(server: &TestServer, request: &str, check: impl Fn(&mut Client)) {
    let mut client = server.connect();
    for at in 1..request.len() {
        client.send(&request[..at]);
        client.wait_until_taken();
        client.send(&request[at..]);
        check(&mut client);
    }
}

const SPLIT_CHUNKED: &str = "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";

#[test]
fn a_request_split_at_every_byte_is_answered() {
    for flags in [&[][..], &["--linger", "0ms"], &["--activate-on", "bytes"]] {
        let server = TestServer::start("hello", flags);
        check_split(&server, &get("/"), |client| {
            assert_eq!(client.response().status, 200)
        });
    }
}

#[test]
fn a_request_with_a_body_split_at_every_byte_is_answered() {
    let server = TestServer::start("echo", &[]);
    check_split(&server, &post("/", "hello"), |client| {
        assert_eq!(client.response().text(), "hello");
    });
}

#[test]
fn a_chunked_request_split_at_every_byte_is_answered() {
    let server = TestServer::start("echo", &[]);
    check_split(&server, SPLIT_CHUNKED, |client| {
        assert_eq!(client.response().text(), "abc0123456789");
    });
}

#[test]
fn a_request_that_arrives_byte_by_byte_is_answered() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    for byte in SPLIT_CHUNKED.as_bytes() {
        client.send([*byte]);
        client.wait_until_taken();
    }
    assert_eq!(client.response().text(), "abc0123456789");
}

/// Returns 100 requests, each with its number as body.
fn numbered_requests() -> String {
    (0..100)
        .map(|number| post("/", &format!("{number}")))
        .collect()
}

#[track_caller]
fn check_pipelined(flags: &[&str]) {
    let server = TestServer::start("echo", flags);
    let mut client = server.connect();
    client.send(numbered_requests());
    for number in 0..100 {
        assert_eq!(client.response().text(), number.to_string());
    }
}

#[test]
fn a_hundred_pipelined_requests_in_one_segment_are_answered_in_order() {
    check_pipelined(&[]);
    check_pipelined(&["--linger", "0ms"]);
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order_by_any_reuse() {
    for reuse in ["never", "connection", "always"] {
        check_pipelined(&["--reuse", reuse]);
    }
}

#[test]
fn pipelined_requests_followed_by_half_close_are_all_answered() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    client.send(numbered_requests());
    client.half_close();
    for number in 0..100 {
        assert_eq!(client.response().text(), number.to_string());
    }
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_body_that_the_guest_does_not_read_is_not_taken_for_a_request() {
    let server = TestServer::start("hello", &[]);
    let mut client = server.connect();
    client.send(post("/", "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"));
    client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_eq!(client.response().status, 200);
    let rest = String::from_utf8(client.rest()).unwrap();
    assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{rest}");
}

/// A head whose client sends its body, five bytes, when it is asked to.
const POLITE_HEAD: &str =
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn a_client_is_asked_for_its_body_before_the_answer_begins() {
    let server = TestServer::start("echo", &[]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(POLITE_HEAD);
        assert_eq!(client.response_head().status, 100);
        client.send("hello");
        let response = client.response();
        assert_eq!((response.status, response.text()), (200, "hello"));
    }
}

#[test]
fn a_client_that_is_not_asked_for_its_body_gets_one_answer_and_the_end() {
    let server = TestServer::start("hello", &[]);
    // The body may come all the same; it is no request.
    for body in ["", "hello", "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"] {
        let mut client = server.connect();
        client.send(POLITE_HEAD);
        client.send_in_vain(body);
        let response = client.response();
        assert_eq!(response.status, 200, "{body:?}");
        assert_eq!(response.header("connection"), Some("close"), "{body:?}");
        assert_eq!(client.rest(), b"", "{body:?}");
    }
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn a_client_is_asked_for_no_body_that_is_over_the_limit_of_its_handler() {
    let server = TestServer::start("inspect", &[]);
    for (length, asked) in [(5, true), (11, false)] {
        let mut client = server.connect();
        client.send(format!(
            "POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
        if asked {
            assert_eq!(client.response_head().status, 100);
            client.send("hello");
            assert_eq!(client.response().text(), "hello");
        } else {
            // The answer had begun, but nothing of it had been sent.
            assert_eq!(client.response().status, 413);
            assert_eq!(client.rest(), b"");
        }
    }
}

#[test]
fn a_client_that_resets_after_its_request_leaves_nothing_behind() {
    let server = TestServer::start("hello", &[]);
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(get("/"));
        client.reset();
    }
    server.wait_for_metric("sockeye_connections_accepted_total", 50);
    for state in ["parked", "waiting", "active", "closing"] {
        server.wait_for_metric(&connections(state), 0);
    }
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn an_early_answer_reaches_a_client_that_goes_on_sending() {
    let server = TestServer::start("hello", &[]);
    for _ in 0..10 {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n");
        // Far more than the kernel holds and the server discards, so some of it is never taken.
        client.send_until_refused(&[b'x'; 65_536], 1000);
        let response = client.response();
        assert_eq!(response.status, 200);
        assert_eq!(response.header("connection"), Some("close"));
    }
}
