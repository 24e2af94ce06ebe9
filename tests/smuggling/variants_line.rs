//! Variants of the request line, of line ends within a head, and of whose a request is.

use super::variants::{CHUNKED, LINE_ENDS, ODD, SIZED, SMUGGLED, Variants, every_byte, post};

/// What may stand in front of a request.
const FRONTS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\r\n\r\n\r\n",
    "\n",
    "\r",
    "\n\n",
    "\r\r\n",
    "\n\r\n",
    "\r\n\n",
    "\r\n\r",
    " ",
    "\t",
    " \r\n",
    "\t\r\n",
    "\0",
    "\0\r\n",
    "\u{ef}\u{bb}\u{bf}",
    "\x0b",
    "\x0c",
    "\r\n ",
    "\r\n\t",
    "x",
    "X: y\r\n",
    "\r\nX: y\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "0\r\n\r\n",
];

/// What may stand in place of a version.
const VERSIONS: &[&str] = &[
    "HTTP/1.0",
    "HTTP/1.1",
    "HTTP/1.2",
    "HTTP/1.9",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/3.0",
    "HTTP/9.9",
    "HTTP/1",
    "HTTP/1.",
    "HTTP/.1",
    "HTTP/11",
    "HTTP/1.10",
    "HTTP/1.01",
    "HTTP/01.1",
    "HTTP/1.1.1",
    "http/1.1",
    "Http/1.1",
    "HTTP/1,1",
    "HTTP/1.1 HTTP/1.1",
    "HTTP /1.1",
    "HTTP/ 1.1",
    "HTTP/1 .1",
    "HTTP/1.\u{b9}",
    "HTTP/-1.1",
    "HTTP/+1.1",
    "HTTPS/1.1",
    "XHTTP/1.1",
    "ICAP/1.0",
    "RTSP/1.0",
    "HTTP\\1.1",
    "HTTP1.1",
    "1.1",
    "",
    "HTTP",
    "HTTP/",
    "HTTP/1.1;",
    "HTTP/1.1,",
    "HTTP/1.1\0",
    "HTTP/1.1\r",
    "HTTP/0x1.1",
    "HTTP/1e0",
    "HTTP/1.1%20",
    "\"HTTP/1.1\"",
    "HTTP/x.y",
];

/// Targets that name somebody or nobody.
const TARGETS: &[&str] = &[
    "/?first",
    "http://first/?first",
    "http://other/?first",
    "HTTP://first/?first",
    "https://first/?first",
    "http://first:80/?first",
    "http://first",
    "http://first?first",
    "http://first:x/",
    "http://u@first/",
    "http://u:p@first/",
    "http://first@other/",
    "http://",
    "http:///",
    "http://:80/",
    "http:/first",
    "http:first",
    "//first/",
    "///",
    "ftp://first/",
    "first",
    "first:80",
    "*",
    "**",
    "/*",
    "?first",
    "../",
    "http://[::1]/",
    "http://[::1",
    "http://[::1]x/",
    "http://[zz]/",
    "http://first\\other/",
    "http://first,other/",
    "http://first#other/",
    "/#",
    "/?a#b",
    "http://first;other/",
    "http://%66irst/",
    "http://%zz/",
    "http://first%2fother/",
    "http://first/http://other/",
    "/http://other/",
    "gopher://first/",
];

/// Lines that name somebody or nobody.
const HOST_LINES: &[&str] = &[
    "Host: first\r\n",
    "Host: other\r\n",
    "Host:\r\n",
    "",
    "Host: first\r\nHost: first\r\n",
    "Host: first\r\nhost: other\r\n",
    "Host: first, other\r\n",
    "Host : first\r\n",
    " Host: first\r\n",
    "Host: first\r\n Host: other\r\n",
    "X-Forwarded-Host: other\r\nHost: first\r\n",
];

/// Other line ends than CRLF, at every place in a head.
pub(super) fn line_ends(variants: &mut Variants) {
    let lengthy = post("Content-Length: 3\r\nX: y", "");
    let chunked = post("Transfer-Encoding: chunked", "");
    for (head, body) in [(&lengthy, SIZED), (&chunked, CHUNKED), (&lengthy, SMUGGLED)] {
        let places: Vec<usize> = head.match_indices("\r\n").map(|(at, _)| at).collect();
        for end in LINE_ENDS {
            for at in &places {
                let (before, behind) = (&head[..*at], &head[at + 2..]);
                variants.add("line end", &format!("{before}{end}{behind}{body}"));
            }
            let all = head.replace("\r\n", end);
            variants.add("line end", &format!("{all}{body}"));
        }
    }
    for front in FRONTS {
        variants.add("in front", &format!("{front}{lengthy}{SIZED}"));
        variants.add("in front", &format!("{front}{chunked}{CHUNKED}"));
    }
}

/// Request lines.
pub(super) fn request_lines(variants: &mut Variants) {
    let behind = format!("\r\nHost: first\r\nContent-Length: 3\r\n\r\n{SIZED}");
    for byte in every_byte() {
        for line in [
            format!("{byte}POST /?first HTTP/1.1"),
            format!("PO{byte}ST /?first HTTP/1.1"),
            format!("POST{byte}/?first HTTP/1.1"),
            format!("POST /?{byte} HTTP/1.1"),
            format!("POST /?first{byte}HTTP/1.1"),
        ] {
            variants.add("request line", &format!("{line}{behind}"));
        }
    }
    for byte in ODD.chars() {
        for line in [
            format!("POST {byte}/?first HTTP/1.1"),
            format!("POST /?first HTTP/1.1{byte}"),
            format!("POST /?first HTTP/{byte}1.1"),
            format!("POST /?first HTTP/1{byte}1"),
            format!("POST /?first HTTP/1.1{byte}HTTP/1.1"),
            format!("POST /?first {byte}HTTP/1.1"),
        ] {
            variants.add("request line", &format!("{line}{behind}"));
        }
    }
    for version in VERSIONS {
        variants.add("version", &format!("POST /?first {version}{behind}"));
        variants.add("version", &format!("POST  /?first {version}{behind}"));
    }
    for line in [
        "POST /?first",
        "POST",
        "/?first HTTP/1.1",
        "POST HTTP/1.1",
        "",
        " ",
        "POST /?first ",
    ] {
        variants.add("request line", &format!("{line}{behind}"));
    }
}

/// Whose a request is, where two lines or the target and a line disagree.
pub(super) fn hosts(variants: &mut Variants) {
    let rest = format!("Content-Length: 3\r\n\r\n{SIZED}");
    for target in TARGETS {
        for lines in HOST_LINES {
            variants.add("host", &format!("POST {target} HTTP/1.1\r\n{lines}{rest}"));
        }
        variants.add("host", &format!("POST {target} HTTP/1.0\r\n{rest}"));
        variants.add(
            "host",
            &format!("OPTIONS {target} HTTP/1.1\r\nHost: first\r\n{rest}"),
        );
    }
    for byte in every_byte() {
        let host = format!("POST /?first HTTP/1.1\r\nHost: fi{byte}rst\r\n{rest}");
        variants.add("host byte", &host);
        let host = format!("POST /?first HTTP/1.1\r\nHost: [::{byte}]\r\n{rest}");
        variants.add("host byte", &host);
    }
}
