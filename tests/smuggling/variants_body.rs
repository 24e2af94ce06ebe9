//! Variants of bodies, of what announces them, and of what follows them.

use super::variants::{CHUNKED, LINE_ENDS, ODD, SIZED, SMUGGLED, Variants, every_byte, post};

/// Sizes of a chunk of three bytes, and what is none.
const SIZES: &[&str] = &[
    "3",
    "03",
    "0003",
    "000000000000003",
    "0000000000000003",
    "00000000000000003",
    "+3",
    "-3",
    "0x3",
    "0X3",
    "x3",
    "3h",
    "3L",
    "3.0",
    "3,",
    "3,3",
    "3 3",
    "\"3\"",
    "'3'",
    "\\3",
    "%33",
    "3e0",
    "",
    " ",
    "\t",
    "-0",
    "+0",
    "0x0",
    "-1",
    "g",
    "a(",
    "3\0",
    "\0",
    "7fffffff",
    "80000000",
    "ffffffff",
    "100000003",
    "7fffffffffffffff",
    "8000000000000000",
    "fffffffffffffffd",
    "ffffffffffffffff",
    "10000000000000000",
    "10000000000000003",
    "ffffffffffffffff3",
    "fffffffffffffffff",
    "3_0",
    "0_3",
    "３",
    "\u{b3}",
    "3;",
    "3 ;",
    "3\t;",
    "3  ",
    "3#",
    "3/*",
    "3//",
    "(3)",
    "[3]",
    "3=",
    "3:",
];

/// What follows a size, in the grammar and out of it.
const EXTENSIONS: &[&str] = &[
    ";a",
    ";a=b",
    ";a=\"b\"",
    ";a=\"\"",
    ";a=\"b;c\"",
    ";a=\"b\\\"c\"",
    ";a=\"\\\\\"",
    ";a;b;c=d",
    " ;a",
    "\t;\ta\t=\tb",
    ";a = b",
    ";a= \"b\" ;c",
    ";",
    ";;",
    ";;a",
    ";a;",
    ";a=",
    ";=b",
    ";=",
    ";a==b",
    ";a=b=c",
    ";a b",
    ";a=b c",
    ";a=b ",
    ";a ",
    ";a=\"b",
    ";a=\"b\\\"",
    ";a=b\"",
    ";a=\"b\"c",
    ";a=\"\0\"",
    ";\"a\"",
    ";\"a\"=b",
    ";'a'",
    ";a='b'",
    ";a='b c'",
    ";(a)",
    ";a=(b)",
    ";a,b",
    ";a=b,c",
    ";a:b",
    ";a/b",
    ";a=b\"c\"",
    ";a=\"\u{e9}\"",
    ";\u{e9}",
    ";a=\u{e9}",
    ";a=\"\\\u{e9}\"",
    ";a=\"\\",
    ";a=\"\r\"",
    ";a=\"\n\"",
    ";a=\"\r\n\"",
    ";\r",
    ";\n",
    ";\0",
    ";a\rb",
    ";a\nb",
    ";a\r\r",
    " a",
    " 3",
    "\t3",
    " =a",
    "=a",
    ",a",
    ";3",
    ";\r\n",
    "; \r\n ",
    ";a\r\n b",
    ";a\\",
    ";a=\\\"",
    ";\x0ba",
    ";a\x0c",
    ";a\u{85}",
];

/// Trailers, and what is none.
const TRAILERS: &[&str] = &[
    "X: y",
    "X:",
    "X: y\r\nZ: w",
    "Content-Length: 3",
    "Content-Length: 99",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Host: other",
    "Connection: close",
    "Expect: 100-continue",
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "X",
    "X y",
    ": y",
    "X : y",
    " X: y",
    "\tX: y",
    "X: y\r\n z",
    "X: y\n",
    "X: y\r",
    "X: y\rZ: w",
    "X: y\nZ: w",
    "GET /smuggled HTTP/1.1",
    "GET /smuggled HTTP/1.1\r\nHost: smuggled",
    "0",
    "3\r\na(c",
    "X: \0",
    "X\0: y",
    "\u{e9}: y",
    "X: \u{e9}",
    "X\r\n: y",
    "\r",
    "\n",
    "X: y\r\n\n",
    "X: y\n\r\n",
    ":",
    "X:\x0by",
    "X\x0b: y",
    "Trailer: X",
];

/// What a client says that it waits for.
const EXPECTATIONS: &[&str] = &[
    "100-continue",
    "100-Continue",
    "",
    ",",
    "100-continue, 100-continue",
    ", 100-continue",
    "100-continue,",
    "100-continue, x",
    "x, 100-continue",
    "x",
    "100",
    "100-continue;q=1",
    "100-continue x",
    "y 100-continue",
    "\"100-continue\"",
    "100-continue=1",
    "200-ok",
    "100continue",
    "100-continue\0",
    "100-continue\x0b",
    "\r\n 100-continue",
    "100-continue\r\n ",
    "\x0b100-continue",
    "\u{a0}100-continue",
];

/// What may stand between two requests.
const BETWEEN: &[&str] = &[
    "",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\0",
    "\r\n ",
    "0\r\n\r\n",
    "X: y\r\n",
    "\r\n\n",
    "x",
];

const CODED: &str = "Transfer-Encoding: chunked";

/// Whole attacks, in which one reader finds a request that another takes for a body.
pub(super) fn attacks(variants: &mut Variants) {
    let smuggled = SMUGGLED.len();
    let chunk = format!("{smuggled:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    for length in [
        0,
        3,
        4,
        5,
        6,
        smuggled,
        smuggled + 5,
        chunk.len(),
        chunk.len() + 1,
    ] {
        for lines in [
            format!("Content-Length: {length}\r\n{CODED}"),
            format!("{CODED}\r\nContent-Length: {length}"),
            format!("Content-Length: {length}\r\n{CODED}\r\nContent-Length: 0"),
            format!("Content-Length: {length}\r\nTransfer-Encoding : chunked"),
            format!("Content-Length: {length}\r\nTransfer-Encoding:\x0bchunked"),
            format!("Content-Length: {length}\r\nX: y\nTransfer-Encoding: chunked"),
            format!("Content-Length: {length}\r\nX: y\rTransfer-Encoding: chunked"),
        ] {
            variants.post("CL.TE", &lines, &format!("0\r\n\r\n{SMUGGLED}"));
            variants.post("TE.CL", &lines, &chunk);
        }
    }
    // Data that looks like requests and like chunks is data.
    let sized = format!("Content-Length: {smuggled}");
    variants.post("CL.0", &sized, SMUGGLED);
    variants.post("data", CODED, &chunk);
    variants.post("data", CODED, &format!("5\r\n0\r\n\r\n\r\n{chunk}"));
    variants.post("data", "Content-Length: 5", "0\r\n\r\n");
    variants.post("data", "Content-Length: 4", "\r\n\r\n");
    variants.post("data", "Content-Length: 1", "\n");
    variants.post("0.CL", "Content-Length: 0", "");
    variants.post("0.CL", "X: y", "");
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
        let head = format!("{method} /?first HTTP/1.1\r\nHost: first\r\n");
        variants.add("CL.0", &format!("{head}{sized}\r\n\r\n{SMUGGLED}"));
        variants.add("CL.0", &format!("{head}{CODED}\r\n\r\n{chunk}"));
        variants.add("0.CL", &format!("{head}Content-Length: 0\r\n\r\n"));
        variants.add("0.CL", &format!("{head}{CODED}\r\n\r\n0\r\n\r\n"));
    }
}

/// The sizes of chunks.
pub(super) fn sizes(variants: &mut Variants) {
    for size in SIZES {
        // What is not in Latin-1 is sent as its UTF-8.
        let size: String = size.bytes().map(char::from).collect();
        let chunk = format!("{size}\r\na(c\r\n0\r\n\r\n");
        variants.post("size", CODED, &chunk);
        variants.post("size", CODED, &format!("1\r\n(\r\n{chunk}"));
        variants.post("size", CODED, &format!("3\r\na(c\r\n{size}\r\n\r\n"));
    }
    for byte in every_byte() {
        for chunk in [format!("{byte}3"), format!("3{byte}"), format!("0{byte}3")] {
            variants.post("size byte", CODED, &format!("{chunk}\r\na(c\r\n0\r\n\r\n"));
        }
        variants.post("size byte", CODED, &format!("3\r\na(c\r\n0{byte}\r\n\r\n"));
        variants.post("size byte", CODED, &format!("3\r\na(c{byte}0\r\n\r\n"));
        variants.post("size byte", CODED, &format!("3\r\na(c\r\n{byte}0\r\n\r\n"));
    }
    for size in ["2", "4", "1", "5", "8", "a", "d", "e", "10"] {
        let chunk = format!("{size}\r\na(c\r\n0\r\n\r\n");
        variants.post("size that does not fit", CODED, &chunk);
    }
}

/// What follows a size.
pub(super) fn extensions(variants: &mut Variants) {
    for extension in EXTENSIONS {
        variants.post(
            "extension",
            CODED,
            &format!("3{extension}\r\na(c\r\n0\r\n\r\n"),
        );
        variants.post(
            "extension",
            CODED,
            &format!("3\r\na(c\r\n0{extension}\r\n\r\n"),
        );
        let hidden = format!("3{extension}\r\na(c\r\n0\r\n\r\n{SMUGGLED}");
        variants.post("extension and a request", CODED, &hidden);
    }
    for byte in every_byte() {
        for extension in [
            format!(";{byte}"),
            format!(";a{byte}b"),
            format!(";a=b{byte}"),
            format!(";a=\"{byte}\""),
            format!(";a=\"\\{byte}\""),
            format!(";a=\"b\"{byte}"),
        ] {
            let body = format!("3{extension}\r\na(c\r\n0\r\n\r\n");
            variants.post("extension byte", CODED, &body);
        }
    }
    for length in [100, 1_000, 16_000, 17_000, 40_000] {
        let long = "e".repeat(length);
        variants.post(
            "extension limit",
            CODED,
            &format!("3;{long}\r\na(c\r\n0\r\n\r\n"),
        );
    }
}

/// Other line ends than CRLF, at every place in a chunked body.
pub(super) fn line_ends(variants: &mut Variants) {
    for body in [CHUNKED, "1;a\r\n(\r\n3\r\na(c\r\n0\r\nX: y\r\n\r\n"] {
        let places: Vec<usize> = body.match_indices("\r\n").map(|(at, _)| at).collect();
        for end in LINE_ENDS {
            for at in &places {
                let (before, behind) = (&body[..*at], &body[at + 2..]);
                variants.post("chunk line end", CODED, &format!("{before}{end}{behind}"));
                let hidden = format!("{before}{end}{behind}{SMUGGLED}");
                variants.post("chunk line end and a request", CODED, &hidden);
            }
            variants.post("chunk line end", CODED, &body.replace("\r\n", end));
        }
        // The end of the body is missing, and the next request is in its place.
        for at in 0..body.len() {
            variants.post("cut body", CODED, &body[..at]);
        }
    }
    for at in 0..SIZED.len() {
        variants.post("cut body", "Content-Length: 3", &SIZED[..at]);
    }
    let long = post("Content-Length: 3", "");
    for at in 0..long.len() {
        variants.add("cut head", &long[..at]);
    }
}

/// Trailers, some of which say what they must not.
pub(super) fn trailers(variants: &mut Variants) {
    for trailer in TRAILERS {
        variants.post(
            "trailer",
            CODED,
            &format!("3\r\na(c\r\n0\r\n{trailer}\r\n\r\n"),
        );
        variants.post(
            "trailer",
            CODED,
            &format!("0\r\n{trailer}\r\n\r\n{SMUGGLED}"),
        );
        let announced = format!("{CODED}\r\nTrailer: X, Content-Length");
        variants.post("trailer", &announced, &format!("0\r\n{trailer}\r\n\r\n"));
    }
    for byte in every_byte() {
        variants.post("trailer byte", CODED, &format!("0\r\nX{byte}Y: z\r\n\r\n"));
        variants.post("trailer byte", CODED, &format!("0\r\nX: y{byte}\r\n\r\n"));
        variants.post("trailer byte", CODED, &format!("0\r\n{byte}X: y\r\n\r\n"));
    }
    for length in [1_000, 4_000, 5_000, 20_000] {
        let long = "y".repeat(length);
        variants.post("trailer limit", CODED, &format!("0\r\nX: {long}\r\n\r\n"));
    }
}

/// Methods, and what overrides them, with every framing.
pub(super) fn methods(variants: &mut Variants) {
    let framings = [
        ("Content-Length: 3", SIZED),
        (CODED, CHUNKED),
        ("Content-Length: 0", ""),
        ("X: y", ""),
        ("Content-Length: 13\r\nTransfer-Encoding: chunked", CHUNKED),
    ];
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get",
        "Post", "M-X", "PROPFIND", "PRI", "PURGE", "!", "GET/", "GET:", "\"GET\"",
    ] {
        for (lines, body) in framings {
            for version in ["HTTP/1.1", "HTTP/1.0"] {
                let head = format!("{method} /?first {version}\r\nHost: first\r\n{lines}\r\n\r\n");
                variants.add("method", &format!("{head}{body}"));
            }
        }
    }
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        for method in ["GET", "HEAD", "DELETE", "CONNECT"] {
            for (lines, body) in framings {
                let lines = format!("{name}: {method}\r\n{lines}");
                variants.post("method override", &lines, body);
            }
        }
    }
}

/// What a client waits for.
pub(super) fn expectations(variants: &mut Variants) {
    for value in EXPECTATIONS {
        for (lines, body) in [
            ("Content-Length: 3", SIZED),
            (CODED, CHUNKED),
            ("Content-Length: 0", ""),
            ("X: y", ""),
        ] {
            let line = format!("Expect: {value}\r\n{lines}");
            variants.post("expect", &line, body);
            variants.add(
                "expect",
                &format!("GET / HTTP/1.1\r\nHost: first\r\n{line}\r\n\r\n{body}"),
            );
            let old = format!("POST /?first HTTP/1.0\r\nHost: first\r\n{line}\r\n\r\n{body}");
            variants.add("expect", &old);
        }
    }
    for byte in ODD.chars() {
        let lines = format!("Expect{byte}: 100-continue\r\nContent-Length: 3");
        variants.post("expect", &lines, SIZED);
    }
}

/// What is right behind a body.
pub(super) fn pipelines(variants: &mut Variants) {
    for (lines, body) in [("Content-Length: 3", SIZED), (CODED, CHUNKED), ("X: y", "")] {
        let whole = post(lines, body);
        for between in BETWEEN {
            variants.add("between", &format!("{whole}{between}"));
            variants.add("between", &format!("{whole}{between}{SMUGGLED}"));
            variants.add("between", &format!("{whole}{between}{whole}{between}"));
        }
        for method in ["GET", "HEAD"] {
            let empty = format!("{method} / HTTP/1.1\r\nHost: first\r\n\r\n");
            variants.add("between", &format!("{empty}{whole}{empty}"));
        }
    }
}
