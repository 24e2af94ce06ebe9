//! `sockeye dev`: builds, serves, and does both again when a source has changed.
//!
//! The projects here are built with a shell and `sockeye component`, so that any machine builds
//! them at once; `tests/languages/` has those of real languages.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::client::{Client, get};
use crate::scratch::Scratch;
use crate::server::{TestServer, run_to_end};
use crate::wait;

/// How a project is built. The program is found although nobody has installed it.
const BUILD: &str = "sockeye component src/core.wasm -o handler.wasm";

/// How many edits are made under load, and by how many clients that is.
const EDITS: usize = 20;
const CLIENTS: usize = 4;

/// A handler that answers every request with `text` and hands the connection back, as the core
/// module that a compiler would leave.
fn answering(text: &str) -> Vec<u8> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let escaped: String = answer.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = answer.len();
    let module = format!(
        r#"(module
            (import "sockeye:net/connections@0.1.0" "[method]connection.recv-until"
                (func $recv_until (param i32 i32 i32 i32 i32 i64 i32)))
            (import "sockeye:net/connections@0.1.0" "[method]connection.send"
                (func $send (param i32 i32 i32 i32 i32 i64 i32)))
            (memory (export "memory") 2)
            (data (i32.const 32) "\0d\0a\0d\0a")
            (data (i32.const 64) "{escaped}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 65536)
            (func (export "sockeye:net/http-handler@0.1.0#handle") (param i32) (result i32)
                (call $recv_until (local.get 0) (i32.const 32) (i32.const 4) (i32.const 65536)
                    (i32.const 0) (i64.const 0) (i32.const 1024))
                (call $send (local.get 0) (i32.const 64) (i32.const {length}) (i32.const 0)
                    (i32.const 0) (i64.const 0) (i32.const 1024))
                (i32.store8 (i32.const 16) (i32.const 1))
                (i32.store (i32.const 20) (local.get 0))
                i32.const 16))"#
    );
    wat::parse_str(module).unwrap()
}

/// A project whose source is a core module.
struct Project {
    directory: Scratch,
}

impl Project {
    /// Makes a project that answers with `text`.
    fn new(text: &str) -> Project {
        let directory = Scratch::new();
        let project = Project { directory };
        project.edit(&answering(text));
        project.configure("", BUILD);
        project
    }

    /// Writes the configuration, with more `settings`.
    fn configure(&self, settings: &str, build: &str) {
        let text = format!(
            "component = \"handler.wasm\"\n{settings}\n\
             [dev]\nbuild = \"{build}\"\nwatch = [\"src\"]\n"
        );
        self.write("sockeye.toml", text.as_bytes());
    }

    /// Saves the source.
    fn edit(&self, source: &[u8]) {
        self.write("src/core.wasm", source);
    }

    /// Writes a file as an editor does, by way of another one.
    fn write(&self, name: &str, bytes: &[u8]) {
        let partial = self.directory.write(&format!("{name}~"), bytes);
        fs::rename(partial, self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command
            .current_dir(self.directory.path())
            .args(["dev", "--listen", "127.0.0.1:0"]);
        command
    }

    /// Starts `sockeye dev`, and returns when that serves.
    #[track_caller]
    fn start(&self) -> TestServer {
        TestServer::spawn(self.command())
    }
}

/// A `sockeye dev` that does not serve yet; ended when dropped.
struct Unserved {
    child: Child,
    log: PathBuf,
}

impl Unserved {
    fn start(project: &Project) -> Unserved {
        let log = project.path("log");
        let child = project
            .command()
            .stderr(File::create(&log).unwrap())
            .spawn();
        let child = child.unwrap();
        Unserved { child, log }
    }

    /// Waits for the first line of the log that contains `text`, and returns it.
    #[track_caller]
    fn wait_for_log(&self, text: &str) -> String {
        wait::until_some(&format!("the log says `{text}`"), || {
            let log = fs::read_to_string(&self.log).unwrap();
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        })
    }

    /// Waits until it serves, and checks what.
    #[track_caller]
    fn wait_for_answer(&self, text: &str) {
        let address = url_of(&self.wait_for_log("listening url="));
        assert_eq!(Client::connect(address).get("/").text(), text);
    }
}

impl Drop for Unserved {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address in a server's start line.
#[track_caller]
fn url_of(line: &str) -> SocketAddr {
    let (_, url) = line.split_once("url=http://").unwrap();
    url.split('/').next().unwrap().parse().unwrap()
}

/// Waits until a client of its own is answered with `text`.
#[track_caller]
fn wait_for_answer(server: &TestServer, text: &str) {
    wait::until(&format!("it answers `{text}`"), || {
        server.connect().get("/").text() == text
    });
}

#[test]
fn an_edit_is_served_on_the_connections_that_are_open() {
    let project = Project::new("first");
    let server = project.start();
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "first");
    project.edit(&answering("second"));
    wait_for_answer(&server, "second");
    assert_eq!(client.get("/").text(), "second");
    drop(client);
    server.stop();
}

#[test]
fn a_broken_edit_shows_its_error_and_keeps_the_handler() {
    let project = Project::new("first");
    let server = project.start();
    project.edit(b"\0asm and nothing that a compiler would leave");
    // The build's own words, and then what they mean.
    server.wait_for_log("failed to make a component of `src/core.wasm`");
    server.wait_for_log("the build failed");
    assert_eq!(server.connect().get("/").text(), "first");
    project.edit(&answering("second"));
    wait_for_answer(&server, "second");
}

#[test]
fn a_project_that_is_broken_at_first_is_served_once_it_is_mended() {
    let project = Project::new("");
    project.edit(b"\0asm");
    let dev = Unserved::start(&project);
    dev.wait_for_log("the build failed");
    project.edit(&answering("mended"));
    dev.wait_for_answer("mended");
    // The same where it is the command that is wrong.
    let project = Project::new("text");
    project.configure("", "nonsense");
    let dev = Unserved::start(&project);
    dev.wait_for_log("the build failed");
    project.configure("", BUILD);
    dev.wait_for_answer("text");
}

#[test]
fn a_component_that_is_built_and_does_not_fit_is_told_and_waited_for() {
    let project = Project::new("");
    project.configure("", "cp src/core.wasm handler.wasm");
    let dev = Unserved::start(&project);
    dev.wait_for_log("hint: make it a component with `sockeye component`");
    dev.wait_for_log("the server has ended; waiting for a change");
    project.edit(&answering("mended"));
    project.configure("", BUILD);
    dev.wait_for_answer("mended");
}

#[test]
fn no_request_fails_across_20_edits_under_load() {
    let project = Project::new("0");
    let server = project.start();
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = server.connect();
                let mut newest = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.get("/");
                    assert_eq!(answer.status, 200);
                    // Both workers take a new component between two requests.
                    let edit: usize = answer.text().parse().unwrap();
                    assert!(edit >= newest, "{edit} after {newest}");
                    newest = edit;
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for edit in 1..=EDITS {
            project.edit(&answering(&edit.to_string()));
            wait_for_answer(&server, &edit.to_string());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(requests.into_inner() > EDITS);
    wait::until("every edit is told", || {
        server.log_lines("component reloaded").len() == EDITS
    });
    server.stop();
}

#[test]
fn another_configuration_is_taken_and_a_wrong_one_is_not() {
    let project = Project::new("text");
    let server = project.start();
    for (setting, complaint) in [("lingr = \"1s\"", "`linger`"), ("root = \"no\"", "`no`")] {
        project.configure(setting, BUILD);
        server.wait_for_log(complaint);
    }
    project.write("sockeye.toml", b"component = \"handler.wasm\"");
    server.wait_for_log("nothing says how this project is built");
    wait::until("none of them is taken", || {
        server.log_lines("the configuration stays as it was").len() == 3
    });
    assert_eq!(server.connect().get("/").text(), "text");
    // Another component, and the command that builds it.
    project.configure("", &BUILD.replace("handler.wasm", "other.wasm"));
    let text = fs::read_to_string(project.path("sockeye.toml")).unwrap();
    let text = text.replace("component = \"handler.wasm\"", "component = \"other.wasm\"");
    project.write("sockeye.toml", text.as_bytes());
    let line = server.wait_for_log("component=other.wasm");
    // The port, which the kernel has picked, is another one.
    let address = url_of(&line);
    assert_eq!(Client::connect(address).get("/").text(), "text");
    server.stop();
}

#[test]
fn a_signal_ends_the_server_and_a_build_that_runs() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let project = Project::new("text");
        let mut server = project.start();
        let mut client = server.connect();
        assert_eq!(client.get("/").text(), "text");
        project.configure("", "echo $$ > pid; exec sleep 600");
        let builds = || {
            fs::read_to_string(project.path("pid"))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let build: u32 = wait::until_some("it builds", builds);
        server.signal(signal);
        assert_eq!(server.wait_for_exit().code(), Some(0), "{signal:?}");
        client.wait_until_closed();
        assert!(!fs::exists(format!("/proc/{build}/fd/0")).unwrap());
    }
}

#[test]
fn a_server_ends_with_the_process_that_has_started_it() {
    let project = Project::new("text");
    let mut server = project.start();
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), "text");
    server.signal(Signal::KILL);
    server.wait_for_exit();
    // Who is connected may ask once more, after the server has noticed.
    loop {
        client.send_in_vain(get("/"));
        if !matches!(client.receive_within(wait::PATIENCE), Ok(1..)) {
            break;
        }
    }
    server.wait_for_log("all connections are closed");
}

#[test]
fn builds_that_change_a_source_each_time_are_not_run_all_the_time() {
    let project = Project::new("text");
    project.configure("", &format!("{BUILD}; touch src/core.wasm"));
    let server = project.start();
    server.wait_for_log("a source has changed during each of the last builds");
    assert_eq!(server.connect().get("/").text(), "text");
}

#[test]
fn a_change_while_it_builds_is_built_too() {
    let project = Project::new("first");
    fs::write(project.path("later"), answering("later")).unwrap();
    // As a formatter does, the first build changes a source.
    project.configure(
        "",
        &format!("{BUILD}; test ! -e later || mv later src/core.wasm"),
    );
    let server = project.start();
    wait_for_answer(&server, "later");
}

#[test]
fn what_is_no_project_is_refused_with_what_to_write() {
    let scratch = Scratch::new();
    let refused = |files: &[(&str, &str)], parts: &[&str]| {
        for (name, text) in files {
            scratch.write(name, text);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
        command.current_dir(scratch.path()).arg("dev");
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "no `{part}` in: {stderr}");
        }
    };
    refused(
        &[],
        &["nothing says how this project is built", "`sockeye new`"],
    );
    let dev = |text: &'static str| [("sockeye.toml", text)];
    refused(
        &dev("[dev]\nbuild = \"make\""),
        &["line 1", "`watch = [\"…\"]`"],
    );
    refused(&dev("dev = 1"), &["write `[dev]`"]);
    refused(
        &dev("[dev]\nbuild = 1\nwatch = [\"a\"]\nwhen = 2"),
        &["line 4", "`when`"],
    );
    refused(
        &dev("[dev]\nbuild = \"make\"\nwatch = [\"missing\"]"),
        &["no file to watch", "hint: "],
    );
    let output = run_to_end(&["dev", "--lingr", "1s"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn serve_does_not_mind_how_a_project_is_built() {
    let project = Project::new("served");
    drop(project.start());
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command
        .current_dir(project.directory.path())
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let server = TestServer::spawn(command);
    assert_eq!(server.connect().get("/").text(), "served");
}
