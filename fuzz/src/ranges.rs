//! Range header lines: the bytes that a `Range` selects are those that a byte-by-byte reading of
//! RFC 9110 section 14 selects.

use std::ops::Range;

use sockeye_guest::http::range::{RANGES_MAX, Selection, content_range, select, unsatisfied};

/// Sizes that end a calculation of 64 bits; smaller ones are counted off byte by byte.
const HUGE: [u64; 4] = [1 << 32, u64::MAX - 1, u64::MAX, i64::MAX as u64];

/// Takes the first byte for the size of a file, and the rest for the value of the header line.
pub fn ranges(data: &[u8]) {
    let Some((size, value)) = data.split_first() else {
        return;
    };
    let size = match usize::from(*size) {
        small if small < 252 => small as u64,
        huge => HUGE[huge - 252],
    };
    let found = select(value, size);
    let expected = reference(value, size);
    assert_eq!(found, expected, "{} of {size}", value.escape_ascii());
    assert_eq!(unsatisfied(size), format!("bytes */{size}"));
    let Selection::Parts(parts) = found else {
        return;
    };
    for part in &parts {
        // Told to a client and asked for again, it is the same part.
        let told = content_range(part, size);
        let asked = told.replacen("bytes ", "bytes=", 1);
        let asked = asked.strip_suffix(&format!("/{size}"));
        let asked = asked.expect("the size is at the end");
        let again = select(asked.as_bytes(), size);
        assert_eq!(again, Selection::Parts(vec![part.clone()]), "{told}");
    }
}

fn reference(value: &[u8], size: u64) -> Selection {
    let Some(specs) = specs(value) else {
        return Selection::Whole;
    };
    let all: Vec<Range<u64>> = specs.iter().map(|spec| spec.part(size)).collect();
    let satisfiable = |spec: &Spec| match *spec {
        Spec::Suffix(length) => length > 0,
        Spec::From(first) | Spec::Between(first, _) => first < u128::from(size),
    };
    let parts: Vec<Range<u64>> = all.into_iter().filter(|part| !part.is_empty()).collect();
    let total: u128 = parts
        .iter()
        .map(|part| u128::from(part.end - part.start))
        .sum();
    if specs.is_empty() || specs.len() > RANGES_MAX || total > u128::from(size) {
        return Selection::Whole;
    }
    match specs.iter().any(satisfiable) {
        false => Selection::Unsatisfiable,
        // The last bytes of nothing.
        true if size == 0 => Selection::Whole,
        true => Selection::Parts(parts),
    }
}

enum Spec {
    Between(u128, u128),
    From(u128),
    Suffix(u128),
}

impl Spec {
    fn selects(&self, byte: u128, size: u128) -> bool {
        match *self {
            Spec::Between(first, last) => (first..=last).contains(&byte),
            Spec::From(first) => first <= byte,
            Spec::Suffix(length) => size - byte <= length,
        }
    }

    /// Returns the bytes that are selected.
    fn part(&self, size: u64) -> Range<u64> {
        if size < 256 {
            let selected = |byte: &u64| self.selects((*byte).into(), size.into());
            let all: Vec<u64> = (0..size).filter(selected).collect();
            return all
                .first()
                .map_or(0..0, |first| *first..all[all.len() - 1] + 1);
        }
        let size = u128::from(size);
        let (first, end) = match *self {
            Spec::Between(first, last) => (first, last + 1),
            Spec::From(first) => (first, size),
            Spec::Suffix(length) => (size - length.min(size), size),
        };
        let narrow = |number: u128| u64::try_from(number.min(size)).expect("the size fits");
        narrow(first)..narrow(end)
    }
}

/// Reads `bytes=` and a list, or says that it is none.
fn specs(value: &[u8]) -> Option<Vec<Spec>> {
    let text = std::str::from_utf8(value).ok()?;
    if !text.get(..6)?.eq_ignore_ascii_case("bytes=") {
        return None;
    }
    let elements = text[6..]
        .split(',')
        .map(|element| element.trim_matches([' ', '\t']));
    let elements = elements.filter(|element| !element.is_empty());
    elements.map(spec).collect()
}

fn spec(text: &str) -> Option<Spec> {
    let dash = text.find('-')?;
    match (&text[..dash], &text[dash + 1..]) {
        ("", length) => Some(Spec::Suffix(number(length)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Reads a number; all that are above 64 bits are alike.
fn number(digits: &str) -> Option<u128> {
    let mut number = 0u128;
    for digit in digits.chars() {
        let digit = digit.is_ascii().then(|| digit.to_digit(10))??;
        number = (number * 10 + u128::from(digit)).min(u64::MAX.into());
    }
    (!digits.is_empty()).then_some(number)
}
