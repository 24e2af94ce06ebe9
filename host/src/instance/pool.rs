//! A worker's instances: how many are live, and those kept warm for the next activation.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Handler, Instance};
use crate::config::Limits;
use crate::metrics::{Bound, WorkerMetrics};
use crate::moment::Moment;

/// Instances that are dropped at once: each costs system calls.
const TRIM_BATCH: usize = 32;

/// When the next of them are dropped.
const TRIM_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// The places for instances that one worker has.
#[derive(Debug)]
pub struct InstancePool {
    places: usize,
    live: usize,
    /// The one that was used last is at the end.
    warm: Vec<Instance>,
    /// As many are kept although nobody needs them.
    warm_max: usize,
    /// Over which time the others have to be needed to be kept.
    warm_timeout: Duration,
    /// How many of those at the front were not needed since they were last looked at.
    unneeded: usize,
    /// Whether all of those are to go.
    clearing: bool,
    /// When that is looked at again; `None` while there are no more than may be kept.
    trim_at: Option<Moment>,
    metrics: Arc<WorkerMetrics>,
}

/// A place in the pool, with a warm instance in it or none.
#[derive(Debug)]
pub struct Place {
    /// An instance that ended its last activation well.
    pub warm: Option<Instance>,
}

impl InstancePool {
    /// Makes a pool of `places` places, which keeps as many instances warm as `limits` allow.
    pub fn new(places: usize, limits: &Limits, metrics: Arc<WorkerMetrics>) -> InstancePool {
        InstancePool {
            places,
            live: 0,
            warm: Vec::new(),
            warm_max: limits.warm_max,
            warm_timeout: limits.warm_timeout,
            unneeded: 0,
            clearing: false,
            trim_at: None,
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
        self.unneeded = self.unneeded.min(self.warm.len());
        self.live += 1;
        self.count();
        Some(Place { warm })
    }

    /// Gives a place back, with an instance that may be used again or none.
    pub fn check_in(&mut self, reusable: Option<Instance>, now: Moment) {
        self.live -= 1;
        self.warm.extend(reusable);
        if self.warm.len() > self.warm_max && self.trim_at.is_none() {
            self.unneeded = self.warm.len();
            self.trim_at = Some(now.after(self.warm_timeout));
        }
        self.count();
    }

    /// When [`trim`](InstancePool::trim) has something to do.
    pub fn trim_at(&self) -> Option<Moment> {
        self.trim_at
    }

    /// Drops some of the warm instances that were not needed lately and are more than may be kept.
    pub fn trim(&mut self, now: Moment) {
        if self.trim_at.is_none_or(|at| at > now) {
            return;
        }
        let kept = if self.clearing { 0 } else { self.warm_max };
        let excess = self.warm.len().saturating_sub(kept);
        let dropped = excess.min(self.unneeded).min(TRIM_BATCH);
        self.warm.drain(..dropped);
        self.unneeded -= dropped;
        self.metrics.bound(Bound::WarmInstances).add(dropped as u64);
        self.clearing &= self.unneeded > 0;
        self.trim_at = if self.clearing {
            Some(now.after(TRIM_AGAIN_AFTER))
        } else if self.warm.len() <= self.warm_max {
            None
        } else if self.unneeded > 0 {
            Some(now.after(TRIM_AGAIN_AFTER))
        } else {
            self.unneeded = self.warm.len();
            Some(now.after(self.warm_timeout))
        };
        self.count();
    }

    /// Has every warm instance dropped that is not needed before its turn comes.
    pub fn clear(&mut self, now: Moment) {
        self.unneeded = self.warm.len();
        self.clearing = self.unneeded > 0;
        self.trim_at = self.clearing.then_some(now);
    }

    /// Drops the warm instances of components that have been replaced.
    pub fn drop_outdated(&mut self) {
        self.warm.retain(Instance::is_current);
        self.count();
    }

    fn count(&self) {
        self.metrics.instances_live.set(self.live as u64);
        self.metrics.instances_warm.set(self.warm.len() as u64);
    }
}
