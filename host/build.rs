//! Compiles the guests, so that the built-in handler and the tests' components are always there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::{env, fs};

const TARGET: &str = "wasm32-wasip2";

/// What compiles the guests where the toolchain of the outer build has no such target: not every
/// nightly comes with every one.
const OTHER_TOOLCHAIN: &str = "stable";

/// The guest that is built into the host.
const BUILT_IN: &str = "static";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(mio_unsupported_force_poll_poll)");
    let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = host
        .parent()
        .expect("the host is a folder of the workspace")
        .to_owned();
    for input in ["guest", "wit", "tests/guests", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let target_dir = target_dir(&out);

    let other = other_toolchain();
    // A target directory of its own: the outer cargo holds the lock of the usual one.
    let guest_target_dir = target_dir.join("guest-build");
    compile(&root, &guest_target_dir, other);
    let built = guest_target_dir.join(TARGET).join("guest/examples");
    let guests = target_dir.join("guests");
    collect(&built, &guests);
    let built_in = guests.join(BUILT_IN).with_extension("wasm");
    println!(
        "cargo::rustc-env=SOCKEYE_BUILT_IN_GUEST={}",
        built_in.display()
    );
}

/// Returns what `PROFILE/build` is in: the target directory, or with `--target` the target's
/// folder in it.
// Not the directory with a CACHEDIR.TAG: cargo writes that only where it makes the directory, so
// a target directory that is a mount has none, and a directory further up may have one.
fn target_dir(out: &Path) -> PathBuf {
    out.ancestors()
        .skip_while(|path| !path.ends_with("build"))
        .nth(2)
        .expect("cargo leaves `OUT_DIR` somewhere below `PROFILE/build`")
        .to_owned()
}

/// Runs a command of the toolchain of the outer build.
fn toolchain(variable: &str, default: &str) -> Command {
    cleaned(env::var_os(variable).unwrap_or_else(|| default.into()))
}

/// Runs a command of a toolchain that rustup has, whichever the outer build uses.
fn of_toolchain(name: &str, program: &str) -> Command {
    let mut command = cleaned(program.into());
    command.env("RUSTUP_TOOLCHAIN", name);
    command.env_remove("RUSTC").env_remove("RUSTDOC");
    command
}

/// Runs a command with the variables of the outer build taken away, which are about another
/// target.
fn cleaned(program: OsString) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        // What says how to reach the registries stays: behind a proxy nothing is found without it.
        let of_outer_build = name_text.starts_with("CARGO")
            && name_text != "CARGO_HOME"
            && !["NET", "TERM", "HTTP", "REGISTR", "SOURCE"]
                .iter()
                .any(|kind| name_text.starts_with(&format!("CARGO_{kind}")));
        let of_compiler = [
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CLIPPY_ARGS",
            "TARGET",
        ];
        if of_outer_build || of_compiler.contains(&&*name_text) {
            command.env_remove(&name);
        }
    }
    // Empty, not absent: flags in a configuration file would be for this machine's linker.
    command.env_remove("RUSTFLAGS");
    command.env("CARGO_ENCODED_RUSTFLAGS", "");
    command
}

/// Adds the guests' target to the toolchain where it is missing. Names another toolchain that has
/// it where that fails.
fn other_toolchain() -> Option<&'static str> {
    if has_target(toolchain("RUSTC", "rustc")) {
        return None;
    }
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status();
    if added.is_ok_and(|status| status.success()) {
        return None;
    }
    if has_target(of_toolchain(OTHER_TOOLCHAIN, "rustc")) {
        println!("cargo::warning=compiling the guests with the toolchain `{OTHER_TOOLCHAIN}`");
        return Some(OTHER_TOOLCHAIN);
    }
    fail(&format!(
        "the guests need Rust's target `{TARGET}`, and `rustup target add {TARGET}` failed",
    ));
}

fn has_target(mut rustc: Command) -> bool {
    let sysroot = rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    sysroot.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&path).exists()
    })
}

fn compile(root: &Path, target_dir: &Path, other: Option<&str>) {
    let mut cargo = match other {
        Some(name) => of_toolchain(name, "cargo"),
        None => toolchain("CARGO", "cargo"),
    };
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--package",
            "sockeye-guest",
            "--examples",
        ])
        .args(["--profile", "guest", "--target", TARGET, "--target-dir"])
        .arg(target_dir);
    if !cargo.status().is_ok_and(|status| status.success()) {
        fail(&format!(
            "the guests did not compile; to see why:\n  \
             cargo build -p sockeye-guest --examples --profile guest --target {TARGET}"
        ));
    }
}

/// Copies the components to where people look for them, under the names of their sources.
fn collect(built: &Path, guests: &Path) {
    let fail_on = |what: &Path, error| -> ! { fail(&format!("`{}`: {error}", what.display())) };
    fs::create_dir_all(guests).unwrap_or_else(|error| fail_on(guests, error));
    let entries = fs::read_dir(built).unwrap_or_else(|error| fail_on(built, error));
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().replace('_', "-"));
        let (Some(stem), Some("wasm")) = (stem, path.extension().and_then(|e| e.to_str())) else {
            continue;
        };
        // Cargo also leaves `NAME-HASH.wasm`.
        let hashed = stem.rsplit_once('-').is_some_and(|(_, hash)| {
            hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let to = guests.join(stem).with_extension("wasm");
        // A copy that is already right keeps its time stamp: the builds of other profiles use it.
        let same = || fs::read(&to).ok() == fs::read(&path).ok();
        if !hashed && !same() {
            // By way of a rename, so that nobody ever reads half a component.
            let partial = to.with_extension(format!("partial-{}", std::process::id()));
            let copied = fs::copy(&path, &partial).and_then(|_| fs::rename(&partial, &to));
            copied.unwrap_or_else(|error| fail_on(&to, error));
        }
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={}", message.replace('\n', " "));
    eprintln!("{message}");
    exit(1)
}
