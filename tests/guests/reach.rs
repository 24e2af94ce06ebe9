//! Reaches for everything that a program on a machine has, and answers with what it found.
//!
//! `/network/HOST:PORT` tries to connect, to listen, to send and to look a name up; `/files` to
//! read and write; `/surroundings` tells arguments, environment, working directory and stdin;
//! `/clocks` how fine the clocks are.

use std::fs;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use sockeye_guest::http::{self, Exchange};

/// Paths that most machines have.
const PATHS: [&str; 10] = [
    "/",
    ".",
    "..",
    "/etc",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "page.txt",
    "directory",
];

/// How often each thing is tried that could cost the host something every time.
const TRIES: usize = 200;

/// How many looks at a clock are compared.
const LOOKS: usize = 10_000;

fn reach(exchange: &mut Exchange) -> http::Result {
    let path = exchange.path().to_owned();
    let found = match path.as_str() {
        "/files" => files(),
        "/surroundings" => surroundings(),
        "/clocks" => clocks(),
        path => network(path.trim_start_matches("/network/")),
    };
    Ok(exchange.respond(200, "text/plain", found)?)
}

/// One line for each attempt that succeeded; nothing where none did.
fn network(target: &str) -> String {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        let mut attempt = |what: &str, outcome: io::Result<String>| {
            if let Ok(outcome) = outcome {
                found.push(format!("{what}: {outcome}\n"));
            }
        };
        attempt("connect", TcpStream::connect(target).map(|_| String::new()));
        for addr in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            attempt(addr, TcpListener::bind(addr).map(|_| String::new()));
            attempt(addr, UdpSocket::bind(addr).map(|_| String::new()));
        }
        for name in ["localhost:80", "example.org:80"] {
            let addrs = name.to_socket_addrs();
            attempt(
                name,
                addrs.map(|addrs| format!("{:?}", addrs.collect::<Vec<_>>())),
            );
        }
    }
    found.concat()
}

/// One line for each attempt that succeeded; nothing where none did.
fn files() -> String {
    let mut found = String::new();
    for path in PATHS {
        if let Ok(bytes) = fs::read(path) {
            found += &format!("read {path}: {} bytes\n", bytes.len());
        }
        if let Ok(entries) = fs::read_dir(path) {
            found += &format!("listed {path}: {} entries\n", entries.count());
        }
        if fs::metadata(path).is_ok() {
            found += &format!("looked at {path}\n");
        }
        if fs::write(format!("{path}/written"), "by a guest").is_ok() {
            found += &format!("wrote to {path}\n");
        }
    }
    found
}

fn surroundings() -> String {
    let arguments: Vec<String> = std::env::args().collect();
    let variables = std::env::vars().count();
    let directory = std::env::current_dir().map(|path| path.display().to_string());
    let mut input = Vec::new();
    let read = io::stdin().read_to_end(&mut input);
    let input = read.map_or(0, |_| input.len());
    format!("{arguments:?} variables={variables} directory={directory:?} input={input}")
}

/// The smallest steps of both clocks that were seen, in nanoseconds; 0 where one went backwards.
fn clocks() -> String {
    let monotonic: Vec<Instant> = (0..LOOKS).map(|_| Instant::now()).collect();
    let wall: Vec<SystemTime> = (0..LOOKS).map(|_| SystemTime::now()).collect();
    let steps = monotonic.windows(2).map(|pair| pair[1] - pair[0]);
    let monotonic = smallest(steps);
    let steps = wall.windows(2);
    let wall = smallest(steps.map(|pair| pair[1].duration_since(pair[0]).unwrap_or_default()));
    format!("{} {}", monotonic.as_nanos(), wall.as_nanos())
}

fn smallest(steps: impl Iterator<Item = Duration>) -> Duration {
    steps
        .filter(|step| !step.is_zero())
        .min()
        .unwrap_or_default()
}

sockeye_guest::http_handler!(reach);
