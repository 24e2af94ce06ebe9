//! What the memories and tables of instances may grow to: each by itself, and all of a worker
//! together.

use std::cell::Cell;
use std::rc::Rc;

use super::{Environment, Guest};
use crate::metrics::Bound;

/// What an instance begins with is free up to this much: it is bounded by the number of instances,
/// and most handlers begin with less. What a component begins with beyond that is charged, or one
/// that begins with all that it may have would not be bounded at all.
const INITIAL_BYTES_FREE: usize = 2 << 20;

/// Memory that the guests of one worker have together, beyond what each instance has for free.
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

/// What an element of a table takes.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// What the instances of a component begin with, at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct InitialMemory {
    /// Bytes of all linear memories.
    pub bytes: usize,
    /// Elements of all tables.
    pub elements: usize,
}

/// How much memory one instance has.
#[derive(Debug, Default)]
pub struct InstanceMemory {
    /// Bytes of all its linear memories.
    bytes: usize,
    /// Elements of all its tables.
    elements: usize,
    initial: InitialMemory,
    /// Which bound refused more since the instance was made, if one did.
    refused: Option<Bound>,
}

impl InstanceMemory {
    /// Begins to count for an instance that begins with up to `initial`.
    pub fn new(initial: InitialMemory) -> InstanceMemory {
        InstanceMemory {
            initial,
            ..InstanceMemory::default()
        }
    }

    /// What counts against `--memory-limit`: the memories, and what the tables have grown by.
    fn counted(&self) -> usize {
        let grown = self.elements.saturating_sub(self.initial.elements);
        self.bytes
            .saturating_add(grown.saturating_mul(ELEMENT_BYTES))
    }

    /// What is charged to the worker's budget.
    fn charged(&self) -> usize {
        let free = self.initial.bytes.min(INITIAL_BYTES_FREE);
        self.counted().saturating_sub(free)
    }
}

impl Guest {
    /// Which bound refused the instance memory, if one did.
    pub fn refused_memory(&self) -> Option<Bound> {
        self.memory.refused
    }

    /// Whether the instance has more than three quarters of its memory: an interpreter that never
    /// collects is better replaced now than in the middle of an activation.
    pub fn is_nearly_full(&self) -> bool {
        self.memory.counted() > self.limits().instance_bytes_max / 4 * 3
    }

    /// Gives the instance's memory back to the budget; before it goes.
    pub(super) fn release_memory(&mut self) {
        self.environment().memory.give_back(self.memory.charged());
        self.memory = InstanceMemory::default();
    }

    /// Lets the instance have `grown` instead of what it has, if both limits allow that.
    fn grow(&mut self, grown: InstanceMemory) -> bool {
        let before = self.memory.charged();
        let refused = if grown.counted() > self.limits().instance_bytes_max {
            Some(Bound::InstanceMemory)
        } else if !self.environment().memory.take(grown.charged() - before) {
            Some(Bound::TotalMemory)
        } else {
            self.memory = grown;
            return true;
        };
        // An allocator may ask again and again.
        if let Some(bound) = refused.filter(|_| self.memory.refused.is_none()) {
            self.refuse(bound);
        }
        self.memory.refused = self.memory.refused.or(refused);
        false
    }
}

impl wasmtime::ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = self.memory.bytes + (desired - current);
        let memory = InstanceMemory {
            bytes,
            ..self.memory
        };
        Ok(self.grow(memory))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.limits().table_elements_max {
            self.refuse(Bound::TableElements);
            return Ok(false);
        }
        let elements = self.memory.elements + (desired - current);
        let memory = InstanceMemory {
            elements,
            ..self.memory
        };
        Ok(self.grow(memory))
    }
}
