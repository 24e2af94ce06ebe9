//! The note that a suspended call leaves for the worker: what it waits for, and until when.

use std::time::Duration;

use super::Pace;
use crate::moment::Moment;

/// What would let a suspended call go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Interest {
    /// Nothing of this stream: a task that waits elsewhere (WASI) or does not wait.
    #[default]
    Nothing,
    /// Bytes to receive.
    Readable,
    /// Room to send.
    Writable,
    /// The worker's next turn: the call moved as many bytes as one turn allows.
    Turn,
}

/// What a stream's suspended call waits for. Written by the call, read by the worker.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// What lets the call go on.
    pub interest: Interest,
    /// When it gives up; [`Moment::NEVER`] for a call without a deadline of its own.
    pub deadline: Moment,
    /// Whether the guest only lingers: it would rather give its instance up than keep another
    /// connection waiting.
    pub lingering: bool,
    /// Set by the worker when `deadline` has passed or a lingering guest is to give up.
    pub expired: bool,
}

impl Wait {
    /// The note of a task that waits for nothing here.
    pub const NONE: Wait = Wait {
        interest: Interest::Nothing,
        deadline: Moment::NEVER,
        lingering: false,
        expired: false,
    };

    /// The note of a call that waits for `interest` until `deadline`.
    pub fn until(interest: Interest, deadline: Moment) -> Wait {
        Wait {
            interest,
            deadline,
            ..Wait::NONE
        }
    }
}

/// How long a call may wait, all its suspensions together, and how fast the peer has to be.
///
/// The clock is read only when the call suspends for the first time: most calls never do.
#[derive(Debug)]
pub struct Timeout<'a> {
    length: Duration,
    deadline: Option<Moment>,
    pace: Option<&'a Pace>,
}

impl<'a> Timeout<'a> {
    /// Bounds a call to `length` from now; zero means that it never suspends.
    pub fn new(length: Duration) -> Timeout<'a> {
        Timeout {
            length,
            deadline: None,
            pace: None,
        }
    }

    /// Bounds a call to `length` from `now`.
    pub fn starting(now: Moment, length: Duration) -> Timeout<'a> {
        Timeout {
            deadline: Some(now.after(length)),
            ..Timeout::new(length)
        }
    }

    /// Has the call wait for no peer that falls behind `pace`, if there is one.
    #[must_use]
    pub fn at_pace(self, pace: Option<&'a Pace>) -> Timeout<'a> {
        Timeout { pace, ..self }
    }

    /// How fast the peer has to be.
    pub(super) fn pace(&self) -> Option<&'a Pace> {
        self.pace
    }

    /// Whether the call must not suspend at all.
    pub fn is_immediate(&self) -> bool {
        self.length.is_zero()
    }

    /// Whether the call must not suspend any more. It may always suspend once, unless it must not
    /// suspend at all.
    pub fn has_passed(&self) -> bool {
        let passed = |deadline| deadline <= Moment::now();
        self.is_immediate() || self.deadline.is_some_and(passed)
    }

    /// When the call gives up.
    pub fn deadline(&mut self) -> Moment {
        *self
            .deadline
            .get_or_insert_with(|| Moment::now().after(self.length))
    }
}
