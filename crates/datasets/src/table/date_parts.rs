//! The cyclic parts of a date as inputs: times that are close lie close, also over midnight and the turn of a year.

use std::f64::consts::TAU;

/// The names of the parts of a date, of each its sine and cosine; the first only of a column with times.
const PARTS: [&str; 3] = ["hour", "weekday", "yearday"];

/// The parts of a date with or without a time.
fn parts(with_time: bool) -> impl Iterator<Item = usize> {
    usize::from(!with_time)..PARTS.len()
}

/// The number of inputs that a date becomes: the days, and the sine and cosine of each part.
pub(super) fn inputs(with_time: bool) -> usize {
    1 + 2 * parts(with_time).count()
}

/// The names of these inputs for a column.
pub(super) fn names(column: &str, with_time: bool) -> Vec<String> {
    let of_part = |at: usize| ["sin", "cos"].map(|wave| format!("{column}.{}.{wave}", PARTS[at]));
    std::iter::once(column.to_owned()).chain(parts(with_time).flat_map(of_part)).collect()
}

/// Visits the inputs of a date in days since 1970-01-01: the days; then sine and cosine of 2π times the fraction of the day that has
/// passed, of the place of the day in its week, from Monday, and of its place in its year, each over the length of the whole.
pub(super) fn visit(days: f64, with_time: bool, mut each: impl FnMut(usize, f64)) {
    each(0, days);
    let day = days.floor();
    let (of_year, length) = day_of_year(day as i64);
    let fractions = [days - day, (day as i64 + 3).rem_euclid(7) as f64 / 7.0, of_year as f64 / length as f64];
    for (place, at) in parts(with_time).enumerate() {
        let (sin, cos) = (TAU * fractions[at]).sin_cos();
        each(2 * place + 1, sin);
        each(2 * place + 2, cos);
    }
}

/// The day of the week and of the year of a date in days since 1970-01-01.
pub(super) fn in_words(days: f64) -> String {
    const WEEK: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let day = days.floor() as i64;
    let (of_year, length) = day_of_year(day);
    format!("{}, day {} of {length}", WEEK[(day + 3).rem_euclid(7) as usize], of_year + 1)
}

/// The day of its year, from 0, and the days of that year, of a day since 1970-01-01 in the Gregorian calendar.
///
/// # References
/// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn day_of_year(day: i64) -> (i64, i64) {
    // Eras of 400 years begin in March, as their years do.
    let of_era = day.saturating_add(719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let from_march = of_era - (365 * year + year / 4 - year / 100);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    // January and February belong to the next year.
    let (year, first) = if from_march < 306 { (year, 59) } else { (year + 1, -306) };
    let leap = i64::from(is_leap(year));
    let of_year = from_march + first + if first > 0 { leap } else { 0 };
    (of_year, 365 + leap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::date::DateForm;

    fn day(text: &str) -> f64 {
        DateForm::Iso.parse(text).unwrap()
    }

    /// Expected days from Python's `date.timetuple().tm_yday - 1`.
    #[test]
    fn days_of_the_year_are_counted_from_january() {
        for (text, of_year) in [
            ("1970-01-01", (0, 365)),
            ("2024-01-01", (0, 366)),
            ("2024-02-29", (59, 366)),
            ("2024-03-01", (60, 366)),
            ("2023-03-01", (59, 365)),
            ("2023-12-31", (364, 365)),
            ("2024-12-31", (365, 366)),
            ("1900-12-31", (364, 365)),
            ("2000-12-31", (365, 366)),
            ("2100-02-28", (58, 365)),
            ("1600-02-29", (59, 366)),
        ] {
            assert_eq!(day_of_year(day(text) as i64), of_year, "{text}");
        }
    }

    #[test]
    fn midnight_and_the_turn_of_the_year_join_what_they_part() {
        let of = |text: &str| {
            let mut parts = vec![0.0; inputs(true)];
            visit(day(text), true, |at, x| parts[at] = x);
            parts
        };
        // Monday, 06:00: a quarter of the day.
        let monday = of("2024-01-01 06:00");
        assert_eq!(monday[0], 19_723.25);
        for (x, known) in monday[1..].iter().zip([1.0, 0.0, 0.0, 1.0, 0.0, 1.0]) {
            assert!((x - known).abs() < 1e-12, "{monday:?}");
        }
        let (before, after) = (of("2023-12-31 23:59:59"), of("2024-01-01 00:00:00"));
        let near =
            |at: usize, most: f64| assert!((before[at] - after[at]).abs() < most, "{before:?}, {after:?}");
        (1..3).for_each(|at| near(at, 1e-4));
        (5..7).for_each(|at| near(at, 0.02));
        assert_eq!(
            names("t", false),
            ["t", "t.weekday.sin", "t.weekday.cos", "t.yearday.sin", "t.yearday.cos"]
        );
        assert_eq!((names("t", true).len(), inputs(false)), (7, 5));
        // Before 1970 the time is that of the day still.
        assert!((of("1969-12-31 18:00")[1] + 1.0).abs() < 1e-12);
    }
}
