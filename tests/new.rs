//! `sockeye new`: projects to begin with. `tests/languages/` builds and runs them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::scratch::{Scratch, workspace_dir};
use crate::server::run_to_end;

/// Has a project written into `scratch`, and returns what was printed.
#[track_caller]
fn new(scratch: &Scratch, name: &str, flags: &[&str]) -> Output {
    let path = scratch.path().join(name);
    run_to_end(&[&["new", path.to_str().unwrap()], flags].concat())
}

/// Checks that no project is made, and that the message has each of `parts`.
#[track_caller]
fn check_refused(scratch: &Scratch, name: &str, parts: &[&str]) {
    let output = new(scratch, name, &["--lang", "c"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in [&["hint: "], parts].concat() {
        assert!(stderr.contains(part), "no `{part}` in: {stderr}");
    }
}

/// Returns the languages, as `--help` lists them.
fn languages() -> Vec<String> {
    let help = run_to_end(&["new", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.rsplit("--lang <LANGUAGE>").next().unwrap();
    let listed = listed.split("--kind").next().unwrap();
    let names = listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "));
    names
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

/// Returns every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn a_project_of_every_language_and_kind_has_its_own_name_everywhere() {
    let scratch = Scratch::new();
    let languages = languages();
    assert!(languages.len() > 1, "{languages:?}");
    for language in languages {
        for kind in ["http", "tcp"] {
            let name = format!("a-{language}-{kind}");
            let made = new(&scratch, &name, &["--lang", &language, "--kind", kind]);
            assert_eq!(made.status.code(), Some(0), "{language}");
            let project = scratch.path().join(&name);
            for file in ["README.md", "sockeye.toml", ".gitignore"] {
                assert!(project.join(file).is_file(), "{language}: {file}");
            }
            for file in files(&project) {
                let path = file.to_str().unwrap();
                // A link to what will be built.
                let text = fs::read_to_string(&file).unwrap_or_default();
                for placeholder in ["my-handler", "my_handler"] {
                    assert!(!path.contains(placeholder), "{path}");
                    assert!(!text.contains(placeholder), "{path}");
                }
            }
            let readme = fs::read_to_string(project.join("README.md")).unwrap();
            assert!(readme.starts_with(&format!("# {name}\n")), "{readme}");
            // What is printed is what the page says.
            let stdout = String::from_utf8(made.stdout).unwrap();
            let steps = stdout
                .lines()
                .filter_map(|line| line.strip_prefix("  "))
                .skip(1);
            for step in steps {
                let mut lines = readme.lines();
                assert!(
                    lines.any(|line| line.trim_start().starts_with(step)),
                    "{name}: {step}"
                );
            }
        }
    }
}

#[test]
fn a_tool_that_is_missing_is_named_with_the_command_that_installs_it() {
    let scratch = Scratch::new();
    // A machine with a shell and nothing else.
    let shell = ["/bin/sh", "/usr/bin/sh"].map(PathBuf::from);
    let shell = shell.iter().find(|path| path.exists()).unwrap();
    fs::create_dir(scratch.path().join("bin")).unwrap();
    symlink(shell, scratch.path().join("bin/sh")).unwrap();
    let install = fs::read_to_string(workspace_dir().join("guest/install")).unwrap();
    for language in languages() {
        let output = Command::new(env!("CARGO_BIN_EXE_sockeye"))
            .current_dir(scratch.path())
            .args(["new", &format!("in-{language}"), "--lang", &language])
            .env("PATH", scratch.path().join("bin"))
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let hints: Vec<&str> = stdout
            .lines()
            .filter(|line| line.starts_with("hint: "))
            .collect();
        assert!(!hints.is_empty(), "{language}: {stdout}");
        for hint in hints {
            let (_, command) = hint.split_once(" is not installed: ").unwrap();
            // The tests are built with the version that people are told to install.
            if let Some((package, version)) = command.split_once("==") {
                let package = package.rsplit(' ').next().unwrap();
                let pinned = format!("{package}=={version}");
                assert!(install.contains(&pinned), "{pinned} in guest/install");
            }
        }
    }
}

#[test]
fn a_project_is_not_written_over_anything() {
    let scratch = Scratch::new();
    scratch.write("taken/file", "kept");
    scratch.write("file", "kept");
    check_refused(&scratch, "taken", &["failed to make the project", "taken`"]);
    check_refused(&scratch, "file", &["failed to make the project"]);
    check_refused(&scratch, "missing/project", &["No such file"]);
    let mut left = fs::read_dir(scratch.path()).unwrap();
    assert!(left.all(|entry| {
        let name = entry.unwrap().file_name();
        name == "taken" || name == "file"
    }));
    assert_eq!(files(&scratch.path().join("taken")).len(), 1);
    // A shell may be in it.
    fs::create_dir(scratch.path().join("empty")).unwrap();
    check_refused(&scratch, "empty", &["entity already exists"]);
}

#[test]
fn a_name_that_a_build_tool_would_refuse_is_refused() {
    let scratch = Scratch::new();
    for name in [
        "Hello",
        "1st",
        "-x",
        "a_b",
        "a b",
        "ä",
        "a-",
        "a.b",
        "..",
        "sockeye-guest",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sockeye"))
            .current_dir(scratch.path())
            .args(["new", "--lang", "c", "--", name])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains(&format!("`{name}` cannot be")), "{stderr}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn the_library_in_a_project_in_rust_needs_what_it_needs_here() {
    let dependencies = |path: &str| {
        let text = fs::read_to_string(workspace_dir().join(path)).unwrap();
        let section = text.split("[dependencies]\n").nth(1).unwrap().to_owned();
        section.split("\n\n").next().unwrap().trim_end().to_owned()
    };
    let here = dependencies("guest/Cargo.toml");
    let there = dependencies("guest/templates/rust/sockeye-guest/Cargo.toml");
    assert_eq!(there, here);
}
