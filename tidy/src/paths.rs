//! The paths of a Rust source: what its `use` declarations bring in, and what its code names by a path.

use crate::lexer;

/// A path such as `crate::kernel::Product`, one for each leaf of a `use` tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The name that a `use` gives it; `None` for a path in the code.
    pub(crate) binds: Option<String>,
}

/// The paths of `code`, which has neither comments nor literals.
pub(crate) fn of(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let word = |i: usize| tokens.get(i).map_or("", |(_, word)| *word);
        let previous = if at == 0 { "" } else { word(at - 1) };
        // `$crate::x` in a macro must take the public door; `pub(in crate::x)` names no item.
        if word(at) == "use" {
            at = tree(&tokens, at + 1, &[], true, &mut found);
        } else if is_name(word(at)) && word(at + 1) == "::" && !["::", "$", "in"].contains(&previous) {
            at = tree(&tokens, at, &[], false, &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path, with its branches in braces, and returns where it ends.
fn tree(
    tokens: &[(usize, &str)],
    mut at: usize,
    prefix: &[String],
    is_use: bool,
    found: &mut Vec<Path>,
) -> usize {
    let word = |i: usize| tokens.get(i).map_or("", |(_, word)| *word);
    let mut segments = prefix.to_vec();
    if word(at) == "::" {
        at += 1;
    }
    loop {
        match word(at) {
            "{" if is_use => {
                at += 1;
                while !["}", ""].contains(&word(at)) {
                    at = if word(at) == "," {
                        at + 1
                    } else {
                        tree(tokens, at, &segments, true, found).max(at + 1)
                    };
                }
                return at + 1;
            }
            "self" if !prefix.is_empty() => {}
            name if is_name(name) || (name == "*" && is_use) => segments.push(name.to_owned()),
            _ => break,
        }
        at += 1;
        if word(at) != "::" {
            break;
        }
        at += 1;
    }
    let line = tokens.get(at.saturating_sub(1)).map_or(1, |(line, _)| *line);
    let mut binds = segments.last().cloned().filter(|_| is_use);
    if is_use && word(at) == "as" {
        binds = Some(word(at + 1).to_owned());
        at += 2;
    }
    found.push(Path { line, segments, binds });
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and all other characters, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if lexer::is_word(c) => rest.find(|c| !lexer::is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            tokens.push((number, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Vec<String> {
        let shown = |path: &Path| {
            let binds = path.binds.as_ref().map_or(String::new(), |name| format!(" = {name}"));
            format!("{}: {}{binds}", path.line, path.segments.join("::"))
        };
        of(code).iter().map(shown).collect()
    }

    #[test]
    fn a_use_tree_has_a_path_for_each_leaf() {
        let code = "use crate::{a, b::{self, C as D}};\npub(crate) use super::*;\n";
        let expected = ["1: crate::a = a", "1: crate::b = b", "1: crate::b::C = D", "2: super::* = *"];
        assert_eq!(shown(code), expected);
    }

    #[test]
    fn the_code_names_paths_too() {
        let code = "fn f(x: crate::a::B) {\n    plan::plan::<T>(x);\n    <T as s::Tr>::f();\n}\n";
        assert_eq!(shown(code), ["1: crate::a::B", "2: plan::plan", "3: s::Tr"]);
        assert_eq!(shown("pub(in crate::a) fn f() { $crate::b::c!() }"), Vec::<String>::new());
    }
}
