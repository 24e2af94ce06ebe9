//! epoll, as far as the clients need it: which sockets have something to receive.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

const EVENTS: usize = 512;

/// How long one wait lasts at most, so that nobody waits for ever for what does not come.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Sockets, and which of them are ready.
pub struct Selector {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Selector {
    /// Makes one without any sockets.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS),
        })
    }

    /// Adds a socket under the number `index`; closing it removes it.
    pub fn add(&self, socket: impl AsFd, index: usize) -> io::Result<()> {
        let data = EventData::new_u64(index as u64);
        Ok(epoll::add(&self.epoll, socket, data, EventFlags::IN)?)
    }

    /// Waits for sockets, and returns how many are ready; none where it took too long.
    pub fn wait(&mut self) -> io::Result<usize> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&TICK)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error.into()),
        }
    }

    /// The number of the socket that is ready at position `at`.
    pub fn ready(&self, at: usize) -> usize {
        self.events[at].data.u64() as usize
    }
}
