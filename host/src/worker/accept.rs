//! Accepting connections, and what to do when descriptors run out.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use tracing::{debug, warn};

use super::connection::Connection;
use super::{ACCEPTS_PER_TURN, Worker};
use crate::config::ActivateOn;
use crate::metrics::Bound;
use crate::moment::Moment;
use crate::net::Stream;

/// When accepting is tried again after descriptors ran out and nothing could be freed.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Of the parked connections, one in this many is closed at once at most.
const PARKED_PER_CLOSED: usize = 8;

/// As many connections are closed at once at most for descriptors that ran out.
const CLOSED_AT_ONCE_MAX: usize = 64;

/// Descriptors that ran out so long ago have nothing to do with those that run out now.
const SHORTAGE_OVER_AFTER: Duration = Duration::from_secs(1);

/// How many connections are closed for others when descriptors run out.
///
/// One, where the kernel had none just once. Twice as many each time it has none again soon, up to
/// a bound: finding those that were idle for the longest time means looking at all.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    last: Option<(Moment, usize)>,
}

impl Shortage {
    fn connections_to_close(&mut self, now: Moment) -> usize {
        let count = match self.last {
            Some((last, count)) if now.since(last) < SHORTAGE_OVER_AFTER => {
                CLOSED_AT_ONCE_MAX.min(2 * count)
            }
            _ => 1,
        };
        self.last = Some((now, count));
        count
    }
}

impl Worker {
    /// Whether accepting is worth trying in this turn.
    pub(super) fn can_accept(&self) -> bool {
        self.accept_again.is_none()
            && !self.full
            && !self.line_is_full()
            && self.listening.iter().any(|one| one.listener.ready)
    }

    /// Accepts what is waiting, up to the bound of a turn.
    pub(super) fn accept(&mut self) {
        if self.accept_again.is_some_and(|again| again <= self.now) {
            self.accept_again = None;
        }
        // Each listener has its share: a flood at one service must not keep another's clients out.
        let share = ACCEPTS_PER_TURN.div_ceil(self.listening.len().max(1));
        for index in 0..self.listening.len() {
            let mut budget = share;
            while budget > 0 && self.can_accept() && self.listening[index].listener.ready {
                if self.scheduler.len() >= self.environment.limits.connections_max {
                    self.environment.count(Bound::Connections);
                    self.full = true;
                    return;
                }
                if self.scheduler.len() >= self.descriptors_max {
                    self.make_room();
                    if self.accept_again.is_some() {
                        return;
                    }
                }
                budget -= 1;
                match self.listening[index].listener.accept() {
                    Ok(fd) => self.admit(index, fd),
                    Err(error) if is_exhaustion(&error) => {
                        // Others may take what is freed. Trying again is for the next turn, or all
                        // idle connections would go in this one.
                        return self.make_room();
                    }
                    Err(error) => self.accept_failed(index, &error),
                }
            }
        }
    }

    fn accept_failed(&mut self, index: usize, error: &io::Error) {
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => self.listening[index].listener.ready = false,
            // The connection failed before it was accepted; others may be waiting. accept(2) asks
            // to treat the network's own errors the same way.
            Some(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::PERM,
            ) => debug!(%error, "accept failed"),
            _ => {
                if self.environment.troubles.accepting.is_news(self.now) {
                    warn!(%error, "accept failed, trying again soon");
                }
                self.accept_again = Some(self.now.after(RETRY_AFTER));
            }
        }
    }

    /// Closes what is idle, or else stops accepting for a moment.
    fn make_room(&mut self) {
        self.environment.count(Bound::Descriptors);
        if self.environment.troubles.descriptors.is_news(self.now) {
            warn!("descriptors ran out; idle connections are closed for new ones");
        }
        let count = self.shortage.connections_to_close(self.now);
        if !self.close_idle(count) {
            // Guests that only wait park their connections, which can be closed then.
            while self.reclaim_an_instance() {}
            self.accept_again = Some(self.now.after(RETRY_AFTER));
        }
    }

    /// Gives memory back where the machine has little left: what is only kept for later goes.
    pub(super) fn relieve_memory(&mut self) {
        let shortages = self.environment.shortages();
        if shortages == self.shortages_seen {
            return;
        }
        self.shortages_seen = shortages;
        self.environment.count(Bound::FreeMemory);
        self.pool.clear(self.now);
        self.close_idle(usize::MAX);
    }

    /// Closes cached files, then at most `count` of the connections that were parked the longest;
    /// returns whether any was closed. Spares those that may have sent a request since they were
    /// looked at.
    fn close_idle(&mut self, count: usize) -> bool {
        for listening in &self.listening {
            listening.handler.service.files.borrow_mut().drop_unused();
        }
        let parked = self
            .scheduler
            .iter()
            .filter(|(_, connection)| connection.is_parked() && connection.since < self.now)
            .filter(|(_, connection)| !connection.stream.readiness().readable());
        let mut parked: Vec<(Moment, _)> = parked
            .map(|(token, connection)| (connection.since, token))
            .collect();
        parked.sort_unstable_by_key(|&(since, _)| since);
        let most = parked.len().div_ceil(PARKED_PER_CLOSED);
        for &(_, token) in &parked[..most.min(count)] {
            self.close(token);
        }
        most > 0
    }

    fn admit(&mut self, index: usize, fd: OwnedFd) {
        let handler = Rc::clone(&self.listening[index].handler);
        let activate_on = handler.service.activate_on;
        let metrics = &self.environment.metrics;
        metrics.accepted.add(1);
        let stream = Stream::new(fd);
        let fd = stream.as_raw_fd();
        // Of a client that has reset already, nobody knows where it was.
        let peer = match self.addresses {
            Some(_) => stream.peer_address().ok(),
            None => None,
        };
        if let (Some(addresses), Some(peer)) = (&self.addresses, peer)
            && !addresses.have_room(peer)
        {
            return self
                .environment
                .fired(Bound::ConnectionsPerAddress, &stream);
        }
        let token = self
            .scheduler
            .insert(Connection::new(stream, handler, self.now, metrics));
        if let (Some(addresses), Some(peer)) = (&mut self.addresses, peer) {
            addresses.insert(token, peer);
        }
        let mut source = mio::unix::SourceFd(&fd);
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let registered = self
            .poll
            .registry()
            .register(&mut source, token.to_selector(), interest);
        if let Err(error) = registered {
            if self.environment.troubles.accepting.is_news(self.now) {
                warn!(%error, "failed to register a connection");
            }
            self.close(token);
            return;
        }
        match activate_on {
            ActivateOn::Accept => {
                if let Some(connection) = self.scheduler.get(token) {
                    connection.stream.assume_readable();
                }
                self.activate(token);
            }
            ActivateOn::Head | ActivateOn::Bytes => {
                let deadline = self.now.after(self.environment.limits.head_timeout);
                self.scheduler.arm(token, deadline);
            }
        }
    }
}

/// Whether the process or the machine has no descriptor or no memory left for a socket.
fn is_exhaustion(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| exhausted.contains(&errno))
}
