//! A worker's instances: how many are live, and those kept warm for the next activation.

use std::rc::Rc;
use std::sync::Arc;

use super::{Handler, Instance};
use crate::metrics::WorkerMetrics;

/// The places for instances that one worker has.
#[derive(Debug)]
pub struct InstancePool {
    places: usize,
    live: usize,
    warm: Vec<Instance>,
    metrics: Arc<WorkerMetrics>,
}

/// A place in the pool, with a warm instance in it or none.
#[derive(Debug)]
pub struct Place {
    /// An instance that ended its last activation well.
    pub warm: Option<Instance>,
}

impl InstancePool {
    /// Makes a pool of `places` places.
    pub fn new(places: usize, metrics: Arc<WorkerMetrics>) -> InstancePool {
        InstancePool {
            places,
            live: 0,
            warm: Vec::new(),
            metrics,
        }
    }

    /// Takes a place for an activation of `handler`, if one is free.
    pub fn check_out(&mut self, handler: &Rc<Handler>) -> Option<Place> {
        if self.live >= self.places {
            return None;
        }
        // The most recently used one: its memory is the most likely to be in the caches.
        let own = self.warm.iter().rposition(|warm| warm.is_of(handler));
        let warm = own.map(|index| self.warm.remove(index));
        if warm.is_none() && self.live + self.warm.len() >= self.places {
            // Every place that is not live is kept for another handler.
            self.warm.remove(0);
        }
        self.live += 1;
        self.count();
        Some(Place { warm })
    }

    /// Gives a place back, with an instance that may be used again or none.
    pub fn check_in(&mut self, reusable: Option<Instance>) {
        self.live -= 1;
        self.warm.extend(reusable);
        self.count();
    }

    fn count(&self) {
        self.metrics.instances_live.set(self.live as u64);
        self.metrics.instances_warm.set(self.warm.len() as u64);
    }
}
