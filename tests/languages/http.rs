//! What the project of kind `http` answers, in every language.

use std::thread;

use super::projects::built;
use crate::client::{Client, get};
use crate::gauges::{LIVE, connections};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::tool::Tool;

const MIB: usize = 1 << 20;

/// A file that no socket takes at once.
const LARGE_BYTES: usize = 64 * MIB;

/// How many requests are under way at once where instances are counted.
const CLIENTS: u64 = 8;

/// The most resident memory that an instance may hold in the middle of a request.
const INSTANCE_BYTES_MAX: u64 = 16 << 20;

/// Bytes that repeat at no power of two.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// A server of the project, and the directory that it was granted.
struct Served {
    server: TestServer,
    root: Scratch,
}

impl Served {
    #[track_caller]
    fn start(language: &str, flags: &[&str]) -> Option<Served> {
        let project = built(language, "http")?;
        let root = Scratch::new();
        let flags = [&["--root", root.text()], flags].concat();
        let server = TestServer::start_file(&project.join("handler.wasm"), &flags);
        Some(Served { server, root })
    }

    /// Checks that nothing of what was done ended an activation badly.
    #[track_caller]
    fn check_unharmed(&self) {
        assert_eq!(self.server.failures(), 0);
    }
}

/// Prefix of the arguments of every run of curl.
const USUAL: [&str; 4] = ["-sS", "--max-time", "60", "--http1.1"];

pub(super) fn check(language: &str) {
    let Some(curl) = Tool::find("curl") else {
        return;
    };
    let Some(served) = Served::start(language, &[]) else {
        return;
    };
    let curl = |args: &[&str]| curl.run(&[&USUAL, args].concat());
    let text = |args: &[&str]| String::from_utf8(curl(args)).unwrap();
    let url = |path: &str| served.server.url(path);

    let hello = text(&["-i", &url("/")]);
    assert!(hello.starts_with("HTTP/1.1 200 "), "{hello}");
    assert!(hello.ends_with("\r\n\r\nHello, World!\n"), "{hello}");
    let lines = hello.to_ascii_lowercase();
    assert!(lines.contains("\r\ncontent-type: text/plain"), "{hello}");
    assert!(lines.contains("\r\ncontent-length: 14\r\n"), "{hello}");
    let head = text(&["-I", &url("/")]);
    assert!(
        head.to_ascii_lowercase()
            .contains("\r\ncontent-length: 14\r\n"),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(text(&["--http1.0", &url("/")]), "Hello, World!\n");

    // Ways to send a body: by length, in chunks, and only once it was asked for.
    let body = content(MIB);
    let path = served.root.write("body", &body);
    let from = format!("@{}", path.display());
    for framing in [
        "Expect:",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
    ] {
        let echo = curl(&["-H", framing, "--data-binary", &from, &url("/echo")]);
        assert!(echo == body, "{framing}: {} bytes", echo.len());
    }
    assert_eq!(curl(&["--data", "", &url("/echo")]), b"");

    // The file as it is, by `sendfile`; whoever holds a mistake in a length would see it here.
    assert!(curl(&[&url("/files/body")]) == body);
    let head = text(&["-I", &url("/files/body")]).to_ascii_lowercase();
    assert!(head.contains("\r\ncontent-length: 1048576\r\n"), "{head}");
    served.root.write("empty", "");
    assert_eq!(curl(&[&url("/files/empty")]), b"");

    // The error of the language, which the handler has caught.
    let status = |args: &[&str]| text(&[&["-o", "/dev/null", "-w", "%{http_code}"], args].concat());
    assert_eq!(text(&[&url("/files/missing")]), "not found\n");
    assert_eq!(status(&[&url("/files/missing")]), "404");
    // What can be the path of no file, or of one that was not granted.
    let secret = served.root.path().with_extension("secret");
    std::fs::write(&secret, "secret").unwrap();
    let outside = format!(
        "/files/../{}",
        secret.file_name().unwrap().to_str().unwrap()
    );
    let encoded = outside.replace("../", "..%2f");
    for path in [
        "/files/",
        &outside,
        &encoded,
        "/files/a%00b",
        "/files/%ff",
        "/files/%zz",
    ] {
        let status = status(&["--path-as-is", &url(path)]);
        // Go sends clients from a path with dots to the one without.
        let refused = ["307", "400", "403", "404"];
        assert!(refused.contains(&&*status), "{path}: {status}");
    }
    assert_eq!(text(&[&url("/nowhere")]), "not found\n");
    for (method, path, allow) in [
        ("DELETE", "/", "get, head"),
        ("GET", "/echo", "post"),
        ("POST", "/files/body", "get, head"),
    ] {
        let answer = text(&["-i", "-X", method, &url(path)]).to_ascii_lowercase();
        assert!(
            answer.starts_with("http/1.1 405 "),
            "{method} {path}: {answer}"
        );
        assert!(
            answer.contains(&format!("\r\nallow: {allow}\r\n")),
            "{answer}"
        );
    }

    // Three requests of one connection, as curl counts connections.
    let again = url("/");
    let count = text(&[
        "-w",
        "%{num_connects}",
        &again,
        &again,
        &url("/files/missing"),
    ]);
    let expected = "Hello, World!\n1Hello, World!\n0not found\n0";
    assert_eq!(count, expected);
    served.check_unharmed();
    served.server.stop();
}

pub(super) fn check_bad_clients(language: &str) {
    let flags = [
        "--linger",
        "0s",
        "--call-timeout",
        "500ms",
        "--reuse",
        "always",
    ];
    let Some(served) = Served::start(language, &flags) else {
        return;
    };
    let server = &served.server;

    // All at once, and every answer in its place.
    let mut client = server.connect();
    let echo = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    client.send([&get("/"), echo, &get("/nowhere"), &get("/")].concat());
    let bodies: Vec<_> = (0..4)
        .map(|_| client.response().text().to_owned())
        .collect();
    assert_eq!(
        bodies,
        ["Hello, World!\n", "abc", "not found\n", "Hello, World!\n"]
    );

    // Handed back when it has nothing to do, and called again.
    server.wait_for_metric(&connections("parked"), 1);
    server.wait_for_metric(LIVE, 0);
    assert_eq!(client.get("/").text(), "Hello, World!\n");

    // A body that never comes whole is the language's timeout.
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    check_timed_out(client);

    // Gone in the middle of an answer.
    served.root.write("large", vec![b'x'; LARGE_BYTES]);
    let mut client = server.connect();
    client.send(get("/files/large"));
    client.receive_within(crate::wait::PATIENCE).unwrap();
    client.reset();
    server.wait_for_metric(LIVE, 0);

    // What two readers could read differently is refused, and ends the connection.
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Transfer-Encoding: xchunked",
        "Content-Length : 3",
        "X: y\r\n folded: z",
        "Host: b",
    ] {
        let mut client = server.connect();
        let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n");
        client.send_in_vain(format!("{head}abc{}", get("/")));
        let refusal = client.response();
        assert!(
            (400..=501).contains(&refusal.status),
            "{lines}: {}",
            refusal.status
        );
        assert_eq!(client.rest_in_vain().unwrap_or_default(), b"", "{lines}");
    }
    // A size that wraps around where something is added to it is no end of a body.
    for size in ["ffffffffffffffff", "fffffffffffffff7", "fffffffffffffff5 "] {
        let mut client = server.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.wait_until_taken();
        client.send_in_vain(size);
        client.wait_until_taken();
        client.send_in_vain(format!("\r\n{}", get("/")));
        client.half_close_in_vain();
        let answers = client.rest_in_vain().unwrap_or_default();
        let answers = String::from_utf8_lossy(&answers).into_owned();
        assert!(!answers.contains("Hello, World!"), "{size}: {answers}");
    }
    assert_eq!(server.connect().get("/").status, 200);
    served.check_unharmed();
}

/// Checks that the connection ends, with an answer that says why where none has begun.
#[track_caller]
fn check_timed_out(mut client: Client) {
    let rest = client.rest();
    let rest = String::from_utf8(rest).unwrap();
    // A handler that sends the body back while it receives it has begun already.
    let has_begun = rest.starts_with("HTTP/1.1 200 ");
    assert!(has_begun || rest.starts_with("HTTP/1.1 408 "), "{rest}");
    assert!(!rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
}

pub(super) fn check_instances(language: &str) {
    let Some(served) = Served::start(language, &[]) else {
        return;
    };
    let server = &served.server;
    let start = |client: &mut Client| {
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    };
    let mut first = server.connect();
    start(&mut first);
    server.wait_for_metric(LIVE, 1);
    let resident = server.resident_bytes();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(start);
    server.wait_for_metric(LIVE, CLIENTS + 1);
    let each = server.resident_bytes().saturating_sub(resident) / CLIENTS;
    assert!(each < INSTANCE_BYTES_MAX, "{each} bytes each");
    // One thread answers them all, whichever is ready first.
    thread::scope(|scope| {
        for client in clients.iter_mut().rev().chain([&mut first]) {
            scope.spawn(|| {
                client.send("def");
                assert_eq!(client.response().text(), "abcdef");
            });
        }
    });
    drop((clients, first));
    server.wait_for_metric(LIVE, 0);
    served.check_unharmed();
}
