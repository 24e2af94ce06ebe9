//! The servers of `bench reference`, through the front door: the real program and real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

const HELLO: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";

/// A running server, killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(name: &str, files: Option<&Path>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
        command.args(["reference", name, "--listen", &address.to_string()]);
        if let Some(directory) = files {
            command
                .args(["--congestion", "reno", "--files"])
                .arg(directory);
        }
        let child = command.spawn().unwrap();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let started = Instant::now();
        loop {
            match TcpStream::connect(self.address) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    return stream;
                }
                Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends `requests`, and returns what came until the server closed.
fn ask(server: &Server, requests: &str) -> String {
    let mut stream = server.connect();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn last(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[track_caller]
fn check(name: &str) {
    let hello = Server::start(name, None);
    // More than one batch, so that batches are seen to follow each other.
    let answer = ask(&hello, &(get("/").repeat(100) + &last("/")));
    let (most, end) = answer.split_at(100 * HELLO.len());
    assert_eq!(most, HELLO.repeat(100));
    assert!(end.contains("\r\nConnection: close\r\n"), "{end}");
    assert!(end.ends_with("\r\n\r\nHello, World!"), "{end}");

    let mut stream = hello.connect();
    let (start, rest) = HELLO_REQUEST.split_at(20);
    stream.write_all(start.as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(10));
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = vec![0; HELLO.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, HELLO.as_bytes(), "a request in two parts");

    let site = tempfile::tempdir().unwrap();
    // More than fits into a socket, so that the server has to wait for the client.
    let large = "0123456789abcdef".repeat(1 << 20);
    fs::write(site.path().join("small"), "of a file").unwrap();
    fs::write(site.path().join("large"), &large).unwrap();
    let files = Server::start(name, Some(site.path()));
    let requests = get("/missing") + &get("/large") + &get("/small") + &last("/large");
    let answer = ask(&files, &requests);
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{name}");
    assert!(answer.ends_with(&format!("\r\n\r\n{large}")), "{name}");
    assert_eq!(answer.matches(&large).count(), 2, "{name}");
    assert!(
        answer.contains("\r\n\r\nof a fileHTTP/1.1 200 OK\r\n"),
        "{name}"
    );
}

const HELLO_REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn epoll_answers() {
    check("epoll");
}

#[test]
fn threads_answer() {
    check("threads");
}

#[test]
fn processes_answer() {
    check("processes");
}

#[test]
fn hyper_answers() {
    let server = Server::start("hyper", None);
    let answer = ask(&server, &last("/"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nHello, World!"), "{answer}");
}
