//! What all guests of one worker share with it: limits, open files, counters, and two signals.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{GuestLog, LogBudget};
use crate::config::{ActivateOn, Limits, Reuse};
use crate::metrics::{Bound, WorkerMetrics};
use crate::net::{FileCache, Stream};

/// What has to arrive before a guest is given a parked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A whole request head.
    Head,
    /// A byte.
    Bytes,
}

/// The surroundings of the guests of one worker. It belongs to the worker's thread.
#[derive(Debug)]
pub struct Environment {
    /// The bounds.
    pub limits: Limits,
    /// When instances are shared.
    pub reuse: Reuse,
    /// What activates a parked connection.
    pub activate_on: ActivateOn,
    /// Open files of the granted directory.
    pub files: RefCell<FileCache>,
    /// The worker's counters.
    pub metrics: Arc<WorkerMetrics>,
    /// Where guests' stdout and stderr go.
    pub log: Arc<GuestLog>,
    /// How often the log says why an activation failed. Not the guests' own budget: a guest that
    /// floods the log must not hide what the others do.
    pub failures_log: LogBudget,
    /// Whether a connection waits for an instance, so that guests should hand theirs back.
    pub wanted: Cell<bool>,
    /// Whether the server is shutting down; set by the server's thread.
    pub draining: Arc<AtomicBool>,
}

impl Environment {
    /// Counts a bound that fired.
    pub fn fired(&self, bound: Bound) {
        self.metrics.bound(bound).add(1);
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// What activates a connection that was handed back.
    pub fn trigger(&self) -> Trigger {
        match self.activate_on {
            ActivateOn::Head => Trigger::Head,
            ActivateOn::Bytes | ActivateOn::Accept => Trigger::Bytes,
        }
    }

    /// Whether what `stream` has kept is enough for `trigger`, where the first `scanned` bytes are
    /// known not to be.
    pub fn is_activated_by(&self, stream: &Stream, trigger: Trigger, scanned: usize) -> bool {
        let max = self.limits.head_bytes_max;
        stream.with_kept(|kept| match trigger {
            Trigger::Head => kept.find_head_end(scanned, max).is_some(),
            Trigger::Bytes => kept.len() > scanned,
        })
    }

    /// How many more bytes to receive before deciding whether they activate `stream`; zero where
    /// no more may come.
    pub fn activation_room(&self, stream: &Stream) -> usize {
        let length = stream.with_kept(|kept| kept.len());
        self.limits.head_bytes_max.saturating_sub(length)
    }
}
