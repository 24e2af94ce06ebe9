//! The commands that print something and end.

use std::process::Output;

use crate::refusals::hello_with;
use crate::scratch::{Scratch, component};
use crate::server::run_to_end;

/// Runs `sockeye check` on a component that consists of `bytes`.
fn check_bytes(bytes: &[u8]) -> (Output, String) {
    let scratch = Scratch::new();
    let path = scratch.write("some.wasm", bytes);
    let path = path.to_str().unwrap().to_owned();
    (run_to_end(&["check", &path]), path)
}

/// Checks that the command fails, and that it says every part of `expected` on stderr.
#[track_caller]
fn check_fails(bytes: &[u8], expected: &[&str]) -> String {
    let (output, path) = check_bytes(bytes);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in [&[&*path, "error: ", "hint: "], expected].concat() {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what `sockeye check` prints of a guest that fits.
#[track_caller]
fn check_fits(guest: &str) -> String {
    let path = component(guest);
    let path = path.to_str().unwrap();
    let output = run_to_end(&["check", path]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains(&format!("`{path}` fits")), "{stdout}");
    assert!(
        stdout.contains(&format!("sockeye serve {path}")),
        "{stdout}"
    );
    stdout
}

#[test]
fn check_says_what_a_component_exports_and_imports() {
    let hello = check_fits("hello");
    assert!(
        hello.contains("exports  sockeye:net/http-handler@0.1.0"),
        "{hello}"
    );
    assert!(hello.contains("sockeye:net/connections@0.1.0"), "{hello}");
    let raw = check_fits("line-echo");
    assert!(raw.contains("exports  sockeye:net/handler@0.1.0"), "{raw}");
    for printed in [hello, raw] {
        assert!(!printed.contains("--root"), "{printed}");
        assert!(!printed.contains("NOT OFFERED"), "{printed}");
        assert!(printed.contains("MiB at first"), "{printed}");
    }
}

#[test]
fn check_says_that_a_component_with_files_needs_a_root() {
    assert!(check_fits("file").contains("file.wasm --root DIR"));
}

#[test]
fn check_tells_a_core_module_from_other_bytes() {
    check_fails(b"\0asm\x01\0\0\0", &["core module", "wasm32-wasip2"]);
    check_fails(b"\x8f\x01random\xff\xfe", &["not a WebAssembly component"]);
    check_fails(b"", &["not a WebAssembly component"]);
}

#[test]
fn check_names_the_import_that_nobody_offers() {
    let unknown = "acme:clocks/monotonic-clock";
    let bytes = hello_with("wasi:clocks/monotonic-clock", unknown);
    let printed = check_fails(&bytes, &[unknown, "may import"]);
    let line = printed.lines().find(|line| line.contains(unknown)).unwrap();
    assert!(line.ends_with("NOT OFFERED"), "{line}");
    assert_eq!(printed.matches("NOT OFFERED").count(), 1, "{printed}");
}

#[test]
fn check_names_the_function_that_an_interface_does_not_have() {
    let bytes = hello_with(
        "[method]connection.recv-until",
        "[method]connection.recv-untiz",
    );
    check_fails(&bytes, &["recv-untiz"]);
}

/// A handler of connections whose core module has a `table` or memory besides its own.
fn handler_with(table: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
        (import "sockeye:net/connections@0.1.0"
            (instance $net (export "connection" (type (sub resource)))))
        (alias export $net "connection" (type $connection))
        (core module $m (memory (export "memory") 1) {table}
            (func (export "f") (param i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func $f (param "connection" (own $connection)) (result (option (own $connection)))
            (canon lift (core func $i "f") (memory (core memory $i "memory"))))
        (instance $handler (export "handle" (func $f)))
        (export "sockeye:net/handler@0.1.0" (instance $handler)))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn check_finds_what_no_instance_has_room_for() {
    let scratch = Scratch::new();
    let fits = scratch.write("fits.wasm", handler_with("(table 10 funcref)"));
    let output = run_to_end(&["check", fits.to_str().unwrap(), "--no-cache"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    check_fails(&handler_with("(table 4000000000 funcref)"), &["table"]);
    let memory = "as much; build the component with less";
    check_fails(
        &handler_with("(memory i64 1048576)"),
        &["--memory-limit", memory],
    );
}

/// A component that some other host would call for every request.
pub(crate) fn wasi_http_handler() -> Vec<u8> {
    let text = r#"(component
        (import "wasi:http/types@0.2.6" (instance (export "fields" (type (sub resource)))))
        (instance $handler)
        (export "wasi:http/incoming-handler@0.2.6" (instance $handler)))"#;
    wat::parse_str(text).unwrap()
}

#[test]
fn check_tells_a_handler_of_wasi_http_what_is_different_here() {
    let expected = ["wasi:http", "sockeye:net/http-handler", "wasmtime serve"];
    let printed = check_fails(&wasi_http_handler(), &expected);
    assert!(printed.contains("wasi:http/types@0.2.6"), "{printed}");
}

#[test]
fn check_says_that_a_component_of_the_async_abi_is_to_be_built_without() {
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 0)
            (func (export "cb") (param i32 i32 i32) (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func $f async (canon lift (core func $i "f") async (callback (core func $i "cb"))))
        (instance $handler (export "handle" (func $f)))
        (export "sockeye:net/handler@0.1.0" (instance $handler)))"#;
    check_fails(&wat::parse_str(text).unwrap(), &["async", "--sync"]);
}

/// Every flag that `sockeye serve --help` shows.
pub(crate) fn serve_flags() -> Vec<String> {
    let help = String::from_utf8(run_to_end(&["serve", "--help"]).stdout).unwrap();
    let flags = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--"));
    let names = flags.map(|flag| flag.split(' ').next().unwrap().to_owned());
    let names: Vec<String> = names.collect();
    assert!(names.len() > 25, "{names:?}");
    names
}

#[test]
fn the_manual_has_every_flag_of_every_command() {
    let output = run_to_end(&["man"]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\\-", "-");
    for name in serve_flags() {
        assert!(
            page.contains(&format!("--{name}")),
            "no `--{name}` in the manual"
        );
    }
    for command in ["SERVE", "CHECK", "COMPILE", "WIT"] {
        assert!(page.contains(&format!("SOCKEYE {command}")), "{command}");
    }
}

#[test]
fn completions_know_every_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run_to_end(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for name in serve_flags() {
            assert!(script.contains(&name), "{shell} does not know `--{name}`");
        }
    }
}

#[test]
fn help_groups_the_flags() {
    let help = String::from_utf8(run_to_end(&["serve", "--help"]).stdout).unwrap();
    for heading in [
        "Handler:",
        "Server:",
        "Logs:",
        "Limits of clients:",
        "Limits of handlers:",
        "Compiling:",
        "Examples:",
    ] {
        assert!(
            help.contains(&format!("\n{heading}\n")),
            "no `{heading}` in {help}"
        );
    }
}

#[test]
fn what_is_printed_into_a_closed_pipe_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_sockeye");
    let script = format!("{{ {binary} man; echo \"status $?\" >&2; }} | head -c 1 >/dev/null");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "status 0\n");
}
