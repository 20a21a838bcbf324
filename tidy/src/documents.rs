//! Markdown: links that lead somewhere, and a changelog that is open for the next entry.

use crate::file::{File, Violation};

/// Relative links of a Markdown file; `exists` is asked with the path from the repository's root.
pub(crate) fn check_links(file: &File, exists: impl Fn(&str) -> bool) -> Vec<Violation> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let broken = targets(&without_code(line)).into_iter().filter(|target| {
                let path = resolve(&file.path, target);
                path.is_none_or(|path| !exists(&path))
            });
            found.extend(broken.map(|target| {
                file.violation(
                    number,
                    format!("the link `{target}` leads nowhere: correct it, or add the file"),
                )
            }));
        }
    }
    found
}

/// The line with its `code spans` blanked.
fn without_code(line: &str) -> String {
    let spans = line.split('`').enumerate();
    spans.map(|(i, part)| if i % 2 == 0 { part.to_owned() } else { " ".repeat(part.len()) }).collect()
}

/// The files that a line links to: `[text](file#anchor "title")` and `[name]: file`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, rest)| rest.trim());
    inline
        .chain(reference)
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The path from the root; None if it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The changelog, None if there is no such file.
pub(crate) fn check_changelog(changelog: Option<&File>) -> Option<Violation> {
    let Some(file) = changelog else {
        let message = "there is no changelog: write one, with a section `## [Unreleased]`".to_owned();
        return Some(Violation { path: "CHANGELOG.md".to_owned(), line: 1, message });
    };
    let is_open = |line: &str| line.strip_prefix("## ").is_some_and(|title| title.contains("Unreleased"));
    (!file.text.lines().any(is_open))
        .then(|| file.violation(1, "no section for the next release: add `## [Unreleased]` on top"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let file = File { path: "docs/a.md".into(), text: text.into() };
        let exists = |path: &str| ["README.md", "docs/b.md", "docs/img/c.png"].contains(&path);
        check_links(&file, exists).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn complains(text: &str, line: usize, target: &str) {
        let found = found(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("docs/a.md:{line}: the link `{target}`")), "{found:?}");
    }

    #[test]
    fn links_to_files_pass() {
        let text = "[b](b.md), [up](../README.md#build) ![c](./img/c.png \"C\")\n[r]: b.md\n[here](#there)\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn links_elsewhere_are_not_asked() {
        let text = "[x](https://x.org/y.md) [m](mailto:a@b.c) `[a](b)`\n```\n[a](gone.md)\n```\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn links_to_nowhere_fail() {
        complains("fine\n[b](b.md) [x](gone.md#top)\n", 2, "gone.md");
        complains("[r]: gone.md\n", 1, "gone.md");
        complains("[out](../../other/README.md)\n", 1, "../../other/README.md");
        complains("```\ncode\n```\n[x](gone.md)\n", 4, "gone.md");
    }

    #[test]
    fn the_changelog_is_open() {
        let changelog = |text: &str| File { path: "CHANGELOG.md".into(), text: text.into() };
        assert_eq!(check_changelog(Some(&changelog("# Changelog\n\n## [Unreleased]\n"))), None);
        let closed = check_changelog(Some(&changelog("# Changelog\n\nUnreleased\n\n## [0.1.0]\n")));
        assert!(closed.is_some_and(|violation| violation.message.contains("add `## [Unreleased]`")));
        assert!(check_changelog(None).is_some_and(|violation| violation.message.contains("write one")));
    }
}
