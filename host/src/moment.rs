//! A point on the monotonic clock, in the eight bytes that a timer entry can afford, and one on the
//! clock of a thread's CPU time.
//!
//! A leaf: every deadline of the host is a `Moment`. It never reads the wall clock.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds on the monotonic clock, since a moment that the system chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// A moment that never comes: what a call without a deadline waits for.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// Reads the monotonic clock.
    pub fn now() -> Moment {
        let time = clock_gettime(ClockId::Monotonic);
        Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// Makes the moment that lies `nanoseconds` after the clock's start; for tests and scripts.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Moment {
        Moment(nanoseconds)
    }

    /// Returns the moment that comes `duration` after this one, at most [`Moment::NEVER`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Moment {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.after_nanoseconds(nanoseconds)
    }

    /// Returns the same for a length that is at hand in nanoseconds.
    #[must_use]
    pub const fn after_nanoseconds(self, nanoseconds: u64) -> Moment {
        Moment(self.0.saturating_add(nanoseconds))
    }

    /// Returns the time from `earlier` to this moment, zero where `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.nanoseconds_since(earlier))
    }

    /// Returns the same in nanoseconds.
    pub const fn nanoseconds_since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

thread_local! {
    /// What the kernel last said of the thread, and when.
    static LAST_READ: Cell<Option<(Moment, CpuTime)>> = const { Cell::new(None) };
}

/// CPU time of the calling thread. Only readings of the same thread can be compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime(Duration);

impl CpuTime {
    /// How old a reading may be that is taken for a recent one.
    const RECENT: Duration = Duration::from_millis(10);

    /// Asks the kernel at `now`, which costs a system call.
    pub fn read(now: Moment) -> CpuTime {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let time = CpuTime(time.try_into().unwrap_or_default());
        LAST_READ.set(Some((now, time)));
        time
    }

    /// Returns what was last read, if that is less than 10 ms before `now`, and asks otherwise.
    pub fn recent(now: Moment) -> CpuTime {
        match LAST_READ.get() {
            Some((at, time)) if now.since(at) < CpuTime::RECENT => time,
            _ => CpuTime::read(now),
        }
    }

    /// Returns the CPU time from `earlier` to this one.
    pub fn since(self, earlier: CpuTime) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
