//! Components that were compiled before: in the cache, and by `sockeye compile`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::scratch::{Scratch, component};
use crate::server::{TestServer, run_to_end};

/// Compiles `hello` into a scratch directory.
#[track_caller]
pub(crate) fn compile(scratch: &Scratch) -> PathBuf {
    let path = scratch.path().join("hello.cwasm");
    let (from, to) = (component("hello"), path.to_str().unwrap());
    let output = run_to_end(&["compile", from.to_str().unwrap(), "-o", to]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{output:?}",
        output = output.stderr
    );
    assert!(
        stdout.contains(&format!("sockeye serve {to} --allow-precompiled")),
        "{stdout}"
    );
    path
}

/// Checks how `sockeye serve` with `args` refuses to start.
#[track_caller]
fn check_refused(args: &[&str], message: &[&str]) {
    let output = run_to_end(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in [&["hint: "], message].concat() {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
}

fn entries(scratch: &Scratch) -> Vec<PathBuf> {
    let entries = fs::read_dir(scratch.path().join("cache")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_compiled_component_is_served_when_the_operator_vouches_for_it() {
    let scratch = Scratch::new();
    let path = compile(&scratch);
    let server = TestServer::start_file(&path, &["--allow-precompiled"]);
    assert_eq!(server.connect().get("/").text(), "Hello, World!");
}

#[test]
fn a_compiled_component_that_nobody_vouches_for_is_refused() {
    let scratch = Scratch::new();
    let path = compile(&scratch);
    let path = path.to_str().unwrap();
    check_refused(&[path], &[path, "native code", "--allow-precompiled"]);
}

#[test]
fn a_component_compiled_by_another_version_is_refused() {
    let scratch = Scratch::new();
    let path = compile(&scratch);
    let mut bytes = fs::read(&path).unwrap();
    let version = concat!("sockeye ", env!("CARGO_PKG_VERSION")).as_bytes();
    let at = bytes
        .windows(version.len())
        .position(|bytes| bytes == version);
    bytes[at.expect("the version is in the file") + version.len() - 1] = b'x';
    fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    check_refused(
        &[path, "--allow-precompiled"],
        &[path, "another version", "0.1.x"],
    );
}

#[test]
fn a_compiled_component_that_was_cut_short_is_refused() {
    let scratch = Scratch::new();
    let path = compile(&scratch);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let path = path.to_str().unwrap();
    check_refused(&[path, "--allow-precompiled"], &[path]);
}

#[test]
fn compile_says_why_it_cannot_write() {
    let from = component("hello");
    let output = run_to_end(&["compile", from.to_str().unwrap(), "-o", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("`/nowhere/at/all`"), "{stderr}");
}

#[test]
fn the_second_start_takes_what_the_first_one_compiled() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    let flags = ["--cache-dir", cache.to_str().unwrap()];
    TestServer::start("hello", &flags).stop();
    let kept = entries(&scratch);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let inode = |path: &PathBuf| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).unwrap().ino()
    };
    let before = inode(&kept[0]);
    let server = TestServer::start("hello", &flags);
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(entries(&scratch), kept);
    assert_eq!(inode(&kept[0]), before, "it was compiled again");
    // Another component has a place of its own.
    TestServer::start("echo", &flags).stop();
    assert_eq!(entries(&scratch).len(), 2);
}

#[test]
fn a_broken_entry_of_the_cache_is_replaced() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    let flags = ["--cache-dir", cache.to_str().unwrap()];
    TestServer::start("hello", &flags).stop();
    let kept = entries(&scratch);
    fs::write(&kept[0], b"").unwrap();
    let server = TestServer::start("hello", &flags);
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(server.log_lines("compiling again").len(), 1);
    assert!(fs::metadata(&kept[0]).unwrap().len() > 1000);
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let cache = cache.to_str().unwrap();
    let message = [cache, "somebody else can write", "`--no-cache`"];
    check_refused(&["--cache-dir", cache], &message);
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let scratch = Scratch::new();
    let cache = scratch.path().join("cache");
    let flags = ["--no-cache", "--cache-dir", cache.to_str().unwrap()];
    let server = TestServer::start("hello", &flags);
    assert_eq!(server.connect().get("/").status, 200);
    assert!(!cache.exists());
}
