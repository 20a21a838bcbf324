//! docs/performance.md: what is between two markers is ours to write, the rest is the reader's.

use std::fs;

use crate::failure::Failure;
use crate::process;

/// Puts `text` between the markers of its part.
pub(crate) fn put(part: &str, text: &str) -> Result<(), Failure> {
    let page = process::root().join("docs/performance.md");
    let old = fs::read_to_string(&page)
        .map_err(|error| Failure::Unusable(format!("docs/performance.md cannot be read: {error}")))?;
    let new = replaced(&old, part, text).ok_or_else(|| {
        Failure::Unusable(format!("docs/performance.md has lost its markers `<!-- begin: {part} -->` and `<!-- end: {part} -->`: put them back"))
    })?;
    fs::write(&page, new)
        .map_err(|error| Failure::Unusable(format!("docs/performance.md cannot be written: {error}")))?;
    eprintln!("wrote docs/performance.md");
    Ok(())
}

/// Writes the chart.
pub(crate) fn picture(svg: &str) -> Result<(), Failure> {
    fs::write(process::root().join("docs/performance.svg"), svg)
        .map_err(|error| Failure::Unusable(format!("docs/performance.svg cannot be written: {error}")))
}

fn replaced(page: &str, part: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- begin: {part} -->"), format!("<!-- end: {part} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let page = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n";
        let new = replaced(page, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- begin: x -->\n\nnew\n\n<!-- end: x -->\nb\n");
        assert_eq!(replaced(&new, "x", "new\n"), Some(new));
        assert_eq!(replaced("a\n", "x", "new"), None);
    }
}
