//! A worker: one thread with its own selector, listeners, connections and instances.
//!
//! The loop is in this file; what is done with a connection in each state stands in a file of its
//! own. Workers share the program and the configuration, both read-only, and nothing else.

mod accept;
mod active;
mod addresses;
mod closing;
mod connection;
mod drain;
mod inbox;
mod line;
mod parked;
mod refusal;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mio::{Events, Poll};

use addresses::Addresses;
use connection::{Connection, State, Turn};
use drain::Drain;
pub use inbox::Inbox;
use scheduler::Scheduler;
pub use scheduler::Token;

use crate::imports::{Budget, Environment};
use crate::instance::{Handler, InstancePool, TickerHandle};
use crate::moment::Moment;
use crate::net::{Listener, Stream};

/// The name of the mechanism by which the operating system reports readiness.
pub const BACKEND: &str = if cfg!(mio_unsupported_force_poll_poll) {
    "poll"
} else if cfg!(any(target_os = "linux", target_os = "android")) {
    "epoll"
} else {
    "kqueue"
};

/// Events taken from the selector in one turn.
const EVENTS_PER_TURN: usize = 1024;

/// Connections accepted in one turn, from all listeners together.
const ACCEPTS_PER_TURN: usize = 64;

/// Connections that run in one turn.
const STEPS_PER_TURN: usize = 256;

/// The selector's number for the inbox; the listeners come before it.
const INBOX: mio::Token = mio::Token(u32::MAX as usize);

/// A listening socket of a worker, and what serves its connections.
#[derive(Debug)]
pub struct Listening {
    /// The worker's own socket.
    pub listener: Listener,
    /// What serves.
    pub handler: Rc<Handler>,
}

/// What a worker is made of, on its way to the worker's thread.
pub struct WorkerParts {
    /// The selector, with the inbox's waker registered.
    pub poll: Poll,
    /// Where other threads leave wakes.
    pub inbox: Arc<Inbox>,
    /// How many instances the worker may have.
    pub instances_max: usize,
    /// How many descriptors the worker may have for connections.
    pub descriptors_max: usize,
    /// The worker's side of the ticker.
    pub ticker: TickerHandle,
    /// Set when the server shuts down.
    pub draining: Arc<AtomicBool>,
    /// Set before `draining` where another process serves the listening sockets from now on.
    pub handed_over: Arc<AtomicBool>,
}

impl std::fmt::Debug for WorkerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerParts").finish_non_exhaustive()
    }
}

impl WorkerParts {
    /// Makes the selector and the inbox of a worker.
    ///
    /// # Errors
    /// Where the kernel has no descriptor left.
    pub fn selector() -> io::Result<(Poll, Arc<Inbox>)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), INBOX)?;
        Ok((poll, Arc::new(Inbox::new(Some(waker)))))
    }
}

/// A worker on its thread.
#[derive(Debug)]
pub struct Worker {
    poll: Poll,
    listening: Vec<Listening>,
    environment: Rc<Environment>,
    scheduler: Scheduler<Connection>,
    pool: InstancePool,
    /// Where the connections come from, if that is limited.
    addresses: Option<Addresses>,
    /// How often the worker was told that memory is short.
    shortages_seen: u64,
    /// Connections in line for an instance, oldest first.
    waiting: VecDeque<Token>,
    /// Connections that are not read because the line is full, oldest first.
    put_off: VecDeque<Token>,
    /// What guests have used of their budgets that handed back what they had not looked at.
    carried: BTreeMap<Token, Budget>,
    /// Connections whose guests could give their instance up when last seen, longest ago first.
    yielding: VecDeque<Token>,
    ticker: TickerHandle,
    draining: Arc<AtomicBool>,
    handed_over: Arc<AtomicBool>,
    /// Set once the server shuts down.
    drain: Option<Drain>,
    /// Before which accepting is not tried again, after descriptors ran out.
    accept_again: Option<Moment>,
    /// How often descriptors ran out lately.
    shortage: accept::Shortage,
    /// With as many connections, idle ones are closed to accept others.
    descriptors_max: usize,
    /// Whether as many connections are open as may be; others wait in the kernel.
    full: bool,
    /// The clock, read at least once a turn and after every slice of a guest.
    now: Moment,
}

impl Worker {
    /// Puts a worker together; on its own thread.
    ///
    /// # Errors
    /// Where a listener cannot be registered.
    pub fn new(
        parts: WorkerParts,
        environment: Rc<Environment>,
        listening: Vec<Listening>,
    ) -> io::Result<Worker> {
        for (index, listening) in listening.iter().enumerate() {
            let fd = listening.listener.as_raw_fd();
            let mut source = mio::unix::SourceFd(&fd);
            let interest = mio::Interest::READABLE;
            parts
                .poll
                .registry()
                .register(&mut source, mio::Token(index), interest)?;
        }
        let metrics = Arc::clone(&environment.metrics);
        let limits = &environment.limits;
        let pool = InstancePool::new(parts.instances_max, limits, metrics);
        let addresses = limits.connections_per_address_max.map(Addresses::new);
        Ok(Worker {
            poll: parts.poll,
            listening,
            environment,
            scheduler: Scheduler::new(parts.inbox),
            pool,
            addresses,
            shortages_seen: 0,
            waiting: VecDeque::new(),
            put_off: VecDeque::new(),
            carried: BTreeMap::new(),
            yielding: VecDeque::new(),
            ticker: parts.ticker,
            draining: parts.draining,
            handed_over: parts.handed_over,
            drain: None,
            accept_again: None,
            shortage: accept::Shortage::default(),
            descriptors_max: parts.descriptors_max,
            full: false,
            now: Moment::now(),
        })
    }

    /// Runs until the server shuts down and every connection is gone.
    ///
    /// # Errors
    /// Where the selector fails, which ends the server.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        loop {
            self.select(&mut events)?;
            self.dispatch(&events);
            self.scheduler.take_wakes();
            self.drain_if_asked();
            self.relieve_memory();
            self.renew_handlers();
            // Whatever may run a guest stands between these two: accepting starts handlers that may
            // speak first.
            self.ticker.begin();
            self.accept();
            self.finish_accepting();
            self.step_ready();
            // After what has arrived: that came in time, even if the worker is late.
            self.expire();
            self.ticker.end();
            self.scheduler.end_turn();
            self.admit_waiting();
            self.pool.trim(self.now);
            if self.is_drained() {
                return Ok(());
            }
        }
    }

    /// Waits for events, not at all where there is work.
    fn select(&mut self, events: &mut Events) -> io::Result<()> {
        let busy = self.scheduler.has_work() || self.can_accept();
        let timeout = if busy || !self.scheduler.inbox().prepare_to_sleep() {
            Some(Duration::ZERO)
        } else {
            let deadlines = [
                self.scheduler.next_deadline(),
                self.drain.map(|drain| drain.deadline),
                self.accept_again,
                self.pool.trim_at(),
            ];
            let next = deadlines.into_iter().flatten().min();
            next.map(|deadline| deadline.since(Moment::now()))
        };
        let mut polled = self.poll.poll(events, timeout);
        if interrupted(&polled) {
            // After a stop, say: what has come meanwhile is looked at before deadlines are.
            polled = self.poll.poll(events, Some(Duration::ZERO));
        }
        match polled {
            Err(_) if interrupted(&polled) => events.clear(),
            result => result?,
        }
        self.now = Moment::now();
        Ok(())
    }

    fn dispatch(&mut self, events: &Events) {
        for event in events {
            match event.token() {
                INBOX => {}
                mio::Token(index) if index < self.listening.len() => {
                    self.listening[index].listener.ready = true;
                }
                token => self.observe(Token::from_selector(token), event),
            }
        }
    }

    fn observe(&mut self, token: Token, event: &mio::event::Event) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        let gone = event.is_error() || event.is_write_closed();
        let can_go_on = connection.stream.observe(event);
        let readable = connection.stream.readiness().readable();
        let put_off = connection.turn == Turn::PutOff;
        let runs = match connection.state() {
            State::Active(_) => can_go_on,
            // It is not read for now, so this is how it is seen to be gone.
            State::Parked { .. } if gone && put_off => {
                return self.close(token);
            }
            State::Parked { .. } | State::Closing { .. } => readable,
            // It is served even if the client has half-closed it, but not once it is gone.
            State::Waiting if gone => {
                self.leave_line(token);
                return self.close(token);
            }
            State::Waiting => false,
        };
        if runs {
            self.scheduler.schedule(token);
        }
    }

    fn expire(&mut self) {
        for _ in 0..STEPS_PER_TURN {
            let Some(token) = self.scheduler.expire(self.now) else {
                break;
            };
            let Some(connection) = self.scheduler.get(token) else {
                continue;
            };
            match connection.state() {
                State::Parked { .. } => self.parked_too_long(token),
                State::Waiting => self.waited_too_long(token),
                State::Active(_) => self.active_deadline(token),
                State::Closing { .. } => self.close(token),
            }
        }
    }

    /// Runs what is ready, in order, and then one guest that was preempted: ten guests that spin
    /// cost the others no more than one.
    fn step_ready(&mut self) {
        // What becomes ready meanwhile waits for the next turn, after the events that came.
        for _ in 0..self.scheduler.ready_len().min(STEPS_PER_TURN) {
            let Some(token) = self.scheduler.next_ready() else {
                break;
            };
            self.step(token);
        }
        if let Some(token) = self.scheduler.next_preempted() {
            self.step(token);
        }
    }

    fn step(&mut self, token: Token) {
        let Some(connection) = self.scheduler.get(token) else {
            return;
        };
        match connection.state() {
            State::Parked { .. } => self.step_parked(token),
            State::Waiting => {}
            State::Active(_) => self.step_active(token),
            State::Closing { .. } => self.step_closing(token),
        }
    }

    /// Closes the socket and forgets the connection.
    fn close(&mut self, token: Token) {
        if let Some(connection) = self.scheduler.remove(token) {
            // Input that nobody has taken makes the kernel drop what it holds back.
            connection.stream.push_held();
            self.count_bytes(&connection.stream);
            connection.leave(&self.environment.metrics);
            if let Some(addresses) = &mut self.addresses {
                addresses.remove(token);
            }
            self.carried.remove(&token);
            // A descriptor and a place are free again.
            self.accept_again = None;
            self.full = false;
        }
    }

    fn count_bytes(&self, stream: &Stream) {
        let (received, sent) = stream.take_byte_counts();
        self.environment.metrics.bytes_received.add(received);
        self.environment.metrics.bytes_sent.add(sent);
    }

    /// Takes the components that have replaced others.
    fn renew_handlers(&mut self) {
        // Each of them, and not until the first that is newer.
        let newer = self.listening.iter().filter(|one| one.handler.renew());
        if newer.count() > 0 {
            self.pool.drop_outdated();
        }
    }

    fn tokens(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<Token> {
        let all = self.scheduler.iter();
        all.filter(|(_, connection)| wanted(connection))
            .map(|(token, _)| token)
            .collect()
    }
}

fn interrupted(polled: &io::Result<()>) -> bool {
    polled
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
}
