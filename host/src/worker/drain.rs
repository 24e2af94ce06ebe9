//! The end of a worker: what is in the accept queue is still taken, a parked connection has one
//! more request, and what is left at the deadline is closed.

use std::sync::atomic::Ordering;

use super::{Connection, Worker};
use crate::imports::Killed;
use crate::metrics::{Bound, Failure};
use crate::moment::Moment;
use crate::net::BACKLOG;

/// A drain that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    /// Activations that begin from now on are the last of their connections.
    pub(super) began: Moment,
    /// When what is still open is closed.
    pub(super) deadline: Moment,
    /// How many connections had been accepted before.
    accepted_before: u64,
}

impl Worker {
    /// Begins to shut down when the server asks for it, and ends what takes too long then.
    pub(super) fn drain_if_asked(&mut self) {
        match self.drain {
            // Acquire: whether the sockets were handed over is decided before.
            None if self.draining.load(Ordering::Acquire) => {
                self.drain = Some(Drain {
                    began: self.now,
                    deadline: self.now.after(self.environment.limits.drain_timeout),
                    accepted_before: self.environment.metrics.accepted.get(),
                });
                if self.handed_over.load(Ordering::Relaxed) {
                    // Another process accepts from the same queues.
                    self.stop_listening();
                }
                // The selector may not have told yet what the kernel has completed.
                for listening in &mut self.listening {
                    listening.listener.ready = true;
                }
                // Guests that only wait give their instances up, and leave their connections
                // parked.
                while self.reclaim_an_instance() {}
            }
            Some(drain) if drain.deadline <= self.now => self.end_drain(),
            _ => {}
        }
    }

    /// Closes the listening sockets of a worker that drains, once what was in their queues has been
    /// accepted. What the bounds leave no room for stays there until they do, or the drain ends: to
    /// close the socket is to reset it. A queue that never becomes empty is not waited for.
    pub(super) fn finish_accepting(&mut self) {
        let Some(drain) = self.drain else {
            return;
        };
        let accepted = self.environment.metrics.accepted.get() - drain.accepted_before;
        let enough = BACKLOG as u64 * self.listening.len() as u64;
        let empty = !self.listening.iter().any(|one| one.listener.ready);
        if empty || accepted >= enough {
            self.stop_listening();
        }
    }

    /// Whether nothing is left to do.
    pub(super) fn is_drained(&self) -> bool {
        self.drain.is_some() && self.listening.is_empty() && self.scheduler.is_empty()
    }

    fn stop_listening(&mut self) {
        for listening in self.listening.drain(..) {
            let fd = listening.listener.as_raw_fd();
            // Not by closing it alone: the selector goes on reporting a socket that another worker
            // or process has, too. Where it fails, such reports find no listener.
            let mut source = mio::unix::SourceFd(&fd);
            let _ = self.poll.registry().deregister(&mut source);
        }
    }

    fn end_drain(&mut self) {
        self.stop_listening();
        let killed = Killed {
            failure: Failure::Drain,
            reason: "it ran longer than `--drain-timeout`".to_owned(),
        };
        for token in self.tokens(Connection::is_active) {
            self.environment.count(Bound::DrainTime);
            self.kill(token, &killed);
        }
        for token in self.tokens(|_| true) {
            self.environment.count(Bound::DrainTime);
            self.close(token);
        }
    }
}
