//! The slots of a worker and the order in which they run: ready, preempted, timed, woken.
//!
//! A slot holds one connection, whatever its state, so a task is a connection's activation and
//! nothing else can be spawned. The scheduler knows neither sockets nor guests, which is what
//! lets a random script of events check it against a model.

use std::collections::VecDeque;
use std::sync::Arc;

use super::inbox::Inbox;
use super::timers::Timers;
use crate::moment::Moment;

/// The name of a slot's present occupant. Every occupant of a slot has another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    slot: u32,
    generation: u32,
}

impl Token {
    /// Packs the token into the number that the selector carries.
    ///
    /// Generations start at 1, so numbers up to `u32::MAX` are never a slot's: the worker uses
    /// them for its listeners and its waker.
    pub fn to_selector(self) -> mio::Token {
        const {
            assert!(
                usize::BITS == 64,
                "a token packs slot and generation into 64 bits"
            )
        };
        mio::Token((self.generation as usize) << 32 | self.slot as usize)
    }

    /// The slot's number, for the test against the model.
    #[cfg(test)]
    pub(super) fn slot(self) -> u32 {
        self.slot
    }

    /// Unpacks what the selector reported.
    pub fn from_selector(token: mio::Token) -> Token {
        let slot = (token.0 & 0xffff_ffff) as u32;
        Token {
            slot,
            generation: (token.0 >> 32) as u32,
        }
    }
}

/// Slots that there is room for from the start. Room that was never touched is not resident; a
/// table that doubles leaves what it was moved from to the allocator, which cost every one of
/// 15,000 parked connections 20 bytes (measured), and moving it takes time at once.
pub(super) const SLOTS_RESERVED: usize = 1 << 16;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    queued: bool,
    /// Whether it goes to the preempted ones when it is scheduled next.
    yields: bool,
    occupant: Option<T>,
}

/// Slots, queues and timers of one worker.
#[derive(Debug)]
pub struct Scheduler<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Freed in this turn: events of the turn may still name them, so they are not reused yet.
    freed: Vec<u32>,
    ready: VecDeque<Token>,
    preempted: VecDeque<Token>,
    timers: Timers,
    inbox: Arc<Inbox>,
}

impl<T> Scheduler<T> {
    /// Makes a scheduler without occupants whose wakes come through `inbox`.
    pub fn new(inbox: Arc<Inbox>) -> Scheduler<T> {
        Scheduler {
            slots: Vec::with_capacity(SLOTS_RESERVED),
            free: Vec::new(),
            freed: Vec::new(),
            ready: VecDeque::new(),
            preempted: VecDeque::new(),
            timers: Timers::default(),
            inbox,
        }
    }

    /// Where other threads leave wakes.
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// How many slots are occupied.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len() - self.freed.len()
    }

    /// Whether no slot is occupied.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an occupant into a free slot.
    pub fn insert(&mut self, occupant: T) -> Token {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 1,
                queued: false,
                yields: false,
                occupant: None,
            });
            u32::try_from(self.slots.len() - 1).expect("descriptors are fewer than 2^32")
        });
        let entry = &mut self.slots[slot as usize];
        entry.occupant = Some(occupant);
        Token {
            slot,
            generation: entry.generation,
        }
    }

    /// Takes the occupant out; its token is stale from now on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let entry = self.entry(token)?;
        let occupant = entry.occupant.take();
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        entry.queued = false;
        entry.yields = false;
        self.timers.clear(token.slot);
        self.freed.push(token.slot);
        occupant
    }

    fn entry(&mut self, token: Token) -> Option<&mut Slot<T>> {
        let entry = self.slots.get_mut(token.slot as usize)?;
        (entry.generation == token.generation && entry.occupant.is_some()).then_some(entry)
    }

    /// The occupant that `token` names; `None` for a stale token.
    pub fn get(&mut self, token: Token) -> Option<&mut T> {
        self.entry(token).and_then(|entry| entry.occupant.as_mut())
    }

    /// All occupants with their tokens, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slots.iter().zip(0..).filter_map(|(entry, slot)| {
            let token = Token {
                slot,
                generation: entry.generation,
            };
            entry.occupant.as_ref().map(|occupant| (token, occupant))
        })
    }

    /// Lets the occupant run after those that are ready now. Does nothing where it is already to
    /// run, be it as preempted: an event is no way past the others.
    pub fn schedule(&mut self, token: Token) {
        let Some(entry) = self.entry(token) else {
            return;
        };
        if std::mem::replace(&mut entry.queued, true) {
            return;
        }
        match entry.yields {
            true => self.preempted.push_back(token),
            false => self.ready.push_back(token),
        }
    }

    /// Has the occupant stand with the preempted when it is scheduled next: one that suspends just
    /// before it would be preempted is no better than one that is.
    pub fn yield_next(&mut self, token: Token) {
        if let Some(entry) = self.entry(token) {
            entry.yields = true;
        }
    }

    /// Lets the occupant run when its turn among the preempted comes.
    pub fn preempt(&mut self, token: Token) {
        self.yield_next(token);
        self.schedule(token);
    }

    /// Takes the next occupant that is ready.
    pub fn next_ready(&mut self) -> Option<Token> {
        loop {
            let token = self.ready.pop_front()?;
            if self.unqueue(token) {
                return Some(token);
            }
        }
    }

    /// Takes the next preempted occupant. The worker runs one per turn.
    pub fn next_preempted(&mut self) -> Option<Token> {
        loop {
            let token = self.preempted.pop_front()?;
            if self.unqueue(token) {
                return Some(token);
            }
        }
    }

    fn unqueue(&mut self, token: Token) -> bool {
        self.entry(token).is_some_and(|entry| {
            entry.yields = false;
            std::mem::take(&mut entry.queued)
        })
    }

    /// How many are ready, stale entries included; an upper bound for one turn's work.
    pub fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// Whether anything is to run without waiting.
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.preempted.is_empty()
    }

    /// Sets the occupant's one deadline; [`Moment::NEVER`] takes it away.
    pub fn arm(&mut self, token: Token, deadline: Moment) {
        if self.entry(token).is_some() {
            self.timers.arm(token.slot, deadline);
        }
    }

    /// Returns one occupant whose deadline has passed; it has no deadline then.
    pub fn expire(&mut self, now: Moment) -> Option<Token> {
        let slot = self.timers.expire(now)?;
        Some(Token {
            slot,
            generation: self.slots[slot as usize].generation,
        })
    }

    /// A moment that is not later than the next deadline.
    pub fn next_deadline(&mut self) -> Option<Moment> {
        self.timers.next()
    }

    /// Schedules whoever was woken from elsewhere.
    pub fn take_wakes(&mut self) {
        for token in self.inbox.take() {
            self.schedule(token);
        }
    }

    /// Ends a turn: slots that were freed in it can be used again.
    pub fn end_turn(&mut self) {
        self.free.append(&mut self.freed);
    }
}
