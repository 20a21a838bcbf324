//! Dates as numbers.

use serde::{Deserialize, Serialize};

/// How a column spells dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateForm {
    /// `2024-01-31`, `2024/01/31` or `2024.01.31`, perhaps with a time behind a blank or `T`.
    Iso,
    /// The same with a time and `Z`, `UTC` or an offset from UTC, to which it is converted.
    IsoZoned,
    /// `31.01.2024`, `31/01/2024` or `31-01-2024`.
    DayMonthYear,
    /// `01/31/2024` or `01-31-2024`.
    MonthDayYear,
}

impl DateForm {
    pub(super) const ALL: [Self; 4] = [Self::Iso, Self::IsoZoned, Self::DayMonthYear, Self::MonthDayYear];

    /// Days since 1970-01-01, with the time as a fraction.
    pub(super) fn parse(self, text: &str) -> Option<f64> {
        if !text.is_ascii() {
            return None;
        }
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
        if year.len() != 4 || month.len() > 2 || day.len() > 2 {
            return None;
        }
        let day = days(number(year)?, number(month)?, number(day)?)?;
        let zoned = self == Self::IsoZoned;
        let nanoseconds = match time {
            None if zoned => return None,
            None => 0,
            Some(time) => nanoseconds(time, zoned)?,
        };
        Some(days_since_1970(day, nanoseconds, NANOSECONDS))
    }
}

impl DateForm {
    /// Formats a date, in days since 1970-01-01, in this form; with the time, to the millisecond, where it is not midnight or the form
    /// has a zone.
    ///
    /// A date of the form of `31/01/2024` or `31-01-2024` gets the points of `31.01.2024`, which cannot be taken for another form.
    pub(super) fn spelled(self, days: f64) -> String {
        const PER_DAY: i64 = 86_400_000;
        let (day, time) = (days.floor(), days - days.floor());
        let time = (time * PER_DAY as f64).round() as i64;
        let (year, month, day) = civil(day as i64 + time / PER_DAY);
        let date = match self {
            Self::Iso | Self::IsoZoned => format!("{year:04}-{month:02}-{day:02}"),
            Self::DayMonthYear => format!("{day:02}.{month:02}.{year:04}"),
            Self::MonthDayYear => format!("{month:02}/{day:02}/{year:04}"),
        };
        let (seconds, milliseconds) = (time % PER_DAY / 1000, time % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let zone = if self == Self::IsoZoned { "Z" } else { "" };
        match (seconds, second, milliseconds) {
            (0, _, 0) if zone.is_empty() => date,
            (_, 0, 0) => format!("{date} {hour:02}:{minute:02}{zone}"),
            (_, _, 0) => format!("{date} {hour:02}:{minute:02}:{second:02}{zone}"),
            _ => format!("{date} {hour:02}:{minute:02}:{second:02}.{milliseconds:03}{zone}"),
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

/// Nanoseconds in a second.
const NANOSECONDS: i64 = 1_000_000_000;

fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
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

/// Nanoseconds since midnight, in UTC if there is an offset; what is below is cut off.
fn nanoseconds(time: &str, zoned: bool) -> Option<i64> {
    let utc = time.strip_suffix("UTC").or_else(|| time.strip_suffix("GMT"));
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        _ if utc.is_some() => (utc.unwrap_or_default(), Some("Z")),
        None => (time, None),
        Some(at) => (&time[..at], Some(&time[at..])),
    };
    if offset.is_some() != zoned {
        return None;
    }
    let mut parts = clock.trim().split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (number(whole)?, number(&format!("{fraction:0<9}")[..9])?)
        }
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = (hour * 3600 + minute * 60 + second) * NANOSECONDS + fraction;
    Some(match offset {
        None | Some("Z" | "z") => local,
        Some(offset) => {
            let digits = offset[1..].replace(':', "");
            if digits.len() != 2 && digits.len() != 4 {
                return None;
            }
            let (hours, minutes) = (number(&digits[..2])?, number(digits.get(2..4).unwrap_or("0"))?);
            let ahead = (hours * 3600 + minutes * 60) * NANOSECONDS;
            if offset.starts_with('-') { local + ahead } else { local - ahead }
        }
    })
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
            "2024-01",
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
