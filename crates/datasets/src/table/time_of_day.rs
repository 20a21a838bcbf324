//! Times of day as text.

/// Nanoseconds in a second.
pub(super) const NANOSECONDS: i64 = 1_000_000_000;
/// Milliseconds in a day.
pub(super) const PER_DAY: i64 = 86_400_000;

/// A number of digits alone.
pub(super) fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) { None } else { text.parse().ok() }
}

/// Nanoseconds since midnight, in UTC if there is an offset; what is below is cut off.
pub(super) fn nanoseconds(time: &str, zoned: bool) -> Option<i64> {
    let utc = time.strip_suffix("UTC").or_else(|| time.strip_suffix("GMT"));
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        _ if utc.is_some() => (utc.unwrap_or_default(), Some("Z")),
        None => (time, None),
        Some(at) => (&time[..at], Some(&time[at..])),
    };
    if offset.is_some() != zoned {
        return None;
    }
    let (clock, half) = halved(clock.trim());
    let mut parts = clock.split(':');
    let (hour, minutes) = (number(parts.next()?)?, parts.next()?);
    let hour = match half {
        None => hour,
        Some(half) => (1..=12).contains(&hour).then_some(hour % 12 + 12 * half)?,
    };
    let minute = number(minutes).filter(|_| minutes.len() == 2)?;
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

/// A time without its `AM` or `PM`, and which half of the day this names: 0 or 1.
fn halved(clock: &str) -> (&str, Option<i64>) {
    let Some(at) = clock.len().checked_sub(2).filter(|&at| clock.is_char_boundary(at)) else {
        return (clock, None);
    };
    let (time, half) = clock.split_at(at);
    match half {
        "AM" | "am" => (time.trim_end(), Some(0)),
        "PM" | "pm" => (time.trim_end(), Some(1)),
        _ => (clock, None),
    }
}

/// A fraction of a day in milliseconds.
pub(super) fn milliseconds(days: f64) -> i64 {
    (days * PER_DAY as f64).round() as i64
}

/// A time in milliseconds as hours and minutes; with seconds, or seconds to three decimals, where there are any.
pub(super) fn clock(time: i64) -> String {
    let (seconds, milliseconds) = (time / 1000, time % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (second, milliseconds) {
        (0, 0) => format!("{hour:02}:{minute:02}"),
        (_, 0) => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{milliseconds:03}"),
    }
}

/// A time of day in days. A prediction may lie outside of the day: `-00:30` and `24:30`.
pub(super) fn spelled(days: f64) -> String {
    let time = milliseconds(days);
    format!("{}{}", if time < 0 { "-" } else { "" }, clock(time.saturating_abs()))
}
