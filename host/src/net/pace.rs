//! How fast a peer has to be while a call waits for it.
//!
//! A timeout bounds one call. It does not bound a peer that moves one byte just in time, call after
//! call, and that holds an instance for as long as it likes. A pace does: it adds up the time that
//! calls wait, over all of them.

use std::cell::Cell;
use std::time::Duration;

use crate::moment::Moment;

/// How fast every peer has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
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

    /// A call begins to wait at `now`. Looks at the peer where a window is full; `total` is asked
    /// for what it has moved by now. Returns when to look again, and nothing where the peer is too
    /// slow to be waited for.
    ///
    /// Not at the end of a wait: what has arrived by then, however late this process noticed it,
    /// has not been counted yet.
    pub(super) fn begin_wait(&self, now: Moment, total: impl FnOnce() -> u64) -> Option<Moment> {
        let is_full = self.waited.get() >= self.limit.window;
        if is_full || self.before.get().is_none() {
            let total = total();
            let moved = total.saturating_sub(self.before.get().unwrap_or(0));
            if is_full && moved < self.limit.bytes_min() {
                self.fallen_behind.set(true);
            }
            self.waited.set(Duration::ZERO);
            self.before.set(Some(total));
        }
        let left = self.limit.window.saturating_sub(self.waited.get());
        (!self.fallen_behind.get()).then(|| now.after(left))
    }

    /// Adds the time that a call waited.
    pub(super) fn end_wait(&self, waited: Duration) {
        self.waited.set(self.waited.get() + waited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_nanoseconds(77);
    const WINDOW: Duration = Duration::from_secs(10);

    /// A peer that has moved 1,000 bytes and has to move 1,000 more in every window.
    fn pace() -> Pace {
        let pace = Pace::new(PaceLimit {
            bytes_per_second: 100,
            window: WINDOW,
        });
        assert_eq!(pace.begin_wait(NOW, || 1000), Some(NOW.after(WINDOW)));
        pace
    }

    #[test]
    fn a_peer_that_moves_enough_in_every_window_is_waited_for() {
        let pace = pace();
        for window in 1..5 {
            pace.end_wait(WINDOW - Duration::from_secs(1));
            let soon = pace.begin_wait(NOW, || unreachable!("the window is not full"));
            assert_eq!(soon, Some(NOW.after(Duration::from_secs(1))));
            pace.end_wait(Duration::from_secs(1));
            let next = pace.begin_wait(NOW, || 1000 + window * 1000);
            assert_eq!(next, Some(NOW.after(WINDOW)));
        }
    }

    #[test]
    fn bytes_of_earlier_windows_do_not_count() {
        let pace = pace();
        pace.end_wait(WINDOW);
        assert!(pace.begin_wait(NOW, || 1_000_000).is_some());
        pace.end_wait(WINDOW);
        assert_eq!(pace.begin_wait(NOW, || 1_000_999), None);
        assert!(pace.has_fallen_behind());
        assert_eq!(pace.begin_wait(NOW, || 2_000_000), None, "it stays so");
        pace.restart();
        assert!(!pace.has_fallen_behind());
        pace.begin_wait(NOW, || 1_000_999);
        pace.end_wait(WINDOW);
        assert!(pace.begin_wait(NOW, || 1_001_999).is_some());
    }

    #[test]
    fn a_window_ends_after_its_length_of_waiting_however_many_calls_that_takes() {
        let pace = pace();
        for _ in 0..99 {
            pace.end_wait(Duration::from_millis(100));
            assert!(pace.begin_wait(NOW, || unreachable!("not yet")).is_some());
        }
        pace.end_wait(Duration::from_millis(100));
        assert_eq!(pace.begin_wait(NOW, || 1999), None);
    }
}
