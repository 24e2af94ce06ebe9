//! `serve --quick-compile`, as `sockeye dev` has it: other machine code, made in parts, and all
//! else as ever.

use std::fs;

use rustix::process::Signal;

use crate::client::get;
use crate::gauges::LIVE;
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::wait;

const QUICK: &str = "--quick-compile";
const IN_PARTS: &str = "compiled in parts";
const RELOADED: &str = "component reloaded";
const STAYS: &str = "the component stays as it was";
const RELOADS: &str = "sockeye_reloads_total{result=\"ok\"}";

/// What the code of the baseline compiler cannot do.
const TAIL_CALL: &str = "(func $tail (param i32) (if (local.get 0) (then \
    (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))";

/// A component of others, of which one has `data` and another one traps unless that begins with
/// `expected`.
fn parts(data: &str, expected: char) -> Vec<u8> {
    let text = include_str!("guests/parts.wat").replace("DATA", data);
    let expected = u32::from(expected).to_string();
    wat::parse_str(text.replace("EXPECTED", &expected)).unwrap()
}

fn plain(declare: &str) -> Vec<u8> {
    let text = include_str!("guests/plain.wat").replace("MEMORY", "1");
    wat::parse_str(text.replace("DECLARE", declare).replace("RUN", "")).unwrap()
}

/// Puts a component in the place of the one that is served, and returns what the log says to it.
#[track_caller]
fn replace(server: &TestServer, scratch: &Scratch, component: &[u8], expected: &str) -> String {
    let before = server.log_lines(expected).len();
    let new = scratch.write("new.wasm", component);
    fs::rename(new, scratch.path().join("handler.wasm")).unwrap();
    server.signal(Signal::HUP);
    wait::until_some(expected, || {
        server.log_lines(expected).into_iter().nth(before)
    })
}

/// Has a connection served, and checks that all of them, that one included, went well.
#[track_caller]
fn check_served(server: &TestServer, connections: u64) {
    server.connect().wait_until_closed();
    server.wait_for_metric("sockeye_activations_total", connections);
    server.wait_for_metric(LIVE, 0);
    assert_eq!(server.log_lines("activation ended"), Vec::<String>::new());
}

#[test]
fn what_an_edit_leaves_as_it_was_is_not_compiled_again() {
    let scratch = Scratch::new();
    let path = scratch.write("handler.wasm", parts("a", 'a'));
    let server = TestServer::start_file(&path, &[QUICK, "--log-level", "debug"]);
    check_served(&server, 1);
    // In the one, in none, and in both.
    let edits = [(("a!", 'a'), 1), (("a!", 'a'), 0), (("b", 'b'), 2)];
    for (served, ((data, expected), compiled)) in (2..).zip(edits) {
        let line = replace(&server, &scratch, &parts(data, expected), IN_PARTS);
        assert_eq!(log_field(&line, "modules"), Some("3"), "{line}");
        assert_eq!(
            log_field(&line, "compiled"),
            Some(&*compiled.to_string()),
            "{line}"
        );
        server.wait_for_metric(RELOADS, served - 1);
        check_served(&server, served);
    }
}

#[test]
fn a_component_that_the_quick_compiler_does_not_know_is_served_by_the_other() {
    let scratch = Scratch::new();
    let path = scratch.write("handler.wasm", plain(TAIL_CALL));
    let server = TestServer::start_file(&path, &[QUICK]);
    check_served(&server, 1);
    replace(&server, &scratch, &plain(""), RELOADED);
    check_served(&server, 2);
    replace(&server, &scratch, &plain(TAIL_CALL), RELOADED);
    check_served(&server, 3);
}

#[test]
fn a_component_that_only_the_other_compiler_knows_does_not_replace_one_of_the_quick_one() {
    let scratch = Scratch::new();
    let path = scratch.write("handler.wasm", plain(""));
    let server = TestServer::start_file(&path, &[QUICK]);
    let line = replace(&server, &scratch, &plain(TAIL_CALL), STAYS);
    for part in [
        "what the compiler of the running instances does not know",
        "SIGUSR2",
    ] {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
    check_served(&server, 1);
    // What nobody could compile is told as ever.
    let line = replace(&server, &scratch, b"\0asm\x0d\0\x01\0\x01", STAYS);
    assert!(line.contains("failed to compile the component"), "{line}");
    replace(&server, &scratch, &plain("(func)"), RELOADED);
    check_served(&server, 2);
}

#[test]
fn a_quickly_compiled_guest_ends_at_the_same_limits() {
    let limits = ["--cpu-limit", "200ms", "--memory-limit", "16MiB"];
    let server = TestServer::start("hostile", &[&limits[..], &[QUICK]].concat());
    let causes = [
        ("/spin", "cpu"),
        ("/poll", "cpu"),
        ("/recurse", "trap"),
        ("/grow", "memory"),
        ("/trap", "trap"),
        ("/exit", "exit"),
    ];
    for (number, (path, cause)) in causes.into_iter().enumerate() {
        let mut client = server.connect();
        client.send(get(path));
        client.wait_until_closed();
        let line = wait::until_some("the guest ends", || {
            server.log_lines("activation ended").into_iter().nth(number)
        });
        assert_eq!(log_field(&line, "cause"), Some(cause), "{path}: {line}");
        assert_eq!(server.connect().get("/").text(), "ok");
    }
    server.stop();
}
