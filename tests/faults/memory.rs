//! Memory that the kernel does not give: every call for it that one activation makes fails once,
//! and then the limit is a real one.

use super::kernel::inject;
use super::{Scene, failures, open_things, wait_until_quiet, wait_until_unused};
use crate::client::{get, post};
use crate::server::TestServer;
use crate::session::Session;
use crate::strace::Strace;

/// Every call with which memory is asked for or given back.
const CALLS: [&str; 4] = ["mmap", "mprotect", "madvise", "munmap"];

/// What `hello` answers.
const HELLO: &[u8] = b"Hello, World!";

/// What `upload` answers to a GET.
const USAGE: &[u8] = b"POST or PUT something: the answer is its length and its SHA-256\n";

/// Returns the calls for memory that the worker of `server` makes while it answers `request`, each
/// with its number among those of the same name.
#[track_caller]
fn calls_for_memory(server: &TestServer, request: &str) -> Option<Vec<(&'static str, u32)>> {
    let filter = format!("trace={}", CALLS.join(","));
    let strace = Strace::attach_to_worker(server, &["-e", &filter])?;
    let mut client = server.connect();
    client.send(request);
    assert_eq!(client.response().status, 200);
    drop(client);
    wait_until_unused(server);
    let written = strace.detach();
    let numbered = CALLS.into_iter().flat_map(|call| {
        let count = written.matches(&format!("{call}(")).count();
        (1..=count as u32).map(move |nth| (call, nth))
    });
    Some(numbered.collect())
}

/// Checks that a request whose activation is refused memory is not answered as if nothing were
/// wrong, and that everybody else is answered.
#[track_caller]
fn check(mut scene: Scene<'_>, call: &str, nth: u32, request: &str, right: &str) {
    eprintln!("{call} fails with ENOMEM at call {nth}");
    let server = scene.server;
    wait_until_quiet(server);
    let mut failed = 0;
    inject(server, call, "ENOMEM", nth, |_| {
        let mut client = scene.connect();
        client.send_in_vain(request);
        client.half_close_in_vain();
        let received = String::from_utf8(client.rest_in_vain().unwrap()).unwrap();
        // What fails when the instance goes comes after the answer.
        if !received.contains(right) {
            eprintln!("{received}");
            failed = 1;
        }
    });
    scene.end(failed);
}

/// Takes some seconds: a server is started for every call.
#[test]
fn memory_that_a_first_instance_does_not_get_costs_at_most_its_connection() {
    let server = TestServer::start("hello", &["--reuse", "never"]);
    let Some(calls) = calls_for_memory(&server, &get("/")) else {
        return;
    };
    assert!(calls.contains(&("mmap", 1)), "{calls:?}");
    for (call, nth) in calls {
        let server = TestServer::start("hello", &["--reuse", "never"]);
        let scene = Scene::look(&server, "/", HELLO);
        check(scene, call, nth, &get("/"), "Hello, World!");
        server.stop();
    }
}

/// Takes some seconds: strace is attached for every call.
#[test]
fn memory_that_a_growing_instance_does_not_get_costs_at_most_its_connection() {
    let server = TestServer::start("upload", &["--reuse", "never"]);
    let upload = post("/", &"x".repeat(1 << 20));
    // The first one also maps what is shared by all that follow.
    let Some(_) = calls_for_memory(&server, &upload) else {
        return;
    };
    let Some(calls) = calls_for_memory(&server, &upload) else {
        return;
    };
    assert!(calls.contains(&("mprotect", 1)), "{calls:?}");
    for (call, nth) in calls {
        // One that gets its memory, so that the next one has as much to give back.
        let mut client = server.connect();
        client.send(&upload);
        let right = client.response();
        drop(client);
        let scene = Scene::look(&server, "/", USAGE);
        check(scene, call, nth, &upload, right.text());
    }
    server.stop();
}

/// Checks that a guest can use 4 MiB, and that its instance goes then.
#[track_caller]
fn use_much(server: &TestServer) {
    const BYTES: usize = 4 << 20;
    let mut session = Session::start(server);
    session.ask(&format!("send-filler {BYTES} none | let-go"));
    let filler = session.client.exactly(BYTES);
    assert!(filler.iter().all(|byte| *byte == b'x'));
    session.outcome().expect_ok();
    session.client.wait_until_closed();
    drop(session);
    wait_until_unused(server);
}

#[test]
fn memory_that_the_kernel_does_not_take_back_costs_nobody_anything() {
    let server = TestServer::start("calls", &["--reuse", "never"]);
    use_much(&server);
    let open = open_things(&server);
    for (call, error) in [
        ("madvise", "ENOMEM"),
        ("madvise", "EAGAIN"),
        ("ioctl", "ENOMEM"),
    ] {
        eprintln!("{call} fails with {error}");
        // Twice, so that the place where it failed is used again.
        inject(&server, call, error, 1, |_| use_much(&server));
        use_much(&server);
    }
    assert_eq!(failures(&server), 0);
    assert_eq!(open_things(&server), open);
    server.stop();
}
