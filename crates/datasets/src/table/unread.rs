//! Words that look like numbers or dates in a form that is not read.

/// Different words from which it is no chance that all look alike.
const FEWEST: usize = 10;
/// Letters in dates and times: the beginnings of months and days of the week, in English, and what else they have.
const IN_DATES: [&str; 24] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon", "tue", "wed",
    "thu", "fri", "sat", "sun", "am", "pm", "utc", "gmt", "t",
];

/// What the words of a column look like, with one of them; `None` if they are only words.
pub(crate) fn looks_like(words: &[impl AsRef<str>]) -> Option<String> {
    let mut words = words.iter().map(AsRef::as_ref);
    let all = words.clone();
    let example = words.next()?;
    if all.len() < FEWEST || !all.clone().all(|word| word.contains(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let in_dates = |word: &str| {
        let letters = word.split(|c: char| !c.is_alphabetic()).filter(|letters| !letters.is_empty());
        letters.map(str::to_lowercase).all(|letters| {
            IN_DATES
                .iter()
                .any(|known| if known.len() < 3 { letters == *known } else { letters.starts_with(known) })
        })
    };
    let unit = unit(example);
    let what = if all.clone().all(in_dates) {
        "dates or numbers"
    } else if unit.is_some() && all.clone().all(|word| self::unit(word) == unit) {
        "numbers with a unit"
    } else {
        return None;
    };
    Some(format!("look like {what} in a form that is not read ({example})"))
}

/// The letters after a number.
fn unit(word: &str) -> Option<&str> {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.,".contains(c));
    let is_unit = unit.len() < word.len() && !unit.contains(|c: char| c.is_ascii_digit());
    is_unit.then(|| unit.trim())
}
