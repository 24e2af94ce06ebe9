//! `sockeye component`: components made of core modules.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::scratch::{Scratch, component};
use crate::server::{TestServer, run_to_end};

/// An allocator of two pages at a time.
const GROW: &str = "(i32.mul (memory.grow (i32.const 2)) (i32.const 65536))";

/// A handler that says a word and lets the connection go, as a core module, with an `import` and
/// some `work` before.
fn handler(import: &str, work: &str, allocate: &str) -> Vec<u8> {
    module("sockeye:net/handler@0.1.0#handle", import, work, allocate)
}

/// The same under a name of its own.
fn module(name: &str, import: &str, work: &str, allocate: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "sockeye:net/connections@0.1.0" "[method]connection.send"
                (func $send (param i32 i32 i32 i32 i32 i64 i32)))
            {import}
            (memory (export "memory") 1)
            (data (i32.const 64) "a word\0a")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {allocate})
            (func (export "{name}") (param i32) (result i32)
                {work}
                (call $send (local.get 0) (i32.const 64) (i32.const 7) (i32.const 0)
                    (i32.const 0) (i64.const 0) (i32.const 1024))
                i32.const 16))"#
    );
    wat::parse_str(text).unwrap()
}

/// Runs `sockeye component` on `core.wasm`; the component lands in `handler.wasm`.
fn run(scratch: &Scratch, flags: &[&str]) -> Output {
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let (from, to) = (path("core.wasm"), path("handler.wasm"));
    run_to_end(&[&["component", &from, "-o", &to], flags].concat())
}

/// Makes a component of `core.wasm`, and returns where it is.
#[track_caller]
pub(crate) fn make(scratch: &Scratch, flags: &[&str]) -> PathBuf {
    let made = run(scratch, flags);
    let stderr = String::from_utf8_lossy(&made.stderr);
    assert_eq!(made.status.code(), Some(0), "{stderr}");
    let path = scratch.path().join("handler.wasm");
    let stdout = String::from_utf8(made.stdout).unwrap();
    let next = format!("sockeye serve {}\n", path.display());
    assert!(stdout.ends_with(&next), "{stdout}");
    path
}

/// Serves the component that is made of `bytes`.
#[track_caller]
fn serve(scratch: &Scratch, bytes: &[u8], flags: &[&str]) -> TestServer {
    scratch.write("core.wasm", bytes);
    TestServer::start_file(&make(scratch, flags), &[])
}

/// Checks that no component is made of `bytes`, and that the message has each of `parts`.
#[track_caller]
fn check_refused(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::new();
    scratch.write("core.wasm", bytes);
    let output = run(&scratch, &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in [&["core.wasm", "hint: "], parts].concat() {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
    assert!(!scratch.path().join("handler.wasm").exists());
}

#[test]
fn a_core_module_that_exports_a_handler_becomes_a_component() {
    let scratch = Scratch::new();
    let server = serve(&scratch, &handler("", "", GROW), &[]);
    assert_eq!(server.connect().rest(), b"a word\n");
}

#[test]
fn an_export_called_handle_is_the_handler_that_kind_says() {
    let plain = module("handle", "", "", GROW);
    let scratch = Scratch::new();
    let server = serve(&scratch, &plain, &["--kind", "tcp"]);
    assert_eq!(server.connect().rest(), b"a word\n");
    let server = serve(&scratch, &plain, &["--kind", "http"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.rest(), b"a word\n");
    check_refused(&plain, &["exports no handler", "`--kind`"]);
    // Not a handler of TCP under the name of one of HTTP.
    let scratch = Scratch::new();
    scratch.write("core.wasm", handler("", "", GROW));
    let refused = run(&scratch, &["--kind", "http"]);
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(
        stderr.contains("it exports neither `handle` nor"),
        "{stderr}"
    );
}

/// Checks that a handler that writes its word to stderr by the WASI before components works.
#[track_caller]
fn check_adapted(allocate: &str, flags: &[&str]) {
    let import = r#"(import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))"#;
    // An array of one buffer: the word with its line end.
    let write = "(i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 7))
        (drop (call $write (i32.const 2) (i32.const 32) (i32.const 1) (i32.const 48)))";
    let scratch = Scratch::new();
    let server = serve(&scratch, &handler(import, write, allocate), flags);
    assert_eq!(server.connect().rest(), b"a word\n");
    server.wait_for_log("a word");
}

#[test]
fn a_core_module_for_the_wasi_before_components_gets_an_adapter() {
    check_adapted(GROW, &[]);
}

#[test]
fn the_adapter_need_not_ask_the_module_for_memory() {
    check_adapted("unreachable", &["--realloc-via-memory-grow"]);
}

#[test]
fn what_is_no_core_module_with_a_handler_is_refused_by_name() {
    check_refused(b"", &["it is not a WebAssembly module"]);
    check_refused(b"\x7fELF", &["it is not a WebAssembly module"]);
    check_refused(b"\0asm\x01\0\0", &["failed to make a component"]);
    let exports_nothing = wat::parse_str("(module)").unwrap();
    check_refused(&exports_nothing, &["sockeye:net/http-handler@0.1.0#handle"]);
    let built = fs::read(component("hello")).unwrap();
    check_refused(&built, &["is a component already", "sockeye serve"]);
}

#[test]
fn a_core_module_whose_types_do_not_fit_is_refused_with_what_is_expected() {
    let text = r#"(module (memory (export "memory") 1)
        (func (export "sockeye:net/handler@0.1.0#handle") (param i64) (result i32) i32.const 0))"#;
    check_refused(&wat::parse_str(text).unwrap(), &["[I64]", "[I32]"]);
}

#[test]
fn a_component_is_not_written_over_its_module() {
    let scratch = Scratch::new();
    scratch.write("core.wasm", handler("", "", GROW));
    let path = scratch.path().join("core.wasm");
    let path = path.to_str().unwrap();
    let output = run_to_end(&["component", path, "-o", path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(path).unwrap(), handler("", "", GROW));
}
