//! Dates of header lines (RFC 9110 section 5.6.7): the `Date` line of an answer, made once per
//! second, and what a client writes, in each of the three forms.

use std::time::{SystemTime, UNIX_EPOCH};

const LINE: [u8; 37] = *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

/// From the first of March of the year 0 on.
const DAYS_BEFORE_1970: u64 = 719_468;

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A `Date` line and the second it stands for.
pub(super) struct DateLine {
    second: Option<u64>,
    line: [u8; LINE.len()],
}

impl DateLine {
    pub(super) fn new() -> DateLine {
        DateLine {
            second: None,
            line: LINE,
        }
    }

    /// Makes the line one for this moment, and says whether it was one for another second.
    pub(super) fn renew(&mut self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let second = now.map_or(0, |now| now.as_secs());
        let is_other = self.second.replace(second) != Some(second);
        if is_other {
            self.line = line(second);
        }
        is_other
    }

    /// Returns the line (RFC 9110 section 5.6.7).
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.line
    }
}

/// Writes a second since 1970, before the year 10000, as a date.
pub(super) fn format(second: u64) -> String {
    String::from_utf8_lossy(&line(second)[6..35]).into_owned()
}

/// Returns the second since 1970 that a date stands for; negative before that.
///
/// A year of two digits is the last one that is no more than 50 years ahead of `now`. Whether the
/// weekday is that of the date is not looked at. A leap second is the first second of the next
/// minute.
pub(super) fn parse(value: &[u8], now: i64) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let Some((weekday, rest)) = text.split_once(", ") else {
        return parse_asctime(text);
    };
    let (date, time) = rest
        .strip_suffix(" GMT")?
        .split_at_checked(rest.len().checked_sub(13)?)?;
    let time = parse_time(time.strip_prefix(' ')?)?;
    if is_weekday(weekday, 3) {
        let [day, month, year] = parts(date, ' ')?;
        return Some(midnight(number(year, 4)?, month, number(day, 2)?)? + time);
    }
    let [day, month, year] = parts(date, '-')?;
    let (day, mut year) = (number(day, 2)?, number(year, 2)?);
    if !is_weekday(weekday, usize::MAX) {
        return None;
    }
    // From the end of the next century downwards: at most two steps.
    let (current, ..) = civil(u64::try_from(now / 86_400).unwrap_or(0));
    year += (current as i64 / 100 + 1) * 100;
    while days(year - 50, month_index(month)?, day) * 86_400 + time > now {
        year -= 100;
    }
    Some(midnight(year, month, day)? + time)
}

/// Parses the form of the function of C that is called so: `Sun Nov  6 08:49:37 1994`.
fn parse_asctime(text: &str) -> Option<i64> {
    let at = |from: usize, to: usize| text.get(from..to);
    let [weekday, month, day] = parts(at(0, 10)?, ' ').or_else(|| {
        let day = at(9, 10)?;
        Some([
            at(0, 3)?,
            at(3, 9)?.strip_prefix(' ')?.strip_suffix("  ")?,
            day,
        ])
    })?;
    if !is_weekday(weekday, 3) || (at(10, 11)?, at(19, 20)?) != (" ", " ") {
        return None;
    }
    let (day, year) = (number(day, day.len())?, number(at(20, text.len())?, 4)?);
    Some(midnight(year, month, day)? + parse_time(at(11, 19)?)?)
}

/// Parses `08:49:37`.
fn parse_time(text: &str) -> Option<i64> {
    let [hour, minute, second] = parts(text, ':')?;
    let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
    (hour < 24 && minute < 60 && second <= 60).then_some((hour * 60 + minute) * 60 + second)
}

/// Returns the first second of a day that exists.
fn midnight(year: i64, month: &str, day: i64) -> Option<i64> {
    let month = month_index(month)?;
    let first = days(year, month, 1);
    let next = days(year + month / 11, (month + 1) % 12, 1);
    (1..=next - first)
        .contains(&day)
        .then_some((first + day - 1) * 86_400)
}

/// Returns the number of a day since 1970, where months count from zero and days from one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end in the day that some of them do not have.
    let (year, month) = (year - i64::from(month < 2), (month + 10) % 12);
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_1970 as i64
}

fn month_index(name: &str) -> Option<i64> {
    let index = MONTHS
        .chunks(3)
        .position(|month| month == name.as_bytes())?;
    Some(index as i64)
}

/// Says whether `text` is a weekday, of which no more than `letters` are written.
fn is_weekday(text: &str, letters: usize) -> bool {
    WEEKDAYS
        .iter()
        .any(|day| &day[..letters.min(day.len())] == text)
}

fn parts(text: &str, between: char) -> Option<[&str; 3]> {
    let mut parts = text.split(between);
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

/// Returns the number that `digits` digits stand for.
fn number(text: &str, digits: usize) -> Option<i64> {
    let exact = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    exact.then(|| text.parse().ok())?
}

fn line(second: u64) -> [u8; LINE.len()] {
    let (year, month, day) = civil(second / 86_400);
    let weekday = (second / 86_400 + 4) % 7;
    let mut line = LINE;
    line[6..9].copy_from_slice(name(b"SunMonTueWedThuFriSat", weekday));
    put(&mut line[11..13], day);
    line[14..17].copy_from_slice(name(MONTHS, month));
    put(&mut line[18..22], year);
    put(&mut line[23..25], second / 3600 % 24);
    put(&mut line[26..28], second / 60 % 60);
    put(&mut line[29..31], second % 60);
    line
}

/// Returns the year, the month from zero and the day from one.
fn civil(day: u64) -> (u64, u64, u64) {
    // Counted from a first of March: what is irregular, February and the leap days, is at the end
    // of a year, of a century and of 400 years then.
    let day = day.wrapping_add(DAYS_BEFORE_1970);
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days, and then the next five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let next = u64::from(month >= 10);
    (400 * era + year + next, (month + 2) % 12, day)
}

fn name(names: &'static [u8], index: u64) -> &'static [u8] {
    &names[index as usize * 3..][..3]
}

fn put(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(second: u64, expected: &str) {
        assert_eq!(
            std::str::from_utf8(&line(second)).unwrap(),
            format!("Date: {expected} GMT\r\n")
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        check(0, "Thu, 01 Jan 1970 00:00:00");
        check(784_111_777, "Sun, 06 Nov 1994 08:49:37");
        check(951_782_399, "Mon, 28 Feb 2000 23:59:59");
        check(951_782_400, "Tue, 29 Feb 2000 00:00:00");
        check(1_735_689_599, "Tue, 31 Dec 2024 23:59:59");
        check(4_107_542_400, "Mon, 01 Mar 2100 00:00:00");
        check(253_402_300_799, "Fri, 31 Dec 9999 23:59:59");
    }

    #[track_caller]
    fn check_parse(text: &str, expected: impl Into<Option<i64>>) {
        // In the year 2026, on the first second of 21 November.
        let now = 1_795_219_200;
        assert_eq!(parse(text.as_bytes(), now), expected.into(), "{text}");
    }

    #[test]
    fn a_date_is_read_in_each_of_the_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994",
        ] {
            check_parse(text, 784_111_777);
        }
        check_parse("Sat Nov 26 08:49:37 1994", 785_839_777);
        check_parse("Sun, 06 Nov 1994 08:49:60 GMT", 784_111_800);
        check_parse("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400);
        check_parse("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799);
    }

    #[test]
    fn a_date_before_1970_is_a_negative_number() {
        check_parse("Wed, 31 Dec 1969 23:59:59 GMT", -1);
        check_parse("Mon, 01 Jan 1900 00:00:00 GMT", -2_208_988_800);
        check_parse("Mon Jan  1 00:00:00 1900", -2_208_988_800);
        check_parse("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200);
    }

    #[test]
    fn a_year_of_two_digits_is_no_more_than_50_years_ahead() {
        check_parse("Saturday, 21-Nov-76 00:00:00 GMT", 3_373_142_400);
        check_parse("Sunday, 21-Nov-76 00:00:01 GMT", 217_382_401);
        check_parse("Friday, 31-Dec-99 23:59:59 GMT", 946_684_799);
        check_parse("Thursday, 01-Jan-26 00:00:00 GMT", 1_767_225_600);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "yesterday",
            ", ",
            ",  GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Tue, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 31-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun\u{a0}Nov  6 08:49:37 1994",
            "\u{e9}\u{e9}, \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9} GMT",
        ] {
            check_parse(text, None);
        }
        assert_eq!(parse(b"Sun, \xff", 0), None);
    }

    #[test]
    fn a_date_beyond_the_year_9999_is_no_panic() {
        line(u64::MAX);
    }
}
