//! The examples that people copy: an upload that is never held, and routes with JSON.

use crate::client::{Response, get, post};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

/// Uploads 64 MiB with curl and checks the sum, with less memory than the upload has bytes.
///
/// Takes more than a second in a debug build: the guest sums up every byte.
#[track_caller]
fn check_upload(framing: &[&str]) {
    let (Some(curl), Some(sha256sum)) = (Tool::find("curl"), Tool::find("sha256sum")) else {
        return;
    };
    let scratch = Scratch::new();
    let content: Vec<u8> = (0..64 << 20).map(|at: u32| (at % 251) as u8).collect();
    let path = scratch.write("upload", &content);
    let path = path.to_str().unwrap();
    let server = TestServer::start("upload", &["--memory-limit", "4MiB"]);
    let url = server.url("/");
    let usual = ["-sS", "--fail", "--max-time", "60", "-T", path, &url];
    let answer = curl.run_text(&[&usual, framing].concat());
    let sum = sha256sum.run_text(&[path]);
    let sum = sum.split(' ').next().unwrap();
    assert_eq!(answer, format!("{} {sum}\n", content.len()));
}

#[test]
fn an_upload_of_64_mib_is_answered_with_its_length_and_its_sum() {
    check_upload(&[]);
}

#[test]
fn an_upload_of_64_mib_in_chunks_is_answered_with_its_length_and_its_sum() {
    check_upload(&["-H", "Transfer-Encoding: chunked"]);
}

#[test]
fn an_upload_is_posted_or_put_and_anything_else_says_how() {
    let server = TestServer::start("upload", &[]);
    let mut client = server.connect();
    // The sum of `abc` is the first example of FIPS 180-2.
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    client.send(post("/", "abc"));
    assert_eq!(client.response().text(), format!("3 {sum}\n"));
    assert!(client.get("/").text().contains("POST or PUT"));
    client.send("DELETE / HTTP/1.1\r\nHost: test\r\n\r\n");
    let response = client.response();
    assert_eq!(response.status, 405);
    assert_eq!(response.header("allow"), Some("GET, HEAD, POST, PUT"));
}

/// Checks an answer of the router, which is always JSON.
#[track_caller]
fn check(response: &Response, status: u16, text: &str) {
    assert_eq!((response.status, response.text()), (status, text));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn a_user_that_was_posted_is_found_by_the_number_in_the_path() {
    let server = TestServer::start("router", &["--reuse", "always"]);
    let mut client = server.connect();
    check(&client.get("/users"), 200, "[]");
    client.send(post("/users", r#"{"name": "Ada"}"#));
    let created = client.response();
    check(&created, 201, r#"{"id":1,"name":"Ada"}"#);
    assert_eq!(created.header("location"), Some("/users/1"));
    check(&client.get("/users/1"), 200, r#"{"id":1,"name":"Ada"}"#);
    for path in ["/users/001", "/users/+1", "/users/1%20"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    check(&client.get("/users?a=b"), 200, r#"[{"id":1,"name":"Ada"}]"#);
}

#[test]
fn what_a_router_does_not_know_is_an_error_in_json() {
    let server = TestServer::start("router", &[]);
    let mut client = server.connect();
    let nothing = r#"{"error":"there is nothing at this path"}"#;
    for path in ["/", "/user", "/users/", "/users/1/2"] {
        check(&client.get(path), 404, nothing);
    }
    for path in ["/users/1", "/users/x", "/users/-1"] {
        check(
            &client.get(path),
            404,
            r#"{"error":"there is no such user"}"#,
        );
    }
    let not_allowed = r#"{"error":"method not allowed"}"#;
    for (path, allow) in [("/users", "GET, HEAD, POST"), ("/users/1", "GET, HEAD")] {
        client.send(format!("DELETE {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let response = client.response();
        check(&response, 405, not_allowed);
        assert_eq!(response.header("allow"), Some(allow));
    }
}

#[test]
fn json_that_is_malformed_is_refused_with_where_it_is() {
    let server = TestServer::start("router", &[]);
    let mut client = server.connect();
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"name": 1}"#,
        r#"{"name": "a", "id": 1}"#,
    ] {
        client.send(post("/users", body));
        let response = client.response();
        assert_eq!(response.status, 400, "{body}");
        assert!(
            response.text().contains("line 1 column"),
            "{}",
            response.text()
        );
    }
    check(&client.get("/users"), 200, "[]");
}

#[test]
fn a_body_above_the_limit_of_its_handler_is_refused_and_the_connection_ends() {
    let server = TestServer::start("router", &[]);
    let text = "request body is larger than 16384 bytes\n";
    // Declared, asked for and declared, and in chunks of which the second passes the limit.
    let polite = "Content-Length: 16385\r\nExpect: 100-continue";
    let chunk = format!("2001\r\n{}\r\n", " ".repeat(0x2001));
    let body = " ".repeat(16_385);
    for (framing, body) in [
        ("Content-Length: 16385", &body),
        (polite, &String::new()),
        ("Transfer-Encoding: chunked", &chunk.repeat(2)),
    ] {
        let mut client = server.connect();
        client.send(format!(
            "POST /users HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n"
        ));
        client.send_in_vain(body);
        client.send_in_vain(get("/users"));
        let response = client.response();
        assert_eq!((response.status, response.text()), (413, text), "{framing}");
        assert_eq!(response.header("connection"), Some("close"), "{framing}");
        assert_eq!(client.rest(), b"", "{framing}");
    }
    let mut client = server.connect();
    let largest = format!(r#"{{"name": "{}"}}"#, "a".repeat(16 * 1024 - 12));
    client.send(post("/users", &largest));
    assert_eq!(client.response().status, 201);
}
