//! The line for instances, what happens when it is full, and who gives an instance up when somebody
//! waits for it.
//!
//! Where the line is full, no socket is read and none is accepted: what clients send waits in the
//! kernel, which holds them back in turn, and nobody is refused. Those who had something to say
//! then are read first afterwards, in the order in which they came.
//!
//! Two kinds of guests do. One that lingers in `next` is told to hand its connection back. One
//! that waits for its first bytes and has said nothing is ended and its connection parked again:
//! neither side can tell that it ever ran, so a thousand silent clients shut nobody out.

use std::rc::Rc;

use super::connection::{State, Turn};
use super::refusal::Refusal;
use super::{STEPS_PER_TURN, Token, Worker};
use crate::metrics::Bound;

impl Worker {
    /// Gives a connection to a guest now, or puts it in line for one.
    pub(super) fn activate(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        // Nobody overtakes those in line, not even where a place has become free in this turn.
        let place = match self.waiting.is_empty() {
            true => self.pool.check_out(&connection.handler),
            false => None,
        };
        if let Some(place) = place {
            self.start(token, place);
            return self.step_active(token);
        }
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        self.environment.fired(Bound::Instances, &connection.stream);
        connection.stream.shrink_kept();
        connection.become_state(State::Waiting, self.now, &self.environment.metrics);
        self.waiting.push_back(token);
        self.environment.wanted.set(true);
        let deadline = self.now.after(self.environment.limits.call_timeout);
        self.scheduler.arm(token, deadline);
    }

    /// Gives places to the connections that wait for them, first come first served, and makes
    /// guests give up theirs where none is free.
    pub(super) fn admit_waiting(&mut self) {
        // A place for each, and a guest to give it up.
        let mut budget = (2 * self.waiting.len()).min(STEPS_PER_TURN);
        while budget > 0 && !self.waiting.is_empty() {
            budget -= 1;
            let token = self.waiting[0];
            let Some(connection) = self.scheduler.get(token) else {
                self.waiting.pop_front();
                continue;
            };
            if let Some(place) = self.pool.check_out(&connection.handler) {
                self.waiting.pop_front();
                self.start(token, place);
                self.scheduler.schedule(token);
            } else if !self.reclaim_an_instance() {
                break;
            }
        }
        self.environment.wanted.set(!self.waiting.is_empty());
        self.recall();
    }

    /// Whether nobody may join the line.
    pub(super) fn line_is_full(&self) -> bool {
        self.waiting.len() >= self.environment.limits.waiting_max
    }

    /// Says whether a parked connection may be read now, and otherwise has it wait for its turn.
    pub(super) fn may_read(&mut self, token: Token) -> bool {
        let full = self.line_is_full() || !self.put_off.is_empty();
        let Some(connection) = self.scheduler.get(token) else {
            return false;
        };
        match connection.turn {
            Turn::PutOff => false,
            Turn::Now if full => {
                connection.turn = Turn::PutOff;
                self.environment.fired(Bound::Waiting, &connection.stream);
                self.put_off.push_back(token);
                false
            }
            Turn::Now | Turn::Recalled => {
                connection.turn = Turn::Now;
                true
            }
        }
    }

    /// Has as many of those that were put off read as there is room for in the line.
    fn recall(&mut self) {
        let limits = &self.environment.limits;
        let room = limits.waiting_max.saturating_sub(self.waiting.len());
        let mut room = room.min(STEPS_PER_TURN);
        while room > 0 {
            let Some(token) = self.put_off.pop_front() else {
                return;
            };
            // Those that have gone meanwhile take nobody's place: who is left has no other wake.
            if let Some(connection) = self.scheduler.get(token) {
                connection.turn = Turn::Recalled;
                self.scheduler.schedule(token);
                room -= 1;
            }
        }
    }

    /// Takes a connection out of the line.
    pub(super) fn leave_line(&mut self, token: Token) {
        self.waiting.retain(|&waiting| waiting != token);
    }

    /// A connection has been in line for too long.
    pub(super) fn waited_too_long(&mut self, token: Token) {
        if let Some(connection) = self.scheduler.get(token) {
            self.environment.fired(Bound::Waiting, &connection.stream);
        }
        self.leave_line(token);
        self.refuse(token, Refusal::Unavailable);
    }

    /// Notes that the guest of a connection could give its instance up from now on.
    pub(super) fn could_give_up(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        if std::mem::replace(&mut connection.in_yielding_line, true) {
            return;
        }
        // Connections that are gone are still in the line; they never make up more than half.
        if self.yielding.len() > 2 * self.scheduler.len() {
            self.yielding
                .retain(|&token| self.scheduler.get(token).is_some());
        }
        self.yielding.push_back(token);
    }

    /// Makes the guest that could have done so for the longest time give its instance up; says
    /// whether there was one.
    pub(super) fn reclaim_an_instance(&mut self) -> bool {
        while let Some(token) = self.yielding.pop_front() {
            let Some(connection) = self.scheduler.get(token) else {
                continue;
            };
            connection.in_yielding_line = false;
            let stream = Rc::clone(&connection.stream);
            let State::Active(active) = connection.state() else {
                continue;
            };
            if stream.wait().lingering {
                stream.expire_wait();
                self.scheduler.schedule(token);
                return true;
            }
            let untouched = active.task.activation.is_untouched();
            let waits = stream.wait().interest == crate::net::Interest::Readable;
            if untouched && waits && self.environment.activation_room(&stream) > 0 {
                self.undo(token);
                return true;
            }
        }
        false
    }

    /// Ends an activation that has neither received nor sent anything, and parks its connection
    /// until there is more for a guest to do than to wait.
    fn undo(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let length = connection.stream.with_kept(|kept| kept.len());
        let scanned = if connection.handler.is_http() {
            0
        } else {
            length
        };
        connection.undone = true;
        let state = State::Parked { scanned };
        let before = connection.become_state(state, self.now, &self.environment.metrics);
        drop(before);
        self.pool.check_in(None, self.now);
        let limits = &self.environment.limits;
        let timeout = match (length > 0, connection.handler.is_http()) {
            (true, true) => limits.head_timeout,
            (true, false) => limits.call_timeout,
            (false, _) => limits.idle_timeout,
        };
        self.scheduler.arm(token, self.now.after(timeout));
    }
}
