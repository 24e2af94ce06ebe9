//! Clients by the thousand on one thread: how they come back at a bounded rate, how many there are.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

/// How long a connection may take to be made before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs `work` on a thread of its own until it ends or the moment `until`; then every socket of it
/// is closed.
pub(crate) fn on_thread<F>(
    name: &str,
    until: Instant,
    work: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<()>
where
    F: Future<Output = ()>,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a selector is there for whoever may open descriptors");
        runtime.block_on(async {
            let _ = tokio::time::timeout_at(until.into(), work()).await;
        });
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .expect("a few threads are always to be had")
}

/// Asks for the processor before others: what measures must not itself be what is slow.
///
/// Only some users may; without it, what this program was late shows in the summary.
pub(crate) fn hurry() {
    // On Linux, the priority of a thread.
    let thread = rustix::thread::gettid();
    let _ = rustix::process::setpriority_process(Some(thread), -10);
}

/// One kind of client: how fast they may come, and how many came and are there.
#[derive(Debug)]
pub(crate) struct Crowd {
    name: &'static str,
    interval: Duration,
    next: Mutex<Instant>,
    connected: AtomicU64,
    connected_most: AtomicU64,
    made: AtomicU64,
    failed: AtomicU64,
}

impl Crowd {
    /// A kind of client that connects at most `rate` times per second.
    pub(crate) fn new(name: &'static str, rate: u32) -> Arc<Self> {
        Arc::new(Self {
            name,
            interval: Duration::from_secs(1) / rate.max(1),
            next: Mutex::new(Instant::now()),
            connected: AtomicU64::new(0),
            connected_most: AtomicU64::new(0),
            made: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Waits for its turn and connects; `None` where that failed.
    pub(crate) async fn connect(self: &Arc<Self>, addr: SocketAddr) -> Option<Member> {
        self.turn().await;
        self.dial(addr).await
    }

    /// Connects out of turn; `None` where that failed.
    pub(crate) async fn dial(self: &Arc<Self>, addr: SocketAddr) -> Option<Member> {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => Some(Member::new(stream, self)),
            Ok(Err(_)) | Err(_) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Waits until the next client may connect.
    pub(crate) async fn turn(&self) {
        sleep_until(self.next_turn().into()).await;
    }

    fn next_turn(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // Timers are a millisecond late at times, which is made up for; a longer break is not.
        let turn = (*next).max(Instant::now() - 10 * self.interval);
        *next = turn + self.interval;
        turn
    }

    /// One line about who was there.
    pub(crate) fn report(&self) -> String {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        format!(
            "{}: {} connections, at most {} at once, {} refused",
            self.name,
            count(&self.made),
            count(&self.connected_most),
            count(&self.failed)
        )
    }

    /// The most that were connected at once.
    pub(crate) fn most(&self) -> u64 {
        self.connected_most.load(Ordering::Relaxed)
    }

    /// How many connections there were in all.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

/// A connection of a crowd, counted as long as it exists.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) stream: TcpStream,
    crowd: Arc<Crowd>,
}

impl Member {
    fn new(stream: TcpStream, crowd: &Arc<Crowd>) -> Self {
        let connected = crowd.connected.fetch_add(1, Ordering::Relaxed) + 1;
        crowd.connected_most.fetch_max(connected, Ordering::Relaxed);
        crowd.made.fetch_add(1, Ordering::Relaxed);
        Self {
            stream,
            crowd: Arc::clone(crowd),
        }
    }

    /// Closes the connection in a way that sends RST instead of FIN.
    pub(crate) fn reset(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.connected.fetch_sub(1, Ordering::Relaxed);
    }
}
