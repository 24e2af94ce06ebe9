//! Dates of header lines (RFC 9110 section 5.6.7) in the plainest way: by counting days from the
//! year 0, and by places in the text.

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const DAY_SECONDS: i64 = 86_400;

/// A date with its time of day.
#[derive(Clone, Copy, Debug)]
struct Date {
    year: i64,
    /// From zero.
    month: usize,
    /// From one.
    day: i64,
    /// Seconds since midnight.
    time: i64,
}

/// Writes the second `second` of 1970 or later in the preferred form.
pub(crate) fn format(second: i64) -> String {
    let weekday = WEEKDAYS[(second / DAY_SECONDS % 7) as usize];
    let (mut days, mut year, mut month) = (second / DAY_SECONDS, 1970, 0);
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    while days >= month_days(year, month) {
        days -= month_days(year, month);
        month += 1;
    }
    let time = second % DAY_SECONDS;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let (weekday, day, month) = (&weekday[..3], days + 1, MONTHS[month]);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Returns the second that a text stands for in any of the three forms.
pub(crate) fn parse(text: &[u8], now: i64) -> Option<i64> {
    let text = std::str::from_utf8(text)
        .ok()
        .filter(|text| text.is_ascii())?;
    let date = preferred(text)
        .or_else(|| with_short_year(text, now))
        .or_else(|| of_asctime(text))?;
    let exists = (1..=month_days(date.year, date.month)).contains(&date.day);
    exists.then(|| date.second())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn preferred(text: &str) -> Option<Date> {
    let rest = behind_weekday(text, 3)?.strip_prefix(", ")?;
    is_shaped(rest, "00 aaa 0000 00:00:00 GMT").then_some(())?;
    date(
        &rest[..2],
        &rest[3..6],
        rest[7..11].parse().ok()?,
        &rest[12..20],
    )
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn with_short_year(text: &str, now: i64) -> Option<Date> {
    let rest = behind_weekday(text, 9)?.strip_prefix(", ")?;
    is_shaped(rest, "00-aaa-00 00:00:00 GMT").then_some(())?;
    let short: i64 = rest[7..9].parse().ok()?;
    let centuries = (0..=99).rev().map(|century| century * 100 + short);
    let mut candidates =
        centuries.filter_map(|year| date(&rest[..2], &rest[3..6], year, &rest[10..18]));
    candidates.find(|date| {
        let fifty_years_before = Date {
            year: date.year - 50,
            ..*date
        };
        fifty_years_before.second() <= now
    })
}

/// `Sun Nov  6 08:49:37 1994`
fn of_asctime(text: &str) -> Option<Date> {
    let rest = behind_weekday(text, 3)?;
    let is_asctime =
        is_shaped(rest, " aaa  0 00:00:00 0000") || is_shaped(rest, " aaa 00 00:00:00 0000");
    is_asctime.then_some(())?;
    date(
        rest[5..7].trim_start(),
        &rest[1..4],
        rest[17..].parse().ok()?,
        &rest[8..16],
    )
}

/// Returns what follows the name of a day, of which `letters` are written at the most.
fn behind_weekday(text: &str, letters: usize) -> Option<&str> {
    let names = WEEKDAYS.iter().map(|name| &name[..letters.min(name.len())]);
    names.filter_map(|name| text.strip_prefix(name)).next()
}

/// Says whether a text has a digit for each `0`, anything for each `a`, and all else as it is.
fn is_shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                b'a' => true,
                other => byte == other,
            })
}

fn date(day: &str, month: &str, year: i64, time: &str) -> Option<Date> {
    let part = |at: usize| time[at..at + 2].parse::<i64>().ok();
    let (hour, minute, second) = (part(0)?, part(3)?, part(6)?);
    Some(Date {
        year,
        month: MONTHS.iter().position(|name| *name == month)?,
        day: day.parse().ok()?,
        time: (hour < 24 && minute < 60 && second <= 60)
            .then_some(hour * 3600 + minute * 60 + second)?,
    })
}

impl Date {
    fn second(&self) -> i64 {
        // A year before 0 has the length of that 400 years later, as have those in between.
        let cycle: i64 = (0..400).map(year_days).sum();
        let since_zero = |year: i64| -> i64 {
            let (cycles, year) = (year.div_euclid(400), year.rem_euclid(400));
            cycles * cycle + (0..year).map(year_days).sum::<i64>()
        };
        let months: i64 = (0..self.month)
            .map(|month| month_days(self.year, month))
            .sum();
        let days = since_zero(self.year) - since_zero(1970) + months + self.day - 1;
        days * DAY_SECONDS + self.time
    }
}

fn year_days(year: i64) -> i64 {
    337 + month_days(year, 1)
}

fn month_days(year: i64, month: usize) -> i64 {
    let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 if leaps => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}
