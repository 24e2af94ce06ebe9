//! Deadlines, at most one per slot, whose cost does not grow with idle connections.
//!
//! Most deadlines are set anew long before they pass: a keep-alive connection lingers, is served
//! and lingers again. So setting a later deadline, or none, only notes it; the one entry in the
//! ordered set is corrected when it comes up. The set never has more entries than slots.

use std::collections::BTreeSet;

use crate::moment::Moment;

/// The deadlines of all slots of a worker.
#[derive(Debug, Default)]
pub struct Timers {
    entries: BTreeSet<(Moment, u32)>,
    slots: Vec<Timer>,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// When the slot is to be woken.
    deadline: Moment,
    /// Where its entry stands in the set, never later than `deadline`; `NEVER` for no entry.
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
            self.entries.remove(&(timer.entry, slot));
            timer.entry = deadline;
            self.entries.insert((deadline, slot));
        }
    }

    /// Takes the deadline of `slot` and its entry away; for a slot that is freed.
    pub fn clear(&mut self, slot: u32) {
        if let Some(timer) = self.slots.get_mut(slot as usize) {
            self.entries.remove(&(timer.entry, slot));
            *timer = IDLE;
        }
    }

    /// Takes out and returns one slot whose deadline has passed at `now`, the earliest entry
    /// first.
    pub fn expire(&mut self, now: Moment) -> Option<u32> {
        while let Some(&(entry, slot)) = self.entries.first() {
            if entry > now {
                return None;
            }
            self.entries.pop_first();
            let timer = &mut self.slots[slot as usize];
            let deadline = timer.deadline;
            if deadline <= now {
                *timer = IDLE;
                return Some(slot);
            }
            timer.entry = deadline;
            if deadline != Moment::NEVER {
                self.entries.insert((deadline, slot));
            }
        }
        None
    }

    /// A moment that is not later than the next deadline, if there is any.
    pub fn next(&self) -> Option<Moment> {
        self.entries.first().map(|&(entry, _)| entry)
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
                prop_assert!(timers.entries.len() <= 8, "one entry per slot");
                let earliest = model.values().min().copied();
                prop_assert!(earliest.is_none_or(|e| timers.next().is_some_and(|n| n <= e)));
            }
        }
    }
}
