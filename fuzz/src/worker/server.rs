//! The server under test, started once in this process: six services on one worker, few instances,
//! and bounds that nothing here reaches but the one for guests that spin.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use rustix::process::{Signal, getpid, kill_process};
use sockeye::config::{
    CodeCache, Compiling, Config, Limits, Reuse, Service as ServiceConfig, Source,
};
use sockeye::internals::guest;
use sockeye::{Directory, Inherited};
use tokio::signal::unix::{SignalKind, signal};

use super::PATIENCE;

/// What a guest may spin for before it is killed: much less than [`PATIENCE`], which counts while
/// the process has no processor, too.
const CPU_MAX: Duration = Duration::from_millis(200);

/// Fewer than there can be clients, so that some wait for an instance.
const INSTANCES: u32 = 3;

/// The file that guests send, and how long it is.
pub(crate) const FILE_NAME: &str = "data";
const FILE_BYTES: usize = 300_000;

/// What a service's guest does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any call on request (`tests/guests/calls.rs`).
    Calls,
    /// HTTP, with the request's body in the answer (`guest/examples/echo.rs`).
    Echo,
}

/// The services; each has its own way to use instances.
pub(crate) const SERVICES: [(Kind, Reuse); 6] = [
    (Kind::Calls, Reuse::Connection),
    (Kind::Calls, Reuse::Always),
    (Kind::Calls, Reuse::Never),
    (Kind::Echo, Reuse::Connection),
    (Kind::Echo, Reuse::Always),
    (Kind::Echo, Reuse::Never),
];

pub(crate) struct Server {
    /// Where each of the services is.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What is in the file that guests send.
    pub(crate) file: Vec<u8>,
    admin: SocketAddr,
}

/// The counters and gauges of a server at one moment, as it writes them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(String);

/// Returns the server, which is started for the first who asks.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    fn start() -> Server {
        let root = tempfile::tempdir().expect("there is a place for files");
        let file: Vec<u8> = (0..FILE_BYTES)
            .map(|at| b"0123456789abcdef-"[at % 17])
            .collect();
        fs::write(root.path().join(FILE_NAME), &file).expect("the file can be written");
        let directory = Directory::open(root.path()).expect("it was just made");
        let config = config(&Arc::new(directory));
        let log = Log::start();
        thread::spawn(move || {
            let _root = root;
            // A program that does not begin in Rust's `main`, as those of `cargo fuzz`, is ended by
            // the signal for a peer that has gone; a handler for it is as good as ignoring it.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("there is a descriptor left");
            let _handler = runtime.block_on(async { signal(SignalKind::pipe()) });
            let ended = sockeye::server::serve(config, Inherited::default(), None);
            eprintln!("the server has ended: {ended:?}");
            // By a signal, for which the server and not this program listens.
            let _ = kill_process(getpid(), Signal::KILL);
        });
        let start_lines = log.start_lines();
        let address = |line: &String, field| {
            address_in(line, field).unwrap_or_else(|| panic!("no `{field}` in `{line}`"))
        };
        Server {
            addresses: start_lines
                .iter()
                .map(|line| address(line, " url="))
                .collect(),
            admin: address(&start_lines[0], " admin="),
            file,
        }
    }

    /// Asks the server for its metrics.
    pub(crate) fn metrics(&self) -> Metrics {
        let fetched = self.fetch().expect("the operator's interface answers");
        Metrics(fetched)
    }

    fn fetch(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        BufReader::new(stream).read_to_string(&mut text)?;
        Ok(text)
    }

    /// Waits until every connection is gone, and returns the metrics then.
    pub(crate) fn idle(&self) -> Metrics {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let metrics = self.metrics();
            let states = ["parked", "waiting", "active", "closing"];
            let open = states.map(|state| metrics.of(&format!("connections{{state=\"{state}\"}}")));
            if open == [0; 4] && metrics.of("instances_live") == 0 {
                return metrics;
            }
            assert!(Instant::now() < deadline, "connections stay: {open:?}");
            thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Metrics {
    /// Returns the value of a sample, whose name is without the prefix of all.
    pub(crate) fn of(&self, sample: &str) -> u64 {
        let start = format!("sockeye_{sample} ");
        let value = self
            .0
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()));
        let value = value.unwrap_or_else(|| panic!("no `{start}` in {}", self.0));
        value.trim().parse().expect("it is a number")
    }

    pub(crate) fn failed(&self, cause: &str) -> u64 {
        self.of(&format!("activations_failed_total{{cause=\"{cause}\"}}"))
    }
}

fn config(root: &Arc<Directory>) -> Config {
    let any_port: SocketAddr = ([127, 0, 0, 1], 0).into();
    let services = SERVICES.map(|(kind, reuse)| ServiceConfig {
        component: Source::File(guest(match kind {
            Kind::Calls => "calls",
            Kind::Echo => "echo",
        })),
        listen: vec![any_port],
        root: Some(Arc::clone(root)),
        reuse,
        activate_on: None,
        arguments: Vec::new(),
    });
    // Compiled once for all runs, if there is a place for it.
    let cache = env::var_os("SOCKEYE_CACHE_DIR").map(Into::into);
    let cache = cache.or_else(|| Some(guest("").parent()?.with_file_name("component-cache")));
    Config {
        services: services.into(),
        workers: 1,
        admin: Some(any_port),
        access_log: None,
        take_over_timeout: Duration::from_secs(60),
        limits: Limits {
            instances_max: Some(INSTANCES),
            cpu_max: CPU_MAX,
            linger: Duration::from_millis(2),
            head_timeout: PATIENCE,
            log_lines_max: 1,
            ..Limits::default()
        },
        compiling: Compiling {
            cache: cache.and_then(|dir: std::path::PathBuf| CodeCache::open(&dir).ok()),
            ..Compiling::default()
        },
    }
}

/// Finds the address in the first URL of a field.
fn address_in(line: &str, field: &str) -> Option<SocketAddr> {
    let (_, value) = line.split_once(field)?;
    let (_, rest) = value.split_once("://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}

/// The program's log, in which the server says where it listens.
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> Log {
        let text = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&text);
        tracing_subscriber::fmt()
            .with_writer(move || Lines(Arc::clone(&log)))
            .with_ansi(false)
            .with_target(false)
            .init();
        Log(text)
    }

    /// Waits for the lines with which a server begins.
    fn start_lines(&self) -> Vec<String> {
        let deadline = Instant::now() + 10 * PATIENCE;
        loop {
            let text = self.0.lock().expect("nobody panics with it").clone();
            let lines = text.lines().map_while(Result::ok);
            let lines: Vec<String> = lines
                .filter(|line| line.contains("listening url="))
                .collect();
            if lines.len() == SERVICES.len() {
                return lines;
            }
            assert!(
                Instant::now() < deadline,
                "{}",
                String::from_utf8_lossy(&text)
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Keeps what is logged until the server has started; what guests and killed guests say later is
/// no news.
struct Lines(Arc<Mutex<Vec<u8>>>);

/// What the start of a server takes at the most.
const LOG_BYTES_MAX: usize = 64 * 1024;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = self.0.lock().expect("nobody panics with it");
        if text.len() < LOG_BYTES_MAX {
            text.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
