//! The built-in handler: directories, compressed forms, and what the operator can choose.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

/// Starts the handler on a small site, with further flags.
fn site(flags: &[&str]) -> (Scratch, TestServer) {
    let scratch = Scratch::new();
    scratch.write("index.html", "the root\n");
    scratch.write("sub/index.html", "below\n");
    scratch.write("files/b.txt", "b\n");
    scratch.write("files/a.txt", "a\n");
    scratch.write("files/inner/page.txt", "a page\n");
    let server = TestServer::start_built_in(&[&["--root", scratch.text()], flags].concat());
    (scratch, server)
}

#[test]
fn the_index_stands_for_its_directory() {
    let (_scratch, server) = site(&[]);
    let mut client = server.connect();
    for (path, expected) in [
        ("/", "the root\n"),
        ("/?a=b", "the root\n"),
        ("/sub/", "below\n"),
    ] {
        let response = client.get(path);
        assert_eq!(
            (response.status, response.text()),
            (200, expected),
            "{path}"
        );
        assert_eq!(
            response.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    assert_eq!(client.get("/files/").status, 404);
}

#[test]
fn a_directory_without_its_slash_is_redirected_on_the_same_host() {
    let (scratch, server) = site(&[]);
    scratch.write("with space/index.html", "");
    scratch.write("\\back/index.html", "");
    scratch.write("example.com/sub/index.html", "");
    scratch.write("\\example.com/sub/index.html", "");
    let mut client = server.connect();
    for (path, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=b&c=/d", "/sub/?a=b&c=/d"),
        ("/sub?", "/sub/?"),
        ("/sub?<%41>", "/sub/?%3C%41%3E"),
        ("/files/inner", "/files/inner/"),
        ("/with%20space", "/with%20space/"),
        ("/files/../sub", "/sub/"),
        ("//sub", "/sub/"),
        ("///sub", "/sub/"),
        ("/\\back", "/%5Cback/"),
        ("http://other//sub?a", "/sub/?a"),
        ("//example.com/sub", "/example.com/sub/"),
        ("/.//example.com/sub", "/example.com/sub/"),
        ("/\\example.com/sub", "/%5Cexample.com/sub/"),
        ("/sub/.", "/sub/"),
        ("/sub/missing/..?a", "/sub/?a"),
        ("/sub/..", "/"),
        ("//example.com/..", "/"),
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 301, "{path}");
        assert_eq!(response.header("location"), Some(location), "{path}");
        assert_eq!(response.text(), "moved permanently\n");
    }
    assert_eq!(client.get("/files/.").status, 404);
}

#[test]
fn curl_follows_a_redirect_to_the_index() {
    let (_scratch, server) = site(&[]);
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    assert_eq!(
        curl.run_text(&["-sSL", "--fail", &server.url("/sub?a")]),
        "below\n"
    );
}

#[test]
fn an_index_that_is_a_directory_is_none() {
    let scratch = Scratch::new();
    scratch.write("index.html/page.txt", "a page\n");
    for flags in [&[][..], &["--spa"]] {
        let flags = [&["--root", scratch.text()], flags].concat();
        let server = TestServer::start_built_in(&flags);
        assert_eq!(server.connect().get("/").status, 404, "{flags:?}");
        assert_eq!(server.connect().get("/missing").status, 404, "{flags:?}");
    }
}

/// Starts the handler on files that have compressed forms; the content says which form it is.
fn compressed() -> (Scratch, TestServer) {
    let scratch = Scratch::new();
    for (name, content) in [
        ("page.html", "plain html\n"),
        ("page.html.br", "brotli html!\n"),
        ("page.html.gz", "gzip html!!!\n"),
        ("style.css", "plain css\n"),
        ("style.css.gz", "gzip css!!\n"),
        ("alone.txt", "plain text\n"),
        ("photo.png", "plain png\n"),
        ("photo.png.gz", "gzip png!!\n"),
        ("directory.txt", "plain text\n"),
        (
            "directory.txt.br/file",
            "a directory where a form could be\n",
        ),
    ] {
        scratch.write(name, content);
    }
    symlink("/etc/hostname", scratch.path().join("alone.txt.gz")).unwrap();
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    (scratch, server)
}

#[test]
fn the_form_that_the_client_likes_best_is_sent() {
    let (_scratch, server) = compressed();
    let mut client = server.connect();
    for (path, accept, expected, coding) in [
        (
            "/page.html",
            "gzip, deflate, br",
            "brotli html!\n",
            Some("br"),
        ),
        ("/page.html", "gzip", "gzip html!!!\n", Some("gzip")),
        (
            "/page.html",
            "br;q=0.5, gzip",
            "gzip html!!!\n",
            Some("gzip"),
        ),
        (
            "/page.html",
            "br;q=0, gzip;q=0.1",
            "gzip html!!!\n",
            Some("gzip"),
        ),
        ("/page.html", "*", "brotli html!\n", Some("br")),
        ("/page.html", "*, br;q=0", "gzip html!!!\n", Some("gzip")),
        (
            "/page.html",
            "identity;q=0, gzip",
            "gzip html!!!\n",
            Some("gzip"),
        ),
        ("/page.html", "identity, gzip;q=0.5", "plain html\n", None),
        ("/page.html", "deflate, zstd", "plain html\n", None),
        ("/page.html", "gzip;q=0", "plain html\n", None),
        ("/page.html", "identity;q=0", "plain html\n", None),
        ("/style.css", "br", "plain css\n", None),
        ("/style.css", "br, gzip", "gzip css!!\n", Some("gzip")),
        ("/alone.txt", "br, gzip", "plain text\n", None),
        ("/directory.txt", "br, gzip", "plain text\n", None),
        ("/photo.png", "br, gzip", "plain png\n", None),
    ] {
        let response = client.ask("GET", path, &[&format!("Accept-Encoding: {accept}")]);
        assert_eq!(response.text(), expected, "{path} {accept}");
        assert_eq!(
            response.header("content-encoding"),
            coding,
            "{path} {accept}"
        );
    }
}

#[test]
fn a_compressed_form_of_nothing_is_nothing() {
    let (scratch, server) = compressed();
    scratch.write("only.css.gz", "gzip css!!\n");
    scratch.write("folder.css.gz", "gzip css!!\n");
    scratch.write("folder.css/index.html", "below\n");
    let mut client = server.connect();
    for accept in ["gzip", "identity"] {
        let header = format!("Accept-Encoding: {accept}");
        let mut status = |path| client.ask("GET", path, &[&header]).status;
        assert_eq!(status("/only.css"), 404, "{accept}");
        assert_eq!(status("/only.css.gz"), 200, "{accept}");
        assert_eq!(status("/folder.css"), 301, "{accept}");
    }
}

#[test]
fn every_form_has_a_tag_of_its_own_and_the_type_of_the_content() {
    let (_scratch, server) = compressed();
    let mut client = server.connect();
    let mut tags = Vec::new();
    for accept in ["identity", "gzip", "br"] {
        let header = format!("Accept-Encoding: {accept}");
        let response = client.ask("GET", "/page.html", &[&header]);
        assert_eq!(
            response.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(response.header("vary"), Some("Accept-Encoding"));
        let tag = response.header("etag").unwrap().to_owned();
        let condition = format!("If-None-Match: {tag}");
        assert_eq!(
            client
                .ask("GET", "/page.html", &[&header, &condition])
                .status,
            304
        );
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3);
    assert_eq!(client.get("/photo.png").header("vary"), None);
}

#[test]
fn ranges_are_those_of_the_form_that_is_sent() {
    let (_scratch, server) = compressed();
    let headers = ["Accept-Encoding: gzip", "Range: bytes=5-8"];
    let response = server.connect().ask("GET", "/page.html", &headers);
    assert_eq!((response.status, response.text()), (206, "html"));
    assert_eq!(response.header("content-range"), Some("bytes 5-8/13"));
    assert_eq!(response.header("content-encoding"), Some("gzip"));
}

#[test]
fn several_ranges_of_a_compressed_form_are_answered_with_all_of_it() {
    let (_scratch, server) = compressed();
    let mut client = server.connect();
    let mut ask = |range: &str| {
        let headers = ["Accept-Encoding: gzip", &format!("Range: bytes={range}")];
        client.ask("GET", "/page.html", &headers)
    };
    let response = ask("0-3,5-8");
    assert_eq!((response.status, response.text()), (200, "gzip html!!!\n"));
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    assert_eq!(ask("20-,5-8").text(), "html");
    assert_eq!(ask("20-,30-").status, 416);
}

#[test]
fn curl_unpacks_what_gzip_packed() {
    let (Some(curl), Some(_)) = (Tool::find("curl"), Tool::find("gzip")) else {
        return;
    };
    let scratch = Scratch::new();
    let text: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
    let path = scratch.write("page.html", &text);
    let status = Command::new("gzip")
        .arg("-k")
        .arg(path)
        .stdin(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let server = TestServer::start_built_in(&["--root", scratch.text()]);
    let url = server.url("/page.html");
    let output = curl.run_text(&["-sS", "--compressed", "-w", "%{size_download}", &url]);
    let size: usize = output.strip_prefix(&*text).unwrap().parse().unwrap();
    assert!(size < text.len() / 2, "{size}");
    let parts = ["-sS", "--fail", "--compressed", "-r", "0-3,5-9", &url];
    assert_eq!(curl.run_text(&parts), text);
}

#[test]
fn a_listing_shows_directories_first_in_order_with_links_that_work() {
    let (scratch, server) = site(&["--list"]);
    for name in [
        "<b>&\"'.txt",
        "a b%20.txt",
        "caf\u{e9}.txt",
        "javascript:x",
        ".hidden",
    ] {
        scratch.write(&format!("files/{name}"), name);
    }
    symlink("a.txt", scratch.path().join("files/link")).unwrap();
    let mut client = server.connect();
    let response = client.get("/files/");
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = response.text();
    let links: Vec<(&str, &str)> = page
        .split("<a href=\"")
        .skip(1)
        .map(|link| {
            link.split_once("</a>")
                .unwrap()
                .0
                .split_once("\">")
                .unwrap()
        })
        .collect();
    assert_eq!(
        links,
        [
            ("../", "../"),
            ("inner/", "inner/"),
            ("%3Cb%3E%26%22%27.txt", "&lt;b&gt;&amp;&quot;&#39;.txt"),
            ("a%20b%2520.txt", "a b%20.txt"),
            ("a.txt", "a.txt"),
            ("b.txt", "b.txt"),
            ("caf%C3%A9.txt", "caf\u{e9}.txt"),
            ("javascript%3Ax", "javascript:x"),
            ("link", "link"),
        ]
    );
    for (href, _) in &links[1..] {
        let status = client.get(&format!("/files/{href}")).status;
        assert_eq!(status, 200, "{href}");
    }
    let title = "<title>Index of /files</title>";
    assert!(page.contains(title), "{page}");
}

#[test]
fn a_listing_takes_no_place_of_an_index_and_needs_the_flag() {
    let (_scratch, server) = site(&["--list"]);
    assert_eq!(server.connect().get("/sub/").text(), "below\n");
    assert_eq!(server.connect().get("/missing/").status, 404);
    assert_eq!(server.connect().get("/files").status, 301);
    let (_scratch, server) = site(&[]);
    assert_eq!(server.connect().get("/files/").status, 404);
}

#[test]
fn a_listing_exists_and_has_neither_tag_nor_date() {
    let (_scratch, server) = site(&["--list", "--cache-control", "no-cache"]);
    let mut client = server.connect();
    for (condition, status) in [
        ("If-Match: *", 200),
        ("If-Match: \"x\"", 412),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"x\"", 200),
        ("If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT", 200),
        ("If-Unmodified-Since: Mon, 01 Jan 1900 00:00:00 GMT", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let response = client.ask(method, "/files/", &[condition]);
            assert_eq!(response.status, status, "{condition}");
            let kept = (status != 412).then_some("no-cache");
            assert_eq!(response.header("cache-control"), kept);
        }
    }
}

#[test]
fn the_root_can_be_listed_and_has_no_way_up() {
    let scratch = Scratch::new();
    scratch.write("a.txt", "");
    let server = TestServer::start_built_in(&["--root", scratch.text(), "--list"]);
    let mut client = server.connect();
    let response = client.get("/");
    let page = response.text().to_owned();
    assert!(page.contains("<title>Index of /</title>"), "{page}");
    assert!(
        page.contains("<a href=\"a.txt\">") && !page.contains("../"),
        "{page}"
    );
    let head = client.ask("HEAD", "/", &[]);
    assert_eq!(
        head.header("content-length"),
        Some(&*page.len().to_string())
    );
}

/// Takes more than a second: it makes more than ten thousand files.
#[test]
fn a_listing_is_bounded_and_says_so() {
    let scratch = Scratch::new();
    for number in 0..10_001 {
        scratch.write(&format!("{number:05}"), "");
    }
    let server = TestServer::start_built_in(&["--root", scratch.text(), "--list"]);
    let response = server.connect().get("/");
    let page = response.text();
    assert_eq!(page.matches("<li>").count(), 10_000);
    assert!(page.contains("no more than 10000 entries are read"));
    fs::remove_file(scratch.path().join("00000")).unwrap();
    let page = server.connect().get("/").text().to_owned();
    assert_eq!(page.matches("<li>").count(), 10_000);
    assert!(!page.contains("There is more"));
}

#[test]
fn a_single_page_app_answers_unknown_paths_with_its_index() {
    let (_scratch, server) = site(&["--spa"]);
    let mut client = server.connect();
    for path in [
        "/missing",
        "/users/1",
        "/users/",
        "/files/",
        "/files/missing.js",
    ] {
        let response = client.get(path);
        assert_eq!(
            (response.status, response.text()),
            (200, "the root\n"),
            "{path}"
        );
        assert_eq!(
            response.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    assert_eq!(client.get("/files/a.txt").text(), "a\n");
    assert_eq!(client.get("/sub/").text(), "below\n");
    assert_eq!(client.get("/sub").status, 301);
    assert_eq!(client.ask("HEAD", "/missing", &[]).status, 200);
    assert_eq!(client.ask("POST", "/missing", &[]).status, 405);
    assert_eq!(client.get("/%").status, 400);
    assert_eq!(client.get("/..").status, 403);
}

#[test]
fn cache_control_comes_with_what_may_be_kept_and_with_nothing_else() {
    let (_scratch, server) = site(&["--cache-control", "public, max-age=60"]);
    let mut client = server.connect();
    let etag = client.get("/").header("etag").unwrap().to_owned();
    let condition = format!("If-None-Match: {etag}");
    for (path, header, status) in [
        ("/", "Accept: */*", 200),
        ("/", "Range: bytes=0-0", 206),
        ("/", &*condition, 304),
    ] {
        let response = client.ask("GET", path, &[header]);
        assert_eq!(response.status, status);
        assert_eq!(response.header("cache-control"), Some("public, max-age=60"));
    }
    for (path, header, status) in [
        ("/missing", "Accept: */*", 404),
        ("/sub", "Accept: */*", 301),
        ("/", "Range: bytes=100-", 416),
    ] {
        let response = client.ask("GET", path, &[header]);
        assert_eq!(
            (response.status, response.header("cache-control")),
            (status, None)
        );
    }
}

#[test]
fn without_a_root_a_welcome_says_what_to_type_next() {
    let server = TestServer::start_built_in(&[]);
    let mut client = server.connect();
    let text = client.ask("GET", "/", &["Accept: */*"]);
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let page = client.ask(
        "GET",
        "/",
        &["Accept: text/html,application/xhtml+xml,*/*;q=0.8"],
    );
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let refused = client.ask("GET", "/", &["Accept: text/html;q=0.0, text/plain"]);
    assert_eq!(refused.text(), text.text());
    for response in [&text, &page] {
        assert_eq!(
            (response.status, response.header("vary")),
            (200, Some("Accept"))
        );
        for command in [
            "sockeye serve --root DIR",
            "sockeye serve handler.wasm",
            "sockeye --help",
            "sockeye wit",
        ] {
            assert!(response.text().contains(command), "{command}");
        }
    }
    assert_eq!(client.get("/missing").status, 404);
    assert_eq!(client.ask("HEAD", "/", &[]).status, 200);
    assert_eq!(client.ask("POST", "/", &[]).status, 405);
}
