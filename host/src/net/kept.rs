//! Bytes that were received and not yet taken: a head in progress, or what followed a delimiter.

use memchr::memmem;

/// A delimiter of at most so many bytes, such as the end of a head, is looked for by its last one.
const SHORT_DELIMITER: usize = 4;

/// A queue of bytes that gives its memory back when it is empty.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    start: usize,
}

impl Kept {
    /// The bytes that are here.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How many bytes are here.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether no byte is here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes that arrived.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            // Moving what is left costs no more than receiving it did, and keeps the buffer small.
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the first `count` bytes, or all where there are fewer.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        if self.start == 0 && count >= self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let end = self.bytes.len().min(self.start.saturating_add(count));
        let taken = self.bytes[self.start..end].to_vec();
        self.start = end;
        if self.start == self.bytes.len() {
            *self = Kept::default();
        }
        taken
    }

    /// Fits the allocation to what is here; called before a connection waits for long.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Kept::default();
        } else {
            self.bytes.drain(..self.start);
            self.start = 0;
            self.bytes.shrink_to_fit();
        }
    }

    /// Finds `delimiter` in the first `max` bytes, knowing that it does not end before `scanned`;
    /// returns the position after it.
    pub fn find(&self, delimiter: &[u8], scanned: usize, max: usize) -> Option<usize> {
        let bytes = self.as_slice();
        let end = bytes.len().min(max);
        let from = scanned.saturating_sub(delimiter.len() - 1).min(end);
        let ends_here = |at: &usize| bytes[from..=*at].ends_with(delimiter);
        match delimiter {
            // Making a searcher for it would cost more than looking at every line end.
            [.., last] if delimiter.len() <= SHORT_DELIMITER => {
                let ends = memchr::memchr_iter(*last, &bytes[from..end]);
                ends.map(|at| from + at).find(ends_here).map(|at| at + 1)
            }
            _ => memmem::find(&bytes[from..end], delimiter).map(|at| from + at + delimiter.len()),
        }
    }

    /// Finds the end of a request head, an empty line, in the first `max` bytes, as
    /// [`Kept::find`] does.
    ///
    /// RFC 9112 section 2.2 lets a recipient take a lone LF for the end of a line; whether such a
    /// head is accepted is the handler's decision, here it only must not go unnoticed. Empty lines
    /// before the request line do not count, as that section asks.
    pub fn find_head_end(&self, scanned: usize, max: usize) -> Option<usize> {
        let bytes = self.as_slice();
        let end = bytes.len().min(max);
        let blank = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let from = scanned.saturating_sub(2).max(blank).min(end);
        memchr::memchr_iter(b'\n', &bytes[from..end])
            .map(|at| from + at)
            .find_map(|at| match bytes.get(at + 1..end) {
                Some([b'\n', ..]) => Some(at + 2),
                Some([b'\r', b'\n', ..]) => Some(at + 3),
                _ => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_head_end(input: &[u8], expected: Option<usize>) {
        let mut whole = Kept::default();
        whole.extend(input);
        assert_eq!(whole.find_head_end(0, usize::MAX), expected);
        let mut dripped = Kept::default();
        let mut found = None;
        for (index, byte) in input.iter().enumerate() {
            dripped.extend(&[*byte]);
            found = found.or(dripped.find_head_end(index, usize::MAX));
        }
        assert_eq!(found, expected, "found at the same place when it drips in");
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        check_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", Some(27));
        check_head_end(b"GET / HTTP/1.0\n\nrest", Some(16));
        check_head_end(b"GET / HTTP/1.0\r\n\nrest", Some(17));
        check_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r", None);
        check_head_end(b"GET / HTTP/1.1\r\n\rX\n", None);
        check_head_end(b"\r\n\r\nGET / HTTP/1.0\r\n\r\n", Some(22));
        check_head_end(b"\r\n\r\n", None);
        check_head_end(b"", None);
    }

    #[test]
    fn a_delimiter_is_found_only_within_max_bytes() {
        let mut kept = Kept::default();
        kept.extend(b"abc--def");
        assert_eq!(kept.find(b"--", 0, 5), Some(5));
        assert_eq!(kept.find(b"--", 0, 4), None);
        assert_eq!(
            kept.find(b"--", 4, 8),
            Some(5),
            "a delimiter may straddle what was scanned"
        );
    }

    #[test]
    fn taking_returns_bytes_in_order_and_frees_what_is_empty() {
        let mut kept = Kept::default();
        kept.extend(b"hello ");
        assert_eq!(kept.take(2), b"he");
        kept.extend(b"world");
        assert_eq!(kept.take(100), b"llo world");
        assert!(kept.is_empty());
        assert_eq!(kept.bytes.capacity(), 0);
    }
}
