//! Tests of head parsing: what is accepted, what is refused, and why.

use super::*;

#[track_caller]
fn parse(bytes: &[u8]) -> Head {
    let mut head = Head::new();
    assert_eq!(
        head.parse(bytes.to_vec()),
        Ok(()),
        "{:?}",
        String::from_utf8_lossy(bytes)
    );
    head
}

#[track_caller]
fn check_refused(bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let refusal = Head::new().parse(bytes.to_vec());
    let refused = refusal.map_err(|refusal| refusal.status);
    assert_eq!(refused, Err(status), "{:?}", String::from_utf8_lossy(bytes));
}

/// Checks the line that the client gets.
#[track_caller]
fn check_reason(bytes: impl AsRef<[u8]>, reason: &str) {
    let refusal = Head::new().parse(bytes.as_ref().to_vec()).unwrap_err();
    assert_eq!(refusal.to_string(), reason);
}

/// Checks a request of HTTP/1.1 that has these lines besides `Host`.
#[track_caller]
fn check_lines_refused(lines: &str, status: u16) {
    check_refused(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"), status);
    check_refused(format!("POST / HTTP/1.1\r\n{lines}Host: a\r\n\r\n"), status);
}

#[track_caller]
fn check_framing(lines: &str, framing: Framing) {
    let head = parse(format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
    assert_eq!(head.framing, framing, "{lines:?}");
}

#[track_caller]
fn check_keep_alive(version: &str, lines: &str, expected: bool) {
    let head = parse(format!("GET / {version}\r\nHost: a\r\n{lines}\r\n").as_bytes());
    assert_eq!(head.keep_alive, expected, "{version} {lines:?}");
}

const WHOLE: &[u8] = b"POST /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nX-Empty:\r\n\
    Cookie:  a=1; b=2 \t\r\nX-Latin: caf\xe9\r\nContent-Length: 12\r\n\r\n";

#[test]
fn parts_are_those_that_were_sent() {
    let head = parse(WHOLE);
    assert_eq!((head.method(), head.target()), ("POST", "/a?b=c"));
    assert_eq!(
        (head.version, head.framing),
        (Version::HTTP_11, Framing::Length(12))
    );
    let headers: Vec<_> = head.headers().collect();
    let expected: [(&str, &[u8]); 5] = [
        ("Host", b"example.org:8080"),
        ("X-Empty", b""),
        ("Cookie", b"a=1; b=2"),
        ("X-Latin", b"caf\xe9"),
        ("Content-Length", b"12"),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn empty_lines_before_the_request_are_ignored() {
    let head = parse(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.method(), head.headers().count()), ("GET", 1));
}

#[test]
fn a_head_does_not_inherit_from_the_one_before() {
    let mut head = parse(WHOLE);
    assert_eq!(head.parse(b"GET / HTTP/1.0\r\n\r\n".to_vec()), Ok(()));
    assert_eq!(
        (head.headers().count(), head.framing),
        (0, Framing::Length(0))
    );
    assert!(head.parse(b"nonsense".to_vec()).is_err());
    assert_eq!(head.method(), "");
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    for length in 0..WHOLE.len() {
        check_refused(&WHOLE[..length], 400);
    }
    check_refused([WHOLE, b"x"].concat(), 400);
}

#[test]
fn any_changed_byte_is_parsed_or_refused_without_a_panic() {
    let mut head = Head::new();
    for at in 0..WHOLE.len() {
        for byte in 0..=255 {
            let mut bytes = WHOLE.to_vec();
            bytes[at] = byte;
            if head.parse(bytes).is_ok() {
                assert!(!head.method().is_empty() && !head.target().is_empty());
            }
        }
    }
}

#[test]
fn a_bare_line_feed_anywhere_is_refused() {
    for at in (0..WHOLE.len()).filter(|at| WHOLE[*at] == b'\r') {
        check_refused([&WHOLE[..at], &WHOLE[at + 1..]].concat(), 400);
    }
    check_refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nA: b\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", 400);
}

#[test]
fn malformed_lines_are_refused() {
    for lines in [
        "Name : value\r\n",
        "Name\t: value\r\n",
        ": value\r\n",
        "Name\r\n",
        "Na me: value\r\n",
        "Na(me: value\r\n",
        "Name: a\0b\r\n",
        "Name: a\x7fb\r\n",
        "A: b\r\n folded\r\n",
        "A: b\r\n\tfolded\r\n",
        " A: b\r\n",
    ] {
        check_lines_refused(lines, 400);
    }
}

#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET /  HTTP/2.0",
        "GET HTTP/2.0",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/11",
        "GET / HTTP/x.1",
        "GET / XTTP/1.1",
        "G(T / HTTP/1.1",
        "/ HTTP/1.1",
        "GET a HTTP/1.1",
        "GET /#a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET http://a@b/ HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET a:80 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "GET /\x01 HTTP/1.1",
    ] {
        check_refused(format!("{line}\r\nHost: a\r\n\r\n"), 400);
    }
}

#[test]
fn every_form_of_target_is_accepted_where_it_belongs() {
    for line in [
        "GET http://a:80/b?c",
        "OPTIONS *",
        "GET /%00?/?",
        "GET HTTP://a",
    ] {
        parse(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
}

#[test]
fn a_tunnel_is_not_implemented() {
    check_refused("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501);
    check_refused("CONNECT a:80 HTTP/1.0\r\n\r\n", 501);
    let length = "Content-Length: 1\r\n";
    check_refused(
        format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n{length}\r\n"),
        501,
    );
    check_refused("connect a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400);
}

#[test]
fn other_versions_are_not_supported() {
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/3.0"] {
        check_refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), 505);
    }
    check_refused("PRI * HTTP/2.0\r\n\r\n", 505);
}

#[test]
fn a_host_is_named_once_and_has_no_other_characters() {
    check_refused("GET / HTTP/1.1\r\n\r\n", 400);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    check_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    for host in ["a b", "a,b", "a/b", "b@a", "a\tb", "a\\b", "caf\u{e9}"] {
        check_refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), 400);
    }
    for host in ["", "a", "a:80", "[::1]:80", "a_b.example-1"] {
        parse(format!("GET / HTTP/1.1\r\nhOST: {host}\r\n\r\n").as_bytes());
    }
    parse(b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn lengths_and_codings_delimit_a_body() {
    check_framing("", Framing::Length(0));
    check_framing("content-length: 0\r\n", Framing::Length(0));
    check_framing("Content-Length: 007\r\n", Framing::Length(7));
    check_framing(
        "Content-Length: 18446744073709551615\r\n",
        Framing::Length(u64::MAX),
    );
    check_framing("Transfer-Encoding: chunked\r\n", Framing::Chunked);
    check_framing("transfer-encoding:\tCHUNKED \r\n", Framing::Chunked);
}

#[test]
fn a_length_that_two_readers_could_take_differently_is_refused() {
    for value in [
        "",
        "+1",
        "-1",
        "1 1",
        "1,1",
        "1, 1",
        "0x1",
        "1.0",
        "a",
        "1a",
        "18446744073709551616",
    ] {
        check_lines_refused(&format!("Content-Length: {value}\r\n"), 400);
    }
    check_lines_refused("Content-Length: 1\r\nContent-Length: 1\r\n", 400);
    check_lines_refused("Content-Length: 1\r\nContent-Length: 2\r\n", 400);
    check_lines_refused("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400);
    check_lines_refused("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400);
}

#[test]
fn a_coding_other_than_chunked_is_refused() {
    for value in [
        "gzip",
        "gzip, chunked",
        "identity",
        "xchunked",
        "chunked;a=b",
        "\"chunked\"",
    ] {
        check_lines_refused(&format!("Transfer-Encoding: {value}\r\n"), 501);
    }
    for value in [
        "",
        "chunked, chunked",
        "chunked, gzip",
        "chunked,",
        ",chunked",
        "gzip,,chunked",
        ",",
    ] {
        check_lines_refused(&format!("Transfer-Encoding: {value}\r\n"), 400);
    }
    check_lines_refused(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        400,
    );
    check_lines_refused(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        400,
    );
    check_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    check_refused("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", 400);
}

#[test]
fn a_connection_is_kept_as_its_version_and_options_say() {
    check_keep_alive("HTTP/1.1", "", true);
    check_keep_alive("HTTP/1.1", "Connection: close\r\n", false);
    check_keep_alive("HTTP/1.1", "Connection: keep-alive, CLOSE\r\n", false);
    check_keep_alive(
        "HTTP/1.1",
        "Connection: upgrade\r\nConnection: close\r\n",
        false,
    );
    check_keep_alive("HTTP/1.1", "Connection: closed\r\n", true);
    check_keep_alive("HTTP/1.0", "", false);
    check_keep_alive("HTTP/1.0", "Connection: Keep-Alive\r\n", true);
    check_keep_alive("HTTP/1.0", "Connection: keep-alive, close\r\n", false);
}

#[test]
fn continue_is_expected_only_before_a_body_and_by_1_1() {
    let expects = |version: &str, lines: &str| {
        let head = format!("PUT / {version}\r\nHost: a\r\nExpect: 100-Continue\r\n{lines}\r\n");
        parse(head.as_bytes()).expects_continue
    };
    assert!(expects("HTTP/1.1", "Content-Length: 1\r\n"));
    assert!(expects("HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert!(!expects("HTTP/1.1", ""));
    assert!(!expects("HTTP/1.0", "Content-Length: 1\r\n"));
    // A list, of which an element may be empty.
    assert!(expects(
        "HTTP/1.1",
        "Content-Length: 1\r\nExpect: ,100-continue\r\n"
    ));
}

#[test]
fn any_other_expectation_cannot_be_met() {
    for value in [
        "100",
        "200-ok",
        "100-continue, a",
        "a=b",
        "100-continue;a=b",
    ] {
        check_lines_refused(&format!("Expect: {value}\r\n"), 417);
    }
    parse(b"GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n");
}

#[test]
fn a_refusal_says_what_was_wrong() {
    let after_host = |lines: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    for (lines, reason) in [
        ("Host: a\r\n", "a request has exactly one Host line"),
        (
            "Content-Length: x\r\n",
            "Content-Length is not a number below 2^64",
        ),
        (
            "A : b\r\n",
            "a header line does not begin with a name and a colon",
        ),
        ("A: \0\r\n", "a header value contains what it cannot"),
        (
            "Expect: a\r\n",
            "no expectation but 100-continue can be met",
        ),
        ("A: b\n", "a line of the request head does not end in CR LF"),
    ] {
        check_reason(after_host(lines), reason);
    }
    check_reason(
        "GET / HTTP/1.1\r\n\r\n",
        "a request has exactly one Host line",
    );
    check_reason(
        "GET / HTTP/3.0\r\n\r\n",
        "no versions but 1.0 and 1.1 are spoken",
    );
    check_reason(
        "\n\r\n\r\n",
        "a line of the request head does not end in CR LF",
    );
    check_reason("GET / HTTP/1.1\r\nHo", "request head has no end");
    let many = "A: b\r\n".repeat(HEADERS_MAX);
    check_reason(after_host(&many), "request has more than 100 header lines");
}

#[test]
fn targets_have_a_limit_that_counts_before_that_of_heads() {
    let head = |length: usize| {
        let path = "a".repeat(length - 1);
        format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n")
    };
    let longest = parse(head(TARGET_BYTES_MAX).as_bytes());
    assert_eq!(longest.target().len(), TARGET_BYTES_MAX);
    check_refused(head(TARGET_BYTES_MAX + 1), 414);
    let reason = "request target is longer than 8000 bytes";
    check_reason(head(TARGET_BYTES_MAX + 1), reason);
    check_reason(head(HEAD_BYTES_MAX as usize), reason);
    // Where the head has no end within its limit, the target decides as far as it is there.
    let endless = head(HEAD_BYTES_MAX as usize);
    for start in [&endless[..], &format!("\r\n{endless}")] {
        let refusal = too_large(&start.as_bytes()[..HEAD_BYTES_MAX as usize]);
        assert_eq!(refusal, Refusal::TARGET_TOO_LONG);
    }
    let line = format!("GET / HTTP/1.1\r\nA: {}", "b c".repeat(8_000));
    assert_eq!(too_large(line.as_bytes()), Refusal::HEAD_TOO_LARGE);
    assert_eq!(too_large(&[b'A'; 20_000]), Refusal::HEAD_TOO_LARGE);
}

#[test]
fn heads_have_limits() {
    let lines = "A: b\r\n".repeat(HEADERS_MAX - 1);
    parse(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
    check_refused(
        format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}A: b\r\n\r\n"),
        431,
    );

    let start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    let value = "b".repeat(HEAD_BYTES_MAX as usize - start.len() - 4);
    let head = parse(format!("{start}{value}\r\n\r\n").as_bytes());
    assert_eq!(head.headers().last(), Some(("A", value.as_bytes())));
    check_refused(format!("{start}{value}b\r\n\r\n"), 431);
}
