//! A program together with what its instances are granted on one worker.

use std::rc::Rc;
use std::sync::Arc;

use super::{HandlerKind, Program};
use crate::imports::Service;

/// What serves the connections of some listeners of a worker.
#[derive(Debug)]
pub struct Handler {
    /// The component.
    pub program: Arc<Program>,
    /// What it is granted.
    pub service: Rc<Service>,
}

impl Handler {
    /// Whether clients speak HTTP/1 first.
    pub fn is_http(&self) -> bool {
        self.program.kind == HandlerKind::Http
    }
}
