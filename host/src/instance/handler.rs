//! A program together with what its instances are granted on one worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{HandlerKind, Program};
use crate::imports::Service;

/// The program of a service, which can be replaced while it serves. Shared by the workers.
#[derive(Debug)]
pub struct Replaceable {
    /// What clients are to speak, whatever the program is.
    pub kind: HandlerKind,
    /// Goes up with every replacement. Workers read it every turn, and nothing else.
    generation: AtomicU64,
    newest: Mutex<Program>,
}

impl Replaceable {
    /// Begins with `program`.
    pub fn new(program: Program) -> Replaceable {
        Replaceable {
            kind: program.kind,
            generation: AtomicU64::new(0),
            newest: Mutex::new(program),
        }
    }

    /// Serves with `program` from now on; workers see it in their next turn.
    pub fn replace(&self, program: Program) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = program;
        // Release: who sees the number finds the program, or a newer one.
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn newest(&self) -> Program {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }
}

/// What serves the connections of some listeners of a worker.
#[derive(Debug)]
pub struct Handler {
    replaceable: Arc<Replaceable>,
    /// The component, in the worker's own copy, so that workers count no common references.
    program: RefCell<Rc<Program>>,
    /// What it is granted.
    pub service: Rc<Service>,
}

impl Handler {
    /// Serves with the newest program of `replaceable`.
    pub fn new(replaceable: Arc<Replaceable>, service: Rc<Service>) -> Handler {
        let generation = replaceable.generation.load(Ordering::Acquire);
        service.generation.set(generation);
        Handler {
            program: RefCell::new(Rc::new(replaceable.newest())),
            replaceable,
            service,
        }
    }

    /// Whether clients speak HTTP/1 first.
    pub fn is_http(&self) -> bool {
        self.replaceable.kind == HandlerKind::Http
    }

    /// The component that new instances are made of.
    pub fn program(&self) -> Rc<Program> {
        Rc::clone(&self.program.borrow())
    }

    /// Takes the newest program; says whether there was a newer one.
    pub fn renew(&self) -> bool {
        let generation = self.replaceable.generation.load(Ordering::Acquire);
        if generation == self.service.generation.get() {
            return false;
        }
        self.service.generation.set(generation);
        *self.program.borrow_mut() = Rc::new(self.replaceable.newest());
        true
    }
}
