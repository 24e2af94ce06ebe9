//! System calls that fail: strace answers one call of the worker in the kernel's place.
//!
//! The call is not made then, so only what is true of a call that was not made is injected: errors.
//! A short count would not be true: a `recvfrom` that claims bytes has written none, and a `sendto`
//! that claims some has sent none. Short counts come from the kernel itself, in `peers.rs` and
//! wherever a client is narrow. sendmsg(2) is not in the table because no worker calls it.
//!
//! EAGAIN means that nothing is there, or no room; the next edge says otherwise. Where it is
//! injected something was there, and that edge has come, so the client has to make another one.

use std::fs;
use std::time::Duration;

use super::{Halted, PAGE, Scene, Site, numbered, wait_until_quiet};
use crate::client::{Client, get, post};
use crate::gauges::connections;
use crate::server::TestServer;
use crate::strace::Strace;
use crate::wait;

/// What a fault does to the connection that it hits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hit {
    /// Nothing that its client could see.
    Nothing,
    /// Nothing, once something else happens at its socket.
    Waits,
    /// It ends without an answer, or before the end of it.
    Cut,
    /// The answer is an error.
    Status(u16),
    /// Nothing; but the connection that was idle for the longest time is closed instead.
    Oldest,
}

use Hit::{Cut, Nothing, Oldest, Status, Waits};

/// The n-th call of the worker from a request on, the errors it fails with, and what becomes of the
/// connection.
type Row = (&'static str, u32, &'static [&'static str], Hit);

/// What a socket's call fails with where that ends the connection.
const BROKEN: &[&str] = &[
    "ECONNRESET",
    "ETIMEDOUT",
    "EPIPE",
    "EIO",
    "ENOMEM",
    "ENOBUFS",
];

/// What becomes of a request for a file that is new to the server and longer than what a socket
/// takes at once, by a new connection.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Connecting. The second accept4 is the one that finds no more.
    ("epoll_wait", 1, &["EINTR"], Nothing),
    ("epoll_wait", 2, &["EINTR"], Nothing),
    ("epoll_wait", 3, &["EINTR"], Nothing),
    ("accept4", 1, &["EINTR", "ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN", "EIO"], Nothing),
    ("accept4", 1, &["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"], Oldest),
    ("accept4", 2, &["EINTR", "ECONNABORTED", "EIO"], Nothing),
    ("epoll_ctl", 1, &["ENOMEM", "ENOSPC"], Cut),
    // The head.
    ("recvfrom", 1, &["EINTR"], Nothing),
    ("recvfrom", 1, &["EAGAIN"], Waits),
    ("recvfrom", 1, BROKEN, Cut),
    // Looking at the file without opening it, opening it, and looking at it for the guest.
    ("openat2", 1, &["EINTR", "EAGAIN", "EMFILE", "ENFILE", "ENOMEM"], Nothing),
    ("openat2", 1, &["ENOENT"], Status(404)),
    ("openat2", 1, &["EACCES"], Status(403)),
    ("openat2", 1, &["EIO", "ESTALE"], Status(500)),
    ("openat2", 2, &["EINTR", "EAGAIN", "EMFILE", "ENFILE", "ENOMEM"], Nothing),
    ("openat2", 2, &["EIO"], Status(500)),
    ("fstat", 1, &["EIO"], Status(500)),
    ("fstat", 1, &["ENOMEM"], Nothing),
    ("fstat", 2, &["EIO"], Status(500)),
    ("fstat", 2, &["ENOMEM"], Nothing),
    ("fstat", 3, &["EIO"], Status(500)),
    ("fstat", 3, &["ENOMEM"], Status(503)),
    // The head of the answer.
    ("sendto", 1, &["EINTR"], Nothing),
    ("sendto", 1, &["EAGAIN"], Waits),
    ("sendto", 1, BROKEN, Cut),
    // Its body: whether it is in memory, the first part, that the file has not changed, and the
    // next parts. What the probe fails with, the read that follows finds again.
    ("preadv2", 1, &["EINTR", "EAGAIN", "EOPNOTSUPP", "EIO", "ENOMEM"], Nothing),
    ("preadv2", 2, &["EAGAIN", "EIO"], Nothing),
    ("sendfile", 1, &["EINTR"], Nothing),
    ("sendfile", 1, &["EAGAIN"], Waits),
    ("sendfile", 1, BROKEN, Cut),
    ("fstat", 4, &["EIO", "ENOMEM"], Cut),
    ("sendfile", 3, &["EINTR"], Nothing),
    ("sendfile", 3, BROKEN, Cut),
];

/// Has one call of the worker fail while `work` is done.
///
/// # Panics
/// Where it was not called so often.
#[track_caller]
pub(super) fn inject(
    server: &TestServer,
    call: &str,
    error: &str,
    nth: u32,
    work: impl FnOnce(&Strace),
) {
    let filter = format!("trace={call}");
    let inject = format!("inject={call}:error={error}:when={nth}");
    let args = ["-e", filter.as_str(), "-e", &inject];
    let Some(strace) = Strace::attach_to_worker(server, &args) else {
        return;
    };
    work(&strace);
    strace.wait_for_injection();
    let written = strace.detach();
    assert_eq!(written.matches("(INJECTED)").count(), 1, "{written}");
}

/// Checks one row with a request for `path`, which is answered with `expected`, while another
/// client is in the middle of a download and two are idle.
#[track_caller]
fn check(site: &Site, server: &TestServer, row: &Row, error: &str, path: &str, expected: &[u8]) {
    let (call, nth, _, hit) = *row;
    // Shown where the test fails.
    eprintln!("{call} fails with {error} at call {nth}: {hit:?}");
    let mut scene = Scene::begin(server, "/page.txt", PAGE);
    // A download that went on a little would make these calls itself, and be the one that is hit.
    let own = matches!(call, "sendfile" | "fstat" | "preadv2");
    let mut halted: Option<Halted<'_>> = (!own).then(|| site.halt(server));
    scene.connected += u64::from(halted.is_some());
    wait_until_quiet(server);
    inject(server, call, error, nth, |strace| {
        let mut client = scene.connect();
        match hit {
            Nothing => check_answer(&mut client, path, expected),
            Waits => {
                client.send(get(path));
                strace.wait_for_injection();
                client.send(get("/page.txt"));
                let response = client.response();
                assert!(response.status == 200 && response.body == expected);
                assert_eq!(client.response().body, PAGE);
            }
            Cut => check_cut(&mut client, path, expected),
            Status(status) => {
                client.send(get(path));
                assert_eq!(client.response().status, status);
            }
            Oldest => {
                check_answer(&mut client, path, expected);
                scene.idle.remove(0).wait_until_closed();
            }
        }
    });
    halted.as_mut().into_iter().for_each(Halted::finish);
    drop(halted);
    scene.end(0);
}

/// Checks that a client gets the whole answer, and another one on the same connection.
#[track_caller]
fn check_answer(client: &mut Client, path: &str, expected: &[u8]) {
    let response = client.get(path);
    assert_eq!(response.status, 200);
    assert!(response.body == expected, "changed");
    assert_eq!(client.get("/page.txt").body, PAGE);
}

/// Checks that a client gets the first bytes of the answer at most, and then the end.
#[track_caller]
fn check_cut(client: &mut Client, path: &str, expected: &[u8]) {
    client.send(get(path));
    let received = client.rest_in_vain().unwrap();
    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return assert_eq!(received, b"");
    };
    assert!(received.starts_with(b"HTTP/1.1 200 "));
    let body = &received[head + 4..];
    assert!(body.len() < expected.len(), "the answer is whole");
    assert!(body == &expected[..body.len()], "the answer is another");
}

/// Takes some seconds, and so do the next three: strace is attached for every row and error.
#[track_caller]
fn check_rows(wanted: impl Fn(&str, u32) -> bool) {
    let site = Site::new();
    let server = site.serve(&[]);
    // These two files stay open from now on.
    site.halt(&server).finish();
    // Each sendfile is asked for 1 MiB at most.
    let content = numbered(4 << 20);
    let mut number = 0;
    for row in ROWS.iter().filter(|row| wanted(row.0, row.1)) {
        for error in row.2 {
            number += 1;
            let name = format!("new-{number}.bin");
            let path = site.root.write(&name, &content);
            check(&site, &server, row, error, &format!("/{name}"), &content);
            fs::remove_file(path).unwrap();
        }
    }
    assert!(number > 0);
    server.stop();
}

#[test]
fn a_failed_call_of_the_event_loop_costs_at_most_one_connection() {
    check_rows(|call, _| matches!(call, "epoll_wait" | "accept4" | "epoll_ctl"));
}

#[test]
fn a_failed_accept_closes_one_of_many_idle_connections() {
    const IDLE: usize = 40;
    let server = TestServer::start("hello", &[]);
    let mut scene = Scene::begin(&server, "/", b"Hello, World!");
    for _ in scene.idle.len()..IDLE {
        let mut client = scene.connect();
        scene.ask(&mut client);
        scene.idle.push(client);
    }
    server.wait_for_metric(&connections("parked"), IDLE as u64);
    inject(&server, "accept4", "EMFILE", 1, |_| {
        let mut new = scene.connect();
        scene.ask(&mut new);
        let closed = wait::until_some("one is closed", || {
            let mut idle = scene.idle.iter_mut();
            idle.position(|client| client.receive_within(Duration::from_millis(1)).is_ok())
        });
        scene.idle.remove(closed).wait_until_closed();
    });
    scene.end(0);
    server.stop();
}

#[test]
fn a_failed_call_on_a_socket_costs_at_most_its_connection() {
    check_rows(|call, _| matches!(call, "recvfrom" | "sendto"));
}

#[test]
fn a_failed_call_on_a_file_costs_at_most_its_request() {
    check_rows(|call, _| matches!(call, "openat2" | "fstat" | "preadv2"));
}

#[test]
fn a_failed_sendfile_costs_at_most_its_connection() {
    check_rows(|call, _| call == "sendfile");
}

/// Checks what becomes of an upload of which one `recvfrom` fails; the head is the first.
#[track_caller]
fn check_upload(server: &TestServer, nth: u32, error: &str, whole: bool) {
    eprintln!("recvfrom fails with {error} at call {nth}");
    let usage = b"POST or PUT something: the answer is its length and its SHA-256\n";
    let mut scene = Scene::begin(server, "/", usage);
    wait_until_quiet(server);
    inject(server, "recvfrom", error, nth, |_| {
        let mut client = scene.connect();
        let body = "x".repeat(1 << 20);
        // What fails in the middle is answered before the end of the body has been sent.
        client.send_in_vain(post("/", &body));
        if whole {
            let response = client.response();
            assert!(response.text().starts_with("1048576 "), "{response:?}");
            assert_eq!(client.get("/").body, usage);
        } else {
            let received = String::from_utf8(client.rest_in_vain().unwrap()).unwrap();
            assert!(!received.starts_with("HTTP/1.1 2"), "{received}");
        }
    });
    scene.end(0);
}

/// Takes some seconds: strace is attached for every error.
#[test]
fn a_failed_recvfrom_in_a_body_costs_at_most_its_request() {
    let server = TestServer::start("upload", &["--reuse", "always"]);
    check_upload(&server, 3, "EINTR", true);
    for error in BROKEN {
        check_upload(&server, 3, error, false);
    }
    server.stop();
}

/// A read of a byte that is not in memory, by the threads that may wait for the disk.
#[test]
fn a_failing_disk_costs_at_most_its_request() {
    let site = Site::new();
    let server = site.serve(&[]);
    site.halt(&server).finish();
    let content = numbered(4096);
    for (number, (error, hit)) in [("EINTR", Nothing), ("EIO", Cut), ("ENOMEM", Cut)]
        .into_iter()
        .enumerate()
    {
        eprintln!("pread64 fails with {error}: {hit:?}");
        let name = format!("new-{number}.bin");
        site.root.write(&name, &content);
        let path = format!("/{name}");
        let mut scene = Scene::begin(&server, "/page.txt", PAGE);
        // The worker's read of a small file and its probe say that the bytes are on the disk.
        let fail = format!("inject=pread64:error={error}:when=1");
        let args = ["-e", "trace=preadv2,pread64", "-e", &fail];
        let args = [&args[..], &["-e", "inject=preadv2:error=EAGAIN:when=1..2"]].concat();
        let Some(strace) = Strace::attach(&server, &args) else {
            return;
        };
        let mut client = scene.connect();
        match hit {
            Cut => check_cut(&mut client, &path, &content),
            _ => check_answer(&mut client, &path, &content),
        }
        let written = strace.detach();
        assert_eq!(written.matches("(INJECTED)").count(), 3, "{written}");
        drop(client);
        scene.end(0);
    }
    server.stop();
}
