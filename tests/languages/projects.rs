//! Projects of `sockeye new`, built by `guest/build`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::{target_dir, workspace_dir};
use crate::tool::skip;

/// What the script ends with where a compiler is missing.
const NOT_INSTALLED: i32 = 3;

/// Returns the directory of a project in which `handler.wasm` is built; none where its tools are
/// not installed.
#[track_caller]
pub(crate) fn built(language: &str, kind: &str) -> Option<PathBuf> {
    build(&[language, kind])
}

/// Returns the component of a project whose handler is that of a file in `tests/guests/`.
#[track_caller]
pub(super) fn built_of(language: &str, kind: &str, source: &str) -> Option<PathBuf> {
    let source = workspace_dir().join("tests/guests").join(source);
    let project = build(&[language, kind, source.to_str().unwrap()])?;
    Some(project.join("handler.wasm"))
}

#[track_caller]
fn build(args: &[&str]) -> Option<PathBuf> {
    let mut build = Command::new(workspace_dir().join("guest/build"));
    build
        .args(args)
        .env("SOCKEYE", env!("CARGO_BIN_EXE_sockeye"))
        .env("PROJECTS", target_dir().join("projects"))
        // What projects in Rust have in common is built once.
        .env("CARGO_BUILD_BUILD_DIR", target_dir().join("projects/build"));
    let output = build.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOT_INSTALLED) {
        skip(stderr.trim());
        return None;
    }
    assert!(output.status.success(), "{args:?}: {stderr}");
    let project = String::from_utf8(output.stdout).unwrap();
    let project = PathBuf::from(project.trim_end());
    // Compiles it for the servers of all tests, however long that takes.
    let check = sockeye(&project).args(["check", "handler.wasm"]).output();
    let check = check.unwrap();
    let stderr = String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success(), "{args:?}: {stderr}");
    Some(project)
}

/// Runs the program in a project, with the tools of all languages in reach.
pub(super) fn sockeye(project: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    let tools = workspace_dir().join("target/tools/languages/bin");
    let usual = std::env::var("PATH").unwrap_or_default();
    command
        .current_dir(project)
        .env("PATH", format!("{}:{usual}", tools.display()))
        .env("SOCKEYE_CACHE_DIR", target_dir().join("component-cache"));
    command
}
