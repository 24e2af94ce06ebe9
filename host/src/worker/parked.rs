//! Connections without an instance: waiting for bytes or a head, and what never becomes one.

use std::rc::Rc;

use super::connection::{State, Turn};
use super::refusal::Refusal;
use super::{Token, Worker};
use crate::imports::{Activation, Exchange, Trigger};
use crate::metrics::Bound;
use crate::net::Received;

/// What came of receiving for a parked connection.
enum Parked {
    Activated,
    TooLarge,
    Incomplete,
    Gone,
}

impl Worker {
    /// Parks a connection that a guest has handed back.
    pub(super) fn park(&mut self, token: Token, activation: &Activation) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let stream = Rc::clone(&connection.stream);
        stream.push_held();
        let shut = stream.is_send_shut() || stream.is_receive_shut() || stream.is_abandoned();
        // What began during a drain was the last; the guest was told so. What began before may have
        // been answered without a word of it, so the client may send one more request.
        let last = self
            .drain
            .is_some_and(|drain| connection.since >= drain.began);
        if shut || last {
            return self.begin_closing(token);
        }
        let has_bytes = stream.shrink_kept();
        let limits = &self.environment.limits;
        let carried = activation.carried_budget().filter(|_| has_bytes);
        if let Some(budget) = carried {
            self.carried.insert(token, budget);
            let overspent = activation.overspent(limits, self.now);
            let overrun = overspent.or_else(|| activation.overdue(limits, self.now));
            if let Some(killed) = overrun {
                self.report(&stream, &killed);
                return self.close(token);
            }
        }
        let metrics = &self.environment.metrics;
        connection.become_state(State::Parked { scanned: 0 }, self.now, metrics);
        let timeout = if has_bytes {
            limits.head_timeout
        } else {
            limits.idle_timeout
        };
        self.scheduler.arm(token, self.now.after(timeout));
        if has_bytes || stream.readiness().readable() {
            // Not to the selector: the edge for what is here has already come.
            self.scheduler.schedule(token);
        }
    }

    /// Receives what has arrived for a parked connection and activates it where that is enough.
    pub(super) fn step_parked(&mut self, token: Token) {
        if !self.may_read(token) {
            return;
        }
        let environment = Rc::clone(&self.environment);
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let stream = Rc::clone(&connection.stream);
        let handler = Rc::clone(&connection.handler);
        // A guest that was made for nothing once is not made again for one more byte of a head.
        let trigger = if handler.is_http() && connection.undone {
            Trigger::Head
        } else {
            handler.service.trigger()
        };
        let undone = connection.undone;
        let State::Parked { scanned } = connection.state() else {
            return;
        };
        let empty = stream.with_kept(|kept| kept.is_empty());
        let outcome = loop {
            if handler.service.is_activated_by(&stream, trigger, *scanned) {
                break Parked::Activated;
            }
            *scanned = stream.with_kept(|kept| kept.len());
            let room = environment.activation_room(&stream);
            if room == 0 {
                break Parked::TooLarge;
            }
            match stream.try_recv_kept(room) {
                Ok(Received::Bytes(_)) => {}
                Ok(Received::WouldBlock) => break Parked::Incomplete,
                // What a guest would have read and not seen the end of; it was undone.
                Ok(Received::End) if undone && !handler.is_http() && !empty => {
                    break Parked::Activated;
                }
                // The peer has left; what it sent is no request.
                Ok(Received::End) | Err(_) => break Parked::Gone,
            }
        };
        self.count_bytes(&stream);
        let began = empty && stream.with_kept(|kept| !kept.is_empty());
        if let Some(connection) = self.scheduler.get(token)
            && began
        {
            connection.since = self.now;
        }
        match outcome {
            Parked::Activated => self.activate(token),
            Parked::TooLarge => {
                environment.fired(Bound::HeadBytes, &stream);
                self.refuse(token, Refusal::HeadTooLarge);
            }
            Parked::Incomplete => {
                stream.shrink_kept();
                if began {
                    // A head has begun, and has its own deadline, however slowly it drips.
                    let deadline = self.now.after(environment.limits.head_timeout);
                    self.scheduler.arm(token, deadline);
                }
            }
            Parked::Gone => self.close(token),
        }
    }

    /// What a parked connection waited for did not come in time.
    pub(super) fn parked_too_long(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        if connection.turn != Turn::Now {
            // It is not the client that is late.
            let deadline = self.now.after(self.environment.limits.head_timeout);
            return self.scheduler.arm(token, deadline);
        }
        let began = connection.stream.with_kept(|kept| !kept.is_empty());
        if began && connection.undone && !connection.handler.is_http() && !self.line_is_full() {
            // The guest that would have waited for the rest was ended for another; what to do about
            // half of something is for a guest to say.
            return self.activate(token);
        }
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let served = connection.served;
        let bound = if began || !served {
            Bound::HeadTime
        } else {
            Bound::IdleTime
        };
        self.environment.fired(bound, &connection.stream);
        if began {
            self.refuse(token, Refusal::RequestTimeout);
        } else {
            self.close(token);
        }
    }

    /// Answers what no handler will answer, where the client speaks HTTP, and closes.
    pub(super) fn refuse(&mut self, token: Token, refusal: Refusal) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        if connection.handler.is_http() {
            let stream = &connection.stream;
            let limits = &self.environment.limits;
            let response = stream.with_kept(|kept| refusal.response(kept.as_slice(), limits));
            let before = stream.bytes_sent();
            // One short send into an empty buffer. Where it fails the client is gone.
            let _ = stream.try_send(response.as_bytes(), false);
            if let Some(log) = &self.environment.request_log {
                let mut exchange = Exchange::default();
                stream.with_kept(|kept| exchange.received(kept.as_slice()));
                exchange.sent(response.as_bytes());
                let sent = stream.bytes_sent() - before;
                let duration = self.now.since(connection.since);
                log.note(&exchange, stream.peer_address().ok(), sent, duration);
            }
        }
        self.begin_closing(token);
    }
}
