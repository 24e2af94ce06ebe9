//! Conditional requests and dates: decided as RFC 9110 section 13.2.2 decides, step by step.

use std::time::{Duration, SystemTime};

use sockeye_guest::http::conditional::{Conditions, Validators, Verdict, format_date};
use sockeye_guest::http::internals::parse_date;

use crate::dates;
use crate::http_reference::{is_field_text, trim};
use crate::pieces::{Choices, Derived};

/// The first second of the year 10000, which has no date.
const END: i64 = 253_402_300_800;

/// When what is asked for was modified: Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: i64 = 784_111_777;

const ETAG: &str = "\"a,b\"";

/// Takes the first byte for what is known of a file, and the lines behind it for header lines.
pub fn conditions(data: &[u8]) {
    let mut choices = Choices::new(data);
    let known = choices.byte();
    let text = choices.rest();
    let mut lines = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        dates_agree(line);
        // What a head can contain.
        if let Some(colon) = line.iter().position(|byte| *byte == b':')
            && let Ok(name) = std::str::from_utf8(&line[..colon])
            && is_field_text(&line[colon + 1..])
        {
            lines.push((name, trim(&line[colon + 1..])));
            dates_agree(trim(&line[colon + 1..]));
        }
    }
    let validators = Validators {
        etag: (known & 1 == 0).then_some(ETAG),
        modified: (known & 2 == 0).then(|| time(MODIFIED)),
    };
    let now = MODIFIED + 2;
    let conditions = Conditions::of(lines.iter().copied(), time(now));
    let reference = Reference {
        lines,
        validators,
        now,
    };
    let shown = text.escape_ascii();
    assert_eq!(
        conditions.evaluate(&validators),
        reference.evaluate(),
        "{shown}"
    );
    assert_eq!(
        conditions.allow_range(&validators),
        reference.allows_range(),
        "{shown}"
    );
}

fn time(second: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second.unsigned_abs())
}

/// Checks that a text is a date for both, and that dates that are written can be read.
fn dates_agree(text: &[u8]) {
    let mut derived = Derived::from(text);
    let now = derived.below(usize::MAX >> 29) as i64;
    let found = parse_date(text, now);
    assert_eq!(
        found,
        dates::parse(text, now),
        "{} at {now}",
        text.escape_ascii()
    );

    // Of two numbers, because one has 31 bits.
    let second = (derived.below(1 << 30) as i64 * 1000 + derived.below(1000) as i64) % END;
    let written = format_date(time(second));
    assert_eq!(written, dates::format(second));
    assert_eq!(
        parse_date(written.as_bytes(), now),
        Some(second),
        "{written}"
    );
}

struct Reference<'a> {
    lines: Vec<(&'a str, &'a [u8])>,
    validators: Validators<'a>,
    now: i64,
}

impl Reference<'_> {
    fn evaluate(&self) -> Verdict {
        // Step 1 and, where there is no such line, step 2.
        let if_match = self.all("if-match");
        if !if_match.is_empty() {
            if !if_match.iter().any(|line| self.names(line, true)) {
                return Verdict::PreconditionFailed;
            }
        } else if let (Some(date), Some(modified)) =
            (self.date("if-unmodified-since"), self.modified())
            && modified > date
        {
            return Verdict::PreconditionFailed;
        }
        // Step 3 and, where there is no such line, step 4.
        let if_none_match = self.all("if-none-match");
        let is_known = match if_none_match.is_empty() {
            false => if_none_match.iter().any(|line| self.names(line, false)),
            true => match (self.date("if-modified-since"), self.modified()) {
                (Some(date), Some(modified)) => modified <= date,
                _ => false,
            },
        };
        match is_known {
            true => Verdict::NotModified,
            false => Verdict::Proceed,
        }
    }

    /// Step 5.
    fn allows_range(&self) -> bool {
        match self.all("if-range")[..] {
            [] => true,
            [tag] if tag.starts_with(b"W/") || tag.starts_with(b"\"") => self
                .validators
                .etag
                .is_some_and(|etag| etag.as_bytes() == tag),
            [_] => self
                .modified()
                .is_some_and(|modified| self.date("if-range") == Some(modified)),
            _ => false,
        }
    }

    fn all(&self, wanted: &str) -> Vec<&[u8]> {
        let named = |(name, _): &&(&str, &[u8])| name.eq_ignore_ascii_case(wanted);
        self.lines
            .iter()
            .filter(named)
            .map(|(_, value)| *value)
            .collect()
    }

    /// The date of the one line that there is.
    fn date(&self, wanted: &str) -> Option<i64> {
        match self.all(wanted)[..] {
            [value] => dates::parse(value, self.now),
            _ => None,
        }
    }

    fn modified(&self) -> Option<i64> {
        self.validators.modified.map(|_| MODIFIED)
    }

    /// Says whether a list of tags names the file's, by the strong or the weak comparison.
    fn names(&self, list: &[u8], strong: bool) -> bool {
        if list == b"*" {
            return true;
        }
        let mut rest = list;
        loop {
            while let [b' ' | b'\t' | b',', more @ ..] = rest {
                rest = more;
            }
            let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let Some(inner) = quoted.strip_prefix(b"\"") else {
                return false;
            };
            let Some(length) = inner.iter().position(|byte| *byte == b'"') else {
                return false;
            };
            let same = self.validators.etag.map(str::as_bytes) == Some(&quoted[..length + 2]);
            if same && !(strong && is_weak) {
                return true;
            }
            rest = &inner[length + 1..];
        }
    }
}
