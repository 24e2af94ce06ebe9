//! Clients that leave, fall silent or take their time, at every stage of a connection.
//!
//! Here the counts are really short: a narrow client lets few bytes out of the kernel at a time.

use std::time::Duration;

use super::{Halted, LARGE_BYTES, NARROW_BYTES, PAGE, Scene, Site, numbered, wait_until_unused};
use crate::client::{Client, get, post};
use crate::gauges::{LIVE, connections, failed, fired};
use crate::server::TestServer;

/// Clients that do the same at once, so that what each leaves behind adds up.
const CROWD: usize = 50;

/// What `upload` answers to a GET.
const USAGE: &[u8] = b"POST or PUT something: the answer is its length and its SHA-256\n";

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Connected,
    InHead,
    /// The request is whole, and the client does not wait for the answer.
    Asked,
    InBody,
    InDownload,
    /// Idle after an answer.
    Answered,
    /// A second request has begun behind a whole one.
    InPipeline,
    /// The server has ended its side.
    Closing,
}

const STAGES: [Stage; 8] = [
    Stage::Connected,
    Stage::InHead,
    Stage::Asked,
    Stage::InBody,
    Stage::InDownload,
    Stage::Answered,
    Stage::InPipeline,
    Stage::Closing,
];

/// How a client leaves.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Close,
    Reset,
    HalfClose,
}

/// Connects a client and brings it to `stage`.
#[track_caller]
fn reach(server: &TestServer, stage: Stage) -> Client {
    let mut client = match stage {
        Stage::InDownload => Client::connect_narrow(server.addr(), NARROW_BYTES),
        _ => server.connect(),
    };
    match stage {
        Stage::Connected => {}
        Stage::InHead => client.send("GET /page.txt HTTP/1.1\r\nHo"),
        Stage::Asked => client.send(get("/page.txt")),
        Stage::InBody => client.send(&post("/", &"x".repeat(1000))[..500]),
        Stage::InDownload => {
            client.send(get("/large.bin"));
            assert_eq!(client.response_head().status, 200);
        }
        Stage::Answered => assert_eq!(client.get("/page.txt").status, 200),
        Stage::InPipeline => {
            client.send(get("/page.txt") + "GET /pa");
            assert_eq!(client.response().status, 200);
        }
        Stage::Closing => {
            let response = client.ask("GET", "/page.txt", &["Connection: close"]);
            assert_eq!(response.status, 200);
            assert_eq!(client.rest(), b"");
        }
    }
    client
}

/// Checks what a client still receives after it has ended its side at `stage`.
#[track_caller]
fn check_half_closed(site: &Site, client: &mut Client, stage: Stage) {
    match stage {
        Stage::Asked => assert_eq!(client.response().body, PAGE),
        Stage::InDownload => assert!(client.exactly(LARGE_BYTES) == site.large),
        Stage::InBody => {
            let received = String::from_utf8(client.rest_in_vain().unwrap()).unwrap();
            return assert!(!received.starts_with("HTTP/1.1 2"), "{received}");
        }
        _ => {}
    }
    assert_eq!(client.rest(), b"", "{stage:?}");
}

/// Checks that a crowd of clients that leave at every stage leaves nothing behind.
#[track_caller]
fn check_leaving(leave: Leave) {
    let site = Site::new();
    let files = site.serve(&[]);
    let uploads = TestServer::start("upload", &[]);
    site.halt(&files).finish();
    for stage in STAGES {
        eprintln!("{leave:?} at {stage:?}");
        let (server, path, expected) = match stage {
            Stage::InBody => (&uploads, "/", USAGE),
            _ => (&files, "/page.txt", PAGE),
        };
        let mut scene = Scene::begin(server, path, expected);
        let mut halted: Option<Halted<'_>> = (stage != Stage::InBody).then(|| site.halt(server));
        scene.connected += u64::from(halted.is_some());
        // A large file takes its time.
        let count = match stage {
            Stage::InDownload => CROWD / 5,
            _ => CROWD,
        };
        let crowd: Vec<Client> = (0..count).map(|_| reach(server, stage)).collect();
        scene.connected += count as u64;
        for mut client in crowd {
            match leave {
                Leave::Close => {}
                Leave::Reset => client.reset(),
                Leave::HalfClose => {
                    client.half_close_in_vain();
                    check_half_closed(&site, &mut client, stage);
                }
            }
        }
        halted.as_mut().into_iter().for_each(Halted::finish);
        drop(halted);
        scene.end(0);
    }
    files.stop();
    uploads.stop();
}

/// Takes more than a second, as the next two do: hundreds of clients, and dozens of large files.
#[test]
fn clients_that_close_at_any_stage_leave_nothing_behind() {
    check_leaving(Leave::Close);
}

#[test]
fn clients_that_reset_at_any_stage_leave_nothing_behind() {
    check_leaving(Leave::Reset);
}

#[test]
fn clients_that_end_their_side_at_any_stage_get_what_they_asked_for() {
    check_leaving(Leave::HalfClose);
}

/// What ends a client that falls silent at `stage`, besides its own end.
#[track_caller]
fn check_silent(server: &TestServer, stage: Stage, path: &str, expected: &[u8], bound: &str) {
    eprintln!("silent at {stage:?}");
    let mut scene = Scene::begin(server, path, expected);
    let before = server.metric(&fired(bound));
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| reach(server, stage)).collect();
    scene.connected += CROWD as u64;
    server.wait_for_metric(LIVE, 0);
    for state in ["waiting", "active"] {
        server.wait_for_metric(&connections(state), 0);
    }
    for client in &mut crowd {
        client.wait_until_closed();
    }
    assert!(
        server.metric(&fired(bound)) - before >= CROWD as u64,
        "{bound}"
    );
    // Idle ones have been closed by the same bounds.
    scene.idle.clear();
    drop(crowd);
    scene.end(0);
}

/// Takes more than a second, of which the deadlines are the most.
#[test]
fn clients_that_fall_silent_at_any_stage_are_ended_by_a_deadline() {
    const TIMES: [&str; 6] = [
        "--call-timeout",
        "200ms",
        "--head-timeout",
        "300ms",
        "--idle-timeout",
        "400ms",
    ];
    let site = Site::new();
    let files = site.serve(&TIMES);
    site.halt(&files).finish();
    let page = |stage, bound| check_silent(&files, stage, "/page.txt", PAGE, bound);
    page(Stage::Connected, "head_time");
    page(Stage::InHead, "head_time");
    page(Stage::InPipeline, "head_time");
    page(Stage::Answered, "idle_time");
    // A window that never opens.
    page(Stage::InDownload, "call_time");
    let uploads = TestServer::start("upload", &TIMES);
    check_silent(&uploads, Stage::InBody, "/", USAGE, "call_time");
    files.stop();
    uploads.stop();
}

/// Takes about two seconds: that is how long a server waits for the other side to end.
#[test]
fn clients_that_never_end_their_side_are_closed_all_the_same() {
    let site = Site::new();
    let server = site.serve(&[]);
    site.halt(&server).finish();
    let mut scene = Scene::begin(&server, "/page.txt", PAGE);
    let crowd: Vec<Client> = (0..CROWD).map(|_| reach(&server, Stage::Closing)).collect();
    scene.connected += CROWD as u64;
    server.wait_for_metric(&connections("closing"), 0);
    scene.end(0);
    drop(crowd);
    server.stop();
}

#[test]
fn a_request_and_its_body_arrive_in_segments_of_one_byte() {
    let server = TestServer::start("upload", &[]);
    let mut scene = Scene::begin(&server, "/", USAGE);
    let body = "one byte after the other ".repeat(20);
    let mut whole = scene.connect();
    whole.send(post("/", &body));
    let expected = whole.response();
    drop(whole);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for request in [post("/", &body), chunked] {
        let mut client = scene.connect();
        for byte in request.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), expected.text());
        assert_eq!(client.get("/").body, USAGE);
    }
    scene.end(0);
    server.stop();
}

/// Takes more than a second: the kernel waits before it acknowledges a few bytes.
#[test]
fn clients_with_tiny_buffers_get_every_byte() {
    const CLIENTS: usize = 8;
    const LENGTH: usize = 48 * 1024;
    let site = Site::new();
    let content = numbered(LENGTH);
    site.root.write("tiny.bin", &content);
    for server in [
        site.serve(&[]),
        TestServer::start("file", &["--root", site.root.text()]),
    ] {
        for path in ["/page.txt", "/tiny.bin"] {
            assert_eq!(server.connect().get(path).status, 200);
        }
        let mut scene = Scene::begin(&server, "/page.txt", PAGE);
        let mut clients: Vec<Client> = (0..CLIENTS)
            // The kernel's least is about twice as much.
            .map(|_| Client::connect_narrow(server.addr(), 1))
            .collect();
        scene.connected += CLIENTS as u64;
        clients
            .iter_mut()
            .for_each(|client| client.send(get("/tiny.bin")));
        for client in &mut clients {
            assert!(client.response().body == content, "changed");
            assert_eq!(client.get("/page.txt").body, PAGE);
        }
        drop(clients);
        scene.end(0);
        server.stop();
    }
}

/// Takes more than a second: thousands of connections.
#[test]
fn memory_is_what_it_was_after_every_wave_of_clients_that_reset() {
    const WAVES: usize = 6;
    let site = Site::new();
    let server = site.serve(&["--linger", "0ms"]);
    let wave = || {
        for stage in STAGES.into_iter().filter(|stage| *stage != Stage::InBody) {
            let crowd: Vec<Client> = (0..CROWD).map(|_| reach(&server, stage)).collect();
            crowd.into_iter().for_each(Client::reset);
            wait_until_unused(&server);
        }
    };
    wave();
    let first = server.resident_bytes();
    (1..WAVES).for_each(|_| wave());
    let bound = first + first / 20;
    let settled = crate::wait::within(Duration::from_secs(2), || {
        (server.resident_bytes() <= bound).then_some(())
    });
    assert!(
        settled.is_some(),
        "{first} bytes after one wave, {} after {WAVES}",
        server.resident_bytes()
    );
    assert_eq!(server.metric(&failed("trap")), 0);
    server.stop();
}
