//! Latencies, counted in buckets of less than one percent of their value.

use std::time::Duration;

/// Buckets per power of two, as a power of two: 128 of them are 0.8 % wide at most.
const PRECISION_BITS: u32 = 7;

/// What is longer than 2^36 ns, or 68 s, counts as that; no load here lasts as long.
const VALUE_BITS_MAX: u32 = 36;

const BUCKETS: usize = ((VALUE_BITS_MAX - PRECISION_BITS + 1) as usize) << PRECISION_BITS;

/// Counts of durations.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    /// Returns what `share` of all durations do not exceed, or `None` where there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        // The rank of the duration that is asked for, from 1.
        let rank = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(Duration::from_nanos(middle(index)));
            }
        }
        None
    }
}

/// Returns the bucket of a value: values below 2 * 128 have one each, above that, the highest eight
/// bits decide.
fn bucket(value: u64) -> usize {
    let value = value.min((1 << VALUE_BITS_MAX) - 1);
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(PRECISION_BITS + 1);
    ((shift as usize) << PRECISION_BITS) + (value >> shift) as usize
}

/// Returns the value in the middle of a bucket.
fn middle(index: usize) -> u64 {
    let shift = (index >> PRECISION_BITS).saturating_sub(1);
    let lowest = (index - (shift << PRECISION_BITS)) as u64;
    (lowest << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_own_middle_and_no_value_is_off_by_a_percent() {
        for value in (0..4096).chain((12..36).flat_map(|bits| [1 << bits, (1 << bits) + 12345])) {
            let near = middle(bucket(value));
            assert_eq!(bucket(near), bucket(value), "{value}");
            assert!(near.abs_diff(value) * 100 <= value, "{value} became {near}");
        }
    }

    #[test]
    fn every_value_has_a_bucket() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket(0), 0);
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=100).for_each(|number| histogram.record(Duration::from_nanos(number)));
        let quantile = |share| histogram.quantile(share).map(|value| value.as_nanos());
        assert_eq!(quantile(0.5), Some(50));
        assert_eq!(quantile(0.99), Some(99));
        assert_eq!(quantile(1.0), Some(100));
        assert_eq!(quantile(0.0), Some(1));
    }
}
