//! What the project of kind `tcp` does with lines, in every language.

use super::projects::built;
use crate::gauges::{LIVE, connections};
use crate::server::TestServer;

pub(super) fn check(language: &str) {
    let Some(project) = built(language, "tcp") else {
        return;
    };
    let flags = [
        "--linger",
        "0s",
        "--call-timeout",
        "300ms",
        "--reuse",
        "always",
    ];
    let server = TestServer::start_file(&project.join("handler.wasm"), &flags);

    let mut client = server.connect();
    client.send("one\ntwo\n");
    assert_eq!(
        (client.line(), client.line()),
        ("one".to_owned(), "two".to_owned())
    );
    // Handed back between lines, and called again.
    server.wait_for_metric(&connections("parked"), 1);
    server.wait_for_metric(LIVE, 0);
    client.send("three\nquit\nfour\n");
    assert_eq!(client.rest(), b"three\n");

    // What is not finished is sent back at the end, and runs into the timeout before it.
    let mut client = server.connect();
    client.send("half a line");
    client.half_close();
    assert_eq!(client.rest(), b"half a line");
    let mut client = server.connect();
    client.send("half a line");
    assert_eq!(client.rest(), b"timeout\n");

    // Silent, and never in an instance's way.
    let mut client = server.connect();
    server.wait_for_metric(&connections("parked"), 1);
    client.send("late\n");
    assert_eq!(client.line(), "late");
    client.reset();
    server.wait_for_metric(LIVE, 0);
    assert_eq!(server.failures(), 0);
    server.stop();
}
