//! Makes requests out of pieces, good and bad ones, and then breaks some of them.

use crate::random::Random;

/// What one client sends.
pub(super) struct Script {
    pub(super) bytes: Vec<u8>,
    /// Where one write ends and the next begins.
    pub(super) cuts: Vec<usize>,
}

/// What is sent behind everything: whether it is answered says whether the connection stayed open.
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n";

const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "M-X", "get",
];

/// Rarer ones, one of which is chosen once in a while.
const ODD_METHODS: &[&str] = &["CONNECT", "", "G(T", "GE T", "\u{c4}", " GET", "GET\t"];

const TARGETS: &[&str] = &["/", "/a", "/a/b?c=d", "/%41?x", "//a//", "/a;b=c", "/?"];

const ODD_TARGETS: &[&str] = &[
    "*",
    "a",
    "a:80",
    "http://b/c",
    "http://b",
    "http://b:81?c",
    "http://",
    "http:///",
    "/#f",
    "/a b",
    "",
    "ftp://b/",
    "/\u{7f}",
    "https://b/",
    "http://u@b/",
    "/<>",
    "/\"",
    "/{}",
    "/\\^`|",
    "?a",
    "http://b:x/",
    "/[]",
    "/\u{e9}",
];

const VERSIONS: &[&str] = &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"];

const ODD_VERSIONS: &[&str] = &[
    "HTTP/2.0",
    "HTTP/1.2",
    "HTTP/0.9",
    "http/1.1",
    "HTTP/1",
    "HTTP/1.1 ",
    "HTTP/11",
    "",
    "HTTP/1.10",
];

const LINES: &[&str] = &[
    "X: y",
    "X:",
    "Accept: */*",
    "Cookie: a=b; c=\"d\"",
    "X: \u{e9}",
    "X:\ty\t",
    "x-y: 1, 2",
    "Connection: keep-alive",
    "Connection: x, y",
    "Upgrade: a",
    "TE: trailers",
];

const ODD_LINES: &[&str] = &[
    "Connection: close",
    "Connection: x, CLOSE",
    "Connection: closed",
    "Host: b",
    "Host:",
    " X: y",
    "X : y",
    "X",
    ": y",
    "X: a\0",
    "X: a\x0bb",
    "X: y\r\n z",
    "X\u{e9}: y",
    "Expect: 100-continue",
    "Expect: x",
    "Content-Length: 1",
    "Content-Length: x",
    "Content-Length: 0, 0",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding:",
    "X: y\rz",
    "\u{a0}X: y",
    "(: y",
];

const HOSTS: &[&str] = &["a", "a:80", "[::1]", "", "a.b-c"];

const ODD_HOSTS: &[&str] = &[
    "a b", "a,b", "a/b", "u@a", "a:x", "[::1", "a\u{e9}", "a:1:2",
];

/// What stands in front of the number of a `Content-Length` once in a while.
const ODD_LENGTH_FRONTS: &[&str] = &["+", "-", "0x", "00", "", " ", "\t"];

/// What stands behind the size of a chunk.
const SIZE_TAILS: &[&str] = &[";a", ";a=b", ";a=\"b\"", " ;a", ";a;b=\"c d\""];

const ODD_SIZE_TAILS: &[&str] = &[
    ";", ";a=\"b", " ", "\t", "g", ";a\0", ";\r", "\r", ";\n", ";a\u{e9}", " 1", "h",
];

const TRAILERS: &[&str] = &[
    "X: y\r\n",
    "X:\r\n",
    "Content-Length: 5\r\n",
    "X: \u{e9}\r\n",
];

const ODD_TRAILERS: &[&str] = &[
    "X\r\n",
    " X: y\r\n",
    "X : y\r\n",
    "X: y\n",
    ": y\r\n",
    "X: \0\r\n",
];

/// What a mutation puts somewhere.
const BYTES: &[u8] = b"\r\n\r\n \t\0\x01\x0b\x7f\x80\xff:;,/?#*=%\"()[]{}<>@\\^`|~-+.0159afzAFHZ";

/// Makes what one client sends: one to four requests, the probe, and in half of the cases damage.
pub(super) fn script(random: &mut Random) -> Script {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(4) {
        let request = request(random);
        bytes.extend(request.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
    }
    if random.below(2) == 0 {
        for _ in 0..=random.below(3) {
            damage(random, &mut bytes);
        }
    }
    bytes.extend_from_slice(PROBE);
    let mut cuts: Vec<usize> = (0..random.below(5))
        .map(|_| random.below(bytes.len()))
        .collect();
    cuts.sort_unstable();
    Script { bytes, cuts }
}

fn request(random: &mut Random) -> String {
    let method = mostly(random, METHODS, ODD_METHODS, 40);
    let target = mostly(random, TARGETS, ODD_TARGETS, 12);
    let version = mostly(random, VERSIONS, ODD_VERSIONS, 40);
    let mut lines = Vec::new();
    if random.below(30) > 0 {
        lines.push(format!("Host: {}", mostly(random, HOSTS, ODD_HOSTS, 30)));
    }
    for _ in 0..random.below(4) {
        lines.push(mostly(random, LINES, ODD_LINES, 12).to_owned());
    }
    let body = match random.below(4) {
        0 => sized_body(random, &mut lines),
        1 => chunked_body(random, &mut lines),
        _ => String::new(),
    };
    let front = mostly(random, &[""], &["\r\n", "\r\n\r\n", "\n", "\r", " "], 25);
    let lines = lines.join("\r\n");
    let end = if lines.is_empty() { "" } else { "\r\n" };
    format!("{front}{method} {target} {version}\r\n{lines}{end}\r\n{body}")
}

fn sized_body(random: &mut Random, lines: &mut Vec<String>) -> String {
    let length = random.below(30);
    let odd = mostly(random, &[""], ODD_LENGTH_FRONTS, 12);
    lines.insert(
        random.below(lines.len() + 1),
        format!("Content-Length: {odd}{length}"),
    );
    "b".repeat(length)
}

fn chunked_body(random: &mut Random, lines: &mut Vec<String>) -> String {
    let name = mostly(random, &["Transfer-Encoding"], &["transfer-encoding"], 4);
    let coding = mostly(random, &["chunked"], &["Chunked", " chunked\t"], 6);
    lines.insert(random.below(lines.len() + 1), format!("{name}: {coding}"));
    let mut body = String::new();
    for _ in 0..random.below(4) {
        let length = 1 + random.below(20);
        let usual = mostly(random, &[""], SIZE_TAILS, 4);
        let tail = mostly(random, &[usual], ODD_SIZE_TAILS, 30);
        body += &format!("{length:x}{tail}\r\n{}\r\n", "c".repeat(length));
    }
    let trailer = mostly(random, &[""], TRAILERS, 5);
    let trailer = mostly(random, &[trailer], ODD_TRAILERS, 30);
    body + "0\r\n" + trailer + "\r\n"
}

/// Changes, removes, adds or repeats a few bytes somewhere.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(8)).min(bytes.len());
    let byte = BYTES[random.below(BYTES.len())];
    match random.below(5) {
        0 => bytes[at] = byte,
        1 => bytes.insert(at, byte),
        2 => drop(bytes.remove(at)),
        3 if bytes.len() > 20 => drop(bytes.drain(at..end)),
        _ => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
    }
}

/// Picks one of `usual`, and one in `rarity` times one of `odd`.
fn mostly<'a>(random: &mut Random, usual: &[&'a str], odd: &[&'a str], rarity: usize) -> &'a str {
    let choices = if random.below(rarity) == 0 {
        odd
    } else {
        usual
    };
    random.pick(choices)
}
