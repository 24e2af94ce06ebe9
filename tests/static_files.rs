//! The built-in handler: files, their description, and the conditions and ranges of a request.
//!
//! What it has in common with other servers is compared in `nginx.rs`.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::client::{Response, get};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;
use crate::wait;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A page of ten bytes that was modified at `DATE`, with what belongs to it.
fn digits() -> (Scratch, TestServer) {
    let scratch = Scratch::new();
    let path = scratch.write("digits.txt", "0123456789");
    set_modified(&path, 784_111_777);
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    (scratch, server)
}

fn set_modified(path: &std::path::Path, seconds: u64) {
    let file = File::options().append(true).open(path).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(time).unwrap();
}

#[track_caller]
fn ask(server: &TestServer, method: &str, path: &str, headers: &[&str]) -> Response {
    server.connect().ask(method, path, headers)
}

#[track_caller]
fn ask_digits(server: &TestServer, headers: &[&str]) -> Response {
    ask(server, "GET", "/digits.txt", headers)
}

#[test]
fn a_file_comes_with_its_type_length_date_and_tag() {
    let (_scratch, server) = digits();
    let response = ask_digits(&server, &[]);
    assert_eq!((response.status, response.text()), (200, "0123456789"));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "10"),
        ("last-modified", DATE),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("vary", "Accept-Encoding"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    let etag = response.header("etag").unwrap();
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'));
    assert_eq!(response.header("cache-control"), None);
}

#[test]
fn the_type_follows_the_extension() {
    let scratch = Scratch::new();
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    for (name, expected) in [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.xml", "text/xml"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.html/b", "application/octet-stream"),
    ] {
        scratch.write(&name.replace("a.html/", "directory.html/"), "x");
        let path = format!("/{}", name.replace("a.html/", "directory.html/"));
        let response = ask(&server, "GET", &path, &[]);
        assert_eq!(response.header("content-type"), Some(expected), "{name}");
    }
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    let scratch = Scratch::new();
    set_modified(&scratch.write("digits.txt", "0123456789"), 784_111_777);
    scratch.write("page.html", "plain html\n");
    scratch.write("page.html.gz", "gzip html!!!\n");
    scratch.write("sub/a.txt", "a\n");
    let server = TestServer::start_built_in(&["--root", scratch.text(), "--list"]);
    let mut client = server.connect();
    for (status, path, header) in [
        (200, "/digits.txt", "Accept: */*"),
        (200, "/page.html", "Accept-Encoding: gzip"),
        (200, "/", "Accept: */*"),
        (200, "/sub/", "Accept: */*"),
        (301, "/sub", "Accept: */*"),
        (304, "/digits.txt", "If-None-Match: *"),
        (
            304,
            "/page.html",
            "Accept-Encoding: gzip\r\nIf-None-Match: *",
        ),
        (304, "/sub/", "If-None-Match: *"),
        (400, "/%", "Accept: */*"),
        (403, "/..", "Accept: */*"),
        (404, "/missing", "Accept: */*"),
        (412, "/digits.txt", "If-Match: \"x\""),
        (412, "/sub/", "If-Match: \"x\""),
    ] {
        let undated = |response: &Response| {
            let mut headers = response.headers.clone();
            headers.retain(|(name, _)| name != "date");
            (response.status, headers)
        };
        let got = undated(&client.ask("GET", path, &[header]));
        assert_eq!(got.0, status, "{path} {header}");
        // The connection is good for the next request, so nothing follows the head.
        let head = undated(&client.ask("HEAD", path, &[header]));
        assert_eq!(head, got, "{path} {header}");
    }
}

#[test]
fn other_methods_are_refused_and_options_names_those_that_are_not() {
    let (_scratch, server) = digits();
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let response = ask(&server, method, "/digits.txt", &[]);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(response.text(), "method not allowed\n");
    }
    for method in ["BREW", "PROPFIND", "get"] {
        let response = ask(&server, method, "/digits.txt", &[]);
        let answer = (response.status, response.text());
        assert_eq!(answer, (501, "not implemented\n"), "{method}");
    }
    for path in ["*", "/digits.txt", "/missing"] {
        let response = ask(&server, "OPTIONS", path, &[]);
        assert_eq!(response.status, 204, "{path}");
        assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
}

#[test]
fn an_error_is_one_line_of_text_and_keeps_the_connection() {
    let (scratch, server) = digits();
    symlink("/etc/hostname", scratch.path().join("outside")).unwrap();
    let mut client = server.connect();
    for (path, status, text) in [
        ("/missing", 404, "not found\n"),
        ("/digits.txt/", 404, "not found\n"),
        ("/", 404, "not found\n"),
        ("/outside", 403, "forbidden\n"),
        ("/../digits.txt", 403, "forbidden\n"),
        ("/%zz", 400, "bad request\n"),
        ("/digits.txt%00", 400, "bad request\n"),
        ("/%ff", 404, "not found\n"),
        ("/a%2fb", 404, "not found\n"),
    ] {
        let response = client.get(path);
        assert_eq!((response.status, response.text()), (status, text), "{path}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    assert_eq!(client.get("/digits.txt").status, 200);
}

#[test]
fn a_host_without_room_for_a_file_says_when_to_try_again() {
    let scratch = Scratch::new();
    scratch.write("digits.txt", "0123456789");
    let flags = ["--root", scratch.text(), "--max-open-files", "0"];
    let server = TestServer::start_built_in(&flags);
    let response = ask_digits(&server, &[]);
    assert_eq!(
        (response.status, response.text()),
        (503, "service unavailable\n")
    );
    assert_eq!(response.header("retry-after"), Some("1"));
}

#[test]
fn a_tag_stays_across_restarts_and_changes_with_the_content() {
    let scratch = Scratch::new();
    let path = scratch.write("digits.txt", "0123456789");
    let etag = || {
        let server = TestServer::start_built_in(&["--root", scratch.text()]);
        let response = ask_digits(&server, &[]);
        response.header("etag").unwrap().to_owned()
    };
    let first = etag();
    assert_eq!(etag(), first);
    // Of the same length, and within the same second.
    std::fs::write(&path, "9876543210").unwrap();
    let second = etag();
    assert_ne!(second, first);
    scratch.write("new.txt", "9876543210");
    std::fs::rename(scratch.path().join("new.txt"), path).unwrap();
    assert_ne!(etag(), second);
}

#[test]
fn curl_does_not_download_what_it_has_already() {
    let (scratch, server) = digits();
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let etag = scratch.path().join("etag");
    let etag = etag.to_str().unwrap();
    let url = server.url("/digits.txt");
    let format = "%{http_code} %{size_download}";
    let first = curl.run_text(&[
        "-s",
        "-o",
        "/dev/null",
        "-w",
        format,
        "--etag-save",
        etag,
        &url,
    ]);
    assert_eq!(first, "200 10");
    let flags = ["-s", "-o", "/dev/null", "-w", format];
    let again = |condition: &[&str]| curl.run_text(&[&flags, condition, &[&url]].concat());
    assert_eq!(again(&["--etag-compare", etag]), "304 0");
    assert_eq!(again(&["-z", DATE]), "304 0");
    let before = DATE.replace(":37", ":36");
    assert_eq!(again(&["-z", &before]), "200 10");
    assert_eq!(again(&["-z", &format!("-{before}")]), "412 20");
}

#[test]
fn not_modified_describes_what_the_client_has_and_no_bytes() {
    let (_scratch, server) = digits();
    let whole = ask_digits(&server, &[]);
    let same = format!("If-None-Match: {}", whole.header("etag").unwrap());
    let mut client = server.connect();
    let response = client.ask("GET", "/digits.txt", &[&same]);
    assert_eq!(response.status, 304);
    for name in ["etag", "last-modified", "vary"] {
        assert_eq!(response.header(name), whole.header(name), "{name}");
    }
    for name in ["content-type", "content-length", "content-range"] {
        assert_eq!(response.header(name), None, "{name}");
    }
    assert_eq!(client.get("/digits.txt").status, 200);
}

#[test]
fn a_condition_that_fails_is_412() {
    let (_scratch, server) = digits();
    for condition in [
        "If-Match: \"other\"",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:48:60 GMT",
        "If-Unmodified-Since: Mon, 01 Jan 1900 00:00:00 GMT",
    ] {
        let response = ask_digits(&server, &[condition]);
        assert_eq!(
            (response.status, response.text()),
            (412, "precondition failed\n"),
            "{condition}"
        );
    }
}

#[test]
fn a_range_is_sent_with_its_place_in_the_whole() {
    let (_scratch, server) = digits();
    for (range, expected, place) in [
        ("0-0", "0", "bytes 0-0/10"),
        ("2-4", "234", "bytes 2-4/10"),
        ("7-", "789", "bytes 7-9/10"),
        ("-2", "89", "bytes 8-9/10"),
        ("5-500", "56789", "bytes 5-9/10"),
        ("20-30,1-1", "1", "bytes 1-1/10"),
    ] {
        let response = ask_digits(&server, &[&format!("Range: bytes={range}")]);
        assert_eq!(
            (response.status, response.text()),
            (206, expected),
            "{range}"
        );
        assert_eq!(response.header("content-range"), Some(place));
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(response.header("etag").is_some() && response.header("last-modified").is_some());
    }
}

#[test]
fn a_range_behind_the_end_is_416_with_the_length() {
    let (_scratch, server) = digits();
    for range in ["10-", "10-20", "-0", "11-12,13-14"] {
        let response = ask_digits(&server, &[&format!("Range: bytes={range}")]);
        assert_eq!(response.status, 416, "{range}");
        assert_eq!(response.header("content-range"), Some("bytes */10"));
        assert_eq!(response.text(), "range not satisfiable\n");
    }
}

#[test]
fn several_ranges_come_as_parts_of_one_body() {
    let (_scratch, server) = digits();
    let mut client = server.connect();
    let range = ["Range: bytes=7-8,0-1,30-40,-1"];
    let response = client.ask("GET", "/digits.txt", &range);
    assert_eq!(
        (response.status, response.header("content-range")),
        (206, None)
    );
    let content_type = response.header("content-type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let part = |range: &str, content: &str| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Range: bytes {range}/10\r\n\r\n{content}\r\n"
        )
    };
    let parts = [part("7-8", "78"), part("0-1", "01"), part("9-9", "9")].concat();
    assert_eq!(response.text(), format!("{parts}--{boundary}--\r\n"));
    // The length was exact: the next answer begins where this one ended.
    assert_eq!(client.get("/digits.txt").text(), "0123456789");
    let head = client.ask("HEAD", "/digits.txt", &range);
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(client.get("/digits.txt").text(), "0123456789");
}

#[test]
fn ranges_that_are_worth_nothing_are_answered_with_everything() {
    let (_scratch, server) = digits();
    for range in [
        "bytes=0-,0-",
        "bytes=3-1",
        "bytes=",
        "bytes=x",
        "lines=1-2",
        "bytes =1-2",
    ] {
        let response = ask_digits(&server, &[&format!("Range: {range}")]);
        assert_eq!(
            (response.status, response.text()),
            (200, "0123456789"),
            "{range}"
        );
    }
}

#[test]
fn more_ranges_than_the_bound_are_answered_with_everything() {
    let scratch = Scratch::new();
    // Large enough for as many parts of one byte.
    scratch.write("hundred.txt", "x".repeat(100));
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    for (count, status) in [(64, 206), (65, 200)] {
        let range = format!("Range: bytes={}", vec!["0-0"; count].join(","));
        let response = ask(&server, "GET", "/hundred.txt", &[&range]);
        assert_eq!(response.status, status, "{count}");
    }
}

#[test]
fn two_range_lines_are_none() {
    let (_scratch, server) = digits();
    let response = ask_digits(&server, &["Range: bytes=0-1", "Range: bytes=2-3"]);
    assert_eq!((response.status, response.text()), (200, "0123456789"));
}

#[test]
fn a_range_of_another_version_is_answered_with_everything() {
    let (_scratch, server) = digits();
    let etag = ask_digits(&server, &[]).header("etag").unwrap().to_owned();
    let status = |value: &str| {
        let headers = [&*format!("If-Range: {value}"), "Range: bytes=1-2"];
        ask_digits(&server, &headers).status
    };
    assert_eq!(status(&etag), 206);
    assert_eq!(status(DATE), 206);
    assert_eq!(status(&format!("W/{etag}")), 200);
    assert_eq!(status("\"other\""), 200);
    assert_eq!(status("Sun, 06 Nov 1994 08:49:38 GMT"), 200);
}

#[test]
fn an_empty_file_has_no_byte_that_a_range_could_begin_with() {
    let scratch = Scratch::new();
    scratch.write("empty.txt", "");
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let mut client = server.connect();
    for headers in [&[][..], &["Range: bytes=-1"]] {
        let response = client.ask("GET", "/empty.txt", headers);
        assert_eq!((response.status, response.text()), (200, ""), "{headers:?}");
        assert_eq!(response.header("content-length"), Some("0"));
    }
    for range in ["0-", "0-0", "5-", "-0"] {
        let response = client.ask("GET", "/empty.txt", &[&format!("Range: bytes={range}")]);
        assert_eq!(response.status, 416, "{range}");
        assert_eq!(response.header("content-range"), Some("bytes */0"));
    }
}

#[test]
fn curl_resumes_a_download() {
    let scratch = Scratch::new();
    let content: Vec<u8> = (0..300_000).map(|at| (at % 251) as u8).collect();
    scratch.write("root/film.mp4", &content);
    let part = scratch.write("part.mp4", &content[..123_456]);
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let root = scratch.path().join("root");
    let server = TestServer::start_built_in(&["--root", root.to_str().unwrap()]);
    let url = server.url("/film.mp4");
    curl.run(&[
        "-sS",
        "--fail",
        "-C",
        "-",
        "-o",
        part.to_str().unwrap(),
        &url,
    ]);
    assert!(std::fs::read(part).unwrap() == content);
}

#[test]
fn dates_that_no_header_line_can_say_are_left_out() {
    let scratch = Scratch::new();
    let path = scratch.write("digits.txt", "0123456789");
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(1))
        .unwrap();
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let response = ask_digits(&server, &[&format!("If-Modified-Since: {DATE}")]);
    assert_eq!(
        (response.status, response.header("last-modified")),
        (200, None)
    );
    assert!(response.header("etag").is_some());
}

/// Takes a second: that is how long a date stays open.
#[test]
fn a_second_that_is_not_over_is_no_date_of_modification() {
    let scratch = Scratch::new();
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let path = scratch.write("digits.txt", "0123456789");
    let age = |seconds: i64| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap().as_secs();
        set_modified(&path, now.checked_add_signed(-seconds).unwrap());
        // The server keeps what it knows of a file for a moment.
        let name = format!("aged{seconds}.txt");
        std::fs::rename(&path, scratch.path().join(&name)).unwrap();
        scratch.write("digits.txt", "0123456789");
        format!("/{name}")
    };
    let ahead = "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT";
    for seconds in [-3600, -60] {
        let path = age(seconds);
        let response = ask(&server, "GET", &path, &[ahead]);
        assert_eq!(response.status, 200, "{seconds}");
        assert_eq!(response.header("last-modified"), None, "{seconds}");
        assert!(response.header("etag").is_some());
    }
    let path = age(2);
    assert_eq!(ask(&server, "GET", &path, &[ahead]).status, 304);
    let path = age(0);
    let dated = wait::within(wait::PATIENCE, || {
        let response = ask(&server, "GET", &path, &[]);
        response.header("last-modified").map(str::to_owned)
    });
    let response = ask(
        &server,
        "GET",
        &path,
        &[&format!("If-Modified-Since: {}", dated.unwrap())],
    );
    assert_eq!(response.status, 304);
}

#[test]
fn a_body_that_comes_with_a_get_is_not_taken_for_a_request() {
    let (_scratch, server) = digits();
    let mut client = server.connect();
    let smuggled = get("/missing");
    let length = smuggled.len();
    client.send(format!(
        "GET /digits.txt HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{smuggled}"
    ));
    assert_eq!(client.response().status, 200);
    assert_eq!(client.get("/digits.txt").status, 200);
}
