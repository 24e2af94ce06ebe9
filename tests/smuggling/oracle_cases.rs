//! What the oracle makes of requests whose meaning stands in the RFCs, so that it is no mirror of
//! what it judges.

use super::oracle::{Reading, read};

/// Checks what the oracle reads: a request as its body, a fault as where it stands.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found: Vec<String> = read(text.as_bytes()).iter().map(describe).collect();
    assert_eq!(found, expected, "{text:?}");
}

fn describe(reading: &Reading) -> String {
    match reading {
        Reading::Request(request) => {
            let end = if request.is_kept { "" } else { ", the last" };
            let (host, body) = (&request.host, String::from_utf8_lossy(&request.body));
            format!("{} {host} `{body}`{end}", request.method)
        }
        Reading::Refused(fault) => format!("refused: {}", fault.why),
        Reading::Cut(fault) => format!("cut: {}", fault.why),
    }
}

#[test]
fn the_oracle_finds_the_end_of_a_request_in_order() {
    check("", &[]);
    check("\r\n", &[]);
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["GET a ``"]);
    check(
        "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET http://b/ HTTP/1.1\r\n\
            Host: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n",
        &["POST a `abc`", "GET b ``, the last"],
    );
    // The example of RFC 9112 section 7.1.3, with an extension and a trailer.
    check(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;x=\"y;\\\"\"\r\nWiki\r\n\
            6 ; z\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        &["POST a `Wikipedia in \r\n\r\nchunks.`", "GET  ``, the last"],
    );
}

#[test]
fn the_oracle_tells_a_beginning_from_a_fault() {
    let length = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab";
    check(length, &["cut: the body has no end"]);
    let coding = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(coding, &["cut: the body has no end"]);
    check(
        "GET / HTTP/1.1\r\nHost: a\r\n",
        &["cut: the head has no end"],
    );
    for (chunks, why) in [
        ("3\r\nab", "cut: the body has no end"),
        ("3\r\nabc\r", "cut: the body has no end"),
        ("3\r\nabcd", "refused: 7.1: no CRLF behind a chunk"),
        ("3\nabc\r\n0\r\n\r\n", "refused: 7.1: a bare CR or LF"),
        ("0x3\r\nabc\r\n0\r\n\r\n", "refused: 7.1: not a size"),
        ("3;\r\nabc\r\n0\r\n\r\n", "refused: 7.1: not a size"),
        ("3 \r\nabc\r\n0\r\n\r\n", "refused: 7.1: not a size"),
        ("fffffffffffffffff\r\n", "refused: 7.1: not a size"),
        ("0\r\nX : y\r\n\r\n", "refused: 7.1.2: not a trailer"),
    ] {
        check(&format!("{coding}{chunks}"), &[why]);
    }
}

#[test]
fn the_oracle_refuses_a_head_that_two_readers_could_read_differently() {
    for (lines, why) in [
        ("Content-Length: 3\r\nContent-Length: 3", "6.3: two lengths"),
        ("Content-Length: 3, 3", "6.2: a bad length"),
        ("Content-Length: +3", "6.2: a bad length"),
        ("Content-Length: 18446744073709551616", "6.2: a bad length"),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "6.3: a coding and a length",
        ),
        ("Transfer-Encoding: gzip, chunked", "6.1: a coding"),
        ("Transfer-Encoding: \"chunked\"", "6.1: a coding"),
        ("Content-Length : 3", "5: not a header line"),
        ("X: y\r\n Content-Length: 3", "5: not a header line"),
        ("X\0: y", "5: not a header line"),
        ("X: y\x0b", "5: not a header line"),
        ("X: y\nContent-Length: 3", "2.2: a bare CR or LF"),
        ("X: y\rContent-Length: 3", "2.2: a bare CR or LF"),
        ("Host: a", "3.2: two Hosts"),
        ("Expect: x", "10.1.1: another expectation"),
        (
            "Connection: content-length",
            "7.6.1: the framing is removed",
        ),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\nabc");
        check(&head, &[&format!("refused: {why}")]);
    }
    for (line, why) in [
        ("GET  / HTTP/1.1", "3: not three words"),
        ("GET /\tHTTP/1.1", "3: not three words"),
        ("GET / HTTP/1.2", "2.3: not a version that is spoken"),
        ("GET /#a HTTP/1.1", "3.2: a fragment"),
        ("GET a HTTP/1.1", "3.2: no form"),
        ("GET http://u@a/ HTTP/1.1", "3.2.2: a bad host"),
        ("CONNECT a:1 HTTP/1.1", "a tunnel"),
    ] {
        check(
            &format!("{line}\r\nHost: a\r\n\r\n"),
            &[&format!("refused: {why}")],
        );
    }
}
