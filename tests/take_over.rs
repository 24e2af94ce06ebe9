//! SIGUSR2: another process takes the place of the server, and no client can tell.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;
use crate::family::{Family, wait_until_gone};
use crate::gauges::connections;
use crate::load::{self, Load};
use crate::scratch::{Scratch, component};
use crate::server::{TestServer, log_field};
use crate::wait;

const FAILED: &str = "sockeye_take_overs_failed_total";

/// A command that serves `guest` with the program at `program`.
fn command(program: impl AsRef<Path>, guest: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.arg("serve").arg(component(guest)).args([
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ]);
    command.args(flags);
    command
}

fn start(guest: &str, flags: &[&str]) -> Family {
    Family::start(command(env!("CARGO_BIN_EXE_sockeye"), guest, flags))
}

/// A program of the same file as the one under test, so that it can be replaced.
struct Replaceable(Scratch);

impl Replaceable {
    fn new() -> Replaceable {
        let replaceable = Replaceable(Scratch::new());
        replaceable.restore();
        replaceable
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("sockeye")
    }

    /// Puts a script in the place of the program.
    fn replace(&self, script: &str) {
        let new = self.0.write("new", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    fn restore(&self) {
        let new = self.0.path().join("new");
        fs::hard_link(env!("CARGO_BIN_EXE_sockeye"), &new).unwrap();
        fs::rename(new, self.path()).unwrap();
    }
}

/// Checks that `server` goes on, on a connection that was there before and on a new one.
#[track_caller]
fn check_serves(server: &TestServer, client: &mut Client) {
    for client in [client, &mut server.connect()] {
        let response = client.get("/");
        assert_eq!(response.text(), "Hello, World!");
        assert_eq!(response.header("connection"), None);
    }
    let ready = Client::connect(server.admin()).get("/readyz");
    assert_eq!(ready.status, 200);
}

/// Takes as long as `SOCKEYE_LOAD_SECONDS` says.
#[test]
fn no_request_fails_while_servers_take_over_from_each_other() {
    let scratch = Scratch::new();
    let page: Vec<u8> = (0..300_000_u32).map(|byte| (byte % 251) as u8).collect();
    scratch.write("page.bin", &page);
    let configure = |workers: usize| scratch.write("a.toml", format!("workers = {workers}\n"));
    let config = configure(2);
    let flags = [
        "--root",
        scratch.text(),
        "--config",
        config.to_str().unwrap(),
    ];
    let mut family = start("file", &flags);
    let load = Load::start(family.first.addr(), "/page.bin", &[&page]);
    let began = Instant::now();
    let mut take_overs = 0;
    while began.elapsed() < load::duration() {
        // Sockets are shared by workers, or workers have several.
        configure(1 + take_overs % 3);
        family.signal(Signal::USR2);
        family.wait_for_successor();
        take_overs += 1;
    }
    let tally = load.stop();
    eprintln!("{take_overs} take-overs: {tally:?}");
    assert!(tally.answers[0] > 100, "{tally:?}");
    assert!(take_overs > 1);
    family.stop();
}

#[test]
fn a_parked_connection_stays_with_the_old_process_for_one_more_request() {
    let mut family = start("hello", &["--linger", "0ms", "--workers", "1"]);
    let mut client = family.first.connect();
    assert_eq!(client.get("/").status, 200);
    let descriptors = family.first.descriptors();
    family.first.wait_for_metric(&connections("parked"), 1);
    let admin = family.first.admin();
    let mut operator = Client::connect(admin);
    let answer = operator.get("/readyz");
    assert_eq!((answer.status, answer.text()), (200, "ready\n"));
    // So that nobody goes on asking the old process.
    assert_eq!(answer.header("connection"), Some("close"));
    operator.wait_until_closed();
    wait::until("nobody else is there", || {
        family.first.descriptors() == descriptors
    });
    let mut early = Client::connect(admin);
    wait::until("it is accepted", || {
        family.first.descriptors() > descriptors
    });
    family.signal(Signal::USR2);
    family.wait_for_successor();
    // Whom the old process had accepted it answers, and for the one that serves.
    for operator in [&mut early, &mut Client::connect(admin)] {
        assert_eq!(operator.get("/readyz").text(), "ready\n");
    }
    assert_eq!(family.first.metric(&connections("parked")), 0);
    assert!(!family.first.has_exited());
    let response = client.get("/");
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    drop(client);
    assert_eq!(family.first.wait_for_exit().code(), Some(0));
    assert_eq!(family.first.connect().get("/").status, 200);
    family.stop();
}

#[test]
fn every_probe_finds_a_server_ready_while_servers_take_over_from_each_other() {
    let mut family = start("hello", &["--workers", "1"]);
    let admin = family.first.admin();
    let done = AtomicBool::new(false);
    let probes = thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let mut probes = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(Client::connect(admin).get("/readyz").text(), "ready\n");
                probes += 1;
            }
            probes
        });
        for _ in 0..20 {
            family.signal(Signal::USR2);
            family.wait_for_successor();
        }
        done.store(true, Ordering::Relaxed);
        prober.join().unwrap()
    });
    assert!(probes > 100, "{probes} probes");
    family.stop();
}

#[test]
fn two_signals_start_one_process() {
    let mut family = start("hello", &["--workers", "1"]);
    let descriptors = family.first.descriptors();
    // Until it has been told, the second one could be for the next.
    family.signal(Signal::USR2);
    family.first.signal(Signal::USR2);
    family.wait_for_successor();
    assert_eq!(family.first.wait_for_exit().code(), Some(0));
    assert_eq!(family.first.log_lines("handed over").len(), 1);
    wait::until("the other one is announced", || {
        family.first.log_lines("listening url=").len() == 2
    });
    // It has its sockets, and nothing else of the old one.
    wait::until("the descriptors are as many as before", || {
        let open = fs::read_dir(format!("/proc/{}/fd", family.serving())).unwrap();
        open.count() == descriptors
    });
    family.stop();
}

#[test]
fn every_service_keeps_its_sockets() {
    let scratch = Scratch::new();
    let service = |name| {
        let component = component(name);
        format!("[[service]]\nlisten = \"127.0.0.1:0\"\ncomponent = {component:?}\n")
    };
    let text = format!("workers = 2\n{}{}", service("hello"), service("count"));
    let config = scratch.write("two.toml", text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["serve", "--config", config.to_str().unwrap()]);
    let mut family = Family::start(command);
    wait::until("both services are announced", || {
        family.first.log_lines("listening url=").len() == 2
    });
    family.signal(Signal::USR2);
    family.wait_for_successor();
    let lines = wait::until_some("both are announced again", || {
        let lines = family.first.log_lines("listening url=");
        (lines.len() == 4).then_some(lines)
    });
    let urls = |lines: &[String]| -> Vec<String> {
        let urls = lines.iter().map(|line| log_field(line, "url").unwrap());
        urls.map(str::to_owned).collect()
    };
    assert_eq!(urls(&lines[..2]), urls(&lines[2..]));
    let texts = ["Hello, World!", "1\n"];
    for (url, text) in urls(&lines).iter().zip(texts) {
        let addr = url.trim_start_matches("http://").trim_end_matches('/');
        assert_eq!(Client::connect(addr.parse().unwrap()).get("/").text(), text);
    }
    family.stop();
}

#[test]
fn a_program_that_ends_leaves_the_server_as_it_was() {
    let program = Replaceable::new();
    let mut family = Family::start(command(program.path(), "hello", &["--workers", "1"]));
    let mut client = family.first.connect();
    check_serves(&family.first, &mut client);
    program.replace("exit 3");
    family.signal(Signal::USR2);
    let line = family.first.wait_for_log("did not take over");
    assert!(
        line.contains("ERROR") && line.contains("exit status: 3"),
        "{line}"
    );
    check_serves(&family.first, &mut client);
    assert_eq!(family.first.metric(FAILED), 1);
    fs::remove_file(program.path()).unwrap();
    family.signal(Signal::USR2);
    let line = family.first.wait_for_log("failed to start `");
    assert!(line.contains("No such file"), "{line}");
    check_serves(&family.first, &mut client);
    assert_eq!(family.first.metric(FAILED), 2);
    // The next one is the new program, whatever has lain there in between.
    program.restore();
    family.signal(Signal::USR2);
    family.wait_for_successor();
    assert_eq!(client.get("/").header("connection"), Some("close"));
    assert_eq!(family.first.connect().get("/").status, 200);
    drop(client);
    family.stop();
}

#[test]
fn a_broken_configuration_leaves_the_server_as_it_was() {
    let scratch = Scratch::new();
    let config = scratch.write("a.toml", "workers = 1\n");
    let flags = ["--config", config.to_str().unwrap()];
    let family = start("hello", &flags);
    let mut client = family.first.connect();
    scratch.write("a.toml", "worker = 1\n");
    family.signal(Signal::USR2);
    let line = family.first.wait_for_log("did not take over");
    assert!(line.contains("exit status: 1"), "{line}");
    assert_eq!(family.first.log_lines("wrong setting `worker`").len(), 1);
    check_serves(&family.first, &mut client);
    drop(client);
    family.stop();
}

/// A server whose program was replaced by one that never serves, once that runs; and its process.
fn stuck(program: &Replaceable, flags: &[&str]) -> (Family, Pid) {
    replaced(program, flags, "exec sleep 1000")
}

/// A server whose program was replaced by a script, once that runs; and its process.
fn replaced(program: &Replaceable, flags: &[&str], script: &str) -> (Family, Pid) {
    let family = Family::start(command(program.path(), "hello", flags));
    let pid = program.0.path().join("pid");
    program.replace(&format!("echo $$ > {}; {script}", pid.display()));
    family.signal(Signal::USR2);
    let successor = wait::until_some("the program runs", || {
        let text = fs::read_to_string(&pid).ok()?;
        text.ends_with('\n').then(|| text.trim().parse().unwrap())
    });
    (family, Pid::from_raw(successor).unwrap())
}

#[test]
fn a_program_that_never_serves_is_ended() {
    let program = Replaceable::new();
    let flags = ["--workers", "1", "--take-over-timeout", "300ms"];
    let (family, stuck) = stuck(&program, &flags);
    let mut client = family.first.connect();
    let line = family.first.wait_for_log("did not take over");
    assert!(line.contains("--take-over-timeout"), "{line}");
    wait_until_gone(stuck);
    check_serves(&family.first, &mut client);
    drop(client);
    family.stop();
}

#[test]
fn a_server_that_is_to_end_takes_its_successor_along() {
    let program = Replaceable::new();
    let (family, stuck) = stuck(&program, &["--workers", "1"]);
    let addr = family.first.addr();
    family.stop();
    wait_until_gone(stuck);
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn nobody_is_left_where_the_end_is_asked_for_as_a_successor_becomes_ready() {
    // Which of the two the server learns of first is chance.
    for _ in 0..20 {
        let program = Replaceable::new();
        let go = program.0.path().join("go");
        let wait = format!("until [ -e {} ]; do sleep 0.01; done", go.display());
        let serve = format!("{wait}; exec {} \"$@\"", env!("CARGO_BIN_EXE_sockeye"));
        let (family, successor) = replaced(&program, &["--workers", "1"], &serve);
        family.first.freeze();
        fs::write(go, "").unwrap();
        wait::until("it serves", || {
            family.first.log_lines("listening url=").len() == 2
        });
        family.signal(Signal::TERM);
        family.first.thaw();
        wait_until_gone(family.first.pid());
        family.first.wait_for_log("all connections are closed");
        if !family.first.log_lines("handed over").is_empty() {
            // It was nobody's successor any more when the server was to end.
            kill_process(successor, Signal::TERM).unwrap();
        }
        wait_until_gone(successor);
        assert!(TcpStream::connect(family.first.addr()).is_err());
    }
}

#[test]
fn a_server_that_drains_starts_no_other() {
    let mut family = start("calls", &["--workers", "1", "--drain-timeout", "10m"]);
    let mut session = crate::session::Session::start(&family.first);
    session.call("closing").expect_ok();
    family.signal(Signal::TERM);
    wait::until("the drain has begun", || {
        session.call("closing").field("value") == "true"
    });
    family.signal(Signal::USR2);
    family.first.wait_for_log("no new process is started");
    session.ask("let-go");
    session.client.rest();
    drop(session);
    assert_eq!(family.first.wait_for_exit().code(), Some(0));
    assert_eq!(family.first.log_lines("handed over").len(), 0);
    assert_eq!(family.first.log_lines("listening url=").len(), 1);
}

#[test]
fn a_link_that_leads_to_a_newer_program_is_followed() {
    let old = Replaceable::new();
    let new = Replaceable::new();
    let link = old.0.path().join("link");
    std::os::unix::fs::symlink(old.path(), &link).unwrap();
    let mut family = Family::start(command(&link, "hello", &["--workers", "1"]));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(new.path(), &link).unwrap();
    family.signal(Signal::USR2);
    family.wait_for_successor();
    let program = fs::read_link(format!("/proc/{}/exe", family.serving())).unwrap();
    assert_eq!(program, fs::canonicalize(new.path()).unwrap());
    family.stop();
}
