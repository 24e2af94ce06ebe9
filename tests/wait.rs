//! Waits for what a server or a kernel does, by looking until it is so.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
///
/// Far above what anything takes, because only a failing test ever waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two looks: short enough to add nothing that counts, long enough to leave the
/// processor to what is being waited for.
const PAUSE: Duration = Duration::from_millis(1);

/// Looks until `look` returns something, and returns that.
///
/// # Panics
/// Where nothing came within `PATIENCE`; the message names `what`.
#[track_caller]
pub(crate) fn until_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    match within(PATIENCE, look) {
        Some(found) => found,
        None => panic!("{what}: not so after {PATIENCE:?}"),
    }
}

/// Looks until `look` returns true.
///
/// # Panics
/// Where that did not happen within `PATIENCE`; the message names `what`.
#[track_caller]
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    until_some(what, || look().then_some(()));
}

/// Looks until `look` returns something or `limit` has passed.
pub(crate) fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(PAUSE);
    }
}
