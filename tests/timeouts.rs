//! Every call that waits ends at its deadline, says how far it came and loses nothing.
//!
//! The time is taken by the guest's own clock around the call. These tests measure, so each runs
//! alone.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::client::get;
use crate::gauges::{LIVE, failed, fired};
use crate::machine;
use crate::scratch::Scratch;
use crate::server::{TestServer, log_field};
use crate::session::{Outcome, Session};

const MIB: usize = 1 << 20;

/// What no socket buffer on the way takes. An unoptimised host needs 20 ms to copy a MiB out of a
/// guest, before the time of the call begins, so it is not much more.
const FILLER_BYTES: usize = MIB / 2;

/// The size of a large file.
const FILE_BYTES: usize = 64 * MIB;

/// Checks that a call failed with `timeout`, not before `asked` and soon after it.
#[track_caller]
fn check_timeout(outcome: &Outcome, asked: Duration) {
    outcome.expect_error("timeout");
    let slack = (asked / 10).max(Duration::from_millis(20));
    let elapsed = outcome.elapsed();
    // The guest rounds down to a millisecond.
    let earliest = asked.saturating_sub(Duration::from_millis(1));
    assert!(
        elapsed >= earliest,
        "early by the guest's clock: {elapsed:?} of {asked:?}"
    );
    assert!(
        elapsed <= asked + slack,
        "late by the guest's clock: {elapsed:?} of {asked:?}"
    );
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn recv_returns_timeout_at_the_asked_time() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        check_timeout(&session.call("recv 10 50ms"), milliseconds(50));
        check_timeout(&session.call("recv 10 300ms"), milliseconds(300));
    });
}

#[test]
fn recv_with_zero_timeout_returns_at_once_with_what_is_here() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        check_timeout(&session.call("recv 10 0ms"), Duration::ZERO);
        session.ask_with("recv 10 0ms", "abc");
        session.outcome().expect_text("abc");
    });
}

#[test]
fn recv_until_returns_timeout_at_the_asked_time_and_keeps_what_came() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        session.ask_with("recv-until ; 100 100ms | recv-until ; 100 none", "abc");
        check_timeout(&session.outcome(), milliseconds(100));
        session.client.send("def;");
        session.outcome().expect_text("abcdef;");
    });
}

#[test]
fn recv_after_a_timed_out_recv_until_starts_with_the_same_bytes() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        session.ask_with("recv-until ; 100 50ms | recv 2 none | recv 10 none", "abc");
        check_timeout(&session.outcome(), milliseconds(50));
        session.outcome().expect_text("ab");
        session.outcome().expect_text("c");
    });
}

#[test]
fn recv_until_holds_its_deadline_against_a_client_that_drips() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        session.ask("recv-until ; 100 450ms");
        // One byte for every 100 ms in which the guest has said nothing.
        let mut drips = 0;
        while let Err(error) = session.client.receive_within(milliseconds(100)) {
            assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "{error}"
            );
            session.client.send("a");
            drips += 1;
            assert!(drips < 20, "every byte extends the deadline");
        }
        check_timeout(&session.outcome(), milliseconds(450));
        session.client.send("\n");
    });
}

#[test]
fn send_returns_timeout_and_how_much_is_gone() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        session.ask(&format!("send-filler {FILLER_BYTES} 300ms"));
        // The client does not receive before the guest has given up.
        server.wait_for_log("send-filler error=");
        check_partial(&mut session, b'x');
    });
}

#[test]
fn send_with_zero_timeout_sends_what_fits_at_once() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        session.ask(&format!("send-filler {FILLER_BYTES} 0ms"));
        let line = server.wait_for_log("send-filler error=timeout");
        let logged = Outcome::parse(line.trim_end_matches('"'));
        let sent = logged.number("sent") as usize;
        assert!(sent > 0, "{line}");
        session.client.exactly(sent);
        session.outcome().expect_error("timeout");
    });
}

#[test]
fn sendfile_returns_timeout_and_how_much_is_gone() {
    machine::measured(|| {
        let root = Scratch::new();
        root.write("large", vec![b'y'; FILE_BYTES]);
        let server = TestServer::start("calls", &["--root", root.text()]);
        let mut session = Session::start(&server);
        session.ask(&format!("sendfile large 0 {FILE_BYTES} 300ms"));
        server.wait_for_log("sendfile error=");
        check_partial(&mut session, b'y');
    });
}

#[test]
fn sendfile_returns_timeout_while_the_client_receives() {
    machine::measured(|| {
        let root = Scratch::new();
        // A hole, more of which than the machine can move in the time.
        let holes = root.write("holes", "");
        let length = 64 << 30;
        let holes = OpenOptions::new().write(true).open(holes).unwrap();
        holes.set_len(length).unwrap();
        let server = TestServer::start("calls", &["--root", root.text()]);
        let mut session = Session::start(&server);
        session.ask(&format!("sendfile holes 0 {length} 300ms"));
        let arrived = session.client.zeros();
        let outcome = session.outcome();
        check_timeout(&outcome, milliseconds(300));
        assert_eq!(outcome.number("sent"), arrived);
    });
}

/// Checks that a send of at least `FILLER_BYTES` that got 300 ms reports as many bytes as arrive.
#[track_caller]
fn check_partial(session: &mut Session, filler: u8) {
    let line = session.client.line();
    let (arrived, outcome) = line.split_at(line.bytes().take_while(|byte| *byte == filler).count());
    let outcome = Outcome::parse(outcome);
    check_timeout(&outcome, milliseconds(300));
    assert_eq!(outcome.number("sent") as usize, arrived.len());
    assert!((1..FILLER_BYTES).contains(&arrived.len()));
}

#[test]
fn a_timeout_beyond_the_cap_of_the_operator_is_lowered_to_it() {
    machine::measured(|| {
        let server = TestServer::start("calls", &["--call-timeout", "150ms"]);
        let mut session = Session::start(&server);
        session.ask("recv 10 1h | recv 10 none | recv-until ; 10 none");
        for _ in 0..3 {
            check_timeout(&session.outcome(), milliseconds(150));
        }
        assert!(server.metric(&fired("call_time")) >= 3);
    });
}

#[test]
fn a_timeout_below_the_cap_fires_no_bound() {
    machine::measured(|| {
        let server = TestServer::start("calls", &[]);
        let mut session = Session::start(&server);
        check_timeout(&session.call("recv 10 50ms"), milliseconds(50));
        assert_eq!(server.metric(&fired("call_time")), 0);
    });
}

/// Takes about a second: two deadlines after a file that is large.
#[test]
fn a_client_that_stops_reading_a_large_file_frees_its_instance_by_the_send_deadline() {
    machine::measured(|| {
        let root = Scratch::new();
        root.write("large", vec![0; FILE_BYTES]);
        let flags = ["--root", root.text(), "--call-timeout", "300ms"];
        let server = TestServer::start("file", &flags);
        let mut client = server.connect();
        client.send(get("/large"));
        client.response_head();
        let start = Instant::now();
        server.wait_for_metric(LIVE, 0);
        // One deadline passes while the kernel's buffers fill, a second one without any progress.
        assert!(
            start.elapsed() < milliseconds(1000),
            "{:?}",
            start.elapsed()
        );
        client.wait_until_closed();
    });
}

#[test]
fn a_suspended_guest_ends_at_the_limit_of_its_activation() {
    machine::measured(|| {
        let server = TestServer::start("calls", &["--activation-timeout", "200ms"]);
        let mut session = Session::start(&server);
        let start = Instant::now();
        session.ask("recv 10 none");
        session.client.wait_until_closed();
        let elapsed = start.elapsed();
        assert!(
            (milliseconds(150)..milliseconds(400)).contains(&elapsed),
            "{elapsed:?}"
        );
        let line = server.wait_for_log("activation ended");
        assert_eq!(log_field(&line, "cause"), Some("activation_time"), "{line}");
        assert_eq!(server.metric(&failed("activation_time")), 1);
        server.wait_for_metric(LIVE, 0);
    });
}

#[test]
fn a_guest_that_hands_back_in_time_is_not_limited_by_earlier_activations() {
    machine::measured(|| {
        let server = TestServer::start("calls", &["--activation-timeout", "150ms"]);
        let mut session = Session::start(&server);
        // Three activations that together take longer than one may.
        for _ in 0..3 {
            session.ask("recv 1 80ms | hand-back");
            session.outcome().expect_error("timeout");
        }
        assert_eq!(server.metric(&failed("activation_time")), 0);
    });
}
