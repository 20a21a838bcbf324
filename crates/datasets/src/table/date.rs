//! Dates and times of day as numbers.

use serde::{Deserialize, Serialize};

use super::time_of_day::{self, NANOSECONDS, nanoseconds, number};

/// How a column spells dates or times of day.
///
/// A time is `14:30`, `14:30:15`, `14:30:15.25` or `2:30 PM`. A year of two digits lies between 1969 and 2068, as POSIX has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateForm {
    /// `2024-01-31`, `2024/01/31` or `2024.01.31`, perhaps with a time behind a blank or `T`.
    Iso,
    /// The same with a time and `Z`, `UTC` or an offset from UTC, to which it is converted.
    IsoZoned,
    /// `31.01.2024`, `31/01/2024`, `31-01-2024`, `31.01.24` or `31/01/24`, perhaps with a time behind a blank.
    DayMonthYear,
    /// `01/31/2024`, `01-31-2024` or `01/31/24`, perhaps with a time behind a blank.
    MonthDayYear,
    /// `2024-01` or `2024/01`, which is the first day of the month.
    Month,
    /// `31 Jan 2024`, `31-Jan-24`, `January 31, 2024` or `Jan-24`, in English, perhaps with a time behind a blank.
    MonthInWords,
    /// A time of day alone.
    TimeOfDay,
}

/// The months as their names begin.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl DateForm {
    pub(super) const ALL: [Self; 7] = [
        Self::Iso,
        Self::IsoZoned,
        Self::DayMonthYear,
        Self::MonthDayYear,
        Self::Month,
        Self::MonthInWords,
        Self::TimeOfDay,
    ];

    /// Whether it names a day, which has a weekday and a place in its year.
    pub(super) fn has_day(self) -> bool {
        self != Self::TimeOfDay
    }

    /// Whether a text has the digits of a date, also of one that the calendar does not have.
    pub(super) fn is_shape(text: &str) -> bool {
        let date = text.split(['T', ' ']).next().unwrap_or_default();
        let parts: Vec<&str> = date.split(['-', '/', '.']).collect();
        let are_digits = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        are_digits && matches!(lengths[..], [4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4])
    }

    /// Days since 1970-01-01, with the time as a fraction; of a time of day the fraction alone.
    pub(super) fn parse(self, text: &str) -> Option<f64> {
        if !text.is_ascii() {
            return None;
        }
        match self {
            Self::Month => first_of_month(text),
            Self::MonthInWords => in_words(text),
            Self::TimeOfDay => Some(days_since_1970(0, nanoseconds(text, false)?, NANOSECONDS)),
            _ => self.in_digits(text),
        }
    }

    fn in_digits(self, text: &str) -> Option<f64> {
        let (date, time) = match text.find(['T', ' ']) {
            Some(at) => (&text[..at], Some(text[at + 1..].trim())),
            None => (text, None),
        };
        let separator = date.chars().find(|c| !c.is_ascii_digit())?;
        let mut parts = date.split(separator);
        let parts = [parts.next()?, parts.next()?, parts.next().filter(|_| parts.next().is_none())?];
        let [year, month, day] = match (self, separator) {
            (Self::Iso | Self::IsoZoned, '-' | '/' | '.') => parts,
            (Self::DayMonthYear, '.' | '/' | '-') => [parts[2], parts[1], parts[0]],
            (Self::MonthDayYear, '/' | '-') => [parts[2], parts[0], parts[1]],
            _ => return None,
        };
        // `1.2.10` is a version.
        let is_short =
            year.len() == 2 && (separator == '/' || separator == '.' && month.len() + day.len() == 4);
        let has_year = year.len() == 4 || is_short && matches!(self, Self::DayMonthYear | Self::MonthDayYear);
        if !has_year || month.len() > 2 || day.len() > 2 {
            return None;
        }
        let day = days(whole_year(year)?, number(month)?, number(day)?)?;
        let zoned = self == Self::IsoZoned;
        let nanoseconds = match time {
            None if zoned => return None,
            None => 0,
            Some(time) => nanoseconds(time, zoned)?,
        };
        Some(days_since_1970(day, nanoseconds, NANOSECONDS))
    }
}

/// The first day of a month such as `2024-01`.
fn first_of_month(text: &str) -> Option<f64> {
    let (year, month) = text.split_once(['-', '/'])?;
    // Of other numbers of four digits few are years.
    let year = number(year).filter(|years| year.len() == 4 && (1000..3000).contains(years))?;
    days(year, number(month).filter(|_| month.len() == 2)?, 1).map(|day| day as f64)
}

/// A date whose month is a name or its first three letters, or a month alone.
fn in_words(text: &str) -> Option<f64> {
    let (date, time) = match text.find(':') {
        Some(colon) => {
            let at = text[..colon].rfind(' ')?;
            (&text[..at], nanoseconds(text[at..].trim(), false)?)
        }
        None => (text, 0),
    };
    let mut words = date.split([' ', '-', '/', ',', '.']).filter(|word| !word.is_empty());
    let words =
        [words.next()?, words.next()?, words.next().unwrap_or_default(), words.next().unwrap_or_default()];
    let month = |name: &str| {
        let is_month = |month: &&str| {
            let begins = month.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
            begins && (name.len() == 3 || name.len() == month.len())
        };
        MONTHS.iter().position(is_month).map(|at| at as i64 + 1)
    };
    let day = |text: &str| number(text).filter(|_| text.len() <= 2);
    let (year, month, day) = match words {
        // `Jan 24` is a day as well.
        [name, year, "", ""] if year.len() == 4 || date.contains('-') => (whole_year(year)?, month(name)?, 1),
        [first, second, year, ""] => match month(first) {
            Some(month) => (whole_year(year)?, month, day(second)?),
            None => (whole_year(year)?, month(second)?, day(first)?),
        },
        _ => return None,
    };
    Some(days_since_1970(days(year, month, day)?, time, NANOSECONDS))
}

/// A year of four digits, or of two between 1969 and 2068.
fn whole_year(text: &str) -> Option<i64> {
    match (text.len(), number(text)?) {
        (4, year) => Some(year),
        (2, year) => Some(if year < 69 { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

impl DateForm {
    /// Formats a date, in days since 1970-01-01, in this form; with the time, to the millisecond, where it is not midnight or the form
    /// has a zone.
    ///
    /// A date of the form of `31/01/2024` or `31-01-2024` gets the points of `31.01.2024`, which cannot be taken for another form.
    pub(super) fn spelled(self, days: f64) -> String {
        if self == Self::TimeOfDay {
            return time_of_day::spelled(days);
        }
        let (day, time) = (days.floor(), days - days.floor());
        let time = time_of_day::milliseconds(time);
        let (day, time) = (day as i64 + time / time_of_day::PER_DAY, time % time_of_day::PER_DAY);
        let (year, month, day) = civil(day);
        let date = match self {
            Self::Month if day == 1 && time == 0 => format!("{year:04}-{month:02}"),
            Self::DayMonthYear => format!("{day:02}.{month:02}.{year:04}"),
            Self::MonthDayYear => format!("{month:02}/{day:02}/{year:04}"),
            Self::MonthInWords => format!("{day} {} {year:04}", &MONTHS[month as usize - 1][..3]),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        };
        let zone = if self == Self::IsoZoned { "Z" } else { "" };
        match time {
            0 if zone.is_empty() => date,
            time => format!("{date} {}{zone}", time_of_day::clock(time)),
        }
    }
}

/// Year, month and day of the month of a day since 1970-01-01 in the Gregorian calendar.
///
/// # References
/// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(719_468);
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // The year begins in March.
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + 400 * era + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Days since 1970-01-01 in the Gregorian calendar.
///
/// # References
/// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // The year begins in March, so that a leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Days since 1970-01-01 of the time `time` after the midnight that begins `day`, in units of 1/`per_second` s. The
/// same time has the same bits however it is counted.
pub(super) fn days_since_1970(day: i64, time: i64, per_second: i64) -> f64 {
    let per_day = 86_400 * per_second;
    let (day, rest) = (day + time.div_euclid(per_day), time.rem_euclid(per_day));
    day as f64 + rest as f64 / per_second as f64 / 86_400.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_spelled_as_it_was_read() {
        for (form, text) in [
            (DateForm::Iso, "1970-01-01"),
            (DateForm::Iso, "2000-02-29"),
            (DateForm::Iso, "1899-12-30"),
            (DateForm::Iso, "0400-03-01"),
            (DateForm::Iso, "2024-12-31 23:59:59"),
            (DateForm::Iso, "2024-03-01 06:00"),
            (DateForm::Iso, "1969-12-31 18:00:00.125"),
            (DateForm::IsoZoned, "2024-03-01 00:00Z"),
            (DateForm::DayMonthYear, "31.01.2024"),
            (DateForm::MonthDayYear, "01/31/2024"),
            (DateForm::Month, "2024-02"),
            (DateForm::MonthInWords, "31 Jan 2024"),
            (DateForm::MonthInWords, "1 May 1969 18:05"),
            (DateForm::TimeOfDay, "00:00"),
            (DateForm::TimeOfDay, "23:59:59.999"),
        ] {
            assert_eq!(form.spelled(form.parse(text).unwrap()), text);
        }
        // From the year 0 to 4160.
        for day in (-719_528..800_000).step_by(97).map(f64::from) {
            assert_eq!(DateForm::Iso.parse(&DateForm::Iso.spelled(day)), Some(day));
        }
        // Half a millisecond before midnight is midnight.
        assert_eq!(DateForm::Iso.spelled(19_000.0 - 1e-9), "2022-01-08");
    }

    /// Expected numbers from Python's `datetime`.
    #[test]
    fn dates_are_days_since_1970() {
        for (text, form, days) in [
            ("1970-01-01", DateForm::Iso, 0.0),
            ("2000-02-29", DateForm::Iso, 11_016.0),
            ("2024-12-31", DateForm::Iso, 20_088.0),
            ("1899-12-30", DateForm::Iso, -25_569.0),
            ("2024/3/1", DateForm::Iso, 19_783.0),
            ("2024-03-01T12:00", DateForm::Iso, 19_783.5),
            ("2024-03-01 06:00:00.000", DateForm::Iso, 19_783.25),
            ("2024-03-01T00:00:00Z", DateForm::IsoZoned, 19_783.0),
            ("2024.03.01", DateForm::Iso, 19_783.0),
            ("2024-03-01 06:00 UTC", DateForm::IsoZoned, 19_783.25),
            ("2024-03-01T02:00:00+02:00", DateForm::IsoZoned, 19_783.0),
            ("2024-02-29 18:00:00-0600", DateForm::IsoZoned, 19_783.0),
            ("01.03.2024", DateForm::DayMonthYear, 19_783.0),
            ("1/3/2024", DateForm::DayMonthYear, 19_783.0),
            ("3/1/2024", DateForm::MonthDayYear, 19_783.0),
            ("01/03/24", DateForm::DayMonthYear, 19_783.0),
            ("01.03.24", DateForm::DayMonthYear, 19_783.0),
            ("3/1/24 6:00 PM", DateForm::MonthDayYear, 19_783.75),
            ("1/1/69", DateForm::DayMonthYear, -365.0),
            ("1/1/68", DateForm::DayMonthYear, 35_794.0),
            ("2024-03", DateForm::Month, 19_783.0),
            ("1999/12", DateForm::Month, 10_926.0),
            ("1 Mar 2024", DateForm::MonthInWords, 19_783.0),
            ("01-MAR-24", DateForm::MonthInWords, 19_783.0),
            ("March 1, 2024", DateForm::MonthInWords, 19_783.0),
            ("1. March 2024 06:00", DateForm::MonthInWords, 19_783.25),
            ("Mar-24", DateForm::MonthInWords, 19_783.0),
            ("March 2024", DateForm::MonthInWords, 19_783.0),
            ("06:00", DateForm::TimeOfDay, 0.25),
            ("6:00:00", DateForm::TimeOfDay, 0.25),
            ("12:00 am", DateForm::TimeOfDay, 0.0),
            ("12:00 PM", DateForm::TimeOfDay, 0.5),
        ] {
            assert_eq!(form.parse(text), Some(days), "{text}");
        }
    }

    #[test]
    fn a_time_has_the_same_bits_however_it_is_counted() {
        for milliseconds in (0..86_400_000).step_by(8_641) {
            let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
            let clock =
                format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            let known = days_since_1970(19_753, milliseconds, 1_000);
            assert_eq!(DateForm::Iso.parse(&format!("2024-01-31 {clock}")), Some(known));
            assert_eq!(days_since_1970(0, 19_753 * 86_400_000 + milliseconds, 1_000), known);
            assert_eq!(days_since_1970(0, (19_753 * 86_400_000 + milliseconds) * 1_000, 1_000_000), known);
            let ahead = format!("2024-01-31 {clock}+23:59");
            let local = days_since_1970(19_753, milliseconds - (24 * 60 - 1) * 60_000, 1_000);
            assert_eq!(DateForm::IsoZoned.parse(&ahead), Some(local));
        }
        assert_eq!(
            DateForm::Iso.parse("2024-01-31 00:00:00.1234567891"),
            DateForm::Iso.parse("2024-01-31 00:00:00.123456789")
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "24-01-01",
            "1.2.10",
            "2024-13",
            "2024-1",
            "0815-01",
            "30 Feb 2024",
            "1 Mai 2024",
            "Ma 2024",
            "Mar 1",
            "Mar 24",
            "1 Mar 2024 5",
            "1 Mar 2024 x:00",
            "13:00 PM",
            "0:00 AM",
            "3:1",
            "24:00",
            "PM",
            "2024-01-01-01",
            "2024-01-01T25:00",
            "2024-01-01T",
            "2024-01-01Tx",
            "",
            "-",
            "1.5",
            "2024-1-1T1:1:1:1",
            "2024-03-01T00:00:00+2",
            "2024-03-01 06:00+01:00 UTC",
            "2024-03-01 UTC",
            "é-1-1",
        ] {
            assert!(DateForm::ALL.iter().all(|form| form.parse(text).is_none()), "{text}");
        }
        assert_eq!(DateForm::Iso.parse("2024-03-01T00:00:00Z"), None);
        assert_eq!(DateForm::IsoZoned.parse("2024-03-01"), None);
    }
}
