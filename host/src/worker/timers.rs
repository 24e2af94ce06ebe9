//! Deadlines, at most one per slot, whose cost does not grow with idle connections.
//!
//! Most deadlines are set anew long before they pass: a keep-alive connection lingers, is served
//! and lingers again. So setting a later deadline, or none, only notes it; the entry in the heap is
//! corrected when it comes up. An entry that an earlier deadline or the end of the slot has put out
//! of date stays until it comes up, or until such entries are half of all.
//!
//! A heap, because every parked connection has an entry, and the nodes of an ordered set are half
//! full where deadlines come in order: a parked connection cost 231 bytes with one, and 217 with a
//! heap (measured). For the same reason an entry has its moment in four bytes, counted in ticks of
//! about a millisecond.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scheduler::SLOTS_RESERVED;
use crate::moment::Moment;

/// With fewer entries, those that are out of date may stay.
const ENTRIES_MIN: usize = 64;

/// By how much a deadline may be seen late, in nanoseconds: a little more than the millisecond that
/// the selector counts in, and a power of two because every wait is divided by it.
pub(super) const TICK_NANOSECONDS: u64 = 1 << 20;

/// What no entry has.
const NO_TICK: u32 = u32::MAX;

/// The last one. What is later has an entry that comes up here, 52 days after the origin, and is
/// corrected before: the origin moves on after half of that.
const LAST_TICK: u32 = u32::MAX - 1;

/// The deadlines of all slots of a worker.
#[derive(Debug)]
pub struct Timers {
    /// When each entry comes up, and for which slot.
    entries: BinaryHeap<Reverse<(u32, u32)>>,
    /// What ticks are counted from.
    origin: Moment,
    /// When each slot is to be woken.
    deadlines: Vec<Moment>,
    /// Where each slot's entry stands in the heap, never later than its deadline by more than a
    /// tick; `NO_TICK` for no entry.
    ticks: Vec<u32>,
    /// With as many entries, those that are out of date go.
    entries_max: usize,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            entries: BinaryHeap::with_capacity(SLOTS_RESERVED),
            origin: Moment::from_nanoseconds(0),
            deadlines: Vec::with_capacity(SLOTS_RESERVED),
            ticks: Vec::with_capacity(SLOTS_RESERVED),
            entries_max: 0,
        }
    }
}

impl Timers {
    /// Sets the deadline of `slot`, in place of any other; [`Moment::NEVER`] takes it away.
    pub fn arm(&mut self, slot: u32, deadline: Moment) {
        let index = slot as usize;
        if self.deadlines.len() <= index {
            self.deadlines.resize(index + 1, Moment::NEVER);
            self.ticks.resize(index + 1, NO_TICK);
        }
        self.deadlines[index] = deadline;
        let tick = self.tick(deadline);
        if tick < self.ticks[index] {
            self.ticks[index] = tick;
            self.make_room();
            self.entries.push(Reverse((tick, slot)));
        }
    }

    /// The first tick that is not before `deadline`.
    fn tick(&self, deadline: Moment) -> u32 {
        if deadline == Moment::NEVER {
            return NO_TICK;
        }
        let ticks = deadline
            .nanoseconds_since(self.origin)
            .div_ceil(TICK_NANOSECONDS);
        u32::try_from(ticks).map_or(LAST_TICK, |tick| tick.min(LAST_TICK))
    }

    /// The last tick that has begun at `now`.
    fn begun(&self, now: Moment) -> u64 {
        now.nanoseconds_since(self.origin) / TICK_NANOSECONDS
    }

    /// The moment that `tick` begins.
    fn moment(&self, tick: u32) -> Moment {
        let since = u64::from(tick) * TICK_NANOSECONDS;
        self.origin.after_nanoseconds(since)
    }

    /// Takes the deadline of `slot` away; for a slot that is freed.
    pub fn clear(&mut self, slot: u32) {
        if let Some(deadline) = self.deadlines.get_mut(slot as usize) {
            *deadline = Moment::NEVER;
            self.ticks[slot as usize] = NO_TICK;
        }
    }

    /// Takes out and returns one slot whose deadline has passed at `now`, the earliest entry
    /// first.
    pub fn expire(&mut self, now: Moment) -> Option<u32> {
        if self.begun(now) > u64::from(LAST_TICK / 2) {
            self.count_from(now);
        }
        let begun = self.begun(now);
        while let Some((tick, slot)) = self.first() {
            if u64::from(tick) > begun {
                return None;
            }
            self.entries.pop();
            let deadline = self.deadlines[slot as usize];
            if deadline <= now {
                self.clear(slot);
                return Some(slot);
            }
            let tick = self.tick(deadline);
            self.ticks[slot as usize] = tick;
            if tick != NO_TICK {
                self.entries.push(Reverse((tick, slot)));
            }
        }
        None
    }

    /// Counts the ticks of all entries from `now` on.
    fn count_from(&mut self, now: Moment) {
        self.origin = now;
        self.entries.clear();
        for slot in 0..self.deadlines.len() {
            let tick = self.tick(self.deadlines[slot]);
            self.ticks[slot] = tick;
            if tick != NO_TICK {
                let slot = u32::try_from(slot).expect("slots are counted in 32 bits");
                self.entries.push(Reverse((tick, slot)));
            }
        }
    }

    /// A moment that is not later than the next deadline by more than a tick, if there is any.
    pub fn next(&mut self) -> Option<Moment> {
        self.first().map(|(tick, _)| self.moment(tick))
    }

    /// The first entry that is not out of date.
    fn first(&mut self) -> Option<(u32, u32)> {
        while let Some(&Reverse((tick, slot))) = self.entries.peek() {
            if self.ticks[slot as usize] == tick {
                return Some((tick, slot));
            }
            self.entries.pop();
        }
        None
    }

    /// Drops the entries that are out of date, where there may be as many of them as of others.
    fn make_room(&mut self) {
        if self.entries.len() < self.entries_max.max(ENTRIES_MIN) {
            return;
        }
        let ticks = &self.ticks;
        self.entries
            .retain(|&Reverse((tick, slot))| ticks[slot as usize] == tick);
        self.entries_max = 2 * self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// In nanoseconds.
    const DAY: u64 = 24 * 3600 * 1_000_000_000;

    #[derive(Clone, Debug)]
    enum Step {
        Arm(u32, u64),
        Disarm(u32),
        Clear(u32),
        Advance(u64),
    }

    fn arm(most: u64) -> impl Strategy<Value = Step> {
        (0..8_u32, 0..most).prop_map(|(slot, after)| Step::Arm(slot, after))
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => arm(100 * TICK_NANOSECONDS),
            1 => arm(100 * DAY),
            1 => (0..8_u32).prop_map(Step::Disarm),
            1 => (0..8_u32).prop_map(Step::Clear),
            3 => (0..50 * TICK_NANOSECONDS).prop_map(Step::Advance),
            1 => (0..70 * DAY).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn every_deadline_passes_once_and_none_early_or_late_by_a_tick(
            script in prop::collection::vec(step(), 0..200)
        ) {
            let mut timers = Timers::default();
            let mut model: HashMap<u32, Moment> = HashMap::new();
            let later = |deadline: Moment| deadline.after_nanoseconds(TICK_NANOSECONDS);
            let mut now = 0;
            for step in script {
                match step {
                    Step::Arm(slot, after) => {
                        let deadline = Moment::from_nanoseconds(now + after);
                        timers.arm(slot, deadline);
                        model.insert(slot, deadline);
                    }
                    Step::Disarm(slot) => {
                        timers.arm(slot, Moment::NEVER);
                        model.remove(&slot);
                    }
                    Step::Clear(slot) => {
                        timers.clear(slot);
                        model.remove(&slot);
                    }
                    Step::Advance(by) => {
                        now += by;
                        let moment = Moment::from_nanoseconds(now);
                        while let Some(slot) = timers.expire(moment) {
                            let deadline = model.remove(&slot).expect("armed, and not yet passed");
                            prop_assert!(deadline <= moment);
                        }
                        prop_assert!(model.values().all(|deadline| later(*deadline) > moment));
                    }
                }
                prop_assert!(timers.entries.len() <= ENTRIES_MIN, "few are out of date");
                let earliest = model.values().min().copied();
                prop_assert!(
                    earliest.is_none_or(|e| timers.next().is_some_and(|n| n <= later(e)))
                );
            }
        }
    }
}
