//! Clients that behave, on a schedule that does not wait for the server, and check every answer.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};

use crate::client::Client;
use crate::crowd::hurry;
use crate::site::Site;
use crate::tally::Tally;

/// How long an answer may take, from when its request was due, before it counts as a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Of the normal requests, one in this many has a connection of its own.
const FRESH_ONE_IN: u32 = 8;

/// Failures that are printed in full.
const TOLD_MAX: u32 = 20;

const RANGE_BYTES_MAX: usize = 64 << 10;
const UPLOAD_BYTES_MAX: usize = 64 << 10;
/// Requests that are sent at once.
const PIPELINED: usize = 10;

const LINE_BYTES_MAX: usize = 1000;

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Errand {
    /// The page.
    Page,
    /// A part of the large file.
    Range,
    /// The checksum of a body.
    Upload,
    /// A line, back as it was.
    Line,
    /// The page, over and over with one send.
    Pipelined,
    /// The page, asked for byte by byte.
    Bytewise,
}

impl Errand {
    fn addr(self, site: &Site) -> SocketAddr {
        match self {
            Errand::Page | Errand::Range | Errand::Pipelined | Errand::Bytewise => site.files,
            Errand::Upload => site.uploads,
            Errand::Line => site
                .lines
                .expect("only who has lines runs errands for them"),
        }
    }
}

/// Asks `rate` times per second until the moment `until`, and for the last answers after that.
///
/// Six connections are kept for files and two for uploads. Where lines are echoed, two are kept for
/// those, and two ask for the page in unusual ways. One request in eight has its own connection.
pub(crate) async fn normal_clients(site: Site, rate: u32, until: Instant, tally: Tally, seed: u64) {
    hurry();
    let mut random = Rng::with_seed(seed);
    let mut errands = vec![Errand::Page; 4];
    errands.extend([Errand::Range; 2]);
    errands.extend([Errand::Upload; 2]);
    if site.lines.is_some() {
        errands.extend([
            Errand::Line,
            Errand::Line,
            Errand::Pipelined,
            Errand::Bytewise,
        ]);
    }
    let fresh_rate = rate.div_ceil(FRESH_ONE_IN);
    let kept_rate = rate.saturating_sub(fresh_rate).max(1);
    let interval = Duration::from_secs(1) * errands.len() as u32 / kept_rate;
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for (index, &errand) in errands.iter().enumerate() {
        let schedule = Schedule {
            due: start + interval * index as u32 / errands.len() as u32,
            interval,
            until,
        };
        let site = site.clone();
        clients.spawn(kept(site, errand, schedule, tally.clone(), random.fork()));
    }
    let schedule = Schedule {
        due: start,
        interval: Duration::from_secs(1) / fresh_rate.max(1),
        until,
    };
    clients.spawn(fresh(site, schedule, tally, random));
    while clients.join_next().await.is_some() {}
}

/// When to ask: from `due` on, every `interval`.
struct Schedule {
    due: Instant,
    interval: Duration,
    until: Instant,
}

impl Schedule {
    /// Waits for the next request to be due, unless it is already, and says when it was.
    async fn next(&mut self) -> Option<Instant> {
        let due = self.due;
        self.due += self.interval;
        if due >= self.until {
            return None;
        }
        sleep_until(due.into()).await;
        Some(due)
    }
}

/// Runs an errand over and over on one connection, which is replaced where it ended.
async fn kept(site: Site, errand: Errand, mut schedule: Schedule, tally: Tally, mut random: Rng) {
    let mut kept = None;
    let mut free = schedule.due;
    while let Some(due) = schedule.next().await {
        let late = due.max(free).elapsed();
        if due.elapsed() > PATIENCE / 2 {
            // The one before it was answered late or never. Nobody begins to ask now: that would
            // make one slow answer a storm of clients that come and go.
            tally.failed(due, format!("{errand:?}: overdue"));
            continue;
        }
        let client = kept.take();
        let asking = async {
            let mut client = match client {
                Some(client) => client,
                None => Client::connect(errand.addr(&site)).await?,
            };
            let run = run_errand(&mut client, errand, &site, &mut random).await;
            let open = run.inspect_err(|kind| tell(errand, kind, &client))?;
            Ok(open.then_some(client))
        };
        kept = note(&tally, errand, due, late, asking).await.flatten();
        free = Instant::now();
    }
}

/// Asks for the page on a connection for each request, however many are still unanswered.
async fn fresh(site: Site, mut schedule: Schedule, tally: Tally, mut random: Rng) {
    let mut clients = JoinSet::new();
    while let Some(due) = schedule.next().await {
        let (site, tally, mut random) = (site.clone(), tally.clone(), random.fork());
        clients.spawn(async move {
            let late = due.elapsed();
            let asking = async {
                let mut client = Client::connect(site.files).await?;
                let run = run_errand(&mut client, Errand::Page, &site, &mut random).await;
                run.inspect_err(|kind| tell(Errand::Page, kind, &client))
            };
            note(&tally, Errand::Page, due, late, asking).await;
        });
        while clients.try_join_next().is_some() {}
    }
    while clients.join_next().await.is_some() {}
}

/// Waits for an answer, and notes how long it took or why it is none.
async fn note<T>(
    tally: &Tally,
    errand: Errand,
    due: Instant,
    late: Duration,
    asking: impl Future<Output = Result<T, String>>,
) -> Option<T> {
    let answered = timeout_at((due + PATIENCE).into(), asking).await;
    match answered.unwrap_or_else(|_| Err("timeout".to_owned())) {
        Ok(value) => {
            tally.good(due, late);
            Some(value)
        }
        Err(kind) => {
            tally.failed(due, format!("{errand:?}: {kind}"));
            None
        }
    }
}

/// Prints the first failures in full, so that they can be found in the server's log.
fn tell(errand: Errand, kind: &str, client: &Client) {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    if TOLD.fetch_add(1, Ordering::Relaxed) < TOLD_MAX {
        println!("failed: {errand:?}: {kind} ({})", client.story());
    }
}

/// Asks, checks the answer to its last byte, and says whether the connection stays open.
async fn run_errand(
    client: &mut Client,
    errand: Errand,
    site: &Site,
    random: &mut Rng,
) -> Result<bool, String> {
    let (request, status, expected) = match errand {
        Errand::Page | Errand::Pipelined | Errand::Bytewise => {
            (get_page(), 200, site.page.to_vec())
        }
        Errand::Range => {
            let first = random.usize(..site.file.len());
            let last = (first + random.usize(..RANGE_BYTES_MAX)).min(site.file.len() - 1);
            let head = format!(
                "GET /file.bin HTTP/1.1\r\nHost: soak\r\nRange: bytes={first}-{last}\r\n\r\n"
            );
            (head.into_bytes(), 206, site.file[first..=last].to_vec())
        }
        Errand::Upload => upload(random),
        Errand::Line => {
            let length = random.usize(1..LINE_BYTES_MAX);
            let mut line: Vec<u8> = (0..length).map(|_| random.alphanumeric() as u8).collect();
            line.push(b'\n');
            client.send(&line).await?;
            let back = client.line().await?;
            return if back == line {
                Ok(true)
            } else {
                Err("wrong line".to_owned())
            };
        }
    };
    let answers = match errand {
        Errand::Pipelined => PIPELINED,
        _ => 1,
    };
    match errand {
        Errand::Bytewise => {
            for byte in request.chunks(1) {
                client.send(byte).await?;
            }
        }
        _ => client.send(&request.repeat(answers)).await?,
    }
    let mut closes = false;
    for _ in 0..answers {
        if closes {
            return Err("fewer answers than requests".to_owned());
        }
        let answer = client.answer().await?;
        if answer.status != status {
            return Err(format!("status {}", answer.status));
        }
        if answer.body != expected {
            return Err("wrong body".to_owned());
        }
        closes = answer.closes;
    }
    Ok(!closes)
}

/// The request for the page.
pub(crate) fn get_page() -> Vec<u8> {
    b"GET /page.txt HTTP/1.1\r\nHost: soak\r\n\r\n".to_vec()
}

/// An upload of random bytes, and the answer that belongs to it.
fn upload(random: &mut Rng) -> (Vec<u8>, u16, Vec<u8>) {
    let mut body = vec![0; random.usize(..UPLOAD_BYTES_MAX)];
    random.fill(&mut body);
    let length = body.len();
    let expected = format!("{length} {:x}\n", Sha256::digest(&body));
    let head = format!("POST / HTTP/1.1\r\nHost: soak\r\nContent-Length: {length}\r\n\r\n");
    let mut request = head.into_bytes();
    request.append(&mut body);
    (request, 200, expected.into_bytes())
}
