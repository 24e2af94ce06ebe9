//! What an operator or a machine does to a server: no descriptors, no threads, no room for logs and
//! nobody who reads them.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

use super::{PAGE, Scene, Site, wait_until_unused};
use crate::client::{Client, get};
use crate::gauges::fired;
use crate::scratch::{Scratch, component};
use crate::server::TestServer;
use crate::strace::Strace;
use crate::{machine, tool, wait};

#[test]
fn a_server_with_64_descriptors_serves_a_crowd_and_says_once_that_they_ran_out() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 50;
    let site = Site::new();
    let flags = ["--root", site.root.text()];
    let server = TestServer::start_after("ulimit -n 64", "file", &flags);
    assert_eq!(server.connect().get("/page.txt").body, PAGE);
    let scene = Scene::look(&server, "/page.txt", PAGE);
    let idle: Vec<Client> = (0..200).map(|_| server.connect()).collect();
    let addr = server.addr();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                for _ in 0..REQUESTS {
                    assert_eq!(Client::connect(addr).get("/page.txt").body, PAGE);
                }
            });
        }
    });
    drop(idle);
    wait_until_unused(&server);
    assert!(server.metric(&fired("descriptors")) > 0);
    assert_eq!(server.log_lines("descriptors ran out").len(), 1);
    let mut scene = Scene {
        connected: (200 + CLIENTS * REQUESTS) as u64,
        ..scene
    };
    scene.check_others();
    scene.leave(0);
    server.stop();
}

/// The threads that wait for the disk are the only ones that are started later.
#[test]
fn a_server_that_gets_no_more_threads_serves_on() {
    const FILES: usize = 12;
    let site = Site::new();
    let server = site.serve(&[]);
    let args = ["-e", "trace=clone,clone3,preadv2"];
    let args = [&args[..], &["-e", "inject=clone,clone3:error=EAGAIN"]].concat();
    // Nothing is in memory, says the kernel.
    let args = [&args[..], &["-e", "inject=preadv2:error=EAGAIN"]].concat();
    let Some(strace) = Strace::attach(&server, &args) else {
        return;
    };
    let mut clients: Vec<Client> = (0..FILES).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let name = format!("new-{number}.bin");
        site.root.write(&name, name.as_bytes());
        client.send(get(&format!("/{name}")));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("new-{number}.bin"));
    }
    strace.wait_for_injection();
    drop(strace);
    assert_eq!(server.connect().get("/page.txt").body, PAGE);
    drop(clients);
    server.stop();
}

/// The state of a listening socket in the kernel's table.
const LISTENING: &str = "0A";

/// A server whose log nobody hears, not even where it listens.
struct Unheard {
    child: Child,
    addr: SocketAddr,
}

impl Unheard {
    /// Starts a server that logs all it can, by a shell that redirects what it writes as
    /// `redirections` say.
    #[track_caller]
    fn start(redirections: &str, stderr: Stdio, flags: &[&str]) -> Self {
        machine::share();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$@\" {redirections}"), "sh"]);
        command.args([env!("CARGO_BIN_EXE_sockeye"), "serve"]);
        command.arg(component("hello")).args(["--workers", "1"]);
        command.args(["--listen", "127.0.0.1:0", "--log-level", "trace"]);
        command.args(flags).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let addr = wait::until_some("the server listens", || {
            assert!(child.try_wait().unwrap().is_none(), "the server ended");
            listening(child.id())
        });
        Self { child, addr }
    }

    /// Checks that many requests are answered, without a descriptor left open, and that the server
    /// ends in order.
    #[track_caller]
    fn check(mut self) {
        let ask = || assert_eq!(Client::connect(self.addr).get("/").body, b"Hello, World!");
        (0..300).for_each(|_| ask());
        assert!(self.child.try_wait().unwrap().is_none(), "the server ended");
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = wait::until_some("the server exits", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address of a process that listens on one, as the kernel's table has it.
fn listening(pid: u32) -> Option<SocketAddr> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let names = descriptors.filter_map(|one| fs::read_link(one.ok()?.path()).ok());
    let names: Vec<String> = names.map(|name| name.display().to_string()).collect();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let socket = format!("socket:[{}]", columns[9]);
        if columns[3] != LISTENING || !names.contains(&socket) {
            return None;
        }
        let (_, port) = columns[1].split_once(':').unwrap();
        let port = u16::from_str_radix(port, 16).unwrap();
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    })
}

#[test]
fn a_server_without_stderr_stdout_and_stdin_serves_and_ends_in_order() {
    for redirections in ["2>&-", "<&- >&- 2>&-", ">&- --access-log -"] {
        Unheard::start(redirections, Stdio::null(), &[]).check();
    }
}

#[test]
fn a_server_whose_logs_have_no_room_serves_and_ends_in_order() {
    for redirections in [
        "2>/dev/full",
        ">/dev/full --access-log -",
        "--access-log /dev/full",
        ">/dev/full 2>/dev/full --access-log -",
    ] {
        Unheard::start(redirections, Stdio::null(), &[]).check();
    }
}

#[test]
fn a_server_whose_log_has_lost_its_reader_serves_and_ends_in_order() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    Unheard::start("", writer.into(), &[]).check();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    Unheard::start(">&2 --access-log -", writer.into(), &[]).check();
}

/// The pipe is full before the server starts, and stays so.
#[test]
fn a_second_signal_ends_a_server_whose_log_nobody_reads() {
    let (reader, mut writer) = io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    let full = writer.write_all(&vec![b'\n'; 16 << 20]).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    let mut server = Unheard::start("", writer.into(), &["--head-timeout", "10m"]);
    // The connection that is open keeps the server from ending in order.
    let mut client = Client::connect(server.addr);
    client.send("GET / HTTP/1.1\r\n");
    client.wait_until_taken();
    let pid = Pid::from_child(&server.child);
    let status = wait::until_some("the server exits", || {
        // One that comes at once is taken for the first one, sent twice.
        kill_process(pid, Signal::TERM).unwrap();
        server.child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(1), "{status}");
    drop(reader);
}

/// Returns what runs a command with mounts of its own, or says that the running test is skipped.
#[track_caller]
fn unshare() -> Option<Vec<&'static str>> {
    let with = [
        vec!["unshare", "--mount"],
        vec!["unshare", "--map-root-user", "--mount"],
    ];
    let found = with.into_iter().find(|with| {
        let mut command = Command::new(with[0]);
        command.args(&with[1..]).arg("true").stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        tool::skip("this machine allows no mounts");
    }
    found
}

#[test]
fn a_full_disk_costs_lines_of_the_access_log_and_no_more() {
    const REQUESTS: usize = 1200;
    let Some(unshare) = unshare() else { return };
    let scratch = Scratch::new();
    let disk = scratch.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=16k none {} && exec \"$@\"",
        disk.display()
    );
    let mut command = Command::new(unshare[0]);
    command.args(&unshare[1..]).args(["sh", "-c", &mount, "sh"]);
    command.args([env!("CARGO_BIN_EXE_sockeye"), "serve"]);
    command.arg(component("hello")).args(["--workers", "1"]);
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.arg("--access-log").arg(disk.join("access.log"));
    let server = TestServer::spawn(command);
    // The disk is there for the server alone.
    let path = format!("/proc/{}/root{}", server.pid(), disk.display());
    let path = std::path::Path::new(&path).join("access.log");
    let mut client = server.connect();
    let mut ask = |count: usize| {
        for _ in 0..count {
            assert_eq!(client.get("/").status, 200);
        }
    };
    ask(REQUESTS);
    let said = server.wait_for_log("failed to write the access log");
    assert!(said.contains("No space left on device"), "{said}");
    let dropped = "sockeye_log_lines_dropped_total{log=\"access\"}";
    wait::until("lines are dropped", || server.metric(dropped) > 0);
    ask(REQUESTS);
    // Somebody makes room. What was written stays, as with `logrotate` and `copytruncate`.
    let full = fs::read_to_string(&path).unwrap();
    let kept = full.len() - 8 * 1024;
    let torn = full[kept..].to_owned();
    fs::write(&path, torn).unwrap();
    ask(20);
    let text = wait::until_some("lines are written again", || {
        let text = fs::read_to_string(&path).unwrap();
        (text.len() > 8 * 1024 + 20 * 60 && text.ends_with('\n')).then_some(text)
    });
    // The first one was cut by this test, and the last one before there was room by the disk.
    let start = "127.0.0.1 - - [";
    let whole = |line: &&str| line.starts_with(start) && line.ends_with("\" 200 13");
    let broken: Vec<&str> = text.lines().skip(1).filter(|line| !whole(line)).collect();
    assert_eq!(broken.len(), 1, "{broken:#?}");
    let mixed = text.lines().find(|line| line.matches(start).count() > 1);
    assert_eq!(mixed, None);
    assert_eq!(server.log_lines("failed to write the access log").len(), 1);
    drop(client);
    server.stop();
}
