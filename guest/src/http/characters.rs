//! Sets of characters, looked up rather than compared: every request has many of them.

/// A set of bytes.
pub(super) struct Characters([bool; 256]);

impl Characters {
    /// Makes the set of the letters and digits of ASCII, and of the `others`.
    pub(super) const fn alphanumeric_or(mut others: &[u8]) -> Characters {
        let mut set = [false; 256];
        let mut byte = 0u8;
        while byte < 128 {
            set[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        while let [byte, rest @ ..] = others {
            set[*byte as usize] = true;
            others = rest;
        }
        Characters(set)
    }

    /// Says whether `byte` is one of them.
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Says whether all of `bytes` are among them.
    pub(super) fn contain(&self, bytes: &[u8]) -> bool {
        self.prefix(bytes) == bytes.len()
    }

    /// Returns how many bytes at the beginning of `bytes` are among them.
    pub(super) fn prefix(&self, bytes: &[u8]) -> usize {
        // By eights, without a branch for each: a loop in a guest looks at the clock in every turn.
        let (eights, _) = bytes.as_chunks::<8>();
        let has_other =
            |eight: &[u8; 8]| !eight.iter().fold(true, |all, &b| all & self.contains(b));
        let from = 8 * eights.iter().position(has_other).unwrap_or(eights.len());
        let other = bytes[from..].iter().position(|&byte| !self.contains(byte));
        other.map_or(bytes.len(), |at| from + at)
    }
}

/// The characters of a field value: every one but controls (RFC 9110 section 5.5).
pub(super) static VALUE: Characters = {
    let mut set = [true; 256];
    let mut control = 0;
    while control < b' ' {
        set[control as usize] = control == b'\t';
        control += 1;
    }
    set[0x7f] = false;
    Characters(set)
};

/// The characters of a field name or a method (RFC 9110 section 5.6.2).
pub(super) static TOKEN: Characters = Characters::alphanumeric_or(b"!#$%&'*+-.^_`|~");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_no_byte_that_could_end_its_line() {
        assert!(VALUE.contain(b"text/plain; charset=\"utf-8\"\t\xff"));
        for byte in [b'\r', b'\n', 0, 0x1f, 0x7f] {
            assert!(!VALUE.contain(&[byte]), "{byte}");
        }
    }

    #[test]
    fn a_prefix_ends_at_the_first_other_wherever_that_is() {
        for length in 0..20 {
            let mut bytes = vec![b'a'; length];
            assert!(TOKEN.contain(&bytes));
            for at in 0..length {
                bytes[at] = b' ';
                assert_eq!(TOKEN.prefix(&bytes), at);
                bytes[at] = b'a';
            }
        }
    }
}
