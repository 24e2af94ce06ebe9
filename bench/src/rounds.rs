//! Rounds: everyone once, then everyone again, because a machine is never the same for long.
//!
//! What is compared is compared within a round, and the median over the rounds counts.

/// A median and what it is the median of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of the values are not above it, half not below.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// Returns the median and the extremes, or `None` where there are no values.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let median = match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    };
    Some(Spread { median, min, max })
}

/// Returns the ratio of every round that both have.
pub fn ratios(of: &[f64], over: &[f64]) -> Vec<f64> {
    let pairs = of.iter().zip(over).filter(|(_, over)| **over > 0.0);
    pairs.map(|(of, over)| of / over).collect()
}

/// Calls `measure` for every subject in turn, `rounds` times; one that fails is left out from then
/// on.
///
/// Rounds begin with another subject each time, so that nobody always comes behind the same one.
pub fn interleave<S: Copy, T, E>(
    subjects: &[S],
    rounds: usize,
    mut measure: impl FnMut(S, usize) -> Result<T, E>,
) -> Vec<(S, Vec<T>, Option<E>)> {
    let mut all: Vec<_> = subjects
        .iter()
        .map(|one| (*one, Vec::new(), None))
        .collect();
    for round in 0..rounds {
        for at in 0..all.len() {
            let turn = (at + round) % all.len();
            let (subject, samples, failure) = &mut all[turn];
            if failure.is_some() {
                continue;
            }
            match measure(*subject, round) {
                Ok(sample) => samples.push(sample),
                Err(error) => *failure = Some(error),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(spread(&[]), None);
        let check = |values: &[f64], median| {
            assert_eq!(spread(values).map(|spread| spread.median), Some(median));
        };
        check(&[3.0], 3.0);
        check(&[4.0, 1.0], 2.5);
        check(&[9.0, 1.0, 2.0], 2.0);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        assert_eq!(ratios(&[2.0, 9.0, 5.0], &[1.0, 3.0]), [2.0, 3.0]);
        assert_eq!(ratios(&[2.0], &[0.0]), [0.0; 0]);
    }

    #[test]
    fn who_fails_is_not_asked_again_and_the_order_turns() {
        let mut order = String::new();
        let all = interleave(&['a', 'b', 'c'], 2, |subject, round| {
            order.push(subject);
            if subject == 'b' { Err(()) } else { Ok(round) }
        });
        assert_eq!(order, "abcca");
        assert_eq!(all[0].1, [0, 1]);
        assert_eq!((&all[1].1[..], all[1].2), (&[][..], Some(())));
    }
}
