//! What the guests of one service are granted on one worker, and what activates its connections.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Activation, Environment};
use crate::config::{ActivateOn, Reuse};
use crate::moment::Moment;
use crate::net::{FileCache, Stream};

/// What has to arrive before a guest is given a parked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A whole request head.
    Head,
    /// A byte.
    Bytes,
}

/// One service as its guests on one worker see it. It belongs to the worker's thread.
#[derive(Debug)]
pub struct Service {
    /// What all services of the worker share.
    pub environment: Rc<Environment>,
    /// When instances are shared.
    pub reuse: Reuse,
    /// What activates a connection.
    pub activate_on: ActivateOn,
    /// Open files of the granted directory.
    pub files: RefCell<FileCache>,
    /// The arguments of the component, as WASI knows them.
    pub arguments: Vec<String>,
}

impl Service {
    /// What activates a connection that was handed back.
    pub fn trigger(&self) -> Trigger {
        match self.activate_on {
            ActivateOn::Head => Trigger::Head,
            ActivateOn::Bytes | ActivateOn::Accept => Trigger::Bytes,
        }
    }

    /// Counts and notes the request that a guest is done with, if it was serving one.
    pub fn end_request(&self, activation: &Activation, now: Moment) {
        let Some(began) = activation.take_request() else {
            return;
        };
        let duration = now.since(began);
        self.environment.metrics.request_durations.add(duration);
        if let Some(log) = &self.environment.request_log {
            let stream = &activation.stream;
            let sent = stream.bytes_sent() - activation.sent_before.get();
            let exchange = activation.exchange.take();
            log.note(&exchange, stream.peer_address().ok(), sent, duration);
        }
    }

    /// Whether what `stream` has kept is enough for `trigger`, where the first `scanned` bytes are
    /// known not to be.
    pub fn is_activated_by(&self, stream: &Stream, trigger: Trigger, scanned: usize) -> bool {
        let max = self.environment.limits.head_bytes_max;
        stream.with_kept(|kept| match trigger {
            Trigger::Head => kept.find_head_end(scanned, max).is_some(),
            Trigger::Bytes => kept.len() > scanned,
        })
    }
}
