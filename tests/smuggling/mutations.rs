//! Requests in order, damaged at random: whatever they become, each complete one is answered once,
//! nothing else is, no answer says that the server has failed, and nothing hangs.
//!
//! `SOCKEYE_MUTATIONS` is how many scripts are sent, `SOCKEYE_SEED` makes others, and
//! `SOCKEYE_NUMBER` sends one of them alone.

use super::handlers::Handler;
use super::oracle::{self, Reading};
use super::{corpus, exchange, for_each, show};
use crate::random::{self, Random};

const SCRIPTS: u64 = 4_000;

const SEED: u64 = 1;

const HANDLERS: [Handler; 4] = [
    Handler::Files,
    Handler::Echo,
    Handler::Upload,
    Handler::Router,
];

/// The most bytes that a script has.
const SCRIPT_BYTES_MAX: usize = 400_000;

/// What is put somewhere.
const TOKENS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    "\r\n ",
    ":",
    ",",
    ";",
    "\"",
    "\\",
    "%",
    "%0d%0a",
    "/../",
    "#",
    "\u{80}",
    "\u{ff}",
    "\x0b",
    "\x7f",
    "0\r\n\r\n",
    "HTTP/1.1",
    "HTTP/1.0",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Content-Length\r\n",
    "Expect: 100-continue\r\n",
    "Host: b\r\n",
    "Range: bytes=0-\r\n",
    "chunked",
    "close",
    "X: y\r\n",
];

const NUMBERS: &[&str] = &[
    "0",
    "00",
    "1",
    "-1",
    "+1",
    "7f",
    "127",
    "255",
    "256",
    "4096",
    "16384",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "7fffffffffffffff",
    "9223372036854775807",
    "9223372036854775808",
    "ffffffffffffffff",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "0x10",
    "1e3",
    "1.5",
];

/// What one client sends, and where its pieces end.
struct Script {
    handler: Handler,
    bytes: Vec<u8>,
    cuts: Vec<usize>,
}

/// Makes the script of a number.
fn script(seed: u64, number: usize) -> Script {
    let mut random = Random::numbered(seed, number);
    let handler = HANDLERS[number % HANDLERS.len()];
    let mut bytes = Vec::new();
    for _ in 0..=random.below(3) {
        let request = corpus::request(&mut random, handler);
        bytes.extend(request.chars().map(|c| u8::try_from(c).unwrap_or(b'?')));
    }
    for _ in 0..random.below(5) {
        mutate(&mut random, &mut bytes);
    }
    bytes.truncate(SCRIPT_BYTES_MAX);
    // A request that is known again, in two of three.
    if random.below(3) > 0 {
        bytes.extend_from_slice(handler.marked_last().as_bytes());
    }
    let mut cuts: Vec<usize> = (0..random.below(6))
        .map(|_| random.below(bytes.len() + 1))
        .collect();
    cuts.sort_unstable();
    Script {
        handler,
        bytes,
        cuts,
    }
}

/// Damages `bytes` in one way.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(40)).min(bytes.len());
    match random.below(12) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.below(256) as u8,
        2 => bytes.insert(at, random.below(256) as u8),
        3 => drop(bytes.remove(at)),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy.repeat(1 + random.below(4)));
        }
        6 => insert(bytes, at, random.pick(TOKENS)),
        7 => replace_number(random, bytes, at),
        8 => swap_lines(random, bytes),
        9 => bytes.truncate(at),
        10 => huge(random, bytes, at),
        _ => {
            // A part of the script somewhere else in it.
            let part = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, part);
        }
    }
}

/// Puts a token at `at`, or a header line where the line at `at` begins.
fn insert(bytes: &mut Vec<u8>, at: usize, token: &str) {
    let begins = bytes[..at].iter().rposition(|byte| *byte == b'\n');
    let is_line = token.ends_with("\r\n") && token.contains(": ");
    let at = if is_line {
        begins.map_or(0, |it| it + 1)
    } else {
        at
    };
    bytes.splice(at..at, token.chars().map(|c| c as u8));
}

/// Puts another number in place of the first one behind `at`.
fn replace_number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes[at..].iter().position(digit) else {
        return;
    };
    let start = at + start;
    let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
    let number = random.pick(NUMBERS);
    bytes.splice(start..start + length, number.bytes());
}

/// Puts two lines in each other's place.
fn swap_lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    lines.swap(one, other);
    *bytes = lines.concat();
}

/// Makes something very long, or very many.
fn huge(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let length = random.pick(&[100, 1_000, 8_000, 16_000, 17_000, 70_000]);
    let unit = random.pick(&["x", "0", " ", "X: y\r\n", "a,", ";a", "/..", "%41"]);
    let many = unit.repeat(length / unit.len());
    insert(bytes, at, &many);
}

#[test]
fn mutated_requests_are_answered_once_or_refused_and_never_fail_the_server() {
    let seed = random::setting("SOCKEYE_SEED", SEED);
    let count = random::setting("SOCKEYE_MUTATIONS", SCRIPTS) as usize;
    let alone = random::setting("SOCKEYE_NUMBER", u64::MAX);
    let numbers = match usize::try_from(alone) {
        Ok(number) if alone < u64::MAX => number..number + 1,
        _ => 0..count,
    };
    let served = HANDLERS.map(Handler::start);
    let problems = for_each(numbers.len(), |at| {
        let number = numbers.start + at;
        let script = script(seed, number);
        let served = served.iter().find(|it| it.handler == script.handler);
        exchange(served.unwrap(), &script.bytes, &script.cuts).map_err(|problem| {
            format!("SOCKEYE_SEED={seed} SOCKEYE_NUMBER={number} repeats this:\n{problem}")
        })
    });
    show(numbers.len(), &problems);
    served.into_iter().for_each(super::Served::stop);
}

#[test]
fn mutations_leave_some_requests_in_order_and_break_others() {
    let mut sums = [0; 3];
    for number in 0..1_000 {
        for reading in oracle::read(&script(SEED, number).bytes) {
            let kind = match reading {
                Reading::Request(_) => 0,
                Reading::Refused(_) => 1,
                Reading::Cut(_) => 2,
            };
            sums[kind] += 1;
        }
    }
    println!("{sums:?} in order, refused and cut");
    assert!(sums[0] > 500 && sums[1] > 200 && sums[2] > 50, "{sums:?}");
}
