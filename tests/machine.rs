//! Shares the machine between the tests: most run side by side, those that measure run alone.
//!
//! A test that starts a server takes a share by that; a test that compares times, memory or CPU
//! calls `alone` or `measured` first. The claim ends with the test's thread.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::process::{Resource, getrlimit, setrlimit};

static MACHINE: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "the guards are held for their drop")]
enum Claim {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

thread_local! {
    static CLAIM: RefCell<Option<Claim>> = const { RefCell::new(None) };
}

/// Takes a share of the machine for this test, unless it has one or is alone.
///
/// # Blocking
/// Waits until no test is alone.
pub(crate) fn share() {
    CLAIM.with_borrow_mut(|claim| {
        if claim.is_none() {
            let guard = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
            *claim = Some(Claim::Shared(guard));
        }
    });
}

/// Takes the whole machine for this test, so that no other one disturbs what it measures.
///
/// # Blocking
/// Waits until every other test has ended.
pub(crate) fn alone() {
    CLAIM.with_borrow_mut(|claim| {
        // A share of our own would keep us waiting for ever.
        *claim = None;
        let guard = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        *claim = Some(Claim::Alone(guard));
    });
}

/// Takes the whole machine and measures, again where the result is no good: what else the machine
/// does can make a measurement worse and never better, so the best of five counts.
///
/// # Blocking
/// Waits until every other test has ended.
#[track_caller]
pub(crate) fn measured(measure: impl Fn()) {
    const TRIES: u32 = 5;
    alone();
    for _ in 1..TRIES {
        if panic::catch_unwind(AssertUnwindSafe(&measure)).is_ok() {
            return;
        }
    }
    measure();
}

/// Allows this process, and the servers it starts, as many descriptors as they may have.
///
/// Returns how many those are.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.current.unwrap_or(u64::MAX)
}
