//! What every `Cargo.toml` of a package must say.
//!
//! Read as text, line by line: that there is one way to write these lines is part of the rule, and sparing a
//! TOML parser keeps xtask quick to build.

use super::{File, Violation};

/// (table, line, what goes wrong without it).
const REQUIRED: &[(&str, &str, &str)] = &[
    ("[lints]", "workspace = true", "it escapes the workspace's lints"),
    ("[package]", "edition.workspace = true", "its edition may drift"),
    ("[package]", "rust-version.workspace = true", "its MSRV may drift"),
    ("[package]", "license.workspace = true", "its licence may drift"),
];

pub(super) fn check(file: &File) -> Vec<Violation> {
    let package = table(file, "[package]");
    if package.is_empty() {
        return Vec::new(); // the workspace's own manifest
    }
    // A workspace of its own, as other libraries' are: there is nothing to inherit.
    let stands_alone = file.text.lines().any(|line| line.trim() == "[workspace]");
    let required = if stands_alone { &[][..] } else { REQUIRED };
    let missing =
        required.iter().filter(|(header, line, _)| !table(file, header).iter().any(|(_, has)| has == line));
    let mut found: Vec<Violation> = missing
        .map(|(header, line, harm)| file.violation(1, format!("{harm}: add `{line}` under {header}")))
        .collect();
    found.extend(check_description(file, &package));
    found
}

fn check_description(file: &File, package: &[(usize, &str)]) -> Option<Violation> {
    let description = package.iter().find_map(|&(number, line)| {
        let value = line.strip_prefix("description")?.trim_start().strip_prefix('=')?;
        Some((number, value.trim().trim_matches('"')))
    });
    match description {
        None => Some(file.violation(1, "no description: add one line that says what the crate is for")),
        Some((number, text)) if text.is_empty() || text.starts_with(concat!("TO", "DO")) => {
            Some(file.violation(number, "no description yet: write one line that says what the crate is for"))
        }
        Some(_) => None,
    }
}

/// The numbered lines of a table, without comments.
fn table<'a>(file: &'a File, header: &str) -> Vec<(usize, &'a str)> {
    let lines = (1..).zip(file.text.lines()).map(|(number, line)| (number, line.trim()));
    lines
        .skip_while(|(_, line)| *line != header)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"x\"\ndescription = \"Layers\"\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n\n[dependencies]\n\n\
        [lints]\nworkspace = true\n";

    fn found(text: &str) -> Vec<String> {
        let file = File { path: "crates/x/Cargo.toml".into(), text: text.into() };
        check(&file).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn complains(text: &str, about: &str) {
        assert_ne!(text, GOOD);
        let found = found(text);
        assert!(found.len() == 1 && found[0].contains(about), "{found:?}");
    }

    #[test]
    fn a_complete_manifest_passes_and_a_workspace_has_no_duties() {
        assert_eq!(found(GOOD), Vec::<String>::new());
        assert_eq!(found("[workspace]\nmembers = []\n"), Vec::<String>::new());
    }

    #[test]
    fn each_required_line_is_missed() {
        for (header, line, _) in REQUIRED {
            let without = GOOD.replace(&format!("\n{line}\n"), "\n");
            complains(&without, &format!("add `{line}` under {header}"));
        }
    }

    #[test]
    fn lints_under_another_table_do_not_count() {
        complains(&GOOD.replace("[lints]", "[dependencies.x]"), "under [lints]");
    }

    #[test]
    fn a_workspace_of_its_own_inherits_nothing() {
        let text = "[workspace]\n\n[package]\nname = \"x\"\ndescription = \"Peers\"\nedition = \"2024\"\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn the_description_must_say_something() {
        complains(&GOOD.replace("description = \"Layers\"\n", ""), ":1: no description");
        complains(&GOOD.replace("Layers", concat!("TO", "DO")), ":3: no description yet");
    }
}
