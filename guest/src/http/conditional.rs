//! Conditional requests (RFC 9110 section 13): whether a client that has a copy needs another, and
//! whether what it wants still is what it has seen.

use std::time::{Duration, SystemTime};

use super::date;

/// The first second of the year 10000.
const END: u64 = 253_402_300_800;

/// What identifies the version of a representation that would be sent.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The strong entity tag, with its quotes, where it has one.
    pub etag: Option<&'a str>,
    /// When it was last modified, as `Last-Modified` says it: in whole seconds, by [`date_of`].
    pub modified: Option<SystemTime>,
}

/// What becomes of a conditional GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered as without conditions.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// It is no longer what the client has seen: 412.
    PreconditionFailed,
}

/// The conditions of one request.
#[derive(Clone, Debug)]
pub struct Conditions<'a> {
    now: SystemTime,
    match_lines: Vec<&'a [u8]>,
    none_match_lines: Vec<&'a [u8]>,
    modified_since: Single<'a>,
    unmodified_since: Single<'a>,
    range: Single<'a>,
}

/// A header line of which only one makes sense.
#[derive(Clone, Copy, Debug, Default)]
enum Single<'a> {
    #[default]
    Absent,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Conditions<'a> {
    /// Finds the conditions among the header lines of a request that is answered at `now`.
    pub fn of(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        now: SystemTime,
    ) -> Conditions<'a> {
        let mut conditions = Conditions {
            now,
            match_lines: Vec::new(),
            none_match_lines: Vec::new(),
            modified_since: Single::Absent,
            unmodified_since: Single::Absent,
            range: Single::Absent,
        };
        for (name, value) in headers {
            if !Conditions::may_be_in(name) {
                continue;
            }
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("if-match") {
                conditions.match_lines.push(value);
            } else if is("if-none-match") {
                conditions.none_match_lines.push(value);
            } else if is("if-modified-since") {
                conditions.modified_since.add(value);
            } else if is("if-unmodified-since") {
                conditions.unmodified_since.add(value);
            } else if is("if-range") {
                conditions.range.add(value);
            }
        }
        conditions
    }

    /// Says whether a header line of this name may be a condition: a cheap look that spares most
    /// requests [`of`](Self::of) and the clock that it needs.
    ///
    /// All of them start like this, and hardly anything else does.
    pub fn may_be_in(name: &str) -> bool {
        matches!(name.as_bytes(), [b'i' | b'I', b'f' | b'F', ..])
    }

    /// Decides about a GET or HEAD of what has `validators`, in the order of RFC 9110 section
    /// 13.2.2.
    ///
    /// Dates that are malformed or given twice, and those about what has no date, are ignored.
    pub fn evaluate(&self, validators: &Validators) -> Verdict {
        let etag = validators.etag.map(str::as_bytes);
        let modified = validators.modified.map(seconds);
        if !self.match_lines.is_empty() {
            if !any_tag(&self.match_lines, |tag| Some(tag) == etag) {
                return Verdict::PreconditionFailed;
            }
        } else if let Some(date) = self.date(self.unmodified_since)
            && modified.is_some_and(|modified| modified > date)
        {
            return Verdict::PreconditionFailed;
        }
        if !self.none_match_lines.is_empty() {
            let etag = etag.map(opaque);
            if any_tag(&self.none_match_lines, |tag| Some(opaque(tag)) == etag) {
                return Verdict::NotModified;
            }
        } else if let Some(date) = self.date(self.modified_since)
            && modified.is_some_and(|modified| modified <= date)
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Says whether a `Range` of this request is to be looked at: there is no `If-Range`, or it
    /// names the version that has `validators`.
    ///
    /// A tag has to be strong, and a date exact. What has a date by [`date_of`] was not modified
    /// twice within that second, so that the date is as good as a tag (RFC 9110 section 8.8.2.2).
    pub fn allow_range(&self, validators: &Validators) -> bool {
        match self.range {
            Single::Absent => true,
            Single::Repeated => false,
            Single::Once(value) if value.starts_with(b"\"") || value.starts_with(b"W/") => {
                Some(value) == validators.etag.map(str::as_bytes)
            }
            Single::Once(_) => {
                let date = self.date(self.range);
                date.is_some() && date == validators.modified.map(seconds)
            }
        }
    }

    /// Returns the second that a header line stands for.
    fn date(&self, line: Single) -> Option<i64> {
        match line {
            Single::Once(value) => date::parse(value, seconds(self.now)),
            _ => None,
        }
    }
}

impl<'a> Single<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Single::Absent => Single::Once(value),
            _ => Single::Repeated,
        };
    }
}

/// Returns the second since 1970, of a time that is neither before that nor after 9999.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().min(END).cast_signed())
}

/// How far the clock that file systems write times with may be behind (a tick of the kernel, of
/// which there are 100 in a second at the least).
const FILE_CLOCK_LAG: Duration = Duration::from_millis(10);

/// Returns a time as `Last-Modified` says it at `now`, in whole seconds; none where no date can.
///
/// None is before 1970 or after 9999. None lies in the future, and none is the second of `now` or
/// one that ended just before it: what is modified again has the same date then, and a client that
/// has the first version would never get the second (RFC 9110 sections 8.8.2.1 and 8.8.2.2).
pub fn date_of(time: SystemTime, now: SystemTime) -> Option<SystemTime> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let over = date + Duration::from_secs(1) + FILE_CLOCK_LAG;
    (seconds < END && over <= now).then_some(date)
}

/// Writes a date, as of [`date_of`], in the form of header lines (RFC 9110 section 5.6.7).
///
/// What other times become is not specified.
pub fn format_date(date: SystemTime) -> String {
    date::format(seconds(date).cast_unsigned())
}

/// Says whether one of the tags in `lines` matches, or one of the lines is a `*`.
///
/// What follows something malformed is not looked at.
fn any_tag(lines: &[&[u8]], matches: impl Fn(&[u8]) -> bool) -> bool {
    lines.iter().any(|line| {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            return true;
        }
        while let Some((tag, behind)) = next_tag(rest) {
            if matches(tag) {
                return true;
            }
            rest = behind;
        }
        false
    })
}

/// Splits the first entity tag off a list. A tag may contain commas.
fn next_tag(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
    let start = list.iter().position(|byte| !between(byte))?;
    let list = &list[start..];
    let open = if list.starts_with(b"W/") { 2 } else { 0 };
    if list.get(open) != Some(&b'"') {
        return None;
    }
    let length = list[open + 1..].iter().position(|byte| *byte == b'"')?;
    Some(list.split_at(open + 1 + length + 1))
}

/// Returns a tag without the mark of a weak one.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn modified() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn validators() -> Validators<'static> {
        Validators {
            etag: Some("\"a,b\""),
            modified: Some(modified()),
        }
    }

    fn conditions<'a>(lines: &[(&'a str, &'a str)]) -> Conditions<'a> {
        let lines = lines.iter().map(|(name, value)| (*name, value.as_bytes()));
        Conditions::of(lines, modified() + Duration::from_secs(1))
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: Verdict) {
        let verdict = conditions(lines).evaluate(&validators());
        assert_eq!(verdict, expected, "{lines:?}");
    }

    #[test]
    fn without_a_condition_the_request_proceeds() {
        check(&[], Verdict::Proceed);
        check(
            &[("If", "\"a,b\""), ("Accept", "*"), ("I\u{e4}", "")],
            Verdict::Proceed,
        );
    }

    #[test]
    fn if_none_match_compares_weakly_and_any_of_a_list() {
        for value in [
            "\"a,b\"",
            "W/\"a,b\"",
            "*",
            " * ",
            "\"x\", \"a,b\"",
            "\"x\",W/\"a,b\",\"y\"",
            ",,\"a,b\"",
        ] {
            check(&[("If-None-Match", value)], Verdict::NotModified);
        }
        for value in [
            "\"x\"",
            "a,b",
            "",
            "\"a,b",
            "\"x\" garbage \"a,b\"",
            "w/\"a,b\"",
            "**",
        ] {
            check(&[("If-None-Match", value)], Verdict::Proceed);
        }
        let split = [("if-none-match", "\"x\""), ("IF-NONE-MATCH", "\"a,b\"")];
        check(&split, Verdict::NotModified);
    }

    #[test]
    fn if_match_compares_strongly() {
        for value in ["\"a,b\"", "*", "\"x\", \"a,b\""] {
            check(&[("If-Match", value)], Verdict::Proceed);
        }
        for value in ["W/\"a,b\"", "\"x\"", "", "a,b"] {
            check(&[("If-Match", value)], Verdict::PreconditionFailed);
        }
    }

    #[test]
    fn dates_are_compared_with_the_modification() {
        check(&[("If-Modified-Since", BEFORE)], Verdict::Proceed);
        check(&[("If-Modified-Since", MODIFIED)], Verdict::NotModified);
        check(&[("If-Modified-Since", AFTER)], Verdict::NotModified);
        check(
            &[("If-Unmodified-Since", BEFORE)],
            Verdict::PreconditionFailed,
        );
        check(&[("If-Unmodified-Since", MODIFIED)], Verdict::Proceed);
        check(&[("If-Unmodified-Since", AFTER)], Verdict::Proceed);
    }

    #[test]
    fn a_date_before_1970_is_one() {
        let date = "Mon, 01 Jan 1900 00:00:00 GMT";
        check(
            &[("If-Unmodified-Since", date)],
            Verdict::PreconditionFailed,
        );
        check(&[("If-Modified-Since", date)], Verdict::Proceed);
    }

    #[test]
    fn the_two_older_forms_of_a_date_are_understood() {
        for value in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            check(&[("If-Modified-Since", value)], Verdict::NotModified);
        }
    }

    #[test]
    fn dates_that_are_malformed_or_given_twice_are_ignored() {
        for value in ["", "yesterday", "0", "Sun, 06 Nov 1994 08:49:37 CET"] {
            check(&[("If-Modified-Since", value)], Verdict::Proceed);
            check(&[("If-Unmodified-Since", value)], Verdict::Proceed);
        }
        check(&[("If-Modified-Since", AFTER); 2], Verdict::Proceed);
        check(&[("If-Unmodified-Since", BEFORE); 2], Verdict::Proceed);
    }

    #[test]
    fn tags_take_precedence_over_dates_and_what_failed_over_what_matches() {
        let tag = "\"a,b\"";
        check(
            &[("If-None-Match", "\"x\""), ("If-Modified-Since", AFTER)],
            Verdict::Proceed,
        );
        check(
            &[("If-Match", tag), ("If-Unmodified-Since", BEFORE)],
            Verdict::Proceed,
        );
        check(
            &[("If-None-Match", tag), ("If-Match", "\"x\"")],
            Verdict::PreconditionFailed,
        );
        check(
            &[("If-None-Match", tag), ("If-Match", tag)],
            Verdict::NotModified,
        );
        check(
            &[("If-None-Match", tag), ("If-Unmodified-Since", BEFORE)],
            Verdict::PreconditionFailed,
        );
    }

    #[test]
    fn without_a_date_of_modification_only_tags_count() {
        let undated = Validators {
            modified: None,
            ..validators()
        };
        for lines in [
            [("If-Modified-Since", AFTER)],
            [("If-Unmodified-Since", BEFORE)],
        ] {
            assert_eq!(conditions(&lines).evaluate(&undated), Verdict::Proceed);
        }
    }

    #[test]
    fn what_has_no_tag_is_matched_by_the_asterisk_only() {
        let untagged = Validators {
            etag: None,
            modified: None,
        };
        for (name, value, expected) in [
            ("If-Match", "*", Verdict::Proceed),
            ("If-Match", "\"a,b\"", Verdict::PreconditionFailed),
            ("If-Match", "", Verdict::PreconditionFailed),
            ("If-None-Match", "*", Verdict::NotModified),
            ("If-None-Match", "\"a,b\"", Verdict::Proceed),
        ] {
            let verdict = conditions(&[(name, value)]).evaluate(&untagged);
            assert_eq!(verdict, expected, "{name}: {value}");
        }
        assert!(!conditions(&[("If-Range", "\"a,b\"")]).allow_range(&untagged));
    }

    #[track_caller]
    fn check_range(value: &str, expected: bool) {
        let lines = [("If-Range", value)];
        let allowed = conditions(&lines).allow_range(&validators());
        assert_eq!(allowed, expected, "{value}");
    }

    #[test]
    fn if_range_takes_the_strong_tag_or_the_exact_date() {
        check_range("\"a,b\"", true);
        check_range(MODIFIED, true);
        for value in [
            "W/\"a,b\"",
            "\"x\"",
            "\"a,b\", \"x\"",
            "*",
            "",
            BEFORE,
            AFTER,
            "soon",
        ] {
            check_range(value, false);
        }
        assert!(conditions(&[]).allow_range(&validators()));
        let twice = [("If-Range", "\"a,b\""); 2];
        assert!(!conditions(&twice).allow_range(&validators()));
    }

    #[test]
    fn what_has_no_date_yet_matches_none() {
        let validators = Validators {
            modified: None,
            ..validators()
        };
        assert!(!conditions(&[("If-Range", MODIFIED)]).allow_range(&validators));
        assert!(!conditions(&[("If-Range", "soon")]).allow_range(&validators));
    }

    #[test]
    fn only_times_that_a_header_line_can_say_are_dates() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let date_of = |time| super::date_of(time, at(1 << 40));
        let exact = modified() + Duration::from_nanos(999_999_999);
        assert_eq!(date_of(exact), Some(modified()));
        assert_eq!(format_date(modified()), MODIFIED);
        let last = date_of(at(253_402_300_799)).unwrap();
        assert_eq!(format_date(last), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(date_of(at(253_402_300_800)), None);
        assert_eq!(
            date_of(SystemTime::UNIX_EPOCH - Duration::from_nanos(1)),
            None
        );
    }

    #[test]
    fn a_second_is_a_date_when_it_is_over() {
        let end = modified() + Duration::from_secs(1) + FILE_CLOCK_LAG;
        for within in [0, 500, 999] {
            let time = modified() + Duration::from_millis(within);
            assert_eq!(date_of(time, end), Some(modified()));
            assert_eq!(date_of(time, end - Duration::from_nanos(1)), None);
            assert_eq!(date_of(time, time), None);
        }
        assert_eq!(date_of(end + Duration::from_secs(3600), end), None);
    }
}
