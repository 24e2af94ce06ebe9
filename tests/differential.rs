//! Thousands of generated requests through sockeye and through hyper: they agree, or a rule below
//! says why not and who is right.
//!
//! Each script is a string of bytes, some of it damaged, in several writes, with a probe behind it
//! and a half-close behind that. What is compared is the sequence of what each reader took for
//! requests, with method, target and body, and how it ended: refused with which status, or closed.
//! `SOCKEYE_SEED` tries other scripts than the usual ones.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hyper::Uri;

use crate::client::Client;
use crate::random::{self, Random};
use crate::server::TestServer;
use requests::Script;
use rules::{Disagreement, RULES};

mod hyper_server;
mod requests;
mod rules;

const SCRIPTS: usize = 5_000;

const SEED: u64 = 1;

/// How many scripts are sent at once.
const CLIENTS: usize = 8;

/// How many unexplained disagreements are shown.
const SHOWN_MAX: usize = 20;

/// One thing that a reader made of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Accepted {
        method: String,
        target: String,
        body: Vec<u8>,
    },
    /// The status, and the reason where the reader gives one.
    Refused(u16, String),
    /// The end of the connection.
    End,
}

/// Takes more than a second in a debug build: ten thousand connections.
#[test]
fn five_thousand_scripts_are_read_as_hyper_reads_them_or_a_rule_says_why_not() {
    let seed = random::setting("SOCKEYE_SEED", SEED);
    let server = TestServer::start("inspect", &[]);
    let hyper = hyper_server::start();
    let next = AtomicUsize::new(0);
    let unexplained = Mutex::new(Vec::new());
    let uses: Vec<_> = RULES.iter().map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= SCRIPTS {
                        return;
                    }
                    let mut random = Random::numbered(seed, number);
                    let script = requests::script(&mut random);
                    let ours = steps(&send(Client::connect(server.addr()), &script));
                    let theirs = steps(&send(Client::connect(hyper), &script));
                    let Some(found) = Disagreement::first(&ours, &theirs, &script.bytes) else {
                        continue;
                    };
                    match found.rule() {
                        Some(rule) => drop(uses[rule].fetch_add(1, Ordering::Relaxed)),
                        None => unexplained.lock().unwrap().push(found.report(number)),
                    }
                }
            });
        }
    });
    for (rule, uses) in RULES.iter().zip(&uses) {
        println!("{:5} {}", uses.load(Ordering::Relaxed), rule.name);
    }
    let unexplained = unexplained.into_inner().unwrap();
    let count = unexplained.len();
    let shown = unexplained[..count.min(SHOWN_MAX)].join("\n");
    assert_eq!(count, 0, "seed {seed}: {count} are unexplained:\n{shown}");
}

/// Sends a script, says that nothing follows, and returns all that comes back.
fn send(mut client: Client, script: &Script) -> Vec<u8> {
    let mut from = 0;
    for cut in &script.cuts {
        client.send_in_vain(&script.bytes[from..*cut]);
        from = *cut;
    }
    client.send_in_vain(&script.bytes[from..]);
    client.half_close_in_vain();
    client.rest_in_vain().expect("both sides end")
}

/// Reads the answers as what the server made of the requests.
fn steps(mut received: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
        let status = head[9..12].parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        let (body, rest) = received[end + 4..].split_at(length);
        received = rest;
        match status {
            100 => {}
            200 => steps.push(accepted(body)),
            _ => {
                let reason = String::from_utf8_lossy(body).trim_end().to_owned();
                steps.push(Step::Refused(status, reason));
            }
        }
    }
    assert_eq!(received, b"", "there is something behind the answers");
    steps.push(Step::End);
    steps
}

fn accepted(text: &[u8]) -> Step {
    let at = text.windows(6).position(|six| six == b" body=").unwrap();
    let head = String::from_utf8_lossy(&text[..at]).into_owned();
    let mut words = head.split(' ');
    let method = words.next().unwrap().to_owned();
    let target = words.next().unwrap();
    // hyper has the target only as it writes it again.
    let target = target
        .parse::<Uri>()
        .map_or(target.to_owned(), |uri| uri.to_string());
    Step::Accepted {
        method,
        target,
        body: text[at + 6..].to_vec(),
    }
}
