//! What a worker knows of one accepted socket, from accept to close.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::inbox::TaskWaker;
use crate::instance::{Handler, Task};
use crate::metrics::{ConnectionState, WorkerMetrics};
use crate::moment::Moment;
use crate::net::Stream;

/// One accepted socket.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Rc<Stream>,
    /// What serves it.
    pub(super) handler: Rc<Handler>,
    state: State,
    /// When the state began.
    pub(super) since: Moment,
    /// Whether a guest has had it before.
    pub(super) served: bool,
    /// Whether its last activation was undone, because it had brought nothing.
    pub(super) undone: bool,
    /// Whether it may be read while it is parked.
    pub(super) turn: Turn,
    /// Whether it stands in the worker's line of guests that could give their instance up, which
    /// may be out of date.
    pub(super) in_yielding_line: bool,
}

/// What becomes of the socket next.
#[derive(Debug)]
pub(super) enum State {
    /// Open without an instance, until bytes or a head come. `scanned` of the kept bytes hold no
    /// whole head.
    Parked { scanned: usize },
    /// Bytes or a head are here, and no instance is free.
    Waiting,
    /// With a guest.
    Active(Box<Active>),
    /// Half-closed; input is discarded so that the last bytes reach the peer.
    Closing { discarded: usize },
}

/// Whether a parked connection may be read, where others wait for instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may be read unless the line is full.
    Now,
    /// The line was full: it is in the queue of those that are read later.
    PutOff,
    /// It has left that queue and is read next.
    Recalled,
}

/// A running task and what wakes it from elsewhere.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) task: Task,
    pub(super) signal: Arc<TaskWaker>,
    pub(super) waker: Waker,
}

impl State {
    fn label(&self) -> ConnectionState {
        match self {
            State::Parked { .. } => ConnectionState::Parked,
            State::Waiting => ConnectionState::Waiting,
            State::Active(_) => ConnectionState::Active,
            State::Closing { .. } => ConnectionState::Closing,
        }
    }
}

impl Connection {
    /// Takes in an accepted socket, parked.
    pub(super) fn new(
        stream: Stream,
        handler: Rc<Handler>,
        now: Moment,
        metrics: &WorkerMetrics,
    ) -> Connection {
        metrics.connections(ConnectionState::Parked).add(1);
        Connection {
            stream: Rc::new(stream),
            handler,
            state: State::Parked { scanned: 0 },
            since: now,
            served: false,
            undone: false,
            turn: Turn::Now,
            in_yielding_line: false,
        }
    }

    /// What the connection is doing.
    pub(super) fn state(&mut self) -> &mut State {
        &mut self.state
    }

    /// Whether it is parked.
    pub(super) fn is_parked(&self) -> bool {
        matches!(self.state, State::Parked { .. })
    }

    /// Whether a guest has it.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Active(_))
    }

    /// Changes the state and returns the one before.
    pub(super) fn become_state(
        &mut self,
        state: State,
        now: Moment,
        metrics: &WorkerMetrics,
    ) -> State {
        metrics.connections(self.state.label()).subtract(1);
        metrics.connections(state.label()).add(1);
        self.since = now;
        std::mem::replace(&mut self.state, state)
    }

    /// Counts the connection out; it is dropped, and with it the socket closed, after this.
    pub(super) fn leave(&self, metrics: &WorkerMetrics) {
        metrics.connections(self.state.label()).subtract(1);
    }
}
