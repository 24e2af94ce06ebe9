//! What the memories and tables of instances may grow to: each by itself, and all of a worker
//! together.

use std::cell::Cell;
use std::rc::Rc;

use super::{Environment, Guest};
use crate::metrics::Bound;

/// Memory that the guests of one worker have together, beyond what each instance begins with:
/// that is bounded by the number of instances.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: usize,
    bytes: Cell<usize>,
}

impl MemoryBudget {
    /// Allows `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> MemoryBudget {
        MemoryBudget {
            bytes_max,
            bytes: Cell::new(0),
        }
    }

    /// Takes `bytes` out, if there are as many left.
    fn take(&self, bytes: usize) -> bool {
        let taken = self.bytes.get().saturating_add(bytes);
        let granted = taken <= self.bytes_max;
        if granted {
            self.bytes.set(taken);
        }
        granted
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() - bytes);
    }
}

/// Memory of the host that is held for a guest's call.
#[derive(Debug)]
pub struct HeldMemory {
    environment: Rc<Environment>,
    bytes: usize,
}

impl HeldMemory {
    /// Charges `bytes` to the budget of the guests until the value is dropped; `None` where there
    /// are not as many left.
    pub fn take(environment: &Rc<Environment>, bytes: usize) -> Option<HeldMemory> {
        environment.memory.take(bytes).then(|| HeldMemory {
            environment: Rc::clone(environment),
            bytes,
        })
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.environment.memory.give_back(self.bytes);
    }
}

/// How much memory one instance has.
#[derive(Debug, Default)]
pub struct InstanceMemory {
    /// Of all its linear memories.
    bytes: usize,
    /// What it may begin with.
    initial_bytes: usize,
    /// Whether more was refused since the instance was made.
    refused: bool,
}

impl InstanceMemory {
    /// Begins to count for an instance that begins with up to `initial_bytes`.
    pub fn new(initial_bytes: usize) -> InstanceMemory {
        InstanceMemory {
            initial_bytes,
            ..InstanceMemory::default()
        }
    }

    /// What is charged to the worker's budget when the memories are `bytes` large.
    fn charge(&self, bytes: usize) -> usize {
        bytes.saturating_sub(self.initial_bytes)
    }
}

impl Guest {
    /// Whether the instance was refused memory.
    pub fn was_refused_memory(&self) -> bool {
        self.memory.refused
    }

    /// Whether the instance has more than three quarters of its memory: an interpreter that never
    /// collects is better replaced now than in the middle of an activation.
    pub fn is_nearly_full(&self) -> bool {
        self.memory.bytes > self.limits().instance_bytes_max / 4 * 3
    }

    /// Gives the instance's memory back to the budget; before it goes.
    pub(super) fn release_memory(&mut self) {
        let charge = self.memory.charge(self.memory.bytes);
        self.environment().memory.give_back(charge);
        self.memory.bytes = 0;
    }
}

impl wasmtime::ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let before = self.memory.bytes;
        let bytes = before + (desired - current);
        let charge = self.memory.charge(bytes) - self.memory.charge(before);
        // What is more than an instance may have is counted when the guest fails for it.
        let granted = bytes <= self.limits().instance_bytes_max;
        let granted = granted && {
            let taken = self.environment().memory.take(charge);
            if !taken {
                self.refuse(Bound::TotalMemory);
            }
            taken
        };
        if granted {
            self.memory.bytes = bytes;
        }
        self.memory.refused |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.limits().table_elements_max;
        if !granted {
            self.refuse(Bound::TableElements);
        }
        Ok(granted)
    }
}
