//! How fast a peer has to be while a call waits for it.
//!
//! A timeout bounds one call. It does not bound a peer that moves one byte just in time, call after
//! call, and that holds an instance for as long as it likes. A pace does: it adds up the time that
//! calls wait, over all of them.

use std::cell::Cell;
use std::time::Duration;

use crate::moment::Moment;

/// How fast every peer has to be.
#[derive(Clone, Copy, Debug)]
pub struct PaceLimit {
    /// How many bytes it has to move for each second that is waited; zero for no limit.
    pub bytes_per_second: usize,
    /// After how much waiting it is looked at.
    pub window: Duration,
}

impl Default for PaceLimit {
    fn default() -> PaceLimit {
        PaceLimit {
            bytes_per_second: 500,
            window: Duration::from_secs(10),
        }
    }
}

impl PaceLimit {
    /// How many bytes a peer has to move in a window of waiting.
    fn bytes_min(&self) -> u64 {
        let bytes = self.bytes_per_second as u128 * self.window.as_millis() / 1000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// The pace of one peer in one direction.
#[derive(Debug)]
pub struct Pace {
    limit: PaceLimit,
    /// How long calls have waited in this window.
    waited: Cell<Duration>,
    /// How many bytes the peer had moved when the window began, which is when a call first waits.
    before: Cell<Option<u64>>,
    fallen_behind: Cell<bool>,
}

impl Pace {
    /// Holds a peer to `limit`.
    pub fn new(limit: PaceLimit) -> Pace {
        Pace {
            limit,
            waited: Cell::default(),
            before: Cell::default(),
            fallen_behind: Cell::default(),
        }
    }

    /// Forgets what was.
    pub fn restart(&self) {
        self.waited.set(Duration::ZERO);
        self.before.set(None);
        self.fallen_behind.set(false);
    }

    /// Whether the peer was too slow; it stays so, and nothing waits for it any more.
    pub fn has_fallen_behind(&self) -> bool {
        self.fallen_behind.get()
    }

    /// Whether there is a limit at all.
    pub(super) fn is_limited(&self) -> bool {
        self.limit.bytes_per_second > 0
    }

    /// A call begins to wait at `now`; returns when the peer has to be looked at. `total` is asked
    /// for what the peer has moved by now, at the beginning of a window.
    pub(super) fn begin_wait(&self, now: Moment, total: impl FnOnce() -> u64) -> Moment {
        if self.before.get().is_none() {
            self.before.set(Some(total()));
        }
        now.after(self.limit.window.saturating_sub(self.waited.get()))
    }

    /// Adds the time that a call waited, and looks at the peer once a window is full. Returns
    /// whether the peer is fast enough.
    pub(super) fn end_wait(&self, waited: Duration, total: impl FnOnce() -> u64) -> bool {
        let waited = self.waited.get() + waited;
        self.waited.set(waited);
        if waited < self.limit.window {
            return true;
        }
        let total = total();
        let moved = total.saturating_sub(self.before.get().unwrap_or(0));
        if moved < self.limit.bytes_min() {
            self.fallen_behind.set(true);
            return false;
        }
        self.waited.set(Duration::ZERO);
        self.before.set(Some(total));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_nanoseconds(77);

    /// A peer that has moved 1,000 bytes and has to move 1,000 more in every 10 s of waiting.
    fn pace() -> Pace {
        let pace = Pace::new(PaceLimit {
            bytes_per_second: 100,
            window: Duration::from_secs(10),
        });
        pace.begin_wait(NOW, || 1000);
        pace
    }

    #[test]
    fn a_peer_that_moves_enough_in_every_window_is_waited_for() {
        let pace = pace();
        for window in 1..5 {
            assert!(pace.end_wait(Duration::from_secs(9), || unreachable!("it is not full")));
            assert!(pace.end_wait(Duration::from_secs(1), || 1000 + window * 1000));
        }
    }

    #[test]
    fn bytes_of_earlier_windows_do_not_count() {
        let pace = pace();
        assert!(pace.end_wait(Duration::from_secs(10), || 1_000_000));
        assert!(!pace.end_wait(Duration::from_secs(10), || 1_000_999));
        assert!(pace.has_fallen_behind());
        pace.restart();
        assert!(!pace.has_fallen_behind());
        pace.begin_wait(NOW, || 1_000_999);
        assert!(pace.end_wait(Duration::from_secs(10), || 1_001_999));
    }

    #[test]
    fn a_window_ends_after_its_length_of_waiting_however_many_calls_that_takes() {
        let pace = pace();
        let look = || pace.begin_wait(NOW, || unreachable!("the window has begun"));
        assert_eq!(look(), NOW.after(Duration::from_secs(10)));
        for _ in 0..99 {
            assert!(pace.end_wait(Duration::from_millis(100), || unreachable!("not yet")));
        }
        assert_eq!(look(), NOW.after(Duration::from_millis(100)));
        assert!(!pace.end_wait(Duration::from_millis(100), || 1999));
    }
}
