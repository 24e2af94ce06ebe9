//! Byte ranges (RFC 9110 section 14): what a `Range` header line selects of a file, and what
//! stands between several parts of one answer.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// The most ranges of one request that are answered; where more are asked for, everything is sent.
pub const RANGES_MAX: usize = 64;

/// What a `Range` header line selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Everything: the line is malformed, of another unit, or asks for too much to be of use.
    Whole,
    /// These parts, in the order in which they were asked for; at least one, and none is empty.
    Parts(Vec<Range<u64>>),
    /// Nothing: every range begins behind the end. The answer is 416 with [`unsatisfied`].
    Unsatisfiable,
}

/// Says which parts of `size` bytes the value of a `Range` header line selects.
///
/// Ranges that begin behind the end are left out as long as one does not. More than [`RANGES_MAX`]
/// ranges, and ranges that add up to more than `size`, select the whole: a client that asks for the
/// same byte many times makes an answer that is larger than the file. The last bytes of an empty
/// file are all of it, and whole, because no `Content-Range` can name zero bytes.
pub fn select(value: &[u8], size: u64) -> Selection {
    let Some(set) = std::str::from_utf8(value).ok().and_then(byte_ranges) else {
        return Selection::Whole;
    };
    let (mut parts, mut total, mut asked, mut empty) = (Vec::new(), 0u128, 0, false);
    // A list may have empty elements (RFC 9110 section 5.6.1.2).
    for element in set.split(',').map(|text| text.trim_matches([' ', '\t'])) {
        if element.is_empty() {
            continue;
        }
        asked += 1;
        let Some(part) = part(element, size) else {
            return Selection::Whole;
        };
        if asked > RANGES_MAX {
            return Selection::Whole;
        }
        // A length at the end that is not zero is satisfiable, also by nothing (section 14.1.2).
        empty |= size == 0 && element.starts_with('-') && number(&element[1..]) != Some(0);
        if !part.is_empty() {
            total += u128::from(part.end - part.start);
            parts.push(part);
        }
    }
    match asked {
        0 => Selection::Whole,
        _ if empty || total > u128::from(size) => Selection::Whole,
        _ if parts.is_empty() => Selection::Unsatisfiable,
        _ => Selection::Parts(parts),
    }
}

/// Returns the value of the header line `Content-Range` for a part of `size` bytes.
pub fn content_range(part: &Range<u64>, size: u64) -> String {
    let last = part.end.saturating_sub(1);
    format!("bytes {}-{last}/{size}", part.start)
}

/// Returns the value of the header line `Content-Range` of an answer with status 416.
pub fn unsatisfied(size: u64) -> String {
    format!("bytes */{size}")
}

fn byte_ranges(value: &str) -> Option<&str> {
    let (unit, set) = value.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(set)
}

/// Returns the part that `first-last`, `first-` or `-length` stands for, empty where that lies
/// behind the end, or none where it is malformed.
fn part(element: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = element.split_once('-')?;
    if first.is_empty() {
        return Some(size - number(last)?.min(size)..size);
    }
    let first = number(first)?;
    let end = match last {
        "" => size,
        last => {
            let last = number(last)?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(size)
        }
    };
    Some(first.min(size)..end)
}

/// Returns the number that digits stand for; one that is too large is the largest there is.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// The framing of an answer that has several parts (`multipart/byteranges`).
pub(super) struct Multipart {
    /// The value of the answer's header line `Content-Type`.
    pub(super) content_type: String,
    /// What stands in front of each part.
    pub(super) heads: Vec<String>,
    /// What stands behind the last.
    pub(super) end: String,
    /// The length of everything.
    pub(super) length: u64,
}

impl Multipart {
    pub(super) fn new(content_type: &str, parts: &[Range<u64>], size: u64) -> Multipart {
        // Random, so that nobody can put a boundary into a file.
        let random = || RandomState::new().build_hasher().finish();
        let boundary = format!("{:016x}{:016x}", random(), random());
        let head = |part: &Range<u64>| {
            let range = content_range(part, size);
            format!(
                "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n"
            )
        };
        let mut heads: Vec<String> = parts.iter().map(head).collect();
        if let Some(first) = heads.first_mut() {
            first.drain(..2);
        }
        let end = format!("\r\n--{boundary}--\r\n");
        let framing = heads.iter().map(String::len).sum::<usize>() + end.len();
        let content = parts.iter().map(|part| part.end - part.start).sum::<u64>();
        Multipart {
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            heads,
            end,
            length: content + framing as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what `value` selects of 10 bytes; parts are written `2-4`, inclusive.
    #[track_caller]
    fn check(value: &str, expected: &str) {
        check_of(10, value, expected);
    }

    #[track_caller]
    fn check_of(size: u64, value: &str, expected: &str) {
        let selected = match select(value.as_bytes(), size) {
            Selection::Whole => "whole".to_owned(),
            Selection::Unsatisfiable => "unsatisfiable".to_owned(),
            Selection::Parts(parts) => {
                let parts = parts
                    .iter()
                    .map(|part| format!("{}-{}", part.start, part.end - 1));
                parts.collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(selected, expected, "{value} of {size}");
    }

    #[test]
    fn a_range_has_both_ends_or_one() {
        check("bytes=0-0", "0-0");
        check("bytes=2-4", "2-4");
        check("bytes=9-9", "9-9");
        check("bytes=3-", "3-9");
        check("bytes=-3", "7-9");
        check("bytes=0-", "0-9");
        check("BYTES=2-4", "2-4");
        check("bytes= 2-4 ", "2-4");
    }

    #[test]
    fn what_reaches_beyond_the_end_is_cut_off_there() {
        check("bytes=8-100", "8-9");
        check("bytes=-100", "0-9");
        check("bytes=8-18446744073709551615", "8-9");
        check("bytes=8-99999999999999999999999", "8-9");
        check("bytes=-99999999999999999999999", "0-9");
    }

    #[test]
    fn what_begins_behind_the_end_is_unsatisfiable() {
        check("bytes=10-", "unsatisfiable");
        check("bytes=10-20", "unsatisfiable");
        check("bytes=-0", "unsatisfiable");
        check("bytes=99999999999999999999999-", "unsatisfiable");
        check("bytes=10-,-0,11-12", "unsatisfiable");
    }

    #[test]
    fn several_ranges_keep_their_order_and_lose_the_unsatisfiable_ones() {
        check("bytes=0-1,4-5", "0-1 4-5");
        check("bytes=8-9, 0-1", "8-9 0-1");
        check("bytes=0-1,20-30,-1", "0-1 9-9");
        check("bytes=,0-1,,4-5,", "0-1 4-5");
        check("bytes=0-4,5-9", "0-4 5-9");
    }

    #[test]
    fn ranges_that_add_up_to_more_than_everything_select_everything() {
        check("bytes=0-,0-", "whole");
        check("bytes=0-9,5-5", "whole");
        check("bytes=0-6,3-9", "whole");
    }

    #[test]
    fn more_ranges_than_the_bound_select_everything() {
        let ranges = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
        let size = 2 * RANGES_MAX as u64;
        let parts = vec!["0-0"; RANGES_MAX].join(" ");
        check_of(size, &ranges(RANGES_MAX), &parts);
        check_of(size, &ranges(RANGES_MAX + 1), "whole");
        let empty = format!("bytes={}0-0", ",".repeat(10_000));
        check_of(size, &empty, "0-0");
    }

    #[test]
    fn what_is_malformed_selects_everything() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=0x1-2",
            "bytes=0-1;2-3",
            "bytes:0-1",
            "lines=0-1",
            "=0-1",
            "bytes =0-1",
            " bytes=0-1",
            "\u{a0}bytes=0-1",
            "bytes\u{2003}=0-1",
        ] {
            check(value, "whole");
        }
        assert_eq!(select(b"bytes=0-\xff", 10), Selection::Whole);
    }

    #[test]
    fn an_empty_file_has_no_positions_but_an_end() {
        for value in ["bytes=0-", "bytes=0-0", "bytes=1-,5-9", "bytes=-0"] {
            check_of(0, value, "unsatisfiable");
        }
        for value in ["bytes=-5", "bytes=0-,-1", "bytes=-5,-0", "bytes=0-,x"] {
            check_of(0, value, "whole");
        }
    }

    #[test]
    fn positions_of_the_largest_file_do_not_overflow() {
        let last = u64::MAX - 1;
        check_of(
            u64::MAX,
            &format!("bytes={last}-"),
            &format!("{last}-{last}"),
        );
        check_of(u64::MAX, "bytes=0-,0-", "whole");
        check_of(u64::MAX, "bytes=-1", &format!("{last}-{last}"));
    }

    #[test]
    fn the_header_line_names_the_first_and_the_last_byte() {
        assert_eq!(content_range(&(2..5), 10), "bytes 2-4/10");
        assert_eq!(unsatisfied(10), "bytes */10");
    }

    #[test]
    fn the_length_of_several_parts_counts_what_stands_between_them() {
        let multipart = Multipart::new("text/plain", &[0..2, 4..5], 10);
        let text = format!(
            "{}ab{}e{}",
            multipart.heads[0], multipart.heads[1], multipart.end
        );
        assert_eq!(text.len() as u64, multipart.length);
        let (_, boundary) = multipart.content_type.split_once("boundary=").unwrap();
        let expected = "--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nab\
             \r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/10\r\n\r\ne\
             \r\n--B--\r\n";
        assert_eq!(text.replace(boundary, "B"), expected);
    }
}
