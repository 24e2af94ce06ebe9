//! What the normal clients saw: how long every answer took, and what was no good answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The kinds of failure whose number is kept apart; there are only so many.
const KINDS_MAX: usize = 50;

/// Shared by the clients that write and the sampler that reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    good: Vec<Answer>,
    failures: Vec<(Instant, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    due: Instant,
    took: Duration,
    /// How much of that this program took to get round to it.
    late: Duration,
}

/// What came of the requests that were due in some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) answers: usize,
    pub(crate) failures: usize,
    /// How often each kind of failure was seen.
    pub(crate) kinds: BTreeMap<String, usize>,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
    /// The 99th percentile of what this program itself was late.
    pub(crate) late: Duration,
}

impl Tally {
    /// Notes a good answer to what was due at `due`; of the time since then, `late` is what this
    /// program itself took to get round to it, other answers not counted.
    ///
    /// The time counts from `due`: a request that had to wait for the answer to the one before it
    /// has waited, as its user would have.
    pub(crate) fn good(&self, due: Instant, late: Duration) {
        let took = due.elapsed();
        self.answers().good.push(Answer { due, took, late });
    }

    /// Notes that what was due at `due` failed.
    pub(crate) fn failed(&self, due: Instant, kind: impl Into<String>) {
        self.answers().failures.push((due, kind.into()));
    }

    /// Sums up what was due from `from` to `to`.
    pub(crate) fn summary(&self, from: Instant, to: Instant) -> Summary {
        let answers = self.answers();
        let within = |due: Instant| due >= from && due < to;
        let good = answers.good.iter().filter(|answer| within(answer.due));
        let (mut took, mut late): (Vec<_>, Vec<_>) =
            good.map(|answer| (answer.took, answer.late)).unzip();
        took.sort_unstable();
        late.sort_unstable();
        let failed = answers.failures.iter().filter(|(due, _)| within(*due));
        let mut summary = Summary {
            answers: took.len(),
            p50: percentile(&took, 0.5),
            p99: percentile(&took, 0.99),
            p999: percentile(&took, 0.999),
            max: took.last().copied().unwrap_or_default(),
            late: percentile(&late, 0.99),
            ..Summary::default()
        };
        for (_, kind) in failed {
            summary.failures += 1;
            let room = summary.kinds.len() < KINDS_MAX || summary.kinds.contains_key(kind);
            let kind = if room { kind.as_str() } else { "other" };
            *summary.kinds.entry(kind.to_owned()).or_default() += 1;
        }
        summary
    }

    /// How many good answers there are, and the 99th percentile of those after the first `seen`.
    pub(crate) fn since(&self, seen: usize) -> (usize, Duration) {
        let answers = self.answers();
        let mut took: Vec<_> = answers.good[seen..].iter().map(|one| one.took).collect();
        took.sort_unstable();
        (answers.good.len(), percentile(&took, 0.99))
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the smallest of `sorted` that is not below the share `of` of them.
fn percentile(sorted: &[Duration], of: f64) -> Duration {
    let index = (sorted.len() as f64 * of).ceil() as usize;
    let found = sorted.get(index.saturating_sub(1));
    found.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values_and_exact() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.5), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 0.99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted, 1.0), Duration::from_millis(200));
        assert_eq!(percentile(&sorted[..1], 0.99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 0.99), Duration::ZERO);
    }

    #[test]
    fn a_summary_counts_what_was_due_in_its_time_and_nothing_else() {
        let tally = Tally::default();
        let start = Instant::now();
        let (middle, end) = (
            start + Duration::from_secs(1),
            start + Duration::from_secs(2),
        );
        tally.good(start, Duration::ZERO);
        tally.good(middle, Duration::ZERO);
        tally.failed(middle, "status 503");
        tally.failed(end, "status 503");
        let summary = tally.summary(middle, end);
        assert_eq!((summary.answers, summary.failures), (1, 1));
        assert_eq!(summary.kinds["status 503"], 1);
    }
}
