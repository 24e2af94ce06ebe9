//! `serve --quick-compile`, as `sockeye dev` has it: other machine code, made in parts, and all
//! else as ever.

use std::fs;

use rustix::process::Signal;

use crate::client::get;
use crate::compiled::compile;
use crate::gauges::LIVE;
use crate::reload::{RELOADED, RELOADS, STAYS, put};
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::wait;

const QUICK: &str = "--quick-compile";
const IN_PARTS: &str = "compiled in parts";
const SLOWER: &str = "compiling without the baseline compiler";
const ENDED: &str = "activation ended";

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
    put(scratch, component);
    server.signal(Signal::HUP);
    wait::until_some(expected, || {
        server.log_lines(expected).into_iter().nth(before)
    })
}

/// Has a connection served, and checks that its activation ends well, or for `cause`.
#[track_caller]
fn check_ends(server: &TestServer, cause: Option<&str>) {
    let activations = server.metric("sockeye_activations_total");
    let ended = server.log_lines(ENDED).len();
    server.connect().wait_until_closed();
    server.wait_for_metric("sockeye_activations_total", activations + 1);
    server.wait_for_metric(LIVE, 0);
    if cause.is_some() {
        wait::until(ENDED, || server.log_lines(ENDED).len() > ended);
    }
    let lines = &server.log_lines(ENDED)[ended..];
    let causes: Vec<_> = lines.iter().map(|line| log_field(line, "cause")).collect();
    assert_eq!(
        causes,
        cause.map(Some).into_iter().collect::<Vec<_>>(),
        "{lines:?}"
    );
}

#[test]
fn what_an_edit_leaves_as_it_was_is_not_compiled_again() {
    let scratch = Scratch::new();
    let path = put(&scratch, &parts("a", 'a'));
    // A pool with room for one instance and nothing more.
    let flags = [QUICK, "--log-level", "debug", "--max-instances", "1"];
    let server = TestServer::start_file(&path, &flags);
    let edits = [
        // What has the data is new, and what looks at it is not.
        (("b", 'a'), "1", Some("trap")),
        (("b", 'b'), "1", None),
        (("b", 'b'), "0", None),
        (("c", 'c'), "2", None),
    ];
    check_ends(&server, None);
    for (number, ((data, expected), compiled, cause)) in (1..).zip(edits) {
        let line = replace(&server, &scratch, &parts(data, expected), IN_PARTS);
        assert_eq!(log_field(&line, "modules"), Some("3"), "{line}");
        assert_eq!(log_field(&line, "compiled"), Some(compiled), "{line}");
        server.wait_for_metric(RELOADS, number);
        check_ends(&server, cause);
    }
    assert_eq!(server.log_lines(SLOWER), Vec::<String>::new());
}

#[test]
fn a_component_that_the_quickest_compiler_does_not_know_is_served_by_another() {
    let scratch = Scratch::new();
    let path = put(&scratch, &plain(TAIL_CALL));
    let server = TestServer::start_file(&path, &[QUICK, "--log-level", "debug"]);
    assert_eq!(server.log_lines(SLOWER).len(), 1);
    check_ends(&server, None);
    for component in [plain(""), plain(TAIL_CALL)] {
        replace(&server, &scratch, &component, RELOADED);
        check_ends(&server, None);
    }
}

/// Serves a component, checks that `component` does not replace it, and why.
#[track_caller]
fn refuse(component: &[u8], flags: &[&str], message: &[&str]) -> (TestServer, Scratch) {
    let scratch = Scratch::new();
    let path = put(&scratch, &plain(""));
    let flags = [&[QUICK, "--log-level", "debug"], flags].concat();
    let server = TestServer::start_file(&path, &flags);
    let line = replace(&server, &scratch, component, STAYS);
    for part in message {
        assert!(line.contains(part), "no `{part}` in: {line}");
    }
    check_ends(&server, None);
    (server, scratch)
}

/// The same for a component that cannot be compiled.
#[track_caller]
fn check_stays(component: &[u8], flags: &[&str], message: &[&str]) {
    let (server, scratch) = refuse(component, flags, message);
    // What is kept of the one that is served is kept still.
    let line = replace(&server, &scratch, &plain(""), IN_PARTS);
    assert_eq!(log_field(&line, "compiled"), Some("0"), "{line}");
}

#[test]
fn a_component_for_which_there_is_no_room_is_refused_with_the_usual_words() {
    let refused = [
        ("(memory 2000)", &["131072000 bytes", "--memory-limit"][..]),
        (
            "(memory 1) (memory 1)",
            &["more memories or tables", "SIGUSR2"],
        ),
    ];
    for (memories, message) in refused {
        let text = format!(
            "(component (core module $m {memories}) (core instance (instantiate $m)) \
             (core instance (instantiate $m)))"
        );
        let (server, scratch) = refuse(&wat::parse_str(text).unwrap(), &[], message);
        replace(
            &server,
            &scratch,
            &plain("(global i32 (i32.const 1))"),
            RELOADED,
        );
        check_ends(&server, None);
    }
}

#[test]
fn a_component_that_only_other_compilers_know_does_not_replace_one_of_the_quickest() {
    let reason = "nothing for the compiler of the running instances";
    check_stays(&plain(TAIL_CALL), &[], &[reason, "tail calls", "SIGUSR2"]);
    // Machine code is that of the one that is not quick.
    let code = fs::read(compile(&Scratch::new())).unwrap();
    let message = [reason, "another version of sockeye", "SIGUSR2"];
    check_stays(&code, &["--allow-precompiled"], &message);
}

#[test]
fn a_component_that_no_compiler_knows_is_refused_with_the_usual_words() {
    let text = "(component (core module (func (result i32))))";
    let broken = wat::parse_str(text).unwrap();
    let message = ["failed to compile the component", "type mismatch"];
    check_stays(&broken, &[], &message);
    check_stays(b"no component", &[], &["is not a WebAssembly component"]);
}

#[test]
fn a_quickly_compiled_guest_ends_at_the_same_limits() {
    let limits = ["--cpu-limit", "200ms", "--memory-limit", "16MiB"];
    let flags = [&limits[..], &[QUICK, "--log-level", "debug"]].concat();
    let server = TestServer::start("hostile", &flags);
    assert_eq!(server.log_lines(SLOWER), Vec::<String>::new());
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
        let line = wait::until_some(ENDED, || server.log_lines(ENDED).into_iter().nth(number));
        assert_eq!(log_field(&line, "cause"), Some(cause), "{path}: {line}");
        assert_eq!(server.connect().get("/").text(), "ok");
    }
    server.stop();
}
