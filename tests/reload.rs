//! SIGHUP: the component is read again and serves what comes next; so is the access log's file.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;

use crate::client::{Client, get, post};
use crate::gauges::connections;
use crate::load::{self, Load};
use crate::scratch::{Scratch, component};
use crate::server::{TestServer, run_to_end};
use crate::wait;

pub(crate) const RELOADED: &str = "component reloaded";
pub(crate) const RELOADS: &str = "sockeye_reloads_total{result=\"ok\"}";
const FAILED: &str = "sockeye_reloads_total{result=\"failed\"}";
pub(crate) const STAYS: &str = "the component stays as it was";
const HELLO: &str = "Hello, World!";

/// A server whose component can be replaced.
struct Replaceable {
    server: TestServer,
    scratch: Scratch,
}

impl Replaceable {
    #[track_caller]
    fn start(guest: &str, flags: &[&str]) -> Replaceable {
        let scratch = Scratch::new();
        let path = put(&scratch, &fs::read(component(guest)).unwrap());
        let server = TestServer::start_file(&path, flags);
        Replaceable { server, scratch }
    }

    /// Puts a component in the place of the other one and has the server told, once it has read it.
    #[track_caller]
    fn replace(&self, guest: &str) {
        let before = self.server.metric(RELOADS);
        put(&self.scratch, &fs::read(component(guest)).unwrap());
        self.server.signal(Signal::HUP);
        self.server.wait_for_metric(RELOADS, before + 1);
    }
}

/// Puts a component into its place, all of it at once, and returns where that is.
pub(crate) fn put(scratch: &Scratch, bytes: &[u8]) -> PathBuf {
    let new = scratch.write("new", bytes);
    let path = scratch.path().join("handler.wasm");
    fs::rename(new, &path).unwrap();
    path
}

#[test]
fn the_next_request_of_a_connection_is_for_the_new_component() {
    let policies = [
        ["--reuse", "connection", "--linger", "60s"],
        ["--reuse", "connection", "--linger", "0ms"],
        ["--reuse", "always", "--linger", "60s"],
        ["--reuse", "never", "--linger", "0ms"],
    ];
    for flags in policies {
        let one = Replaceable::start("hello", &flags);
        let mut client = one.server.connect();
        assert_eq!(client.get("/").text(), HELLO);
        one.replace("count");
        for connection in [&mut client, &mut one.server.connect()] {
            assert_eq!(connection.get("/").text(), "1\n", "{flags:?}");
        }
        one.replace("hello");
        assert_eq!(client.get("/").text(), HELLO, "{flags:?}");
        wait::until("both are in the log", || {
            one.server.log_lines(RELOADED).len() == 2
        });
    }
}

#[test]
fn a_running_activation_finishes_with_the_old_component() {
    let one = Replaceable::start("upload", &["--reuse", "always"]);
    let mut client = one.server.connect();
    let request = post("/", "abc");
    let (first, rest) = request.split_at(request.len() - 1);
    client.send(first);
    client.wait_until_taken();
    one.server.wait_for_metric(&connections("active"), 1);
    one.replace("hello");
    client.send(rest);
    let answer = client.response();
    assert!(answer.text().starts_with("3 ba7816bf"), "{}", answer.text());
    assert_eq!(client.get("/").text(), HELLO);
}

#[test]
fn nothing_is_kept_of_the_old_component() {
    let cache = Scratch::new();
    let flags = [
        "--reuse",
        "always",
        "--linger",
        "0ms",
        "--cache-dir",
        cache.text(),
    ];
    let one = Replaceable::start("count", &flags);
    let mut client = one.server.connect();
    assert_eq!(client.get("/").text(), "1\n");
    one.server.wait_for_metric("sockeye_instances_warm", 1);
    let kept = fs::read_dir(cache.path()).unwrap().next().unwrap();
    let kept = kept.unwrap().file_name().into_string().unwrap();
    assert!(one.server.proc_file("maps").contains(&kept));
    one.replace("hello");
    // Nobody asks for anything meanwhile.
    one.server.wait_for_metric("sockeye_instances_warm", 0);
    wait::until("the old code is unmapped", || {
        !one.server.proc_file("maps").contains(&kept)
    });
    assert_eq!(client.get("/").text(), HELLO);
}

/// Checks that a component that consists of `bytes` does not replace `hello`, and what is said.
#[track_caller]
fn check_kept(bytes: Option<&[u8]>, message: &[&str]) {
    let one = Replaceable::start("hello", &["--reuse", "always"]);
    let mut client = one.server.connect();
    assert_eq!(client.get("/").text(), HELLO);
    match bytes {
        Some(bytes) => drop(put(&one.scratch, bytes)),
        None => fs::remove_file(one.scratch.path().join("handler.wasm")).unwrap(),
    }
    one.server.signal(Signal::HUP);
    let line = one.server.wait_for_log(STAYS);
    for part in [&["ERROR", "handler.wasm"], message].concat() {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
    for connection in [&mut client, &mut one.server.connect()] {
        assert_eq!(connection.get("/").text(), HELLO);
    }
    assert_eq!(one.server.log_lines(STAYS).len(), 1);
    assert_eq!(one.server.metric(FAILED), 1);
    // A better one is taken.
    one.replace("count");
    assert_eq!(client.get("/").text(), "1\n");
}

#[test]
fn a_broken_component_is_refused_with_the_words_of_the_start() {
    let scratch = Scratch::new();
    let hello = fs::read(component("hello")).unwrap();
    let cut = &hello[..hello.len() / 2];
    for bytes in [&b"no component"[..], b"\0asm\x01\0\0\0", cut] {
        let path = put(&scratch, bytes);
        let path = path.to_str().unwrap();
        let output = run_to_end(&["serve", path, "--listen", "127.0.0.1:0"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let error = stderr
            .lines()
            .next()
            .unwrap()
            .strip_prefix("error: ")
            .unwrap();
        let (before, after) = error.split_once(path).unwrap();
        check_kept(Some(bytes), &[before, after]);
    }
    check_kept(None, &["failed to read the component `", "No such file"]);
}

#[test]
fn a_component_for_other_clients_is_refused() {
    let calls = fs::read(component("calls")).unwrap();
    let message = ["exports `sockeye:net/handler@0.1.0` now", "SIGUSR2"];
    check_kept(Some(&calls), &message);
}

#[test]
fn a_component_for_which_there_is_no_room_is_refused() {
    let instances = "(core instance (instantiate $m))".repeat(20);
    let text = format!("(component (core module $m (memory 1)) {instances})");
    let message = ["more memories or tables", "SIGUSR2"];
    check_kept(Some(&wat::parse_str(text).unwrap()), &message);
    let large = "(component (core module $m (memory 2000)) (core instance (instantiate $m)))";
    let message = ["131072000 bytes", "--memory-limit"];
    check_kept(Some(&wat::parse_str(large).unwrap()), &message);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again() {
    // Without the cache, compiling takes a while.
    let one = Replaceable::start("hello", &["--no-cache"]);
    for guest in ["router", "count", "upload", "count"] {
        put(&one.scratch, &fs::read(component(guest)).unwrap());
        one.server.signal(Signal::HUP);
    }
    let mut client = one.server.connect();
    wait::until("the last one serves", || client.get("/").text() == "1\n");
    assert!(one.server.log_lines(STAYS).is_empty());
    // A server that reads a component ends like any other.
    one.server.signal(Signal::HUP);
    drop(client);
    one.server.stop();
}

#[test]
fn the_built_in_handler_is_left_as_it_is() {
    let scratch = Scratch::new();
    let built_in = "[[service]]\nlisten = \"127.0.0.1:0\"\n";
    let hello = component("hello");
    let from_file = format!("{built_in}component = {hello:?}\n");
    // Before and after another one, the reload of which counts.
    let config = scratch.write(
        "a.toml",
        format!("{built_in}{from_file}{built_in}{from_file}"),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--admin", "127.0.0.1:0", "--config"]);
    let server = TestServer::spawn({
        command.arg(config);
        command
    });
    server.signal(Signal::HUP);
    wait::until("the others are reloaded", || {
        server.log_lines(RELOADED).len() == 2
    });
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(server.metric(RELOADS), 2);
    assert_eq!(server.metric(FAILED), 0);
}

/// Takes as long as `SOCKEYE_LOAD_SECONDS` says.
#[test]
fn no_request_fails_while_components_replace_each_other() {
    let page: Vec<u8> = (0..300_000_u32).map(|byte| (byte % 251) as u8).collect();
    let scratch = Scratch::new();
    scratch.write("page.bin", &page);
    let flags = [
        "--root",
        scratch.text(),
        "--workers",
        "2",
        "--reuse",
        "always",
    ];
    let one = Replaceable::start("file", &flags);
    let answers = [&page[..], HELLO.as_bytes()];
    let load = Load::start(one.server.addr(), "/page.bin", &answers);
    let began = Instant::now();
    let mut reloads = 0;
    while began.elapsed() < load::duration() {
        one.replace(["hello", "file"][reloads % 2]);
        reloads += 1;
        if reloads % 10 == 0 {
            put(&one.scratch, b"broken");
            one.server.signal(Signal::HUP);
            one.server.wait_for_metric(FAILED, reloads as u64 / 10);
        }
    }
    let tally = load.stop();
    eprintln!("{reloads} reloads: {tally:?}");
    assert!(tally.answers.iter().all(|count| *count > 10), "{tally:?}");
    // Nobody's connection was closed for it.
    assert_eq!(tally.told_to_leave, 0);
    one.server.stop();
}

#[test]
fn the_access_log_is_opened_again() {
    let scratch = Scratch::new();
    let log = scratch.path().join("access.log");
    let rotated = scratch.path().join("access.log.1");
    let server = TestServer::start("hello", &["--access-log", log.to_str().unwrap()]);
    let mut client = server.connect();
    let noted = |path: &PathBuf, what: &str| {
        wait::until("the request is noted", || {
            fs::read_to_string(path).is_ok_and(|text| text.contains(what))
        });
    };
    client.get("/first");
    noted(&log, "GET /first ");
    fs::rename(&log, &rotated).unwrap();
    client.get("/second");
    noted(&rotated, "GET /second ");
    server.signal(Signal::HUP);
    server.wait_for_log("access log opened again");
    client.get("/third");
    noted(&log, "GET /third ");
    assert_eq!(fs::read_to_string(&rotated).unwrap().lines().count(), 2);
    wait::until("the old file is closed", || !is_open(&server, &rotated));
    // Where it cannot be opened, the one that is open stays.
    fs::rename(&log, &rotated).unwrap();
    fs::create_dir(&log).unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("failed to open the access log again");
    client.get("/fourth");
    noted(&rotated, "GET /fourth ");
}

fn is_open(server: &TestServer, path: &PathBuf) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let mut files = descriptors.map(|fd| fs::read_link(fd.unwrap().path()));
    files.any(|file| file.is_ok_and(|file| file == *path))
}

#[test]
fn pipelined_requests_are_all_answered_across_a_reload() {
    let one = Replaceable::start("hello", &["--reuse", "always"]);
    let mut clients: Vec<Client> = (0..4).map(|_| one.server.connect()).collect();
    let requests = 200;
    for client in &mut clients {
        client.send(get("/").repeat(requests));
    }
    one.replace("count");
    for client in &mut clients {
        for _ in 0..requests {
            assert_eq!(client.response().status, 200);
        }
    }
}
