//! Variants of header lines: what they say about the framing, and what may hide that.

use super::variants::{CHUNKED, ODD, SIZED, Variants, every_byte, old};

/// What becomes of the connection, and what is to be removed.
const OPTIONS: &[&str] = &[
    "close",
    "Close",
    "keep-alive",
    "close, keep-alive",
    "Content-Length",
    "content-length, close",
    "close, Content-Length",
    "Transfer-Encoding",
    "close, transfer-encoding",
    "Host",
    "host, close",
    "\"close\"",
    "close;q=0",
    "close\0",
    "close\x0b",
    "clo se",
    ",close",
    "close,",
    ",",
    "",
    "TE",
    "x",
    "Content-Length-X",
    "X-Content-Length",
    "Upgrade",
    "Upgrade, HTTP2-Settings",
    "\u{a0}close",
    "close\r\n close",
    "close\rX: y",
    "keep-alive, Content-Length",
    "Expect",
    "*",
    "content-length\t",
];

const LENGTH_FRONTS: &[&str] = &[
    "",
    "+",
    "-",
    "--",
    "0x",
    "0X",
    "0",
    "00",
    "0b",
    "0o",
    "\t",
    "\x0b",
    "\x0c",
    "\0",
    "\x7f",
    "\u{a0}",
    "\u{c2}\u{a0}",
    "\u{85}",
    "\u{ef}\u{bb}\u{bf}",
    ",",
    ";",
    "\"",
    "'",
    "(",
    "3,",
    "3 ",
    "x",
    "=",
    ":",
    " :",
    "#",
    "$",
    "\\",
    "\r\n ",
    "\r\n\t",
    "\n",
    "\r",
    "\n ",
];

const LENGTH_TAILS: &[&str] = &[
    "", " ", "\t", "\x0b", "\x0c", "\0", "\x7f", "\u{a0}", "\u{85}", ",", ", 3", ",3", ",4", ", ",
    ";", "; 3", ";q=1", "\"", "'", ".", ".0", ",0", "e0", "E1", "h", "H", "L", "u", "_", "_0",
    " 3", " 0", "\r", "\n", "\r\n 0", "\r\n\t", "\r\r", "#", "/*", "%", "\\", "+", "-", "=3",
];

const NUMBERS: &[&str] = &[
    "127",
    "128",
    "255",
    "256",
    "32767",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "4294967299",
    "9223372036854775807",
    "9223372036854775808",
    "9223372036854775811",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551619",
    "36893488147419103235",
    "340282366920938463463374607431768211459",
    "99999999999999999999",
    "000000000000000000000000000003",
    "018446744073709551616",
    "03",
    "010",
    "3.",
    "3e",
    "0x3",
    "NaN",
    "inf",
    "true",
    "null",
    "1e3",
    "\u{d9}\u{a3}",
    "\u{b3}",
];

/// Lines that say something about the framing, rightly or not.
const FRAMING_LINES: &[&str] = &[
    "Content-Length: 3",
    "Content-Length: 13",
    "Content-Length: 0",
    "Content-Length: +3",
    "Content-Length:",
    "Content-Length: 3, 3",
    "content-length: 3",
    "Content_Length: 3",
    "Transfer-Encoding: chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding:",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Connection: Content-Length",
    "Connection: close, transfer-encoding",
    "Trailer: Content-Length",
    "TE: chunked",
    "X: y",
];

const CODINGS: &[&str] = &[
    "chunked",
    "Chunked",
    "CHUNKED",
    "cHuNkEd",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "chunked, chunked",
    "chunked,chunked",
    "chunked chunked",
    "chunked;",
    "chunked; q=1",
    "chunked;q=0.5",
    "chunked=1",
    "\"chunked\"",
    "'chunked'",
    "(chunked)",
    "[chunked]",
    "<chunked>",
    ",chunked",
    "chunked,",
    ", chunked",
    "chunked ,",
    ",,chunked,,",
    "chunke",
    "chunkedd",
    "xchunked",
    "chunkedx",
    "x-chunked",
    "chunked-x",
    "chunk",
    "chun ked",
    "chun\tked",
    "ch\0unked",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "gzip chunked",
    "deflate, chunked",
    "compress, chunked",
    "gzip, chunked, gzip, chunked",
    "gzip;q=1, chunked",
    "cow",
    "cow, chunked",
    "chunked, cow",
    "identity, identity",
    "",
    " ",
    ",",
    "*",
    "0",
    "chunked\r\n ",
    "\r\n chunked",
    "\r\n\tchunked",
    "\n chunked",
    "chunked\r\n , identity",
    "\rchunked",
    "chunked\r",
    "\nchunked",
    "chunked\n",
    "%63hunked",
    "\\chunked",
    "chunked\\",
    "chunked/1.1",
    "chunked, ",
    "chunked\t, \t",
    "\x0bchunked",
    "\u{ff}chunked",
    "\u{e7}hunked",
];

/// Every way to write a length.
pub(super) fn lengths(variants: &mut Variants) {
    for front in LENGTH_FRONTS {
        for tail in LENGTH_TAILS {
            variants.post("length", &format!("Content-Length: {front}3{tail}"), SIZED);
        }
    }
    for number in NUMBERS {
        variants.post("length limit", &format!("Content-Length: {number}"), SIZED);
    }
    for zeros in [10, 100, 1_000, 10_000] {
        let zeros = "0".repeat(zeros);
        variants.post("length limit", &format!("Content-Length: {zeros}3"), SIZED);
    }
    for byte in every_byte() {
        variants.post("length byte", &format!("Content-Length:{byte}3"), SIZED);
        variants.post("length byte", &format!("Content-Length: 3{byte}"), SIZED);
        variants.post("length byte", &format!("Content-Length: 0{byte}3"), SIZED);
    }
}

/// Every way to write a coding, alone, in front of a length and behind one.
pub(super) fn codings(variants: &mut Variants) {
    for coding in CODINGS {
        let line = format!("Transfer-Encoding: {coding}");
        variants.post("coding", &line, CHUNKED);
        variants.post("CL.TE", &format!("Content-Length: 13\r\n{line}"), CHUNKED);
        variants.post("TE.CL", &format!("{line}\r\nContent-Length: 3"), CHUNKED);
        let other = "Transfer-Encoding: chunked";
        variants.post("TE.TE", &format!("{other}\r\n{line}"), CHUNKED);
        variants.post("TE.TE", &format!("{line}\r\n{other}"), CHUNKED);
        variants.add("HTTP/1.0", &old(&line, CHUNKED));
    }
    for byte in every_byte() {
        for value in [
            format!("{byte}chunked"),
            format!("chunked{byte}"),
            format!("chun{byte}ked"),
        ] {
            variants.post(
                "coding byte",
                &format!("Transfer-Encoding:{value}"),
                CHUNKED,
            );
        }
    }
}

/// Every two lines about the framing, in both orders.
pub(super) fn pairs_of_lines(variants: &mut Variants) {
    for first in FRAMING_LINES {
        variants.post("one line", first, SIZED);
        variants.post("one line", first, CHUNKED);
        variants.add("HTTP/1.0", &old(first, SIZED));
        variants.add(
            "HTTP/1.0",
            &old(&format!("Connection: keep-alive\r\n{first}"), SIZED),
        );
        for second in FRAMING_LINES {
            let lines = format!("{first}\r\n{second}");
            variants.post("two lines", &lines, CHUNKED);
            if first != second {
                variants.post("two lines", &format!("{first}\r\nX: y\r\n{second}"), SIZED);
            }
        }
    }
}

/// Bytes within, in front of and behind the names that count.
pub(super) fn names(variants: &mut Variants) {
    for (name, value, body) in [
        ("Content-Length", "3", SIZED),
        ("Transfer-Encoding", "chunked", CHUNKED),
    ] {
        let (start, end) = name.split_at(name.find('-').unwrap());
        for byte in ODD.chars() {
            for line in [
                format!("{byte}{name}: {value}"),
                format!("{name}{byte}: {value}"),
                format!("{start}{byte}{end}: {value}"),
                format!("{name}:{byte}{value}"),
                format!("{name}: {value}{byte}"),
                format!("X: y{byte}{name}: {value}"),
                format!("X: y\r\n{byte}\r\n{name}: {value}"),
            ] {
                variants.post("name byte", &line, body);
                let other = format!("Content-Length: 5\r\n{line}");
                variants.post("name byte and length", &other, body);
            }
        }
        for fold in [" ", "\t", "  ", " \t", "\x0b", "\u{a0}"] {
            for line in [
                format!("{name}:\r\n{fold}{value}"),
                format!("{name}: {value}\r\n{fold}0"),
                format!("{name}: {value}\r\n{fold}"),
                format!("X: y\r\n{fold}{name}: {value}"),
                format!("X:\r\n{fold}{name}: {value}"),
                format!("{fold}{name}: {value}"),
                format!("{name}{fold}: {value}"),
                format!("{name}\r\n{fold}: {value}"),
            ] {
                variants.post("fold", &line, body);
            }
        }
    }
    for byte in every_byte() {
        variants.post("any name", &format!("X{byte}Y: z"), "");
        variants.post("any name", &format!("{byte}: z"), "");
    }
}

/// Bytes within, in front of and behind a value that does not count.
pub(super) fn values(variants: &mut Variants) {
    for byte in every_byte() {
        variants.post("any value", &format!("X:{byte}y"), "");
        variants.post("any value", &format!("X: y{byte}"), "");
        let hidden = format!("X: y{byte}Content-Length: 3");
        variants.post("any value", &hidden, "");
        let hidden = format!("X: y{byte}\r\nContent-Length: 3");
        variants.post("any value", &hidden, SIZED);
    }
}

/// What becomes of the connection, and what is to be removed from the request.
pub(super) fn connections(variants: &mut Variants) {
    for options in OPTIONS {
        for (framing, body) in [
            ("Content-Length: 3", SIZED),
            ("Transfer-Encoding: chunked", CHUNKED),
            ("X: y", ""),
        ] {
            let line = format!("Connection: {options}");
            variants.post("connection", &format!("{line}\r\n{framing}"), body);
            variants.post("connection", &format!("{framing}\r\n{line}"), body);
            variants.add("HTTP/1.0", &old(&format!("{line}\r\n{framing}"), body));
        }
    }
    for name in [
        "Proxy-Connection",
        "Keep-Alive",
        "Upgrade",
        "HTTP2-Settings",
        "Connection-X",
    ] {
        let lines = format!("{name}: close\r\nContent-Length: 3");
        variants.post("connection", &lines, SIZED);
    }
}
