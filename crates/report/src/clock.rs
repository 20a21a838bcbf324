//! The time of day, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// `2026-11-24` for seconds since 1970.
pub fn date(seconds: f64) -> String {
    let (year, month, day) = civil(seconds as i64 / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-24 20:59 UTC` for seconds since 1970.
pub fn date_and_time(seconds: f64) -> String {
    let minutes = seconds as i64 / 60 % 1440;
    format!("{} {:02}:{:02} UTC", date(seconds), minutes / 60, minutes % 60)
}

/// Year, month and day of a day counted from 1970: years begin in March, so that the leap day comes last.
///
/// Hinnant, "chrono-compatible low-level date algorithms", 2013, `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        // `date -u -d @SECONDS`
        assert_eq!(date(0.0), "1970-01-01");
        assert_eq!(date(951_782_400.0), "2000-02-29");
        assert_eq!(date(4_107_542_399.0), "2100-02-28");
        assert_eq!(date_and_time(1_795_554_780.5), "2026-11-24 21:13 UTC");
    }
}
