//! Numbers that are the same for the same seed, for the tests that generate what they send.

use std::env;

/// A source of numbers (xorshift64*, Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    /// Starts the numbers of `seed`.
    pub(crate) fn new(seed: u64) -> Random {
        // Zero would stay zero.
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Starts the numbers of one of the many things that are made from the same seed.
    pub(crate) fn numbered(seed: u64, number: usize) -> Random {
        Random::new(seed.wrapping_mul(1 << 20) + number as u64)
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    /// Returns one of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Returns the number in the environment variable `name`, or `usual` where it is not set.
///
/// # Panics
/// Where it is set to something else than a number.
pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("`{name}` is no number: `{text}`")),
        Err(_) => usual,
    }
}
