//! Memory that the kernel does not give: every call for it that one activation makes fails once,
//! and then the limit is a real one.

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::kernel::inject;
use super::{Scene, open_things, wait_until_closed, wait_until_quiet, wait_until_unused};
use crate::client::{Client, get, post};
use crate::gauges::{LIVE, failed};
use crate::server::TestServer;
use crate::session::Session;
use crate::strace::Strace;
use crate::wait;

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
    assert_eq!(server.failures(), 0);
    wait_until_closed(&server, &open);
    server.stop();
}

/// Begins uploads, each of which has an instance of its own if there is one to have.
#[track_caller]
fn begin_uploads(server: &TestServer, count: usize) -> Vec<Client> {
    let begin = |_| {
        let mut client = server.connect();
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12");
        client
    };
    let before = server.failures();
    let uploads = (0..count).map(begin).collect();
    wait::until("every upload has an instance or an answer", || {
        server.metric(LIVE) + server.failures() - before == count as u64
    });
    uploads
}

/// Receives the answers to `uploads`, whose last bytes are sent before; returns how many were
/// refused, and checks that all others were served.
#[track_caller]
fn end_uploads(uploads: &mut [Client]) -> usize {
    // Those that are refused are answered before, and what they send is not read any more.
    uploads
        .iter_mut()
        .for_each(|client| client.send_in_vain("34"));
    let statuses: Vec<u16> = uploads
        .iter_mut()
        .map(|one| one.response().status)
        .collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)));
    statuses.iter().filter(|status| **status == 503).count()
}

/// Checks that a server whose instances get no memory serves as many as it has it for, refuses the
/// others, says so once, and serves all when `relieve` has ended that.
#[track_caller]
fn check_shortage(server: &TestServer, relieve: impl FnOnce()) {
    const UPLOADS: usize = 20;
    let mut uploads = begin_uploads(server, UPLOADS);
    let refused = end_uploads(&mut uploads);
    assert!(refused > 0, "there was memory for all");
    assert_eq!(server.metric(&failed("instantiation")), refused as u64);
    drop(uploads);
    relieve();
    assert_eq!(server.connect().get("/").body, USAGE);
    let mut uploads = begin_uploads(server, UPLOADS);
    assert_eq!(end_uploads(&mut uploads), 0);
    drop(uploads);
    wait_until_unused(server);
    assert_eq!(server.failures(), refused as u64);
    let said = server.log_lines("no instance can be made");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("Cannot allocate memory"), "{said:?}");
}

#[test]
fn a_server_whose_instances_get_no_memory_says_so_once_and_recovers() {
    let server = TestServer::start("upload", &["--reuse", "never"]);
    assert_eq!(server.connect().get("/").body, USAGE);
    let before = getrlimit(Resource::Data);
    let limit = Rlimit {
        current: Some(1 << 20),
        maximum: before.maximum,
    };
    // Less than it has: it keeps that, and gets no more.
    prlimit(Some(server.pid()), Resource::Data, limit).unwrap();
    check_shortage(&server, || {
        prlimit(Some(server.pid()), Resource::Data, before).unwrap();
    });
    server.stop();
}

/// As if `vm.max_map_count` were reached, which is the machine's and not of one process.
#[test]
fn a_server_with_as_many_maps_as_it_may_have_says_so_once_and_recovers() {
    let server = TestServer::start("upload", &["--reuse", "never"]);
    assert_eq!(server.connect().get("/").body, USAGE);
    let fail = "inject=mmap,mprotect,madvise:error=ENOMEM";
    let args = ["-e", "trace=mmap,mprotect,madvise", "-e", fail];
    let Some(strace) = Strace::attach_to_worker(&server, &args) else {
        return;
    };
    check_shortage(&server, || {
        let written = strace.detach();
        assert!(written.contains("mprotect("), "{written}");
    });
    server.stop();
}
