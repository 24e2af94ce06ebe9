//! Requests that are in order, for the mutations to begin with.

use super::handlers::Handler;
use crate::random::Random;

/// Targets that every handler knows or does not know.
const TARGETS: &[&str] = &[
    "/",
    "/?a=b&c",
    "/first.txt",
    "/second.txt",
    "/digits.txt",
    "/digits.txt?x",
    "/a%20b/",
    "/a%20b",
    "/a%20b/%C3%A4.txt",
    "/a b/",
    "/%2e%2e/first.txt",
    "/./first.txt",
    "//first.txt",
    "/first.txt/",
    "/%00",
    "/%zz",
    "/%",
    "/..%2f",
    "/\u{c3}\u{a4}",
    "/echo",
    "/cookie",
    "/users",
    "/users/1",
    "/users/%31",
    "/users/",
    "/status/500",
    "*",
    "http://a/first.txt",
    "http://a",
    "https://b:1/?c",
    "/a//b",
    "/~;:@!$&'()*+,=",
    "/-._",
    "/{}",
    "/\\",
    "/nothing/here",
];

const METHODS: &[&str] = &[
    "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
    "M-X", "CONNECT", "get",
];

/// Header lines with which a request is in order.
const LINES: &[&str] = &[
    "Accept: */*",
    "User-Agent: a (b) c/1.0",
    "Cookie: a=b; c=\"d\"",
    "X:",
    "X: \u{e9}",
    "x-y:\tz \t",
    "Connection: keep-alive",
    "Connection: close",
    "Connection: x, keep-alive",
    "Upgrade: h2c",
    "TE: trailers",
    "Trailer: X",
    "Via: 1.1 a",
    "Expect: 100-continue",
    "Accept-Encoding: gzip, br;q=0",
    "X-HTTP-Method-Override: DELETE",
    "Content-Type: application/json",
    "Authorization: Basic YTpi",
];

/// Header lines about parts and conditions, which the handler of files looks at.
const CONDITIONS: &[&str] = &[
    "Range: bytes=0-3",
    "Range: bytes=2-",
    "Range: bytes=-4",
    "Range: bytes=0-0,2-3",
    "Range: bytes=9-99",
    "Range: bytes=99-",
    "Range: bytes=3-1",
    "Range: items=0-1",
    "Range: bytes=0-1,1-2,2-3,3-4,4-5,5-6",
    "Range: bytes=18446744073709551615-",
    "Range: bytes=-18446744073709551616",
    "Range: bytes=-0",
    "If-Range: \"a\"",
    "If-Range: Sun, 06 Nov 1994 08:49:37 GMT",
    "If-None-Match: *",
    "If-None-Match: \"a\"",
    "If-None-Match: W/\"a\", \"b\"",
    "If-Match: *",
    "If-Match: \"a\"",
    "If-Match: \"a",
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
    "If-Unmodified-Since: Sun Nov  6 08:49:37 1994",
    "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT",
    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    "If-Modified-Since: x",
];

const HOSTS: &[&str] = &[
    "a",
    "a:80",
    "[::1]:8080",
    "",
    "a.b-c",
    "127.0.0.1",
    "caf%c3%a9",
];

const BODIES: &[&str] = &[
    "",
    "a",
    "{\"name\": \"Ada\"}",
    "{\"name\": 1}",
    "{}",
    "[",
    "\r\n\r\n",
    "0\r\n\r\n",
    "\0\u{ff}\r",
    "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "{\"name\": \"\\ud83d\\ude00\"}",
];

const EXTENSIONS: &[&str] = &["", "", "", ";a", ";a=b", " ; a = \"b;\\\"c\"", ";a;b"];

const TRAILERS: &[&str] = &[
    "",
    "",
    "",
    "X: y\r\n",
    "X:\r\nY: z\r\n",
    "Content-Length: 5\r\n",
];

/// Returns a request that `handler` might get, as Latin-1.
pub(super) fn request(random: &mut Random, handler: Handler) -> String {
    let (method, target) = match (handler, random.below(3)) {
        // What makes the handler do something.
        (Handler::Upload, 0) => ("POST", "/"),
        (Handler::Echo, 0) => ("POST", "/?b"),
        (Handler::Router, 0) => ("POST", "/users"),
        (Handler::Files, 0) => ("GET", random.pick(TARGETS)),
        _ => (random.pick(METHODS), random.pick(TARGETS)),
    };
    let target = match method {
        "CONNECT" => "a:443",
        _ if target == "*" && method != "OPTIONS" => "/",
        // A space has no place in a target; it is there to be found by chance.
        _ if target.contains(' ') && random.below(20) > 0 => "/a+b",
        _ => target,
    };
    let version = if random.below(12) == 0 { "1.0" } else { "1.1" };
    let mut lines = vec![format!("Host: {}", random.pick(HOSTS))];
    for _ in 0..random.below(4) {
        lines.push(random.pick(LINES).to_owned());
    }
    for _ in 0..random.below(3) {
        lines.push(random.pick(CONDITIONS).to_owned());
    }
    let body = match (random.below(5), version) {
        (0 | 1, _) => sized(random, &mut lines),
        (2 | 3, "1.1") => chunked(random, &mut lines),
        _ => String::new(),
    };
    let lines = lines.join("\r\n");
    format!("{method} {target} HTTP/{version}\r\n{lines}\r\n\r\n{body}")
}

fn data(random: &mut Random) -> String {
    let body = random.pick(BODIES);
    match random.below(25) {
        0 => body.repeat(1 + random.below(2_000)),
        1 => "x".repeat(random.pick(&[16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 100_000])),
        _ => body.to_owned(),
    }
}

fn sized(random: &mut Random, lines: &mut Vec<String>) -> String {
    let body = data(random);
    let at = random.below(lines.len() + 1);
    lines.insert(at, format!("Content-Length: {}", body.chars().count()));
    body
}

fn chunked(random: &mut Random, lines: &mut Vec<String>) -> String {
    let at = random.below(lines.len() + 1);
    lines.insert(at, "Transfer-Encoding: chunked".to_owned());
    let mut body = String::new();
    for _ in 0..random.below(4) {
        let data = data(random);
        let (length, extension) = (data.chars().count(), random.pick(EXTENSIONS));
        if length > 0 {
            body += &format!("{length:x}{extension}\r\n{data}\r\n");
        }
    }
    body + "0\r\n" + random.pick(TRAILERS) + "\r\n"
}
