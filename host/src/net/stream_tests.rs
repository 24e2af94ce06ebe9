//! A stream and its selector under random scripts, held against a model of two byte queues.
//!
//! The peer sends, receives and ends its side at any moment; events are delivered late and
//! together; the stream receives, sends and is suspended. Every byte must arrive once and in
//! order, and a stream that has something to do must never be left waiting for an edge that has
//! already come.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mio::unix::SourceFd;
use proptest::prelude::*;

use super::{CallError, Interest, Stream, Timeout};

#[derive(Clone, Debug)]
enum Step {
    PeerSends(usize),
    PeerReceives(usize),
    PeerEnds,
    Events,
    Recv(usize),
    RecvLine(usize),
    Send(usize),
    /// Begins a `recv` that may suspend and is dropped before it completes.
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..200_000_usize).prop_map(Step::PeerSends),
        2 => (1..200_000_usize).prop_map(Step::PeerReceives),
        1 => Just(Step::PeerEnds),
        5 => Just(Step::Events),
        4 => (1..100_000_usize).prop_map(Step::Recv),
        3 => (1..300_usize).prop_map(Step::RecvLine),
        3 => (1..200_000_usize).prop_map(Step::Send),
        1 => (1..100_000_usize).prop_map(Step::Cancel),
    ]
}

struct Pair {
    stream: Stream,
    peer: UnixStream,
    selector: mio::Poll,
    /// Sent by the peer and not yet received.
    incoming: VecDeque<u8>,
    /// Sent to the peer and not yet received by it.
    outgoing: VecDeque<u8>,
    ended: bool,
    next_byte: u8,
}

impl Pair {
    fn new() -> Pair {
        let (ours, peer) = UnixStream::pair().expect("descriptors are left");
        ours.set_nonblocking(true).expect("a socket can be");
        peer.set_nonblocking(true).expect("a socket can be");
        let stream = Stream::new(ours.into());
        let selector = mio::Poll::new().expect("descriptors are left");
        let fd = stream.as_raw_fd();
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let registry = selector.registry();
        registry
            .register(&mut SourceFd(&fd), mio::Token(0), interest)
            .expect("it is new");
        Pair {
            stream,
            peer,
            selector,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            ended: false,
            next_byte: 0,
        }
    }

    /// Bytes that differ from their neighbours, with a line feed now and then.
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count)
            .map(|_| {
                self.next_byte = self.next_byte.wrapping_add(1);
                self.next_byte
            })
            .collect()
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::PeerSends(count) if !self.ended => self.peer_sends(count),
            Step::PeerSends(_) => {}
            Step::PeerReceives(count) => self.peer_receives(count),
            Step::PeerEnds => {
                self.ended = true;
                self.peer
                    .shutdown(std::net::Shutdown::Write)
                    .expect("it is open");
            }
            Step::Events => self.events(),
            Step::Recv(max) => self.recv(max),
            Step::RecvLine(max) => self.recv_line(max),
            Step::Send(count) => self.send(count),
            Step::Cancel(max) => self.cancel(max),
        }
    }

    fn peer_sends(&mut self, count: usize) {
        let bytes = self.bytes(count);
        match self.peer.write(&bytes) {
            Ok(sent) => self.incoming.extend(&bytes[..sent]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    fn peer_receives(&mut self, count: usize) {
        let mut buffer = vec![0; count];
        match self.peer.read(&mut buffer) {
            Ok(received) => {
                let expected: Vec<u8> = self.outgoing.drain(..received).collect();
                assert!(
                    buffer[..received] == expected,
                    "bytes arrive once and in order"
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    fn events(&mut self) {
        let mut events = mio::Events::with_capacity(8);
        self.selector
            .poll(&mut events, Some(Duration::ZERO))
            .expect("nothing interrupts it");
        for event in &events {
            self.stream.observe(event);
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        let expected: Vec<u8> = self.incoming.drain(..bytes.len()).collect();
        assert!(bytes == expected, "bytes are received once and in order");
        assert!(
            !bytes.is_empty() || (self.ended && self.incoming.is_empty()),
            "no early end"
        );
    }

    fn recv(&mut self, max: usize) {
        let mut timeout = Timeout::new(Duration::ZERO);
        let result = now(self.stream.recv(max, &mut timeout)).expect("it must not suspend");
        match result {
            Ok(bytes) => self.received(&bytes),
            Err(error) => assert!(matches!(error, CallError::TimedOut), "{error:?}"),
        }
    }

    fn recv_line(&mut self, max: usize) {
        let mut timeout = Timeout::new(Duration::ZERO);
        let result = now(self.stream.recv_until(b"\n", max, 0, &mut timeout));
        match result.expect("it must not suspend") {
            Ok(bytes) => {
                let whole = bytes.ends_with(b"\n");
                assert!(whole || self.ended, "without a delimiter only at the end");
                assert_eq!(
                    bytes.iter().filter(|&&byte| byte == b'\n').count(),
                    usize::from(whole)
                );
                self.received(&bytes);
            }
            Err(CallError::TooLarge) => {
                let first: Vec<u8> = self.incoming.iter().copied().take(max).collect();
                assert!(first.len() == max && !first.contains(&b'\n'));
            }
            Err(error) => assert!(matches!(error, CallError::TimedOut), "{error:?}"),
        }
    }

    fn send(&mut self, count: usize) {
        let bytes = self.bytes(count);
        let mut timeout = Timeout::new(Duration::ZERO);
        let result = now(self.stream.send(&bytes, false, &mut timeout));
        let sent = match result.expect("it must not suspend") {
            Ok(sent) | Err((CallError::TimedOut, sent)) => sent,
            Err((error, _)) => panic!("{error:?}"),
        };
        self.outgoing.extend(&bytes[..sent as usize]);
    }

    fn cancel(&mut self, max: usize) {
        let mut timeout = Timeout::new(Duration::from_secs(60));
        if let Some(Ok(bytes)) = now(self.stream.recv(max, &mut timeout)) {
            self.received(&bytes);
        }
        assert_eq!(
            self.stream.wait().interest,
            Interest::Nothing,
            "a dropped call waits no more"
        );
    }

    /// Whatever is left must still be found, without any new edge.
    fn finish(mut self) {
        loop {
            self.events();
            let kept = self.stream.with_kept(|kept| kept.len());
            if self.incoming.len() > kept || self.ended {
                assert!(self.stream.satisfies(Interest::Readable), "no edge is lost");
            }
            if self.incoming.is_empty() {
                break;
            }
            self.recv(64 * 1024);
        }
        while !self.outgoing.is_empty() {
            self.peer_receives(1 << 20);
        }
        self.events();
        assert!(self.stream.satisfies(Interest::Writable), "no edge is lost");
    }
}

/// Polls `call` once.
fn now<T>(call: impl Future<Output = T>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

proptest! {
    #[test]
    fn every_byte_arrives_once_and_in_order_and_no_edge_is_lost(
        script in prop::collection::vec(step(), 0..100)
    ) {
        let mut pair = Pair::new();
        for step in &script {
            pair.apply(step);
        }
        pair.finish();
    }
}
