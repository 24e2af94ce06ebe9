//! What curl sees of the example guests: every method, framing and version that it speaks.

use std::fs;

use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

/// Prefix of the arguments of every run: no progress bar, errors shown, a limit on the time.
const USUAL: [&str; 4] = ["-sS", "--max-time", "30", "--http1.1"];

/// Runs curl with `args`, or returns none where there is no curl.
#[track_caller]
fn curl(args: &[&str]) -> Option<String> {
    Some(Tool::find("curl")?.run_text(&[&USUAL, args].concat()))
}

/// Returns an answer's lines before the empty one, in lower case, and its body.
#[track_caller]
fn head_and_body(answer: &str) -> (String, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body)
}

#[test]
fn curl_gets_an_answer_with_status_length_and_date() {
    let server = TestServer::start("hello", &[]);
    let Some(answer) = curl(&["-i", &server.url("/")]) else {
        return;
    };
    let (head, body) = head_and_body(&answer);
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(
        head.contains(&format!("\ncontent-length: {}", body.len())),
        "{head}"
    );
    assert!(head.contains("\ndate: ") && head.contains(" gmt"), "{head}");
    assert!(!body.is_empty());
}

#[test]
fn curl_head_has_the_head_of_get_and_no_body() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    for guest in ["hello", "file"] {
        let server = TestServer::start(guest, &["--root", root.text()]);
        let url = server.url("/page.txt");
        let Some(got) = curl(&["-i", &url]) else {
            return;
        };
        let Some(head) = curl(&["-I", &url]) else {
            return;
        };
        let undated = |head: &str| {
            let lines = head.lines().filter(|line| !line.starts_with("date: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let (of_get, _) = head_and_body(&got);
        let (of_head, body) = head_and_body(&head);
        assert_eq!(undated(&of_head), undated(&of_get), "{guest}");
        assert_eq!(body, "", "{guest}");
    }
}

/// Posts `length` bytes to `echo` and checks that they come back.
#[track_caller]
fn check_post(length: usize, framing: &[&str]) {
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let scratch = Scratch::new();
    // The period of 251 divides no size of a buffer, so that a swap of two pieces shows.
    let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    let sent = scratch.write("sent", &content);
    let received = scratch.path().join("received");
    let server = TestServer::start("echo", &[]);
    let upload = format!("@{}", sent.display());
    let url = server.url("/");
    let mut args = USUAL.to_vec();
    args.extend(["--fail", "--data-binary", &upload]);
    args.extend(["-o", received.to_str().unwrap()]);
    args.extend(framing);
    args.push(&url);
    curl.run(&args);
    // curl makes no file for an empty body.
    let received = fs::read(&received).unwrap_or_default();
    assert_eq!(received.len(), content.len());
    assert!(received == content, "{length} bytes come back changed");
}

const CHUNKED: [&str; 2] = ["-H", "Transfer-Encoding: chunked"];

#[test]
fn curl_posts_nothing_one_byte_and_100000_bytes_with_content_length() {
    for length in [0, 1, 100_000] {
        check_post(length, &[]);
    }
}

#[test]
fn curl_posts_nothing_one_byte_and_100000_bytes_in_chunks() {
    for length in [0, 1, 100_000] {
        check_post(length, &CHUNKED);
    }
}

/// Takes more than a second in a debug build: every byte passes through the guest twice.
#[test]
fn curl_posts_64_mib_with_content_length() {
    check_post(64 << 20, &[]);
}

/// Takes more than a second in a debug build: every byte passes through the guest twice.
#[test]
fn curl_posts_64_mib_in_chunks() {
    check_post(64 << 20, &CHUNKED);
}

#[test]
fn a_body_larger_than_the_memory_limit_is_streamed() {
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let scratch = Scratch::new();
    let sent = scratch.path().join("sent");
    fs::File::create(&sent).unwrap().set_len(16 << 20).unwrap();
    let server = TestServer::start("echo", &["--memory-limit", "4MiB"]);
    let upload = format!("@{}", sent.display());
    let args = ["--fail", "--data-binary", &upload, &server.url("/")];
    let received = curl.run(&[&USUAL[..], &args].concat());
    assert_eq!(received.len(), 16 << 20);
}

#[test]
fn curl_with_expect_100_continue_gets_its_answer() {
    let server = TestServer::start("echo", &[]);
    let args = [
        "-H",
        "Expect: 100-continue",
        "--data-binary",
        "abc",
        &server.url("/"),
    ];
    let Some(answer) = curl(&args) else { return };
    assert_eq!(answer, "abc");
}

#[test]
fn curl_reuses_one_connection_for_three_requests() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    for guest in ["hello", "echo", "file"] {
        let server = TestServer::start(guest, &["--root", root.text()]);
        let url = server.url("/page.txt");
        let one = ["-o", "/dev/null", &url];
        let report = ["-w", "%{num_connects} "];
        let Some(connects) = curl(&[&report[..], &one, &one, &one].concat()) else {
            return;
        };
        assert_eq!(connects, "1 0 0 ", "{guest}");
        assert_eq!(server.metric("sockeye_connections_accepted_total"), 1);
    }
}

#[test]
fn curl_posts_after_a_head_on_one_connection() {
    let server = TestServer::start("echo", &[]);
    let url = server.url("/");
    let first = ["-I", url.as_str()];
    let second = ["-w", "%{num_connects}", "-d", "abc", url.as_str()];
    let Some(answer) = curl(&[&first[..], &["--next", "-sS"], &second].concat()) else {
        return;
    };
    assert!(answer.ends_with("abc0"), "{answer}");
}

#[test]
fn curl_speaks_http_1_0() {
    let root = Scratch::new();
    root.write("page.txt", "a page\n");
    for guest in ["hello", "file"] {
        let server = TestServer::start(guest, &["--root", root.text()]);
        let Some(curl) = Tool::find("curl") else {
            return;
        };
        let answer = curl.run_text(&["-sS", "--http1.0", "-i", &server.url("/page.txt")]);
        let (head, body) = head_and_body(&answer);
        assert!(head.contains(" 200 "), "{guest}: {head}");
        assert!(!head.contains("transfer-encoding"), "{guest}: {head}");
        assert!(!body.is_empty(), "{guest}");
    }
}

#[test]
fn curl_asks_for_close_and_the_server_closes() {
    let server = TestServer::start("hello", &[]);
    let url = server.url("/");
    let one = ["-o", "/dev/null", &url];
    let args = ["-H", "Connection: close", "-w", "%{num_connects} "];
    let Some(connects) = curl(&[&args[..], &one, &one].concat()) else {
        return;
    };
    assert_eq!(connects, "1 1 ");
}

#[test]
fn curl_sees_its_headers_and_its_cookies_again() {
    let server = TestServer::start("echo", &[]);
    let Some(headers) = curl(&["-H", "X-Fish: salmon", &server.url("/echo")]) else {
        return;
    };
    assert!(
        headers.to_ascii_lowercase().contains("x-fish: salmon"),
        "{headers}"
    );
    let Some(cookies) = curl(&["-b", "a=1; b=2", &server.url("/cookie")]) else {
        return;
    };
    assert!(
        cookies.contains('a') && cookies.contains('1') && cookies.contains('b'),
        "{cookies}"
    );
}

#[test]
fn curl_downloads_files_of_every_size_unchanged() {
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let root = Scratch::new();
    let server = TestServer::start("file", &["--root", root.text()]);
    for length in [0, 1, 4096, (1 << 20) + 1, 10_000_000] {
        let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        root.write(&format!("of-{length}"), &content);
        let url = server.url(&format!("/of-{length}"));
        let received = curl.run(&[&USUAL[..], &["--fail", &url]].concat());
        assert!(
            received == content,
            "{length} bytes arrive changed or short"
        );
    }
}
