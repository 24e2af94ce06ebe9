//! Clients that misbehave over and over, one function for each way to do so.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, Member};

/// How long the next body byte of a dripping client is held back.
const DRIP_INTERVAL: Duration = Duration::from_secs(1);

const GARBAGE_BYTES_MAX: usize = 8 << 10;

/// What the guest `hostile` does on which path: everything that is bad.
const BAD_PATHS: [&str; 25] = [
    "/spin",
    "/poll",
    "/recurse",
    "/grow",
    "/hold",
    "/trap",
    "/panic",
    "/exit",
    "/sends",
    "/recv",
    "/next",
    "/sleep",
    "/files",
    "/log-lines",
    "/log-line",
    "/leak",
    "/keep",
    "/use-kept",
    "/return-kept",
    "/return-other",
    "/drop-other",
    "/use-other",
    "/after-shutdown",
    "/count",
    "/unknown",
];

/// Runs `count` clients side by side; whoever is done begins again at once.
pub(crate) async fn forever<F>(count: usize, client: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut clients = JoinSet::new();
    (0..count).for_each(|_| drop(clients.spawn(client())));
    while clients.join_next().await.is_some() {
        clients.spawn(client());
    }
}

/// Sends half a head and waits for what the server makes of it.
pub(crate) async fn half_head(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let head = b"GET /page.txt HTTP/1.1\r\nHost: soak\r\nX-Half: ";
    if client.stream.write_all(head).await.is_ok() {
        until_closed(&mut client).await;
    }
}

/// Asks for the large file and never reads a byte of it, for as long as the server bears that.
pub(crate) async fn stalled_reader(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let request = b"GET /file.bin HTTP/1.1\r\nHost: soak\r\n\r\n";
    if client.stream.write_all(request).await.is_ok() {
        // Bytes are there all the time; what counts is the reset.
        let _ = client.stream.ready(Interest::ERROR).await;
    }
}

/// Sends a body of 100,000 bytes at one per second.
pub(crate) async fn dripping_body(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let head = b"POST / HTTP/1.1\r\nHost: soak\r\nContent-Length: 100000\r\n\r\n";
    let mut sent = client.stream.write_all(head).await;
    let mut answer = [0; 1024];
    while sent.is_ok() {
        match timeout(DRIP_INTERVAL, client.stream.read(&mut answer)).await {
            // An early answer is read; its end, or a reset, is the end.
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {}
            Err(_) => sent = client.stream.write_all(b"x").await,
        }
    }
}

/// Connects and resets the connection at once; does not wait for the one before.
pub(crate) async fn resets(crowd: Arc<Crowd>, addrs: Vec<SocketAddr>) {
    let mut clients = JoinSet::new();
    for addr in addrs.iter().cycle() {
        let crowd = Arc::clone(&crowd);
        let addr = *addr;
        crowd.turn().await;
        clients.spawn(async move {
            if let Some(client) = crowd.dial(addr).await {
                client.reset();
            }
        });
        while clients.try_join_next().is_some() {}
    }
}

/// Asks for the page, sends only a part of that, and resets the connection somewhere.
pub(crate) async fn reset_somewhere(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let request = b"POST / HTTP/1.1\r\nHost: soak\r\nContent-Length: 8\r\n\r\nof eight";
    let length = fastrand::usize(..=request.len());
    if client.stream.write_all(&request[..length]).await.is_ok() {
        sleep(Duration::from_micros(fastrand::u64(..20_000))).await;
    }
    client.reset();
}

/// Stops reading the large file for some seconds, and resets the connection then.
pub(crate) async fn impatient_reader(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let request = b"GET /file.bin HTTP/1.1\r\nHost: soak\r\n\r\n";
    if client.stream.write_all(request).await.is_ok() {
        let hold = Duration::from_millis(fastrand::u64(100..5000));
        let _ = timeout(hold, client.stream.ready(Interest::ERROR)).await;
    }
    client.reset();
}

/// Sends bytes that mean nothing, and waits a while for what the server makes of them.
pub(crate) async fn garbage(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let mut bytes = vec![0; fastrand::usize(..GARBAGE_BYTES_MAX)];
    fastrand::fill(&mut bytes);
    if fastrand::bool() {
        // Otherwise hardly any garbage is ever taken for a whole head.
        bytes.extend_from_slice(b"\r\n\r\n");
    }
    if client.stream.write_all(&bytes).await.is_ok() {
        let _ = timeout(Duration::from_secs(3), until_closed(&mut client)).await;
    }
}

/// Connects, says nothing for some seconds, and leaves.
pub(crate) async fn silent(crowd: Arc<Crowd>, addr: SocketAddr) {
    if let Some(mut client) = crowd.connect(addr).await {
        let _ = timeout(Duration::from_secs(2), until_closed(&mut client)).await;
    }
}

/// Has a guest misbehave, in every way in turn, and waits a while for the end of that.
pub(crate) async fn bad_guest(crowd: Arc<Crowd>, addr: SocketAddr) {
    let Some(mut client) = crowd.connect(addr).await else {
        return;
    };
    let path = BAD_PATHS[crowd.made() as usize % BAD_PATHS.len()];
    let request = format!("GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n");
    if client.stream.write_all(request.as_bytes()).await.is_ok() {
        let hold = Duration::from_millis(fastrand::u64(..3000));
        let _ = timeout(hold, until_closed(&mut client)).await;
    }
}

/// Reads until the server closes the connection, in whatever way.
pub(crate) async fn until_closed(client: &mut Member) {
    let mut bytes = [0; 4096];
    while matches!(client.stream.read(&mut bytes).await, Ok(count) if count > 0) {}
}
