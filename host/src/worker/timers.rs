//! Deadlines, at most one per slot, whose cost does not grow with idle connections.
//!
//! Most deadlines are set anew long before they pass: a keep-alive connection lingers, is served
//! and lingers again. So setting a later deadline, or none, only notes it; the entry in the heap is
//! corrected when it comes up. An entry that an earlier deadline or the end of the slot has put out
//! of date stays until it comes up, or until such entries are half of all.
//!
//! A heap, because every parked connection has an entry, and the nodes of an ordered set are half
//! full where deadlines come in order: a parked connection cost 231 bytes with one, and 217 with a
//! heap (measured).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::moment::Moment;

/// With fewer entries, those that are out of date may stay.
const ENTRIES_MIN: usize = 64;

/// The deadlines of all slots of a worker.
#[derive(Debug, Default)]
pub struct Timers {
    entries: BinaryHeap<Reverse<(Moment, u32)>>,
    slots: Vec<Timer>,
    /// With as many entries, those that are out of date go.
    entries_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// When the slot is to be woken.
    deadline: Moment,
    /// Where its entry stands in the heap, never later than `deadline`; `NEVER` for no entry.
    entry: Moment,
}

const IDLE: Timer = Timer {
    deadline: Moment::NEVER,
    entry: Moment::NEVER,
};

impl Timers {
    /// Sets the deadline of `slot`, in place of any other; [`Moment::NEVER`] takes it away.
    pub fn arm(&mut self, slot: u32, deadline: Moment) {
        let index = slot as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, IDLE);
        }
        let timer = &mut self.slots[index];
        timer.deadline = deadline;
        if deadline < timer.entry {
            timer.entry = deadline;
            self.make_room();
            self.entries.push(Reverse((deadline, slot)));
        }
    }

    /// Takes the deadline of `slot` away; for a slot that is freed.
    pub fn clear(&mut self, slot: u32) {
        if let Some(timer) = self.slots.get_mut(slot as usize) {
            *timer = IDLE;
        }
    }

    /// Takes out and returns one slot whose deadline has passed at `now`, the earliest entry
    /// first.
    pub fn expire(&mut self, now: Moment) -> Option<u32> {
        while let Some((entry, slot)) = self.first() {
            if entry > now {
                return None;
            }
            self.entries.pop();
            let timer = &mut self.slots[slot as usize];
            let deadline = timer.deadline;
            if deadline <= now {
                *timer = IDLE;
                return Some(slot);
            }
            timer.entry = deadline;
            if deadline != Moment::NEVER {
                self.entries.push(Reverse((deadline, slot)));
            }
        }
        None
    }

    /// A moment that is not later than the next deadline, if there is any.
    pub fn next(&mut self) -> Option<Moment> {
        self.first().map(|(entry, _)| entry)
    }

    /// The first entry that is not out of date.
    fn first(&mut self) -> Option<(Moment, u32)> {
        while let Some(&Reverse((entry, slot))) = self.entries.peek() {
            if self.slots[slot as usize].entry == entry {
                return Some((entry, slot));
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
        let slots = &self.slots;
        self.entries
            .retain(|&Reverse((entry, slot))| slots[slot as usize].entry == entry);
        self.entries_max = 2 * self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Arm(u32, u64),
        Disarm(u32),
        Clear(u32),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..8_u32, 0..100_u64).prop_map(|(slot, after)| Step::Arm(slot, after)),
            1 => (0..8_u32).prop_map(Step::Disarm),
            1 => (0..8_u32).prop_map(Step::Clear),
            3 => (0..50_u64).prop_map(Step::Advance),
        ]
    }

    proptest! {
        #[test]
        fn every_deadline_passes_once_and_none_early(
            script in prop::collection::vec(step(), 0..200)
        ) {
            let mut timers = Timers::default();
            let mut model: HashMap<u32, Moment> = HashMap::new();
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
                        prop_assert!(model.values().all(|deadline| *deadline > moment));
                    }
                }
                prop_assert!(timers.entries.len() <= ENTRIES_MIN, "few are out of date");
                let earliest = model.values().min().copied();
                prop_assert!(earliest.is_none_or(|e| timers.next().is_some_and(|n| n <= e)));
            }
        }
    }
}
