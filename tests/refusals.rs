//! Everything for which the program refuses to start, with its message and its exit code.

use std::fs;
use std::net::TcpListener;

use crate::commands::wasi_http_handler;
use crate::scratch::{Scratch, component};
use crate::server::{TestServer, run_to_end};

/// Exit code of a server that could not start.
const FAILED: i32 = 1;

/// Exit code of a command line that makes no sense.
const USAGE: i32 = 2;

/// Checks that a command ends with `code` and says every part of `message` on stderr.
#[track_caller]
fn check(args: &[&str], code: i32, message: &[&str]) {
    let output = run_to_end(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert_eq!(output.stdout, b"", "{args:?}");
    assert!(stderr.contains("error: "), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    for part in message {
        assert!(
            stderr.contains(part),
            "{args:?} does not say `{part}`: {stderr}"
        );
    }
}

/// Checks how `sockeye serve` with a component that consists of `bytes` refuses to start.
#[track_caller]
fn check_component(bytes: &[u8], message: &[&str]) {
    let scratch = Scratch::new();
    let path = scratch.write("wrong.wasm", bytes);
    let path = path.to_str().unwrap();
    let message = [&[path], message].concat();
    check(
        &["serve", path, "--listen", "127.0.0.1:0"],
        FAILED,
        &message,
    );
}

/// Checks how `sockeye serve` with a good component and `flags` refuses to start.
#[track_caller]
fn check_flags(flags: &[&str], code: i32, message: &[&str]) {
    let hello = component("hello");
    let listen = match flags.contains(&"--listen") {
        true => &[][..],
        false => &["--listen", "127.0.0.1:0"],
    };
    let usual = ["serve", hello.to_str().unwrap()];
    check(&[&usual[..], listen, flags].concat(), code, message);
}

#[test]
fn a_second_server_on_the_same_port_fails_to_start() {
    let server = TestServer::start("hello", &[]);
    let addr = server.addr().to_string();
    let quoted = format!("`{addr}`");
    check_flags(&["--listen", &addr], FAILED, &[&quoted, "in use"]);
    assert_eq!(server.connect().get("/").status, 200);
}

#[test]
fn a_port_of_another_program_fails_to_start() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap().to_string();
    let quoted = format!("`{addr}`");
    check_flags(&["--listen", &addr], FAILED, &[&quoted, "in use"]);
    check_flags(&["--admin", &addr], FAILED, &[&quoted, "in use"]);
}

#[test]
fn an_address_of_another_machine_fails_to_start() {
    // From the block of RFC 5737, which no machine has.
    check_flags(&["--listen", "192.0.2.1:0"], FAILED, &["`192.0.2.1:0`"]);
}

#[test]
fn a_missing_component_fails_to_start() {
    let scratch = Scratch::new();
    let path = scratch.path().join("missing.wasm");
    let path = path.to_str().unwrap();
    check(
        &["serve", path],
        FAILED,
        &[&format!("`{path}`"), "caused by: ", "No such file"],
    );
}

#[test]
fn a_directory_instead_of_a_component_fails_to_start() {
    let scratch = Scratch::new();
    let hint = format!("`sockeye serve --root {}`", scratch.text());
    check(&["serve", scratch.text()], FAILED, &[scratch.text(), &hint]);
}

#[test]
fn a_component_that_begins_with_more_memory_than_allowed_fails_to_start() {
    let path = component("hello");
    let path = path.to_str().unwrap();
    let args = ["serve", path, "--memory-limit", "64KiB"];
    check(
        &args,
        FAILED,
        &[path, "65536", "hint: give `--memory-limit 2MiB`"],
    );
}

#[test]
fn a_core_module_fails_to_start_and_is_called_that() {
    check_component(b"\0asm\x01\0\0\0", &["a core ", "module, not a component"]);
}

#[test]
fn a_file_that_is_not_webassembly_fails_to_start() {
    check_component(b"int main(void) { return 0; }", &[]);
    check_component(b"", &[]);
    check_component(b"\0asm\x0d\0\x01\0\xff\xff\xff\xff", &[]);
}

#[test]
fn a_component_that_exports_no_handler_fails_to_start() {
    // The empty component.
    check_component(b"\0asm\x0d\0\x01\0", &["handler", "http-handler"]);
}

#[test]
fn a_handler_of_wasi_http_fails_to_start() {
    check_component(
        &wasi_http_handler(),
        &["`wasi:http`", "hint: ", "http-handler"],
    );
}

#[test]
fn names_out_of_a_component_give_the_terminal_no_orders() {
    let text = r#"(component
        (core module $m (import "\1b]0;title\07\c2\9b31m" "\0d" (func)))
        (core instance (instantiate $m)))"#;
    let scratch = Scratch::new();
    let path = scratch.write("wrong.wasm", wat::parse_str(text).unwrap());
    for command in ["check", "serve"] {
        let output = run_to_end(&[command, path.to_str().unwrap(), "--no-cache"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains(r"\u{1b}]0;title\u{7}\u{9b}31m"),
            "{stderr:?}"
        );
        let obeyed = |letter: char| letter.is_control() && letter != '\n';
        assert!(!stderr.contains(obeyed), "{stderr:?}");
    }
}

#[test]
fn what_check_reports_of_a_component_gives_the_terminal_no_orders() {
    let text = r#"(component
        (import "url=<\1b]0;title\07\c2\9b31m\0aforged>" (instance)))"#;
    let scratch = Scratch::new();
    let path = scratch.write("wrong.wasm", wat::parse_str(text).unwrap());
    let output = run_to_end(&["check", path.to_str().unwrap(), "--no-cache"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains(r"url=<\u{1b}]0;title\u{7}\u{9b}31m\nforged>"),
        "{stdout:?}"
    );
    let obeyed = |letter: char| letter.is_control() && letter != '\n';
    assert!(!stdout.contains(obeyed), "{stdout:?}");
}

/// Returns the component `hello` with every `from` replaced by `to`, which is as long.
pub(crate) fn hello_with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(component("hello")).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "`hello` does not contain `{from}`");
    bytes
}

#[test]
fn a_component_that_imports_something_unknown_fails_to_start() {
    let unknown = "sockeye:net/connectionz@0.1.0";
    check_component(
        &hello_with("sockeye:net/connections@0.1.0", unknown),
        &[unknown],
    );
    let newer = "sockeye:net/connections@0.7.0";
    check_component(
        &hello_with("sockeye:net/connections@0.1.0", newer),
        &[newer],
    );
}

#[test]
fn a_component_that_exports_another_handler_fails_to_start() {
    let other = hello_with(
        "sockeye:net/http-handler@0.1.0",
        "sockeye:net/http-handlez@0.1.0",
    );
    check_component(&other, &["http-handler"]);
}

#[test]
fn a_component_that_imports_an_unknown_function_fails_to_start() {
    let other = hello_with(
        "[method]connection.recv-until",
        "[method]connection.recv-untiz",
    );
    check_component(&other, &["recv-untiz"]);
}

#[test]
fn a_root_that_is_not_a_directory_fails_to_start() {
    let scratch = Scratch::new();
    let missing = scratch.path().join("missing");
    let missing = missing.to_str().unwrap();
    check_flags(
        &["--root", missing],
        FAILED,
        &[&format!("`{missing}`"), "caused by: "],
    );
    let file = scratch.write("file", "");
    let file = file.to_str().unwrap();
    check_flags(&["--root", file], FAILED, &[&format!("`{file}`")]);
}

#[test]
fn more_instances_than_the_machine_has_maps_for_are_refused_with_the_number_that_fits() {
    let output = run_to_end(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--max-instances",
        "1000000",
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr.contains("1000000"), "{stderr}");
    let words = stderr.split(|letter: char| !letter.is_ascii_digit());
    let fits = words.filter_map(|word| word.parse::<u32>().ok());
    assert!(
        fits.into_iter()
            .any(|number| (100..1_000_000).contains(&number)),
        "{stderr}"
    );
}

#[test]
fn a_value_that_a_flag_cannot_have_is_a_usage_error() {
    for (flag, value) in [
        ("--listen", "nowhere"),
        ("--listen", "127.0.0.1"),
        ("--listen", "127.0.0.1:70000"),
        ("--admin", "nowhere"),
        ("--workers", "0"),
        ("--workers", "many"),
        ("--workers", "-1"),
        ("--reuse", "sometimes"),
        ("--activate-on", "wish"),
        ("--linger", "5 parsecs"),
        ("--linger", "10"),
        ("--linger", "-10ms"),
        ("--drain-timeout", "99999999999999999999s"),
        ("--memory-limit", "64MB of it"),
        ("--memory-limit", "-1"),
        ("--memory-limit", "99999999999GiB"),
        ("--head-limit", "0"),
        ("--max-instances", "0"),
        ("--max-connections", "none"),
        ("--log-level", "loud"),
    ] {
        let argument = format!("{flag}={value}");
        let quoted = format!("`{value}`");
        check_flags(&[&argument], USAGE, &[&quoted, flag]);
    }
}

#[test]
fn an_unknown_flag_or_command_is_a_usage_error() {
    check(&["serve", "--fast"], USAGE, &["--fast"]);
    check(&["swim"], USAGE, &["`swim`"]);
    let hello = component("hello");
    let hello = hello.to_str().unwrap();
    let hint = format!("hint: to serve it, type `sockeye serve {hello}`");
    check(&[hello], USAGE, &[&hint]);
}
