//! The `Date` line of an answer, made once per second.

use std::time::{SystemTime, UNIX_EPOCH};

const LINE: [u8; 37] = *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

/// A `Date` line and the second it stands for.
pub(super) struct DateLine {
    second: u64,
    line: [u8; LINE.len()],
}

impl DateLine {
    pub(super) fn new() -> DateLine {
        DateLine {
            second: 0,
            line: LINE,
        }
    }

    /// Returns the line for this moment (RFC 9110 section 5.6.7). Reads the clock once.
    pub(super) fn now(&mut self) -> &[u8] {
        let second = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs());
        if second != self.second {
            self.second = second;
            self.line = line(second);
        }
        &self.line
    }
}

fn line(second: u64) -> [u8; LINE.len()] {
    let (year, month, day) = civil(second / 86_400);
    let weekday = (second / 86_400 + 4) % 7;
    let mut line = LINE;
    line[6..9].copy_from_slice(name(b"SunMonTueWedThuFriSat", weekday));
    put(&mut line[11..13], day);
    line[14..17].copy_from_slice(name(b"JanFebMarAprMayJunJulAugSepOctNovDec", month));
    put(&mut line[18..22], year);
    put(&mut line[23..25], second / 3600 % 24);
    put(&mut line[26..28], second / 60 % 60);
    put(&mut line[29..31], second % 60);
    line
}

/// Returns the year, the month from zero and the day from one.
fn civil(mut day: u64) -> (u64, u64, u64) {
    // 400 years have 146,097 days; within them, years and months are counted off: at most 411
    // steps, once per second.
    let mut year = 1970 + 400 * (day / 146_097);
    day %= 146_097;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
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

    #[test]
    fn a_date_beyond_the_year_9999_is_no_panic() {
        line(u64::MAX);
    }
}
