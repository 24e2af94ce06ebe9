//! Faults made on purpose: by the kernel, the peers, the files and the machine.
//!
//! Whatever fails, everybody else is served on, and nothing is left behind: [`Scene`] has the
//! clients around a fault and checks that.

mod files;
mod kernel;
mod memory;
mod operator;
mod peers;

use std::fs;

use crate::client::{Client, get};
use crate::gauges::{LIVE, connections};
use crate::scratch::Scratch;
use crate::server::TestServer;
use crate::wait;

const MIB: usize = 1 << 20;

/// Much more than the buffers on the way to a narrow client hold.
const LARGE_BYTES: usize = 4 * MIB;

/// What a narrow client has room for.
const NARROW_BYTES: usize = 64 * 1024;

/// The content of `/page.txt`.
const PAGE: &[u8] = b"a page\n";

/// Samples that are the same once every connection is gone, except for the labels.
const OPEN: [&str; 4] = ["parked", "waiting", "active", "closing"];

/// Returns bytes that tell where they belong: each group of four is its own number.
fn numbered(length: usize) -> Vec<u8> {
    let numbers = (0..length as u32 / 4).flat_map(u32::to_be_bytes);
    numbers.collect()
}

/// A directory with `page.txt` and `large.bin`, and what is in the second.
struct Site {
    root: Scratch,
    large: Vec<u8>,
}

impl Site {
    fn new() -> Self {
        let root = Scratch::new();
        let large = numbered(LARGE_BYTES);
        root.write("page.txt", PAGE);
        root.write("large.bin", &large);
        Self { root, large }
    }

    /// Starts a server of the directory with the built-in handler.
    #[track_caller]
    fn serve(&self, flags: &[&str]) -> TestServer {
        TestServer::start_built_in(&[&["--root", self.root.text()], flags].concat())
    }

    /// Begins a download of the large file that stops in the middle until it is finished.
    #[track_caller]
    fn halt<'a>(&'a self, server: &TestServer) -> Halted<'a> {
        let mut client = Client::connect_narrow(server.addr(), NARROW_BYTES);
        client.send(get("/large.bin"));
        assert_eq!(client.response_head().status, 200);
        Halted { site: self, client }
    }
}

/// A download whose client does not receive.
struct Halted<'a> {
    site: &'a Site,
    client: Client,
}

impl Halted<'_> {
    /// Receives it, and checks that it is whole and its connection good for another request.
    #[track_caller]
    fn finish(&mut self) {
        let body = self.client.exactly(LARGE_BYTES);
        assert!(body == self.site.large, "a download that went on changed");
        assert_eq!(self.client.get("/page.txt").body, PAGE);
    }
}

/// What is known of a server before a fault: of its descriptors, and what it has counted.
struct Before {
    open: Vec<String>,
    accepted: u64,
    failed: u64,
}

/// The clients around a fault, and what the server is like without them.
struct Scene<'a> {
    server: &'a TestServer,
    path: &'a str,
    expected: &'a [u8],
    before: Before,
    /// Connections that were made since.
    connected: u64,
    /// Clients with idle connections from before the fault.
    idle: Vec<Client>,
}

impl<'a> Scene<'a> {
    /// Looks at a server without connections that answers `path` with `expected`.
    #[track_caller]
    fn look(server: &'a TestServer, path: &'a str, expected: &'a [u8]) -> Self {
        wait_until_unused(server);
        Self {
            server,
            path,
            expected,
            before: Before {
                open: open_things(server),
                accepted: server.metric("sockeye_connections_accepted_total"),
                failed: server.failures(),
            },
            connected: 0,
            idle: Vec::new(),
        }
    }

    /// Looks at a server as `look` does, and connects two clients that stay idle after one answer
    /// each, the first for longer.
    #[track_caller]
    fn begin(server: &'a TestServer, path: &'a str, expected: &'a [u8]) -> Self {
        let mut scene = Self::look(server, path, expected);
        for parked in 1..=2 {
            let mut client = scene.connect();
            scene.ask(&mut client);
            scene.idle.push(client);
            // Both at once would be idle for the same time.
            server.wait_for_metric(&connections("parked"), parked);
        }
        scene
    }

    /// Connects a client that the server has to account for.
    #[track_caller]
    fn connect(&mut self) -> Client {
        self.connected += 1;
        self.server.connect()
    }

    /// Checks that a client is answered.
    #[track_caller]
    fn ask(&self, client: &mut Client) {
        let response = client.get(self.path);
        assert_eq!(response.status, 200);
        assert!(response.body == self.expected, "{response:?}");
    }

    /// Checks that everybody is served: who was idle before the fault, and who comes after it.
    #[track_caller]
    fn check_others(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        idle.iter_mut().for_each(|client| self.ask(client));
        self.idle = idle;
        let mut new = self.connect();
        self.ask(&mut new);
    }

    /// Checks that everybody is served, and that the server is what it was before once they have
    /// left: `failed` activations failed, every connection is accounted for, none is open, and
    /// there are as many descriptors as there were.
    #[track_caller]
    fn end(mut self, failed: u64) {
        self.check_others();
        self.leave(failed);
    }

    /// Checks what `end` does, without asking anything before.
    #[track_caller]
    fn leave(self, failed: u64) {
        let Self {
            server,
            before,
            connected,
            idle,
            ..
        } = self;
        drop(idle);
        wait_until_unused(server);
        let accepted = server.metric("sockeye_connections_accepted_total") - before.accepted;
        assert_eq!(accepted, connected, "connections accepted");
        assert_eq!(
            server.failures() - before.failed,
            failed,
            "{}",
            server.metrics()
        );
        wait_until_closed(server, &before.open);
    }
}

/// Waits until a server has no connection and no instance in use, all at the same time.
#[track_caller]
fn wait_until_unused(server: &TestServer) {
    let mut samples: Vec<String> = OPEN.iter().map(|state| connections(state)).collect();
    samples.push(LIVE.to_owned());
    let mut metrics = String::new();
    let unused = wait::within(wait::PATIENCE, || {
        metrics = server.metrics();
        let is_zero = |sample| metrics.contains(&format!("\n{sample} 0\n"));
        samples.iter().all(is_zero).then_some(())
    });
    assert!(unused.is_some(), "still in use:\n{metrics}");
}

/// Returns what the descriptors of a server stand for; of a socket, its number in the kernel, which
/// no later one has.
///
/// A file that nobody has asked for before stays open for the next time, but once only; files whose
/// names begin with `new-` are such and not returned.
#[track_caller]
fn open_things(server: &TestServer) -> Vec<String> {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let names = descriptors.filter_map(|descriptor| {
        // One that is closed meanwhile has no name any more.
        let name = fs::read_link(descriptor.ok()?.path()).ok()?;
        Some(name.to_str().unwrap().to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    let files = names.iter().filter(|name| name.contains("/new-"));
    let twice = files.clone().zip(files.skip(1)).find(|(a, b)| a == b);
    assert!(twice.is_none(), "open twice: {twice:?}");
    names.retain(|name| !name.contains("/new-"));
    names
}

/// Waits until a server has nothing open that it had not `before`.
///
/// What it had may be gone: the operator's interface closes a connection some time after its client
/// does, so one may have been there still.
#[track_caller]
fn wait_until_closed(server: &TestServer, before: &[String]) {
    let mut left = Vec::new();
    let closed = wait::within(wait::PATIENCE, || {
        left = open_things(server);
        for name in before {
            if let Some(at) = left.iter().position(|left| left == name) {
                left.remove(at);
            }
        }
        left.is_empty().then_some(())
    });
    assert!(closed.is_some(), "left open: {left:#?}");
}

/// Waits until the worker of a server has nothing to do: it has not run between several looks. They
/// take longer than a client's kernel puts off its acknowledgement.
#[track_caller]
fn wait_until_quiet(server: &TestServer) {
    const LOOKS: u32 = 50;
    let path = format!(
        "/proc/{}/task/{}/schedstat",
        server.pid(),
        server.thread("worker-0")
    );
    let (mut last, mut same) = (String::new(), 0);
    wait::until("the worker has nothing to do", || {
        let now = fs::read_to_string(&path).unwrap();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same >= LOOKS
    });
}
