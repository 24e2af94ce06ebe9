//! The server's event loop under scripts of what clients and guests do, held against a model.
//!
//! A script is read off the input: up to five clients of six services, what each sends, in which
//! pieces, with which pauses between them, and how it leaves. The models (`calls.rs` and `echo.rs`)
//! know nothing of pieces, pauses or instances: by what was sent they say what has to come back, so
//! nothing may be lost, nothing come twice and nothing out of order. Behind every script the
//! counters have to add up, nothing may stay open, and the next client is served.

mod calls;
mod client;
mod echo;
mod script;
mod server;

use std::thread;
use std::time::Duration;

use calls::Fate;
use client::{Client, End, finish};
use script::{Plan, Step};
use server::{Kind, Metrics, SERVICES, server};

use crate::pieces::Choices;

/// How long nothing may happen before that is a failure: far above all of the server's own times.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of the clients of a script.
#[derive(Debug, Default)]
struct Tally {
    clients: u64,
    trapped: u64,
    killed: u64,
    /// Guests that may have been ended, which nobody saw.
    unseen: u64,
    /// Answers that were missed, because of a guest that was ended or of a reset.
    cut: u64,
    /// Every byte of every client has arrived, on either side.
    is_whole: bool,
    bytes_in: u64,
    bytes_out: u64,
}

/// Takes `data` for a script, and runs it.
pub fn worker(data: &[u8]) {
    let server = server();
    let mut choices = Choices::new(data);
    let plans = script::plans(&mut choices);
    let steps = script::steps(&mut choices, plans.len());
    let before = server.idle();
    let clients = run(&plans, &steps);
    let mut tally = Tally {
        is_whole: true,
        ..Tally::default()
    };
    for (client, plan) in clients.iter().zip(&plans) {
        tally.add(client, plan);
    }
    let probe = probe(plans[0].service);
    tally.add(&probe.0, &probe.1);
    adds_up(&before, &server.idle(), &tally);
}

fn run(plans: &[Plan], steps: &[(usize, Step)]) -> Vec<Client> {
    let connect = |plan: &Plan| {
        let address = server().addresses[plan.service];
        Client::new(address, plan.input.clone())
    };
    let mut clients: Vec<Client> = plans.iter().map(connect).collect();
    for &(client, step) in steps {
        let client = &mut clients[client];
        match step {
            Step::Send(count) => client.send(count),
            Step::Receive => drop(client.receive()),
            // What a client does, and not a way to wait for something.
            Step::Pause(milliseconds) => thread::sleep(Duration::from_millis(milliseconds)),
            Step::HalfClose => client.half_close(),
            Step::Reset => client.reset(),
        }
    }
    finish(&mut clients);
    clients
}

/// A client that behaves well, for after a script.
fn probe(service: usize) -> (Client, Plan) {
    let input: &[u8] = match SERVICES[service].0 {
        Kind::Calls => b"recv-until ; 9 none | send-more a | next | hand-back\nb;closing\nlet-go\n",
        Kind::Echo => b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    let plan = Plan {
        service,
        input: input.to_vec(),
        exchanges: vec![echo::Exchange {
            request: input.to_vec(),
            status: 200,
            body: b"POST something\n".to_vec(),
            close: false,
        }],
    };
    let client = run(std::slice::from_ref(&plan), &[]).remove(0);
    assert_eq!(client.end, Some(End::Finished));
    assert!(!client.received.is_empty(), "no answer to a good client");
    (client, plan)
}

impl Tally {
    fn add(&mut self, client: &Client, plan: &Plan) {
        self.clients += 1;
        self.bytes_in += client.sent as u64;
        self.bytes_out += client.received.len() as u64;
        let is_own = client.end == Some(End::OwnReset);
        let finished = match SERVICES[plan.service].0 {
            Kind::Calls => self.add_calls(client, is_own),
            Kind::Echo => {
                let is_whole = echo::read(client, &plan.exchanges);
                self.cut += u64::from(!is_whole && !is_own);
                is_whole
            }
        };
        assert!(
            !finished || is_own || client.end == Some(End::Finished),
            "a connection that has come to its end was reset: {client:?}"
        );
        self.is_whole &= finished && !is_own;
    }

    /// Counts a client of `calls`; says whether its connection had to end in order.
    fn add_calls(&mut self, client: &Client, is_own: bool) -> bool {
        // A guest that stops receiving has what still comes answered by a reset, which takes with
        // it what was sent and not received.
        let is_deaf = client
            .input
            .windows(16)
            .any(|part| part == b"shutdown receive");
        match calls::read(client) {
            Fate::Finished => return !is_deaf,
            Fate::Trapped if !is_own => self.trapped += 1,
            Fate::Killed if !is_own => self.killed += 1,
            Fate::Cut if !is_own && !is_deaf => self.cut += 1,
            _ => self.unseen += 1,
        }
        false
    }
}

/// Checks the server's own account of a script.
fn adds_up(before: &Metrics, after: &Metrics, tally: &Tally) {
    let grown = |sample: &str| after.of(sample) - before.of(sample);
    let failed = |cause: &str| after.failed(cause) - before.failed(cause);
    assert_eq!(
        grown("connections_accepted_total"),
        tally.clients,
        "{tally:?}"
    );
    let (trapped, killed) = (failed("trap"), failed("cpu"));
    assert!(
        trapped >= tally.trapped && killed >= tally.killed,
        "{trapped} {killed} {tally:?}"
    );
    let explained = trapped + killed - tally.trapped - tally.killed;
    // Every answer that is missing is one of a guest that was ended, and every such guest is known.
    let possible = tally.cut..=tally.cut + tally.unseen;
    assert!(
        possible.contains(&explained),
        "{trapped} {killed} {tally:?}"
    );
    for cause in [
        "activation_time",
        "memory",
        "handle",
        "exit",
        "panic",
        "drain",
        "instantiation",
    ] {
        assert_eq!(failed(cause), 0, "{cause}");
    }
    if tally.is_whole {
        assert_eq!(grown("bytes_received_total"), tally.bytes_in, "{tally:?}");
        assert_eq!(grown("bytes_sent_total"), tally.bytes_out, "{tally:?}");
    }
}
