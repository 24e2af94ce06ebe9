//! What all guests of one worker share with it: limits, counters, logs, and two signals.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::debug;

use super::{GuestLog, LogBudget, MemoryBudget, RequestLog};
use crate::config::Limits;
use crate::metrics::{Bound, WorkerMetrics};
use crate::net::Stream;
use crate::trouble::Trouble;

/// The surroundings of the guests of one worker. It belongs to the worker's thread.
#[derive(Debug)]
pub struct Environment {
    /// The bounds.
    pub limits: Limits,
    /// The worker's counters.
    pub metrics: Arc<WorkerMetrics>,
    /// Where guests' stdout and stderr go.
    pub log: Arc<GuestLog>,
    /// How often the log says why an activation failed. Not the guests' own budget: a guest that
    /// floods the log must not hide what the others do.
    pub failures_log: LogBudget,
    /// Where every request is noted, if anywhere.
    pub request_log: Option<RequestLog>,
    /// What the guests may have together.
    pub memory: MemoryBudget,
    /// How often the machine was seen to have little memory left; counted by the server's thread.
    pub shortages: Arc<AtomicU64>,
    /// What the operator is told of once.
    pub troubles: Troubles,
    /// Whether a connection waits for an instance, so that guests should hand theirs back.
    pub wanted: Cell<bool>,
    /// Whether the server is shutting down; set by the server's thread.
    pub draining: Arc<AtomicBool>,
}

/// What can be wrong with the machine, as one worker meets it.
#[derive(Debug, Default)]
pub struct Troubles {
    /// No instance can be made.
    pub instances: Trouble,
    /// No descriptor is left for a connection.
    pub descriptors: Trouble,
    /// The kernel refuses a connection for another reason.
    pub accepting: Trouble,
}

impl Environment {
    /// Counts a bound that fired on a connection, and logs it the first time.
    pub fn fired(&self, bound: Bound, stream: &Stream) {
        const { assert!(Bound::ALL.len() <= 32, "a stream has a bit for each bound") }
        self.count(bound);
        if stream.tell(bound as u32) && tracing::enabled!(tracing::Level::DEBUG) {
            let peer = stream.peer_address();
            let connection = peer.map_or_else(|_| "gone".to_owned(), |peer| peer.to_string());
            debug!(bound = bound.label(), %connection, "a bound fired");
        }
    }

    /// Counts a bound that fired on no connection in particular.
    pub fn count(&self, bound: Bound) {
        self.metrics.bound(bound).add(1);
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// How often the machine was seen to have little memory left.
    pub fn shortages(&self) -> u64 {
        self.shortages.load(Ordering::Relaxed)
    }

    /// How many more bytes to receive before deciding whether they activate `stream`; zero where
    /// no more may come.
    pub fn activation_room(&self, stream: &Stream) -> usize {
        let length = stream.with_kept(|kept| kept.len());
        self.limits.head_bytes_max.saturating_sub(length)
    }
}
