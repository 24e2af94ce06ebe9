//! Decisions out of an input: the one input of a target says everything, so that it can be kept in
//! a file and run again.

use std::ops::Range;

/// Reads decisions off an input, byte by byte; behind its end every decision is zero.
pub(crate) struct Choices<'a> {
    data: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Choices<'a> {
        Choices { data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.data.split_first() else {
            return 0;
        };
        self.data = rest;
        *first
    }

    /// Returns a number below `count`, which is at most 256.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// Returns a number below 65,536.
    pub(crate) fn wide(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// Returns one of `these`.
    pub(crate) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.data
    }
}

/// Numbers that look random and follow from an input, where the input itself is to stay readable.
pub(crate) struct Derived(u64);

impl Derived {
    pub(crate) fn from(data: &[u8]) -> Derived {
        // FNV-1a.
        Derived(data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// Returns a number below `count`, which is not zero.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    /// Cuts a length into pieces of one to `longest` bytes.
    pub(crate) fn cut(&mut self, length: usize, longest: usize) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < length {
            let end = (at + 1 + self.below(longest)).min(length);
            pieces.push(at..end);
            at = end;
        }
        pieces
    }
}
