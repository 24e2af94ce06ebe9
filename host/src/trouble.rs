//! Trouble that lasts, of the kernel or the machine: it is said once, and not for every request
//! that meets it.
//!
//! A leaf.

use std::cell::Cell;
use std::time::Duration;

use crate::moment::Moment;

/// Trouble that was not met for so long is news when it comes back.
///
/// The end of it is nothing to go by: where memory is short, every second request may succeed.
const OVER_AFTER: Duration = Duration::from_secs(10);

/// One kind of trouble of one worker.
#[derive(Debug, Default)]
pub struct Trouble {
    met: Cell<Option<Moment>>,
}

impl Trouble {
    /// Notes that it was met at `now`, and says whether that is news.
    pub fn is_news(&self, now: Moment) -> bool {
        let before = self.met.replace(Some(now));
        before.is_none_or(|before| now.since(before) >= OVER_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_news_once_for_as_long_as_it_lasts() {
        let trouble = Trouble::default();
        let start = Moment::from_nanoseconds(0);
        assert!(trouble.is_news(start));
        let mut now = start;
        for _ in 0..100 {
            now = now.after(OVER_AFTER / 2);
            assert!(!trouble.is_news(now));
        }
        assert!(trouble.is_news(now.after(OVER_AFTER)));
    }
}
