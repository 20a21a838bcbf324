//! docs/performance.md and the kernel notes: what is between two markers is ours to write, the rest is the reader's.

use std::fs;

use crate::failure::Failure;
use crate::process;

/// The pages with measured parts.
const PAGES: [&str; 2] = ["docs/performance.md", "docs/dev/kernel-notes.md"];

/// Puts `text` between the markers of its part, on the page that has them.
pub(crate) fn put(part: &str, text: &str) -> Result<(), Failure> {
    for name in PAGES {
        let page = process::root().join(name);
        let old = fs::read_to_string(&page)
            .map_err(|error| Failure::Unusable(format!("{name} cannot be read: {error}")))?;
        if let Some(new) = replaced(&old, part, text) {
            fs::write(&page, new)
                .map_err(|error| Failure::Unusable(format!("{name} cannot be written: {error}")))?;
            eprintln!("wrote {name}");
            return Ok(());
        }
    }
    Err(Failure::Unusable(format!(
        "{} have lost the markers `<!-- begin: {part} -->` and `<!-- end: {part} -->`: put them back",
        PAGES.join(" and ")
    )))
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
