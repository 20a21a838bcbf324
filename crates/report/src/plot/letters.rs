//! Texts of a plot at the width that they have: whole, on several lines, or cut.

/// From one line of letters to the next.
pub(super) const LINE: f64 = 18.0;
/// Lines of the name of an axis at most.
const LINES: usize = 3;
/// Where a name may be broken.
const BREAKS: [char; 5] = [' ', '_', '-', '/', '.'];

/// The width of a text in letters of this size, or a little more.
pub(super) fn length(text: &str, size: f64) -> f64 {
    text.chars().map(|c| if matches!(c, 'W' | 'M' | 'm' | 'w' | '@') { 0.92 } else { 0.6 }).sum::<f64>()
        * size
}

/// As much of the beginning of a text as fits into a width, one letter at least.
fn beginning(text: &str, size: f64, width: f64) -> &str {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if end > 0 && length(&text[..next], size) > width {
            break;
        }
        end = next;
    }
    &text[..end]
}

/// The text, cut to a width.
pub(super) fn cut(text: &str, size: f64, width: f64) -> String {
    if length(text, size) <= width {
        return text.to_owned();
    }
    format!("{}…", beginning(text, size, width - size))
}

/// The text with its middle cut out: of paths of files, either end may be what differs.
pub(crate) fn cut_inside(text: &str, size: f64, width: f64) -> String {
    if length(text, size) <= width {
        return text.to_owned();
    }
    let half = (width - size) / 2.0;
    let backwards: String = text.chars().rev().collect();
    let end: String = beginning(&backwards, size, half).chars().rev().collect();
    format!("{}…{end}", beginning(text, size, half))
}

/// The name of an axis on as few lines as it needs, broken between words or inside of a word that is longer than a line; what is beyond
/// three lines is cut.
pub(super) fn lines(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for piece in text.split_inclusive(BREAKS) {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() || length(&format!("{line}{}", piece.trim_end()), size) <= width {
            line.push_str(piece);
        } else {
            lines.push(piece.to_owned());
        }
        while let Some(line) = lines.last_mut().filter(|line| length(line.trim_end(), size) > width) {
            let rest = line.split_off(beginning(line, size, width).len());
            lines.push(rest);
        }
    }
    let beyond: String = lines.split_off(LINES.min(lines.len())).concat();
    if let (false, Some(last)) = (beyond.is_empty(), lines.last_mut()) {
        *last = cut(&format!("{last}{beyond}"), size, width);
    }
    lines.into_iter().map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_broken_between_its_words_and_kept_whole() {
        let name = "predicted median_house_value_of_the_block_group (log scale)";
        assert_eq!(lines(name, 10.0, 1000.0), [name]);
        assert_eq!(
            lines(name, 10.0, 150.0),
            ["predicted median_house_", "value_of_the_block_group", "(log scale)"]
        );
        let broken = lines(name, 10.0, 100.0);
        assert_eq!(broken, ["predicted", "median_house_", "value_of_the_bl…"]);
        assert!(broken.iter().all(|line| length(line, 10.0) <= 100.0), "{broken:?}");
        let broken = lines(name, 10.0, 220.0);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken.concat().replace(' ', "") == name.replace(' ', ""), "{broken:?}");
        // A word without a place to break is broken anywhere.
        assert_eq!(lines("aaaaaaaaaa", 10.0, 30.0), ["aaaaa", "aaaaa"]);
        assert_eq!(lines("", 10.0, 30.0), [""]);
    }

    #[test]
    fn a_path_keeps_both_of_its_ends() {
        let cut = cut_inside("first/some/folders/between/last", 10.0, 120.0);
        assert!(cut.starts_with("first") && cut.ends_with("last") && length(&cut, 10.0) <= 120.0, "{cut}");
        assert_eq!(cut_inside("short", 10.0, 120.0), "short");
        assert_eq!(super::cut("aaaaaaaaaa", 10.0, 40.0), "aaaaa…");
    }
}
