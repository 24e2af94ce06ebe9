//! The peers that come from elsewhere, each where it is installed.

use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// How long a peer may take to listen; wasmtime compiles its handler first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns what the peer answers to one request, having ended it by SIGTERM.
#[track_caller]
fn ask(peer: Peer, path: &str, files: Option<&Path>, congestion: Option<&str>) -> Option<String> {
    let scratch = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let wanted = Wanted {
        address,
        files,
        congestion,
        scratch: scratch.path(),
    };
    let mut command = match command(peer, &wanted) {
        Ok(command) => command,
        Err(absent) => {
            eprintln!("SKIPPED: {absent}");
            return None;
        }
    };
    let mut child = command.spawn().unwrap();
    drop(command);
    let answer = exchange(address, path, &mut child);
    let killed = kill_process(Pid::from_child(&child), Signal::TERM);
    child.wait().unwrap();
    // In this order: one that has ended by itself cannot be killed.
    let answer = answer.unwrap();
    killed.unwrap();
    Some(answer)
}

fn exchange(address: SocketAddr, path: &str, server: &mut Child) -> io::Result<String> {
    let started = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) if started.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = server.try_wait()? {
            return Err(io::Error::other(status.to_string()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )?;
    io::read_to_string(stream)
}

#[track_caller]
fn check_hello(peer: Peer) {
    let Some(answer) = ask(peer, "/", None, None) else {
        return;
    };
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.to_lowercase().contains("\r\ncontent-length: 13\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nHello, World!"), "{answer}");
    assert!(!version(peer).unwrap().is_empty());
}

#[test]
fn nginx_says_hello() {
    check_hello(Peer::Nginx);
}

#[test]
fn nginx_serves_files_on_a_socket_that_it_is_given() {
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("small"), "of a file").unwrap();
    let answer = ask(Peer::Nginx, "/small", Some(site.path()), Some("reno"));
    if let Some(answer) = answer {
        assert!(answer.ends_with("\r\n\r\nof a file"), "{answer}");
    }
}

#[test]
fn wasmtime_serve_says_hello() {
    check_hello(Peer::WasmtimeServe);
    check_hello(Peer::WasmtimeServeReuse);
}

#[test]
fn hyper_is_of_the_locked_version() {
    assert!(version(Peer::Hyper).unwrap().starts_with("1."));
}
