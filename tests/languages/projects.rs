//! Projects of `sockeye new`, built by the commands that it prints.
//!
//! What is built is kept below the target directory, by a hash of all that was written: who changes
//! a template builds it again, and nobody else.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::scratch::{Scratch, target_dir, workspace_dir};
use crate::server::run_to_end;
use crate::tool::skip;

/// Builds are large: one at a time.
static BUILDING: Mutex<()> = Mutex::new(());

/// What `guest/install` leaves that a project would install by itself, and where it looks for it.
struct Installed {
    language: &'static str,
    /// Below `target/tools`.
    from: &'static str,
    to: Option<&'static str>,
}

const INSTALLED: &[Installed] = &[
    Installed {
        language: "c",
        from: "languages/bin/python-zig",
        to: None,
    },
    Installed {
        language: "cpp",
        from: "languages/bin/python-zig",
        to: None,
    },
    Installed {
        language: "zig",
        from: "languages/bin/zig",
        to: None,
    },
    Installed {
        language: "go",
        from: "languages/bin/go",
        to: None,
    },
    Installed {
        language: "python",
        from: "languages",
        to: Some(".venv"),
    },
    Installed {
        language: "js",
        from: "js/node_modules",
        to: Some("node_modules"),
    },
    Installed {
        language: "ts",
        from: "ts/node_modules",
        to: Some("node_modules"),
    },
    Installed {
        language: "assemblyscript",
        from: "assemblyscript/node_modules",
        to: Some("node_modules"),
    },
];

/// Returns the directory of a project in which `handler.wasm` is built; none where its tools are
/// not installed.
#[track_caller]
pub(super) fn built(language: &str, kind: &str) -> Option<PathBuf> {
    let tools = workspace_dir().join("target/tools");
    let installed = INSTALLED.iter().find(|one| one.language == language);
    if let Some(installed) = installed
        && !tools.join(installed.from).exists()
    {
        skip(&format!("{language} is not installed, run `guest/install`"));
        return None;
    }
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = Scratch::new();
    let path = scratch.path().join("my-handler");
    let steps = steps(&path, language, kind);
    let mut hasher = DefaultHasher::new();
    hash(&path, &mut hasher);
    let kept = target_dir().join("projects");
    let kept = kept.join(format!("{language}-{kind}-{:016x}", hasher.finish()));
    if kept.join("handler.wasm").exists() {
        return Some(kept);
    }
    // What an interrupted run has left.
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::rename(&path, &kept).unwrap();
    if let Some(Installed {
        from, to: Some(to), ..
    }) = installed
    {
        symlink(tools.join(from), kept.join(to)).unwrap();
    }
    for step in steps {
        // What the project would install is there.
        if step != "npm install" {
            run(&kept, &step);
        }
    }
    // Compiles it for the servers of all tests, however long that takes.
    sockeye(&kept)
        .args(["check", "handler.wasm"])
        .output()
        .unwrap();
    assert!(kept.join("handler.wasm").exists(), "the build leaves it");
    Some(kept)
}

/// Has a project written, and returns the commands that build it.
#[track_caller]
pub(super) fn steps(path: &Path, language: &str, kind: &str) -> Vec<String> {
    let path = path.to_str().unwrap();
    let output = run_to_end(&["new", path, "--lang", language, "--kind", kind]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let commands = stdout.lines().filter_map(|line| line.strip_prefix("  "));
    let commands: Vec<&str> = commands.collect();
    let [enter, steps @ .., serve] = &commands[..] else {
        panic!("no commands in: {stdout}");
    };
    assert_eq!(*enter, format!("cd {path}"));
    assert_eq!(*serve, "sockeye serve handler.wasm");
    steps.iter().map(|step| step.to_string()).collect()
}

/// Runs a command of a shell in a project, with the tools in reach.
#[track_caller]
pub(super) fn run(project: &Path, command: &str) {
    let output = with_tools(Command::new("sh"), project)
        .args(["-c", command])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "`{command}` in {}: {}\n{}{}",
        project.display(),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Runs the program in a project.
pub(super) fn sockeye(project: &Path) -> Command {
    let mut command = with_tools(Command::new(env!("CARGO_BIN_EXE_sockeye")), project);
    command.env("SOCKEYE_CACHE_DIR", target_dir().join("component-cache"));
    command
}

fn with_tools(mut command: Command, project: &Path) -> Command {
    let sockeye = Path::new(env!("CARGO_BIN_EXE_sockeye")).parent().unwrap();
    let tools = workspace_dir().join("target/tools/languages/bin");
    let usual = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{usual}", sockeye.display(), tools.display());
    command.current_dir(project).env("PATH", path);
    // Of the build of these tests; a project of its own knows nothing of it.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    // What projects in Rust have in common is built once.
    command.env("CARGO_BUILD_BUILD_DIR", target_dir().join("projects/build"));
    command
}

/// Hashes every file below a directory, with its name.
fn hash(directory: &Path, hasher: &mut DefaultHasher) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        path.file_name().unwrap().hash(hasher);
        if path.is_dir() {
            hash(&path, hasher);
        } else if let Ok(bytes) = fs::read(&path) {
            bytes.hash(hasher);
        }
    }
}
