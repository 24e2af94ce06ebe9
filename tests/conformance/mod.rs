//! A table of requests and of what RFC 9110 and 9112 make of each: the driver.
//!
//! Every row is sent to the guest `inspect` with one more request behind it, `PROBE`. Where the
//! connection stays open the probe is answered, and where it ends the probe never is: whatever was
//! refused, nothing behind it was taken for a request. Then the row is sent again byte by byte.
//! What every answer must have is checked for every row: a date, a length that is right, an
//! announcement of the end where it ends, a line of text in a refusal.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::client::Client;
use crate::scratch::component;
use crate::server::TestServer;

/// One line of the table.
pub(super) struct Row {
    /// The RFC and its section.
    section: &'static str,
    name: &'static str,
    /// What is sent: one byte for each character, which are those of Latin-1. `⟨3×ab⟩` stands for
    /// `ababab`, and `□` for every character of `each` in turn.
    text: &'static str,
    each: &'static str,
    outcome: Outcome,
}

/// What must come back.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    answers: &'static [Answer],
    after: After,
}

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It stays open, and the probe is answered.
    Open,
    /// It ends, as the last answer says, and the probe is not answered.
    Closed,
    /// It ends, though the last answer was sent before that was known.
    ClosedUnannounced,
    /// Nothing follows the row, and the client has closed its side.
    Unprobed,
    /// Nothing follows the row, and the client waits.
    Waiting,
}

/// One answer, as its bytes on the connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// What the handler saw, with status 200.
    Sees(&'static str),
    /// A final answer that has no body, such as one to HEAD.
    Bare(u16),
    /// An answer in front of the final one.
    Interim(u16),
    /// The guest library refuses the request.
    Refusal(u16),
    /// The host refuses it, before any guest.
    Host(u16),
}

pub(super) const fn refused(status: u16) -> Outcome {
    let answers = match status {
        400 => &[Answer::Refusal(400)],
        413 => &[Answer::Refusal(413)],
        414 => &[Answer::Refusal(414)],
        417 => &[Answer::Refusal(417)],
        431 => &[Answer::Refusal(431)],
        501 => &[Answer::Refusal(501)],
        505 => &[Answer::Refusal(505)],
        _ => panic!("the library refuses nothing with this status"),
    };
    closed(answers)
}

pub(super) const fn open(answers: &'static [Answer]) -> Outcome {
    let after = After::Open;
    Outcome { answers, after }
}

pub(super) const fn closed(answers: &'static [Answer]) -> Outcome {
    let after = After::Closed;
    Outcome { answers, after }
}

pub(super) const fn unprobed(answers: &'static [Answer]) -> Outcome {
    let after = After::Unprobed;
    Outcome { answers, after }
}

/// What the handler sees of `get!` and of other requests with nothing particular.
pub(super) const PLAIN: Outcome = open(&[Answer::Sees("GET / host=a version=1.1 keep=true body=")]);

/// A request of HTTP/1.1 with these lines besides its Host.
macro_rules! get {
    ($lines:literal) => {
        concat!("GET / HTTP/1.1\r\nHost: a\r\n", $lines, "\r\n\r\n")
    };
}

/// A request of HTTP/1.1 with these lines besides its Host, and a body.
macro_rules! post {
    ($lines:literal, $body:expr) => {
        concat!("POST / HTTP/1.1\r\nHost: a\r\n", $lines, "\r\n\r\n", $body)
    };
}

/// A request with a chunked body.
macro_rules! chunked {
    ($body:expr) => {
        concat!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            $body
        )
    };
}

/// The handler sees exactly this.
macro_rules! sees {
    ($($seen:expr),+) => {
        super::open(&[$(super::Answer::Sees($seen)),+])
    };
}

/// The handler sees exactly this, and the connection ends.
macro_rules! sees_last {
    ($($seen:expr),+) => {
        super::closed(&[$(super::Answer::Sees($seen)),+])
    };
}

/// The handler sees `post!` or `chunked!` with this body.
macro_rules! sees_body {
    ($body:literal) => {
        sees!(concat!("POST / host=a version=1.1 keep=true body=", $body))
    };
}

/// Rows: section, name, text, and where it has a `□`, what that stands for; then the outcome.
macro_rules! rows {
    ($($section:literal $name:literal: $text:expr $(, each $each:expr)? => $outcome:expr;)+) => {
        pub(super) const ROWS: &[super::Row] = &[$(super::Row {
            section: $section,
            name: $name,
            text: $text,
            each: concat!($($each)?),
            outcome: $outcome,
        }),+];
    };
}

// The macros are in scope for what follows them.
mod answers;
mod body;
mod chunks;
mod fields;
mod message;
mod persistence;
mod request_line;
mod semantics;
mod suites;

const TABLE: [&[Row]; 8] = [
    message::ROWS,
    request_line::ROWS,
    fields::ROWS,
    body::ROWS,
    chunks::ROWS,
    persistence::ROWS,
    semantics::ROWS,
    suites::ROWS,
];

/// What is sent behind each row.
const PROBE: &str = "GET /smuggled HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

const PROBE_SEEN: Answer = Answer::Sees("GET /smuggled host=probe version=1.1 keep=false body=");

/// The longest row that is sent byte by byte as well.
const DRIP_BYTES_MAX: usize = 1_000;

/// How many rows are sent at once.
const CLIENTS: usize = 8;

#[test]
fn every_row_of_the_table_is_answered_as_the_rfc_says() {
    check(&component("inspect"), Date::Sent);
}

/// Whether a handler knows what time it is, and says so (RFC 9110 section 6.6.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Date {
    Sent,
    Unknown,
}

/// Checks that the component at `inspect`, which is the guest of that name or its twin in another
/// language, answers every row of the table as the RFC says.
#[track_caller]
pub(crate) fn check(inspect: &Path, date: Date) {
    let server = TestServer::start_file(inspect, &[]);
    // For the rows that wait until the host has had enough of them.
    let impatient = TestServer::start_file(inspect, &["--head-timeout", "1s"]);
    let rows: Vec<&Row> = TABLE.iter().copied().flatten().collect();
    let problems = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let waits = row.outcome.after == After::Waiting;
                    let found = row.run(if waits { &impatient } else { &server }, date);
                    problems.lock().unwrap().extend(found);
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    let count = problems.len();
    assert!(
        problems.is_empty(),
        "{count} are wrong:\n{}",
        problems.join("\n")
    );
    server.stop();
    impatient.stop();
}

#[test]
fn every_row_of_the_table_has_a_name_of_its_own() {
    let mut names = HashSet::new();
    for row in TABLE.iter().copied().flatten() {
        assert!(names.insert(row.name), "there are two rows `{}`", row.name);
        assert_eq!(row.text.contains('□'), !row.each.is_empty(), "{}", row.name);
    }
}

impl Row {
    /// Sends everything that the row stands for, and says what was wrong with the answers.
    fn run(&self, server: &TestServer, date: Date) -> Vec<String> {
        let mut problems = Vec::new();
        for each in self.characters() {
            let request = expand(self.text, each);
            let mut check = |way: &str, dripping: bool| {
                let mut client = server.connect();
                if let Err(problem) = self.try_once(&mut client, each, dripping, date) {
                    let (section, name) = (self.section, self.name);
                    let shown = request[..request.len().min(300)].escape_ascii();
                    problems.push(format!(
                        "RFC {section}: {name}, {way}: {problem}\n    {shown}"
                    ));
                }
            };
            check("whole", false);
            if request.len() <= DRIP_BYTES_MAX {
                check("byte by byte", true);
            }
        }
        problems
    }

    fn try_once(
        &self,
        client: &mut Client,
        each: char,
        drip: bool,
        date: Date,
    ) -> Result<(), String> {
        let request = expand(self.text, each);
        let after = self.outcome.after;
        let probe = match after {
            After::Open | After::Closed | After::ClosedUnannounced => PROBE,
            After::Unprobed | After::Waiting => "",
        };
        if drip {
            for byte in &request {
                client.send_in_vain([*byte]);
            }
            client.send_in_vain(probe);
        } else {
            client.send_in_vain([&request, probe.as_bytes()].concat());
        }
        if after != After::Waiting {
            client.half_close_in_vain();
        }
        let received = client
            .rest_in_vain()
            .map_err(|error| format!("still open: {error}"))?;
        let probed = (after == After::Open).then_some(PROBE_SEEN);
        let expected: Vec<Answer> = self.outcome.answers.iter().copied().chain(probed).collect();
        answers::check(&received, &expected, each, after, date).map_err(|problem| {
            let shown = received[..received.len().min(600)].escape_ascii();
            format!("{problem}\n    {shown}")
        })
    }

    /// Returns what the `□` of the row stands for, in turn.
    fn characters(&self) -> Vec<char> {
        if self.each.is_empty() {
            vec!['□']
        } else {
            self.each.chars().collect()
        }
    }
}

/// Returns the bytes of a text of the table: `□` is `each`, and `⟨3×ab⟩` is written out.
fn expand(text: &str, each: char) -> Vec<u8> {
    let text = text.replace('□', &each.to_string());
    let mut parts = text.split('⟨');
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (repeat, rest) = part.split_once('⟩').unwrap();
        let (count, unit) = repeat.split_once('×').unwrap();
        whole.push_str(&unit.repeat(count.parse().unwrap()));
        whole.push_str(rest);
    }
    let byte = |c| u8::try_from(c).unwrap_or_else(|_| panic!("`{c}` is no byte"));
    whole.chars().map(byte).collect()
}
