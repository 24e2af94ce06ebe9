//! What is known of a socket's readiness between two edges of the selector.
//!
//! The selector reports a change once. Whatever is forgotten here is never reported again, so
//! the rules are few and each has a test.

use mio::event::Event;

/// The flags of one socket: set by events, cleared by calls that would block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    readable: bool,
    writable: bool,
    /// The peer closed or reset its side. Sticky: with it, a short `recv` proves nothing.
    ended: bool,
}

impl Readiness {
    /// The state of a socket that was just accepted: its buffers are empty, so it is writable;
    /// registering it reports at once what has already arrived.
    pub const fn accepted() -> Readiness {
        Readiness {
            readable: false,
            writable: true,
            ended: false,
        }
    }

    /// Whether `recv` is worth trying.
    pub fn readable(self) -> bool {
        self.readable
    }

    /// Whether `send` is worth trying.
    pub fn writable(self) -> bool {
        self.writable
    }

    /// Takes in what the selector reported.
    pub fn observe(&mut self, event: &Event) {
        let ended = event.is_read_closed() || event.is_write_closed() || event.is_error();
        self.set(event.is_readable(), event.is_writable(), ended);
    }

    /// Adds flags; an end or error makes both directions worth trying, so that it is seen.
    pub fn set(&mut self, readable: bool, writable: bool, ended: bool) {
        self.ended |= ended;
        self.readable |= readable || ended;
        self.writable |= writable || ended;
    }

    /// A `recv` got fewer bytes than it had room for.
    ///
    /// The buffer is then empty and new bytes will be a new edge, unless the peer has ended its
    /// side: that edge has already come, and the end would never be read.
    pub fn received_short(&mut self) {
        self.readable = self.ended;
    }

    /// A `recv` would have blocked.
    pub fn recv_would_block(&mut self) {
        self.readable = false;
    }

    /// A `send` or `sendfile` would have blocked.
    pub fn send_would_block(&mut self) {
        self.writable = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_recv_clears_readable() {
        let mut readiness = Readiness::accepted();
        readiness.set(true, false, false);
        readiness.received_short();
        assert!(!readiness.readable());
    }

    #[test]
    fn a_short_recv_keeps_readable_once_the_peer_has_ended_its_side() {
        let mut readiness = Readiness::accepted();
        readiness.set(true, false, true);
        readiness.received_short();
        assert!(readiness.readable());
        readiness.set(true, true, false);
        readiness.received_short();
        assert!(readiness.readable(), "the end is sticky");
    }

    #[test]
    fn an_end_or_error_makes_both_directions_worth_trying() {
        let mut readiness = Readiness::accepted();
        readiness.send_would_block();
        readiness.set(false, false, true);
        assert!(readiness.readable() && readiness.writable());
    }

    #[test]
    fn a_call_that_would_block_clears_only_its_own_direction() {
        let mut readiness = Readiness::accepted();
        readiness.set(true, true, false);
        readiness.recv_would_block();
        assert!(!readiness.readable() && readiness.writable());
        readiness.set(true, false, false);
        readiness.send_would_block();
        assert!(readiness.readable() && !readiness.writable());
    }
}
