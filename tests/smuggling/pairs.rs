//! Every variant with another request behind it: neither is ever seen as a part of the other.

use std::collections::BTreeMap;

use super::handlers::Handler;
use super::oracle::{self, Reading};
use super::variants::{self, Variant};
use super::{exchange, for_each, show};
use crate::random::{self, Random};

/// One variant in so many is sent by each test.
const EVERY: u64 = 4;

/// The longest variant that is sent byte by byte.
const DRIPPED_BYTES_MAX: usize = 100;

/// What is sent around a variant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The marked request is behind it.
    First,
    /// The marked request is in front of it and behind it.
    Second,
    /// The marked request is in front of it, and nothing follows.
    Last,
}

/// Sends one variant in so many, each from `start` on, and checks what comes back.
///
/// `SOCKEYE_EVERY=1` sends them all.
#[track_caller]
fn check(
    handler: Handler,
    place: Place,
    start: usize,
    cuts: impl Fn(usize, &[u8]) -> Vec<usize> + Sync,
) {
    let every = random::setting("SOCKEYE_EVERY", EVERY) as usize;
    let variants = variants::all();
    let chosen: Vec<&Variant> = variants.iter().skip(start % every).step_by(every).collect();
    let served = handler.start();
    let (marked, last) = (handler.marked(), handler.marked_last());
    let front = if place == Place::First { "" } else { marked };
    let behind = if place == Place::Last { "" } else { &last };
    let problems = for_each(chosen.len(), |number| {
        let Variant { class, bytes } = chosen[number];
        let bytes = [front.as_bytes(), bytes, behind.as_bytes()].concat();
        exchange(&served, &bytes, &cuts(number, &bytes))
            .map_err(|problem| format!("{class}, {problem}"))
    });
    show(chosen.len(), &problems);
    served.stop();
}

fn in_one_piece(_: usize, _: &[u8]) -> Vec<usize> {
    Vec::new()
}

/// Ends pieces at some places, which are others for every variant.
fn in_pieces(number: usize, bytes: &[u8]) -> Vec<usize> {
    let mut random = Random::numbered(0, number);
    let mut cuts: Vec<usize> = (0..3).map(|_| random.below(bytes.len())).collect();
    cuts.sort_unstable();
    cuts
}

#[test]
fn the_handler_sees_what_each_variant_is_and_then_the_next_request() {
    check(Handler::Inspect, Place::First, 0, in_one_piece);
}

#[test]
fn a_body_is_echoed_to_the_byte_whatever_surrounds_it() {
    check(Handler::Echo, Place::First, 1, in_one_piece);
}

#[test]
fn a_handler_that_reads_no_body_does_not_leave_it_to_the_next_request() {
    check(Handler::Files, Place::First, 2, in_one_piece);
}

#[test]
fn a_variant_behind_a_request_is_what_it_is_in_front_of_one() {
    check(Handler::Inspect, Place::Second, 3, in_one_piece);
}

#[test]
fn a_variant_is_the_same_in_whatever_pieces_it_comes() {
    check(Handler::Inspect, Place::First, 4, in_pieces);
    check(Handler::Echo, Place::Second, 5, in_pieces);
}

#[test]
fn a_variant_behind_which_nothing_comes_is_answered_at_once() {
    check(Handler::Inspect, Place::Last, 6, in_one_piece);
    check(Handler::Inspect, Place::Last, 7, in_pieces);
}

#[test]
fn a_short_variant_is_the_same_byte_by_byte() {
    let variants = variants::all();
    let served = Handler::Inspect.start();
    let short = |variant: &&Variant| variant.bytes.len() <= DRIPPED_BYTES_MAX;
    let every = random::setting("SOCKEYE_EVERY", EVERY) as usize;
    let short: Vec<&Variant> = variants.iter().filter(short).step_by(every).collect();
    assert!(short.len() >= 1_000, "{} are short", short.len());
    let problems = for_each(short.len(), |number| {
        let marked = Handler::Inspect.marked_last();
        let bytes = [&short[number].bytes, marked.as_bytes()].concat();
        let every: Vec<usize> = (1..short[number].bytes.len()).collect();
        exchange(&served, &bytes, &every)
    });
    show(short.len(), &problems);
    served.stop();
}

#[test]
fn there_are_thousands_of_variants_of_either_kind() {
    let mut kinds = BTreeMap::<&str, [usize; 3]>::new();
    let mut sums = [0; 3];
    for variant in variants::all() {
        let kind = match oracle::read(&variant.bytes).first() {
            Some(Reading::Request(_)) => 0,
            Some(Reading::Refused(_)) => 1,
            Some(Reading::Cut(_)) | None => 2,
        };
        kinds.entry(variant.class).or_default()[kind] += 1;
        sums[kind] += 1;
    }
    for (class, [accepted, refused, cut]) in &kinds {
        println!("{class:30} {accepted:5} accepted {refused:5} refused {cut:5} cut");
    }
    let [accepted, refused, _] = sums;
    println!("{accepted} accepted, {refused} refused, {} cut", sums[2]);
    assert!(accepted >= 1_000 && refused >= 3_000, "{sums:?}");
}

#[test]
fn a_head_of_bare_line_feeds_is_refused_as_that_in_two_pieces() {
    let served = Handler::Inspect.start();
    let mut client = served.server.connect();
    client.send(Handler::Inspect.marked());
    client.send("GET / HTTP/1.1\nHost: a\n");
    assert_eq!(client.response().status, 200);
    client.wait_until_taken();
    client.send("\n");
    assert_eq!(client.response().status, 400);
    assert_eq!(client.rest(), b"");
    served.stop();
}
