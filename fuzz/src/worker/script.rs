//! A script out of an input: what each client sends, in which pieces and when, and how it ends.

use super::echo::Exchange;
use super::server::{FILE_NAME, Kind, SERVICES};
use crate::pieces::Choices;

/// Clients of one script; more than there are instances.
const CLIENTS_MAX: usize = 5;

/// Commands or requests of one client.
const REQUESTS_MAX: usize = 12;

/// Chunks of one request.
const CHUNKS_MAX: usize = 64;

/// Steps of one script, each of which costs up to a few milliseconds.
const STEPS_MAX: usize = 48;

/// What one client does in all.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which of the services it is a client of.
    pub(crate) service: usize,
    pub(crate) input: Vec<u8>,
    /// The requests that `input` consists of, where it speaks HTTP.
    pub(crate) exchanges: Vec<Exchange>,
}

/// What happens next, and to which client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Send(usize),
    Receive,
    Pause(u64),
    HalfClose,
    Reset,
}

/// Reads the plans of a script.
pub(crate) fn plans(choices: &mut Choices) -> Vec<Plan> {
    let count = 1 + choices.below(CLIENTS_MAX);
    (0..count).map(|_| plan(choices)).collect()
}

fn plan(choices: &mut Choices) -> Plan {
    let service = choices.below(SERVICES.len());
    let count = choices.below(REQUESTS_MAX + 1);
    match SERVICES[service].0 {
        Kind::Calls => Plan {
            service,
            input: (0..count).flat_map(|_| commands(choices)).collect(),
            exchanges: Vec::new(),
        },
        Kind::Echo => {
            let exchanges: Vec<Exchange> = (0..count).map(|_| exchange(choices)).collect();
            let mut input: Vec<u8> = exchanges.iter().flat_map(|e| e.request.clone()).collect();
            // Now and then a client that stops in the middle.
            if choices.below(4) == 3 {
                input.truncate(input.len().saturating_sub(choices.wide() % 300));
            }
            Plan {
                service,
                input,
                exchanges,
            }
        }
    }
}

/// Reads a line of commands, and what is sent behind it for them to receive.
fn commands(choices: &mut Choices) -> Vec<u8> {
    let count = 1 + choices.below(3);
    let mut behind = Vec::new();
    let commands: Vec<String> = (0..count).map(|_| command(choices, &mut behind)).collect();
    let mut bytes = commands.join(" | ").into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(&behind);
    bytes
}

fn command(choices: &mut Choices, behind: &mut Vec<u8>) -> String {
    match choices.below(32) {
        0..4 => {
            let count = choices.below(40);
            behind.extend(payload(choices, count));
            // Now and then more or less than there is: the rest is taken for commands.
            let max = match choices.below(8) {
                0 => choices.below(60),
                _ => count.max(1),
            };
            let timeout = choices.one_of(&["none", "none", "none", "0ms", "2ms"]);
            format!("recv {max} {timeout}")
        }
        4..8 => {
            let count = choices.below(40);
            behind.extend(payload(choices, count));
            behind.push(b';');
            let max = match choices.below(8) {
                0 => choices.below(60),
                _ => 100,
            };
            let timeout = choices.one_of(&["none", "none", "none", "0ms", "2ms"]);
            format!("recv-until ; {max} {timeout}")
        }
        8..12 => "send hello none".to_owned(),
        12..14 => "send-more more".to_owned(),
        14 => format!("send-filler {} none", choices.wide() * choices.below(12)),
        15..17 => {
            let (offset, length) = (choices.wide() * 5, choices.wide() * 4);
            match choices.below(2) {
                0 => format!("sendfile {FILE_NAME} {offset} {length} none"),
                _ => format!("send-with-file head {FILE_NAME} {offset} {length} none"),
            }
        }
        17..20 => "next".to_owned(),
        20 => "closing".to_owned(),
        21 => "no-delay on".to_owned(),
        22 => format!("sleep {}ms", choices.below(5)),
        23 => format!("spin {}ms", choices.below(5)),
        24..28 => "hand-back".to_owned(),
        28 => "let-go".to_owned(),
        29 => format!("shutdown {}", choices.one_of(&["receive", "send", "both"])),
        30 => "send '' none".to_owned(),
        // Rare, because it takes as long as the host lets it.
        _ => match choices.below(8) {
            0 => "spin 1h".to_owned(),
            _ => "trap".to_owned(),
        },
    }
}

fn payload(choices: &mut Choices, count: usize) -> Vec<u8> {
    let first = choices.byte();
    // Not all the same, so that a byte in the wrong place is seen.
    let letter = |at: usize| b"abcdefghijklmnopqrstuvwxyz;\n"[(usize::from(first) + at) % 28];
    (0..count).map(letter).collect()
}

fn exchange(choices: &mut Choices) -> Exchange {
    let close = choices.below(12) == 11;
    let connection = match close {
        true => "Connection: close\r\n",
        false => "",
    };
    let head = |line: &str, fields: &str| {
        format!("{line} HTTP/1.1\r\nHost: a\r\n{connection}{fields}\r\n").into_bytes()
    };
    let (request, status, body) = match choices.below(8) {
        0 => (head("GET /", ""), 200, b"POST something\n".to_vec()),
        1 => (head("GET /missing", ""), 404, b"not found\n".to_vec()),
        2 => {
            let fields = format!("Cookie: a={}\r\n", choices.byte());
            let body = fields[8..].trim_end().to_owned() + "\n";
            (head("GET /cookie", &fields), 200, body.into_bytes())
        }
        3..6 => {
            let body = body(choices);
            let mut request = head("POST /", &format!("Content-Length: {}\r\n", body.len()));
            request.extend_from_slice(&body);
            (request, 200, body)
        }
        _ => {
            let body = body(choices);
            let mut request = head("POST /", "Transfer-Encoding: chunked\r\n");
            // Each chunk costs the guest two calls, and all of them must not be a bound's worth.
            let length = 1 + body.len() / CHUNKS_MAX + choices.wide() % 4000;
            for chunk in body.chunks(length) {
                request.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                request.extend_from_slice(chunk);
                request.extend_from_slice(b"\r\n");
            }
            request.extend_from_slice(b"0\r\n\r\n");
            (request, 200, body)
        }
    };
    Exchange {
        request,
        status,
        body,
        close,
    }
}

fn body(choices: &mut Choices) -> Vec<u8> {
    let length = match choices.below(8) {
        0 => choices.wide(),
        _ => choices.below(256),
    };
    payload(choices, length)
}

/// Reads the steps of a script for `clients` clients; what they leave is sent at the end.
pub(crate) fn steps(choices: &mut Choices, clients: usize) -> Vec<(usize, Step)> {
    let mut steps = Vec::new();
    while !choices.is_empty() && steps.len() < STEPS_MAX {
        let client = choices.below(clients);
        let step = match choices.below(16) {
            0..5 => Step::Send(1 + choices.below(40)),
            5..8 => Step::Send(choices.wide()),
            8..11 => Step::Receive,
            11..14 => Step::Pause(1 + choices.below(4) as u64),
            14 => Step::HalfClose,
            _ => Step::Reset,
        };
        steps.push((client, step));
    }
    steps
}
