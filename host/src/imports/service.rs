//! What the guests of one service are granted on one worker, and what activates its connections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::activation::Request;
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
    /// Whether clients speak HTTP/1 first.
    pub is_http: bool,
    /// When instances are shared.
    pub reuse: Reuse,
    /// What activates a connection.
    pub activate_on: ActivateOn,
    /// Open files of the granted directory.
    pub files: RefCell<FileCache>,
    /// The arguments of the component, as WASI knows them.
    pub arguments: Vec<String>,
    /// Which of the components that the service has had is the present one.
    pub generation: Cell<u64>,
}

impl Service {
    /// What activates a connection that was handed back.
    pub fn trigger(&self) -> Trigger {
        match self.activate_on {
            ActivateOn::Head => Trigger::Head,
            ActivateOn::Bytes | ActivateOn::Accept => Trigger::Bytes,
        }
    }

    /// Counts the request that a guest begins to serve, the first time it is told.
    pub(super) fn serve_request(&self, activation: &Activation) {
        if activation.serve_request() {
            self.environment.metrics.requests.add(1);
        }
    }

    /// Counts and notes the request that the guest was serving, if there was one.
    pub fn end_request(&self, activation: &Activation, now: Moment) {
        let Request::Served(since) = activation.request() else {
            return;
        };
        activation.forget_request();
        let duration = now.since(since);
        self.environment.metrics.request_durations.add(duration);
        if let Some(log) = &self.environment.request_log {
            let stream = &activation.stream;
            let sent = stream.bytes_sent() - activation.sent_before.get();
            let mut exchange = activation.exchange.take();
            // Of a request that the guest did not receive, the host has all.
            stream.with_kept(|kept| exchange.received_unless_known(kept.as_slice()));
            log.note(&exchange, activation.peer, sent, duration);
        }
    }

    /// Does what [`end_request`](Self::end_request) does where the connection goes too, so that a
    /// request that the guest did not even receive is done with as well.
    pub fn end_last_request(&self, activation: &Activation, now: Moment) {
        self.serve_request(activation);
        self.end_request(activation, now);
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
