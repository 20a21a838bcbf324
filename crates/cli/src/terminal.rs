//! Lines that fit the terminal they are shown on.

use terminal_size::{Width, terminal_size_of};

/// Where a line goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The columns of the terminal that a stream goes to; as many as it takes where it is none.
pub(crate) fn columns(stream: Stream) -> usize {
    let size = match stream {
        Stream::Stdout => terminal_size_of(std::io::stdout()),
        Stream::Stderr => terminal_size_of(std::io::stderr()),
    };
    size.map_or(usize::MAX, |(Width(columns), _)| usize::from(columns))
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

/// Which of some parts or columns is left out first: the last of those with the highest rank above 0.
pub(crate) fn least_needed(ranks: impl Iterator<Item = u8>) -> Option<usize> {
    ranks.enumerate().filter(|&(_, rank)| rank > 0).max_by_key(|&(_, rank)| rank).map(|(at, _)| at)
}

/// The parts joined into one line of at most `columns` characters; those with the highest rank are left out first.
pub(crate) fn fitted(mut parts: Vec<Part>, between: &str, columns: usize) -> String {
    loop {
        let line = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(between);
        match least_needed(parts.iter().map(|part| part.rank)) {
            Some(at) if width(&line) > columns => parts.remove(at),
            _ => return line,
        };
    }
}

/// The parts joined into lines of at most `columns` characters; one that is longer stands on lines of its own.
pub(crate) fn wrapped(parts: &[String], between: &str, columns: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(part) <= columns => {
                line.push_str(between);
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    folded(&lines.join("\n"), columns)
}

/// The lines of a text, each broken at its blanks into lines of at most `columns` characters.
///
/// What is broken off hangs behind the label of its line, which two blanks or more set off, or else behind the line's own indent.
pub(crate) fn folded(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| folded_line(line, columns)).collect();
    lines.join("\n")
}

fn folded_line(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let start = line.len() - line.trim_start().len();
    let longest = line.split(' ').map(width).max().unwrap_or(0);
    let label = hang(line).filter(|&hang| hang + longest <= columns);
    let indent = " ".repeat(label.unwrap_or(start + 2));
    let (mut lines, mut rest) = (Vec::new(), line.to_owned());
    while width(&rest) > columns {
        // The blanks that a line may be broken at lie behind its indent.
        let first = rest.len() - rest.trim_start().len();
        let blanks = rest.char_indices().enumerate().filter(|&(_, (at, c))| c == ' ' && at > first);
        let (within, beyond): (Vec<_>, Vec<_>) = blanks.partition(|&(count, _)| count <= columns);
        let Some(&(_, (at, _))) = within.last().or(beyond.first()) else { break };
        let tail = rest[at..].trim_start();
        if tail.is_empty() {
            break;
        }
        let tail = format!("{indent}{tail}");
        lines.push(rest[..at].trim_end().to_owned());
        rest = tail;
    }
    lines.push(rest.trim_end().to_owned());
    lines.join("\n")
}

/// Where the text behind the label of a line begins.
fn hang(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    let gap = start + line[start..].find("  ")?;
    Some(width(line[..gap].trim_end()) + width(&line[gap..]) - width(line[gap..].trim_start()))
}

/// The number of characters of a text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text of at most `columns` characters, of which an ellipsis is the last where it was longer.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
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
        assert_eq!(wrapped(&parts, " · ", 20), "iris · 4-128-3\n120 training, 30\n  test examples");
    }

    #[test]
    fn a_long_line_hangs_behind_its_label_or_its_indent() {
        let line = "network   dense 128, relu, dense 10";
        assert_eq!(folded(line, 40), line);
        assert_eq!(folded(line, 24), "network   dense 128,\n          relu, dense 10");
        // Where the longest word does not fit behind the label, it takes the line.
        assert_eq!(
            folded("model     runs/digits/last.safetensors", 30),
            "model\n  runs/digits/last.safetensors"
        );
        assert_eq!(folded("a\n  the loss is still falling", 16), "a\n  the loss is\n    still\n    falling");
        assert_eq!(folded("unbreakable", 4), "unbreakable");
        assert_eq!(folded("a long_word_that_fits_nowhere b", 8), "a\n  long_word_that_fits_nowhere\n  b");
    }

    #[test]
    fn a_text_is_shortened_to_its_room() {
        assert_eq!(
            (shortened("versicolor", 10), shortened("versicolor", 5)),
            ("versicolor".to_owned(), "vers…".to_owned())
        );
    }
}
