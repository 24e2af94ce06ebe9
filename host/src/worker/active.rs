//! Connections with a guest: starting it, resuming it, and how it ends.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tracing::{error, warn};

use super::connection::{Active, State};
use super::inbox::TaskWaker;
use super::refusal::Refusal;
use super::{Token, Worker};
use crate::imports::{Activation, Killed};
use crate::instance::{Ended, Place, Task, Verdict};
use crate::metrics::{Bound, Failure};
use crate::moment::Moment;
use crate::net::{Interest, Stream};

/// A guest that ran for so long at once is next resumed after all that is ready, one such guest in
/// a turn. It is not preempted yet, but many that nap just before that would make the others wait.
const LONG_SLICE: Duration = Duration::from_micros(500);

impl Worker {
    /// Begins an activation at a place in the pool.
    pub(super) fn start(&mut self, token: Token, place: Place) {
        let Some(connection) = self.scheduler.get(token) else {
            return self.pool.check_in(place.warm, self.now);
        };
        let metrics = &self.environment.metrics;
        metrics.activations.add(1);
        // Time in line is part of what a client waits for.
        let whole = match connection.state() {
            State::Waiting => connection.since,
            _ => self.now,
        };
        let stream = Rc::clone(&connection.stream);
        let peer = match self.environment.request_log {
            Some(_) => stream.peer_address().ok(),
            None => None,
        };
        let handler = Rc::clone(&connection.handler);
        let carried = self.carried.remove(&token);
        let service = &handler.service;
        let activation = Activation::new(service, stream, self.now, whole, peer, carried.as_ref());
        let task = Task::new(handler, place.warm, activation);
        connection.served = true;
        connection.undone = false;
        // The token of a connection does not change, so neither would its waker: but a late wake
        // of an earlier activation must not be taken for one of this.
        let inbox = Arc::clone(self.scheduler.inbox());
        let signal = TaskWaker::new(inbox, token);
        let waker = Waker::from(Arc::clone(&signal));
        let active = State::Active(Box::new(Active {
            task,
            signal,
            waker,
        }));
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        connection.become_state(active, self.now, metrics);
    }

    /// Resumes a guest until it suspends or ends.
    pub(super) fn step_active(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let stream = Rc::clone(&connection.stream);
        let State::Active(active) = connection.state() else {
            return;
        };
        let activation = Rc::clone(&active.task.activation);
        activation.begin_slice(self.now);
        active.signal.reset();
        let poll = active.task.poll(&active.waker);
        self.now = activation.suspended_at();
        if activation.slice(self.now) >= LONG_SLICE {
            self.scheduler.yield_next(token);
        }
        activation.end_slice(self.now);
        self.count_bytes(&stream);
        match poll {
            Poll::Pending if activation.take_preempted() => {
                stream.push_held();
                self.scheduler.preempt(token);
                self.arm_active(token, &activation, Moment::NEVER);
            }
            Poll::Pending => self.suspended(token, &activation),
            Poll::Ready(ended) => self.ended(token, &activation, ended),
        }
    }

    fn suspended(&mut self, token: Token, activation: &Activation) {
        let stream = &activation.stream;
        let wait = stream.wait();
        match wait.interest {
            Interest::Turn => self.scheduler.schedule(token),
            Interest::Writable => self.environment.fired(Bound::UnsentBytes, stream),
            // Suspended in anything but a send: what was held back for more must not wait.
            Interest::Readable | Interest::Nothing => stream.push_held(),
        }
        self.arm_active(token, activation, wait.deadline);
        if wait.lingering || (wait.interest == Interest::Readable && activation.is_untouched()) {
            self.could_give_up(token);
        }
    }

    /// Sets the one deadline of an activation: that of the call it is suspended in, or its own.
    fn arm_active(&mut self, token: Token, activation: &Activation, call: Moment) {
        let own = activation
            .started
            .after(self.environment.limits.activation_timeout);
        self.scheduler.arm(token, call.min(own));
    }

    /// The deadline of an activation, or of the call it is suspended in, has passed.
    pub(super) fn active_deadline(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let State::Active(active) = connection.state() else {
            return;
        };
        let limits = &self.environment.limits;
        if let Some(killed) = active.task.activation.overdue(limits, self.now) {
            return self.kill(token, &killed);
        }
        connection.stream.expire_wait();
        self.scheduler.schedule(token);
    }

    /// Ends an activation that does not end by itself: drops the task, which unwinds the guest.
    pub(super) fn kill(&mut self, token: Token, killed: &Killed) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let stream = Rc::clone(&connection.stream);
        let handler = Rc::clone(&connection.handler);
        let state = State::Closing { discarded: 0 };
        let before = connection.become_state(state, self.now, &self.environment.metrics);
        if let State::Active(active) = before {
            handler
                .service
                .end_last_request(&active.task.activation, self.now);
            drop(active);
            self.pool.check_in(None, self.now);
            self.report(&stream, killed);
        }
        self.close(token);
    }

    fn ended(&mut self, token: Token, activation: &Activation, ended: Ended) {
        self.pool.check_in(ended.reusable, self.now);
        if let Err(killed) = &ended.verdict
            && killed.failure == Failure::Instantiation
        {
            self.report(&activation.stream, killed);
            // Nothing of the request was taken, so it can still be answered.
            return self.refuse(token, Refusal::NoInstance);
        }
        if let Some(connection) = self.scheduler.get(token) {
            let service = &connection.handler.service;
            match ended.verdict {
                Ok(Verdict::HandBack) => service.end_request(activation, self.now),
                _ => service.end_last_request(activation, self.now),
            }
        }
        match ended.verdict {
            Ok(Verdict::HandBack) if !activation.is_dropped() => self.park(token, activation),
            Ok(Verdict::HandBack | Verdict::LetGo) => self.begin_closing(token),
            Ok(Verdict::Leaked) => {
                let reason = "the guest kept the handle of the connection that it let go".into();
                let failure = Failure::Handle;
                self.report(&activation.stream, &Killed { failure, reason });
                self.begin_closing(token);
            }
            Err(killed) => {
                self.report(&activation.stream, &killed);
                self.close(token);
            }
        }
    }

    /// Counts a failed activation, and logs it as the budget allows.
    pub(super) fn report(&self, stream: &Stream, killed: &Killed) {
        let metrics = &self.environment.metrics;
        metrics.failure(killed.failure).add(1);
        let bound = match killed.failure {
            Failure::Cpu => Some(Bound::Cpu),
            Failure::ActivationTime => Some(Bound::ActivationTime),
            _ => None,
        };
        if let Some(bound) = bound {
            self.environment.fired(bound, stream);
        }
        if killed.failure == Failure::Instantiation {
            // Most often that the machine has no memory for one, which is so for every request.
            if self.environment.troubles.instances.is_news(self.now) {
                error!(reason = %killed.reason, "no instance can be made");
            }
        } else if self.environment.failures_log.admit() {
            let peer = stream.peer_address();
            let connection = peer.map_or_else(|_| "gone".to_owned(), |peer| peer.to_string());
            let cause = killed.failure.label();
            warn!(%cause, %connection, reason = %killed.reason, "activation ended");
        }
    }
}
