//! What `recv`, `recv-until`, `next` and `next-until` return, seen from inside a guest.

use crate::gauges::{LIVE, connections};
use crate::server::TestServer;
use crate::session::Session;

fn server() -> TestServer {
    TestServer::start("calls", &[])
}

#[test]
fn recv_returns_what_is_there_without_waiting_for_more() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv 100 none", "abc");
    session.outcome().expect_text("abc");
}

#[test]
fn recv_returns_at_most_max_and_keeps_the_rest() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv 2 none | recv 2 none", "abc");
    session.outcome().expect_text("ab");
    session.outcome().expect_text("c");
}

#[test]
fn recv_suspends_until_the_client_sends() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("recv 100 none");
    session.client.wait_until_taken();
    session.client.send("late");
    session.outcome().expect_text("late");
}

#[test]
fn recv_returns_zero_bytes_after_peer_shutdown_every_time() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv 100 none | recv 100 none | recv 100 0ms", "abc");
    session.client.half_close();
    session.outcome().expect_text("abc");
    session.outcome().expect_text("");
    session.outcome().expect_text("");
}

#[test]
fn recv_wakes_with_zero_bytes_when_the_peer_shuts_down() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("recv 100 none");
    session.client.wait_until_taken();
    session.client.half_close();
    session.outcome().expect_text("");
}

#[test]
fn recv_of_zero_bytes_is_an_invalid_argument() {
    let server = server();
    Session::start(&server)
        .call("recv 0 none")
        .expect_error("invalid-argument");
}

#[test]
fn recv_takes_any_max_and_no_memory_for_what_does_not_come() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv 4294967295 none", "abc");
    session.outcome().expect_text("abc");
}

#[test]
fn recv_until_returns_up_to_and_including_the_delimiter() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with(
        "recv-until -- 100 none | recv-until -- 100 none",
        "a--b-c--rest\n",
    );
    session.outcome().expect_text("a--");
    session.outcome().expect_text("b-c--");
}

#[test]
fn recv_until_finds_a_delimiter_that_arrives_in_two_pieces() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until -END- 100 none", "body-EN");
    session.client.wait_until_taken();
    session.client.send("D-");
    session.outcome().expect_text("body-END-");
}

#[test]
fn recv_until_takes_the_first_delimiter_after_a_false_start() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until aab 100 none | recv 100 none", "aaaab-aab");
    session.outcome().expect_text("aaaab");
    session.outcome().expect_text("-aab");
}

#[test]
fn recv_until_fills_max_exactly() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until ; 4 none", "abc;");
    session.outcome().expect_text("abc;");
}

#[test]
fn recv_until_without_delimiter_in_max_bytes_is_too_large_and_keeps_them() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until ; 4 none | recv 100 none", "abcd;");
    session.outcome().expect_error("too-large");
    session.outcome().expect_text("abcd;");
}

#[test]
fn recv_until_returns_what_came_before_the_end_without_a_delimiter() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until ; 100 none | recv-until ; 100 none", "abc");
    session.client.half_close();
    session.outcome().expect_text("abc");
    session.outcome().expect_text("");
}

#[test]
fn recv_until_refuses_an_empty_delimiter_and_one_longer_than_max() {
    let server = server();
    let mut session = Session::start(&server);
    session
        .call("recv-until '' 100 none")
        .expect_error("invalid-argument");
    session
        .call("recv-until abc 2 none")
        .expect_error("invalid-argument");
    session
        .call("recv-until ; 0 none")
        .expect_error("invalid-argument");
}

#[test]
fn recv_until_refuses_more_than_the_operator_allows() {
    let server = server();
    let mut session = Session::start(&server);
    session
        .call("recv-until ; 4294967295 none")
        .expect_error("invalid-argument");
}

#[test]
fn a_reset_of_the_peer_wakes_recv_and_ends_the_activation() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("recv 100 none");
    session.client.wait_until_taken();
    session.client.reset();
    let line = server.wait_for_log("recv error=");
    assert!(line.contains("error=connection-reset"), "{line}");
    server.wait_for_metric(LIVE, 0);
}

#[test]
fn a_connection_that_was_reset_never_seems_to_end_in_order() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("recv 100 none | recv 100 none | recv-until ; 100 none | send-filler 1 none");
    session.client.wait_until_taken();
    session.client.reset();
    server.wait_for_log("send-filler error=");
    assert_eq!(server.log_lines("error=connection-reset").len(), 4);
}

#[test]
fn next_is_true_when_bytes_are_here_and_false_when_none_come_within_linger() {
    let server = TestServer::start("calls", &["--linger", "50ms"]);
    let mut session = Session::start(&server);
    session.ask_with("next | recv 1 0ms | next", "a");
    assert_eq!(session.outcome().field("value"), "true");
    session.outcome().expect_text("a");
    let idle = session.outcome();
    assert_eq!(idle.field("value"), "false");
    assert!(idle.number("ms") >= 50, "{idle:?}");
}

#[test]
fn next_is_true_for_bytes_that_recv_until_left_with_the_host() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask_with("recv-until ; 100 none | next | recv 100 0ms", "a;b");
    session.outcome().expect_text("a;");
    assert_eq!(session.outcome().field("value"), "true");
    session.outcome().expect_text("b");
}

#[test]
fn next_is_false_once_the_peer_has_closed_its_side() {
    let server = TestServer::start("calls", &["--linger", "60s"]);
    let mut session = Session::start(&server);
    session.ask("next");
    session.client.wait_until_taken();
    session.client.half_close();
    assert_eq!(session.outcome().field("value"), "false");
}

#[test]
fn next_until_returns_what_is_here_and_nothing_when_nothing_comes_within_linger() {
    let server = TestServer::start("calls", &["--linger", "50ms"]);
    let mut session = Session::start(&server);
    session.ask_with(
        "next-until ; 100 none | next-until ; 100 none | next-until ; 100 none",
        "a;b;",
    );
    session.outcome().expect_text("a;");
    session.outcome().expect_text("b;");
    let idle = session.outcome();
    assert_eq!(idle.field("value"), "false");
    assert!(idle.number("ms") >= 50, "{idle:?}");
}

#[test]
fn next_until_waits_for_the_beginning_and_then_for_the_delimiter() {
    let server = TestServer::start("calls", &["--linger", "60s"]);
    let mut session = Session::start(&server);
    session.ask("next-until ; 100 none");
    session.client.wait_until_taken();
    session.client.send("a");
    session.client.wait_until_taken();
    session.client.send("b;");
    session.outcome().expect_text("ab;");
}

#[test]
fn next_until_fails_as_recv_until_does_and_keeps_the_bytes() {
    let server = TestServer::start("calls", &["--linger", "60s"]);
    let mut session = Session::start(&server);
    session.ask_with(
        "next-until ; 3 0ms | next-until ;; 1 0ms | next-until ; 100 10ms | recv 100 none",
        "abcd",
    );
    session.outcome().expect_error("too-large");
    session.outcome().expect_error("invalid-argument");
    session.outcome().expect_error("timeout");
    session.outcome().expect_text("abcd");
}

#[test]
fn next_until_is_nothing_once_the_peer_has_closed_its_side() {
    let server = TestServer::start("calls", &["--linger", "60s"]);
    let mut session = Session::start(&server);
    session.ask("next-until ; 100 none");
    session.client.wait_until_taken();
    session.client.half_close();
    assert_eq!(session.outcome().field("value"), "false");
}

#[test]
fn a_connection_handed_back_is_parked_and_activated_by_the_next_bytes() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("hand-back");
    // Every connection is parked for a moment before its first activation.
    session.client.wait_until_taken();
    server.wait_for_metric(&connections("parked"), 1);
    assert_eq!(server.metric(LIVE), 0);
    session.call("next").expect_ok();
    assert_eq!(server.metric("sockeye_activations_total"), 2);
}

#[test]
fn bytes_that_are_unread_at_hand_back_start_the_next_activation() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("recv-until ; 100 none | hand-back\na;recv 3 none\nxyz");
    session.outcome().expect_text("a;");
    session.outcome().expect_text("xyz");
}

#[test]
fn a_connection_let_go_is_half_closed_and_its_late_input_does_no_harm() {
    let server = server();
    let mut session = Session::start(&server);
    session.ask("send bye none | let-go");
    let answer = String::from_utf8(session.client.rest()).unwrap();
    assert!(answer.starts_with("byesend ok"), "{answer}");
    session.client.send_in_vain("late");
    session.client.half_close();
    server.wait_for_metric(LIVE, 0);
    server.wait_for_metric(&connections("closing"), 0);
}
