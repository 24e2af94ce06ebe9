//! Busy clients that check every byte of every answer, while something happens to the server.

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::{Client, get};

/// How long a test under load goes on; a longer run is by hand.
pub(crate) fn duration() -> Duration {
    let seconds = env::var("SOCKEYE_LOAD_SECONDS");
    Duration::from_secs(seconds.map_or(2, |seconds| seconds.parse().unwrap()))
}

/// How many clients keep their connections busy.
pub(crate) fn connections() -> usize {
    let connections = env::var("SOCKEYE_LOAD_CONNECTIONS");
    connections.map_or(6, |connections| connections.parse().unwrap())
}

/// Clients on threads of their own.
pub(crate) struct Load {
    stopped: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What came of it. Everything else ends a client, and with it the test.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// How often each of the answers came.
    pub(crate) answers: Vec<u64>,
    /// How many connections that took.
    pub(crate) connections: u64,
    /// How often the server was the one who did not want to go on with a connection.
    pub(crate) told_to_leave: u64,
}

impl Load {
    /// Starts clients that ask for `path`, to which each of `answers` is right. Some stay on their
    /// connection for as long as the server lets them, others connect for every request.
    pub(crate) fn start(addr: SocketAddr, path: &str, answers: &[&[u8]]) -> Load {
        let stopped = Arc::new(AtomicBool::new(false));
        let answers: Arc<[Vec<u8>]> = answers.iter().map(|answer| answer.to_vec()).collect();
        let staying = connections();
        let client = |index| {
            let (stopped, answers) = (Arc::clone(&stopped), Arc::clone(&answers));
            let request = match index < staying {
                true => get(path),
                false => get(path).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
            };
            thread::spawn(move || ask(addr, &request, &answers, &stopped))
        };
        let clients = (0..staying + staying.div_ceil(3)).map(client).collect();
        Load { stopped, clients }
    }

    /// Ends the clients after the request that each of them is at.
    ///
    /// # Panics
    /// Where one of them had to wait in vain, or received anything but a right answer.
    #[track_caller]
    pub(crate) fn stop(self) -> Tally {
        self.stopped.store(true, Ordering::Relaxed);
        let tallies = self.clients.into_iter().map(|client| client.join());
        // All of them, so that each says what it saw.
        let tallies: Vec<_> = tallies.collect();
        let tallies = tallies
            .into_iter()
            .map(|tally| tally.expect("a request failed"));
        tallies.reduce(Tally::plus).unwrap()
    }
}

impl Tally {
    fn plus(mut self, other: Tally) -> Tally {
        let answers = self.answers.iter_mut().zip(other.answers);
        answers.for_each(|(one, other)| *one += other);
        self.connections += other.connections;
        self.told_to_leave += other.told_to_leave;
        self
    }
}

fn ask(addr: SocketAddr, request: &str, answers: &[Vec<u8>], stopped: &AtomicBool) -> Tally {
    let mut tally = Tally {
        answers: vec![0; answers.len()],
        connections: 0,
        told_to_leave: 0,
    };
    while !stopped.load(Ordering::Relaxed) {
        let mut client = Client::connect(addr);
        tally.connections += 1;
        loop {
            client.send(request);
            let response = client.response();
            let right = answers.iter().position(|answer| *answer == response.body);
            let right = right.unwrap_or_else(|| {
                panic!("{}: {} bytes", response.status, response.body.len());
            });
            tally.answers[right] += 1;
            if response.header("connection") == Some("close") {
                tally.told_to_leave += u64::from(!request.contains("Connection: close"));
                assert_eq!(client.rest(), b"");
                break;
            }
            if stopped.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    tally
}
