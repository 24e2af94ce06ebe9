//! The requests of the comparison with nginx, and the reasons of what differs.

use std::collections::BTreeMap;

/// When every file of the comparison was modified.
pub(crate) const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

/// One request of the comparison.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Header lines; `{etag}` stands for the server's own tag of the file, `{modified}` for its
    /// date.
    pub(crate) headers: String,
}

/// What is compared of an answer.
type Facts = BTreeMap<&'static str, String>;

/// A difference that is meant to be.
pub(crate) struct Difference {
    pub(crate) fields: &'static [&'static str],
    pub(crate) applies: fn(&Row, ours: &Facts, theirs: &Facts) -> bool,
    pub(crate) why: &'static str,
}

/// Everything that differs. Where the status does, what else differs follows from it.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.path == "/no-index/" && statuses(ours, theirs, 404, 403),
        why: "of a directory without an index there is nothing to send",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            let above = ["/..", "/%2e%2e", "/sub/../.."];
            above.iter().any(|dots| row.path.starts_with(dots)) && statuses(ours, theirs, 403, 400)
        },
        why: "a path above the root is well-formed, and forbidden",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            let dots = row.path.ends_with("/.") || row.path.ends_with("/..");
            dots && statuses(ours, theirs, 301, 200)
        },
        why: "relative links from dots at the end would lead elsewhere",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, _| row.path.contains("%2F") && ours["status"] == "404",
        why: "an encoded slash is no separator (RFC 3986 section 2.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, _| {
            row.method == "HEAD" && row.headers.contains("Range: ") && ours["status"] == "200"
        },
        why: "ranges are defined for GET only (RFC 9110 section 14.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            row.headers.contains("9999999999") && statuses(ours, theirs, 206, 416)
        },
        why: "a last position behind the end is the end, however large (RFC 9110 section 14.1.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.headers.contains(",,") && statuses(ours, theirs, 206, 416),
        why: "a list may have empty elements (RFC 9110 section 5.6.1.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            let malformed = ["=9-0", "=a-b"]
                .iter()
                .any(|range| row.headers.ends_with(range));
            malformed && statuses(ours, theirs, 200, 416)
        },
        why: "a malformed range is ignored: only one behind the end is 416 (RFC 9110 section 14.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.path == "/empty.bin" && statuses(ours, theirs, 416, 200),
        why: "every position lies behind the end of an empty file (RFC 9110 section 14.1.2)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            row.headers.contains("Accept-Encoding: gzip") && statuses(ours, theirs, 206, 200)
        },
        why: "a compressed form has a tag of its own, so ranges of it are safe",
    },
    Difference {
        fields: &["status", "vary"],
        applies: |row, ours, _| row.path == "/only.css" && ours["status"] == "404",
        why: "a compressed form alone is no file, whatever the client takes",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            row.headers.contains("Unmodified-Since: yesterday") && statuses(ours, theirs, 200, 412)
        },
        why: "a date that is malformed is ignored (RFC 9110 section 13.1.4)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            row.headers.starts_with("If-None-Match: {etag}\nIf-Mod")
                && statuses(ours, theirs, 304, 200)
        },
        why: "with If-None-Match, If-Modified-Since is ignored (RFC 9110 section 13.1.3)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| {
            row.headers.starts_with("If-Match: {etag}\nIf-Unm") && statuses(ours, theirs, 200, 412)
        },
        why: "with If-Match, If-Unmodified-Since is ignored (RFC 9110 section 13.1.4)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.method == "OPTIONS" && statuses(ours, theirs, 204, 405),
        why: "OPTIONS is answered (RFC 9110 section 9.3.7)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.path == "/missing" && statuses(ours, theirs, 405, 404),
        why: "a method that no file allows is refused before a file is looked for",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, theirs| row.method == "get" && statuses(ours, theirs, 501, 400),
        why: "a method in small letters is unknown, and no syntax error (RFC 9110 section 9.1)",
    },
    Difference {
        fields: &["status"],
        applies: |row, ours, _| row.method == "BREW" && ours["status"] == "501",
        why: "a method that is unknown is 501 (RFC 9110 section 15.6.2)",
    },
    Difference {
        fields: &["allow"],
        applies: |_, ours, theirs| ours["status"] == "405" && !theirs.contains_key("allow"),
        why: "405 says what is allowed (RFC 9110 section 15.5.6)",
    },
    Difference {
        fields: &["content-type"],
        applies: |row, ours, _| {
            row.path.ends_with(".gz") && ours["content-type"] == "application/gzip"
        },
        why: "gzip has a type (RFC 6713)",
    },
    Difference {
        fields: &["accept-ranges"],
        applies: |_, ours, theirs| {
            let described = ours["status"] == "206" || ours.contains_key("content-encoding");
            described && !theirs.contains_key("accept-ranges")
        },
        why: "nginx does not repeat it in 206, and has no ranges of compressed forms",
    },
    Difference {
        fields: &["vary"],
        applies: |row, ours, theirs| {
            let path = row.path.split('?').next().unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or_default();
            let compressing = [".html", ".css", ".json", ".txt", ".TXT"];
            let has_gzip = ["index.html", "style.css"];
            let compresses = compressing.iter().any(|end| name.ends_with(end));
            (compresses || path.starts_with("/directory"))
                && !has_gzip.contains(&name)
                && ours
                    .get("vary")
                    .is_some_and(|vary| vary == "Accept-Encoding")
                && !theirs.contains_key("vary")
        },
        why: "every type that compresses varies: a sibling is not looked for where the client \
              takes none, and nginx does not say it for brotli alone",
    },
    Difference {
        fields: &[
            "content-encoding",
            "content-length",
            "body",
            "accept-ranges",
        ],
        applies: |row, ours, theirs| {
            let coding = |facts: &Facts| facts.get("content-encoding").cloned().unwrap_or_default();
            let expected = match row.headers.strip_prefix("Accept-Encoding: ") {
                Some("gzip;q=1, br;q=0.5") => ["gzip", "br"],
                Some("gzip;q=0.5, identity") => ["", "gzip"],
                _ => return false,
            };
            [coding(ours), coding(theirs)] == expected
        },
        why: "the client's weights decide (RFC 9110 section 12.4.2)",
    },
    Difference {
        fields: &[
            "content-encoding",
            "content-length",
            "body",
            "accept-ranges",
        ],
        applies: |row, ours, theirs| {
            let value = row.headers.strip_prefix("Accept-Encoding: ");
            matches!(value, Some("*" | "x-gzip"))
                && ours.contains_key("content-encoding")
                && !theirs.contains_key("content-encoding")
        },
        why: "`*` is every coding, `x-gzip` is gzip (RFC 9110 sections 12.5.3 and 8.4.1.3)",
    },
];

fn statuses(ours: &Facts, theirs: &Facts, our: u16, their: u16) -> bool {
    ours["status"] == our.to_string() && theirs["status"] == their.to_string()
}

/// Paths and header lines that select a form of a file.
const PATHS: [&str; 44] = [
    "/",
    "/index.html",
    "/index.html.gz",
    "/index.html.br",
    "/plain.txt",
    "/style.css",
    "/data.json",
    "/picture.svg",
    "/photo.png",
    "/film.mp4",
    "/one.bin",
    "/empty.txt",
    "/empty.bin",
    "/no-extension",
    "/unknown.zzz",
    "/archive.tar.gz",
    "/UPPER.TXT",
    "/.hidden.txt",
    "/plain.txt?query=1",
    "/plain.txt?",
    "/plain.txt/",
    "/plain.txt/more",
    "/missing",
    "/missing/",
    "/missing/page.txt",
    "/sub",
    "/sub/",
    "/sub?query=1&b=/c",
    "/sub/deep",
    "/sub/deep/page.txt",
    "/no-index",
    "/no-index/",
    "/directory%20with%20spaces",
    "/directory%20with%20spaces/",
    "/name%20with%20spaces.txt",
    "/caf%C3%A9.txt",
    "/100%25.txt",
    "/a+b.txt",
    "/a%2Bb.txt",
    "/semi;colon.txt",
    "/what%3F.txt",
    "/hash%23.txt",
    "/back%5Cslash.txt",
    "/quote'.txt",
];

/// Paths that have to be brought into shape, or that are out of shape.
const SHAPES: [&str; 30] = [
    "//plain.txt",
    "/sub//deep///page.txt",
    "//sub",
    "///",
    "/./plain.txt",
    "/sub/../plain.txt",
    "/sub/deep/../../plain.txt",
    "/missing/../plain.txt",
    "/%2e/plain.txt",
    "/sub/%2e%2e/plain.txt",
    "/sub/deep/..",
    "/sub/.",
    "/sub/..",
    "/../plain.txt",
    "/%2e%2e/plain.txt",
    "/sub/../../plain.txt",
    "/%70lain.txt",
    "/sub%2Fdeep%2Fpage.txt",
    "/sub%2F",
    "/%2Fplain.txt",
    "/..%2Fplain.txt",
    "/plain%2",
    "/plain%zz",
    "/%",
    "/plain.txt%00",
    "/%FF",
    "/%C0%AE%C0%AE/plain.txt",
    "/back\\slash.txt",
    "/caf\u{e9}.txt",
    "http://other/sub/deep/page.txt",
];

const RANGES: [&str; 30] = [
    "bytes=0-0",
    "bytes=0-99",
    "bytes=100-199",
    "bytes=4999-4999",
    "bytes=4000-",
    "bytes=0-",
    "bytes=-1",
    "bytes=-5000",
    "bytes=-100000",
    "bytes=4999-100000",
    "bytes=0-4999",
    "bytes=0-99999999999999999999999",
    "bytes=5000-",
    "bytes=5000-6000",
    "bytes=-0",
    "bytes=0-9,20-29",
    "bytes=20-29,0-9",
    "bytes=0-9, 20-29 ,-5",
    "bytes=0-9,10-19",
    "bytes=0-9,6000-7000",
    "bytes=6000-7000,7000-",
    "bytes=0-,0-",
    "bytes=0-3000,2000-4999",
    "bytes=0-2000,1000-2000",
    "bytes=0-9,,20-29",
    "bytes=9-0",
    "bytes=a-b",
    "bytes=",
    "lines=0-9",
    "Bytes=0-9",
];

const CODINGS: [&str; 18] = [
    "gzip",
    "br",
    "gzip, br",
    "gzip, deflate, br",
    "deflate",
    "identity",
    "gzip;q=0",
    "gzip;q=0.5",
    "gzip; q=1.0, br;q=0",
    "gzip;q=1, br;q=0.5",
    "gzip;q=0.5, br;q=1",
    "br;q=0, gzip;q=0",
    "identity;q=0",
    "identity;q=0, gzip",
    "gzip;q=0.5, identity",
    "*",
    "*;q=0",
    "x-gzip",
];

const CONDITIONS: [&str; 24] = [
    "If-None-Match: {etag}",
    "If-None-Match: W/{etag}",
    "If-None-Match: \"other\"",
    "If-None-Match: \"other\", {etag}",
    "If-None-Match: *",
    "If-None-Match: other",
    "If-Match: {etag}",
    "If-Match: W/{etag}",
    "If-Match: \"other\"",
    "If-Match: \"other\", {etag}",
    "If-Match: *",
    "If-Modified-Since: {modified}",
    "If-Modified-Since: BEFORE",
    "If-Modified-Since: AFTER",
    "If-Modified-Since: yesterday",
    "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
    "If-Unmodified-Since: {modified}",
    "If-Unmodified-Since: BEFORE",
    "If-Unmodified-Since: AFTER",
    "If-Unmodified-Since: yesterday",
    "If-None-Match: \"other\"\nIf-Modified-Since: {modified}",
    "If-None-Match: {etag}\nIf-Modified-Since: BEFORE",
    "If-Match: {etag}\nIf-Unmodified-Since: BEFORE",
    "If-Match: \"other\"\nIf-None-Match: {etag}",
];

const IF_RANGES: [&str; 8] = [
    "{etag}",
    "W/{etag}",
    "\"other\"",
    "{modified}",
    "BEFORE",
    "AFTER",
    "yesterday",
    "*",
];

/// Returns every request: each with GET, and again with HEAD.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |path: &str, headers: &str| {
        for method in ["GET", "HEAD"] {
            rows.push(Row {
                method,
                path: path.to_owned(),
                headers: headers.replace("BEFORE", BEFORE).replace("AFTER", AFTER),
            });
        }
    };
    PATHS.iter().chain(&SHAPES).for_each(|path| add(path, ""));
    for range in RANGES {
        add("/photo.png", &format!("Range: {range}"));
    }
    for range in [
        "bytes=0-9",
        "bytes=-10",
        "bytes=0-9,20-29",
        "bytes=0-0",
        "bytes=1-",
    ] {
        add("/empty.bin", &format!("Range: {range}"));
        add("/one.bin", &format!("Range: {range}"));
        add("/missing", &format!("Range: {range}"));
        add(
            "/index.html",
            &format!("Range: {range}\nAccept-Encoding: gzip"),
        );
        add("/film.mp4", &format!("Range: {range}"));
    }
    for coding in CODINGS {
        for path in [
            "/index.html",
            "/style.css",
            "/data.json",
            "/plain.txt",
            "/photo.png",
        ] {
            add(path, &format!("Accept-Encoding: {coding}"));
        }
    }
    add("/only.css", "Accept-Encoding: gzip");
    add("/only.css", "Accept-Encoding: identity");
    add("/", "Accept-Encoding: gzip");
    add("/sub/", "Accept-Encoding: gzip");
    add("/index.html", "Accept-Encoding: br\nAccept-Encoding: gzip");
    for conditions in CONDITIONS {
        add("/photo.png", conditions);
        add(
            "/index.html",
            &format!("{conditions}\nAccept-Encoding: gzip"),
        );
    }
    for value in IF_RANGES {
        let headers = format!("If-Range: {value}\nRange: bytes=10-19");
        add("/photo.png", &headers);
        add("/index.html", &format!("{headers}\nAccept-Encoding: gzip"));
        add("/photo.png", &format!("{headers},30-39"));
        add(
            "/photo.png",
            &format!("If-Range: {value}\nRange: bytes=9000-"),
        );
    }
    add("/photo.png", "If-None-Match: {etag}\nRange: bytes=0-9");
    add("/photo.png", "If-Match: \"other\"\nRange: bytes=0-9");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "BREW"] {
        for path in ["/photo.png", "/missing", "/sub/"] {
            rows.push(Row {
                method,
                path: path.to_owned(),
                headers: "Content-Length: 0".to_owned(),
            });
        }
    }
    rows
}
