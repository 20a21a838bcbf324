//! Lines that fit the terminal they are shown on.

use terminal_size::{Width, terminal_size_of};

/// The columns of the terminal on stderr; as many as it takes where it is none.
pub(crate) fn columns() -> usize {
    terminal_size_of(std::io::stderr()).map_or(usize::MAX, |(Width(columns), _)| usize::from(columns))
}

/// The same of stdout.
pub(crate) fn columns_of_stdout() -> usize {
    terminal_size_of(std::io::stdout()).map_or(usize::MAX, |(Width(columns), _)| usize::from(columns))
}

/// A part of a line.
pub(crate) struct Part {
    text: String,
    /// The higher, the sooner it is left out.
    rank: u8,
}

impl Part {
    /// Of two parts, that with the higher rank is left out first; one of rank 0 never is.
    pub(crate) fn new(rank: u8, text: impl Into<String>) -> Self {
        Self { text: text.into(), rank }
    }
}

/// The parts joined into one line of at most `columns` characters; those with the highest rank are left out first.
pub(crate) fn fitted(mut parts: Vec<Part>, between: &str, columns: usize) -> String {
    loop {
        let line = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(between);
        let last =
            parts.iter().enumerate().filter(|(_, part)| part.rank > 0).max_by_key(|(_, part)| part.rank);
        match last.map(|(at, _)| at) {
            Some(at) if line.chars().count() > columns => parts.remove(at),
            _ => return line,
        };
    }
}

/// The parts joined into lines of at most `columns` characters; a part that is longer than a line is broken at its blanks.
pub(crate) fn wrapped(parts: &[String], between: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(part) <= columns => {
                line.push_str(between);
                line.push_str(part);
            }
            _ => lines.extend(broken(part, columns)),
        }
    }
    lines.join("\n")
}

/// The lines of a text that is broken at its blanks.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_line_loses_what_matters_least_first() {
        let line = |columns| {
            let parts =
                vec![Part::new(0, "epoch 1/3"), Part::new(1, "loss 0.5"), Part::new(2, "9 examples/s")];
            fitted(parts, "  ", columns)
        };
        assert_eq!(line(usize::MAX), "epoch 1/3  loss 0.5  9 examples/s");
        assert_eq!(line(33), "epoch 1/3  loss 0.5  9 examples/s");
        assert_eq!(line(32), "epoch 1/3  loss 0.5");
        assert_eq!(line(3), "epoch 1/3");
    }

    #[test]
    fn no_word_is_lost_and_no_line_too_long() {
        let parts = ["iris".to_owned(), "4-128-3".to_owned(), "120 training, 30 test examples".to_owned()];
        assert_eq!(wrapped(&parts, " · ", usize::MAX), "iris · 4-128-3 · 120 training, 30 test examples");
        assert_eq!(wrapped(&parts, " · ", 20), "iris · 4-128-3\n120 training, 30\ntest examples");
    }
}
