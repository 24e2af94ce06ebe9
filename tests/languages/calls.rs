//! A twin of the guest `calls` makes each call through what its language has for it. What it is
//! told has to be what `calls` is told.

use std::path::Path;

use crate::scratch::{Scratch, component};
use crate::server::TestServer;
use crate::session::Session;
use crate::wait;

/// Commands, and the bytes that the calls receive.
const SCRIPTS: &[(&str, &str)] = &[
    ("recv 10 none", "abc"),
    ("recv 2 none | recv 10 none", "abcdef"),
    ("recv 0 none", ""),
    ("recv 10 0ms", ""),
    ("recv 10 20ms | recv 10 0ms", ""),
    ("recv-until ; 10 none | recv-until ; 10 none", "ab;cd;"),
    ("recv-until ; 3 none | recv 10 none", "abcdef;"),
    ("recv-until ; 10 20ms | recv 10 none", "abc"),
    ("recv-until '' 10 none", ""),
    ("send word none", ""),
    ("send-more wo | send rd none", ""),
    ("sendfile digits 2 5 none", ""),
    ("sendfile digits 7 100 none", ""),
    ("sendfile digits 0 0 none", ""),
    ("sendfile digits 9223372036854775808 1 none", ""),
    ("sendfile missing 0 1 none", ""),
    ("send-with-file head: digits 2 5 none", ""),
    ("send-with-file head: digits 7 100 none", ""),
    ("send-with-file head: missing 0 1 none", ""),
    ("stat digits", ""),
    ("read digits 3 4 | read digits 8 4 | read digits 10 4", ""),
    ("open digits", ""),
    ("open ..", ""),
    ("open /etc/passwd", ""),
    ("open directory", ""),
    ("closing", ""),
    ("next | recv 10 none", "abc"),
    ("next-until ; 10 none | next-until ; 10 none", "ab;cd;"),
    ("next-until ; 1 none | recv 10 none", "abc"),
    ("next-until ; 10 none", ""),
    ("no-delay off | no-delay on", ""),
    ("shutdown receive | recv 10 none", ""),
];

/// What is sent to a client that receives nothing.
const FILLER_BYTES: usize = 1_000_000;
const SENDS: usize = 40;

/// What the guest of `server` answers to `commands`, without how long it took, and without what
/// begins as `other` does.
fn answers(server: &TestServer, commands: &str, bytes: &str, other: &str) -> Vec<String> {
    let mut session = Session::start(server);
    session.ask_with(commands, bytes);
    let answer = |_| {
        let line = session.client.line();
        let differs = |word: &&str| word.starts_with("ms=") || word.starts_with(other);
        let words = line.split(' ').filter(|word| !differs(word));
        words.collect::<Vec<_>>().join(" ")
    };
    commands.split(" | ").map(answer).collect()
}

/// Checks that every call in `language` returns what it returns in Rust.
#[track_caller]
pub(super) fn check(language: &str, calls: &Path) {
    let root = Scratch::new();
    root.write("digits", "0123456789");
    root.write("directory/file", "");
    let flags = ["--root", root.text()];
    let twin = TestServer::start_file(calls, &flags);
    let in_rust = TestServer::start_file(&component("calls"), &flags);
    let other = match language {
        // QuickJS is given numbers of 64 bits as floating-point numbers, which have 53.
        "js" => "identity=",
        _ => "ms=",
    };
    for (commands, bytes) in SCRIPTS {
        assert_eq!(
            answers(&twin, commands, bytes, other),
            answers(&in_rust, commands, bytes, other),
            "{language}: {commands}"
        );
    }
}

/// Checks that sends that time out say how much is gone: as much as the client receives.
#[track_caller]
pub(super) fn check_sent(calls: &Path) {
    let server = TestServer::start_file(calls, &[]);
    let mut session = Session::start(&server);
    // The kernel does not take as much for a client that receives nothing.
    let sends = format!("-send-filler {FILLER_BYTES} 50ms | ").repeat(SENDS);
    session.ask(&format!("{sends}let-go"));
    wait::until("every send is told", || {
        server.log_lines("line=send-filler ").len() == SENDS
    });
    let whole = server.log_lines("line=send-filler ok").len() * FILLER_BYTES;
    let parts = server.log_lines("line=send-filler error=timeout sent=");
    let parts = parts.iter().map(|line| {
        let (_, sent) = line.split_once("sent=").unwrap();
        let end = sent.find(|other: char| !other.is_ascii_digit());
        let sent: usize = sent[..end.unwrap_or(sent.len())].parse().unwrap();
        assert!(sent < FILLER_BYTES, "{line}");
        sent
    });
    let sent: usize = parts.sum::<usize>() + whole;
    assert!(sent < SENDS * FILLER_BYTES);
    assert_eq!(session.client.rest().len(), sent);
}

/// Checks that a handler hands its connection back, and lets it go.
#[track_caller]
pub(super) fn check_ends(calls: &Path) {
    let server = TestServer::start_file(calls, &["--linger", "0s", "--reuse", "always"]);
    let mut session = Session::start(&server);
    for _ in 0..3 {
        session.ask("send word none | hand-back");
        assert_eq!(session.client.line(), "wordsend ok ");
    }
    session.client.half_close();
    session.client.wait_until_closed();
    let mut session = Session::start(&server);
    session.ask("send word none | let-go");
    assert_eq!(session.client.rest(), b"wordsend ok \n");
    // Nothing was wrong with either end.
    assert_eq!(server.log_lines("activation ended"), [""; 0]);
}
