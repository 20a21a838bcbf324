//! How files look: ends, blanks, size and left-overs.

use crate::file::{File, Violation};
use crate::lexer;

/// A Rust file in all, and its lines of code: no blanks, no comments, no tests inside.
const LONGEST: usize = 500;
const MOST_CODE: usize = 350;

/// Split, so that this file does not break its own rule.
const LEFT_OVERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
const MACHINE_PATHS: &[&str] =
    &[concat!("/", "work"), concat!("/", "root"), concat!("/", "home"), concat!("/", "Users")];

/// The rules for every text file.
pub(crate) fn check_text(file: &File) -> Vec<Violation> {
    if !is_written_by_hand(&file.path) || file.text.contains('\0') {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.text.split_inclusive('\n')) {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.ends_with(char::is_whitespace) {
            found.push(file.violation(number, "trailing whitespace: delete it"));
        }
        if let Some(path) = machine_path(line) {
            found
                .push(file.violation(number, format!("`{path}` is a path of one machine: make it relative")));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        let last = file.text.lines().count();
        found.push(file.violation(last, "no newline at the end of the file: add one"));
    }
    found
}

/// Data is as it is; these are the kinds of text that people write.
fn is_written_by_hand(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.trim_start_matches('.').rsplit_once('.') {
        Some((_, extension)) => {
            ["rs", "toml", "md", "yml", "yaml", "json", "py", "sh", "html", "css", "js"].contains(&extension)
        }
        // The fuzzer's seeds are data, whatever their names.
        None => !path.starts_with("fuzz/seeds/"),
    }
}

/// A path that starts at the root, not `docs/home` or `https://host/root`.
fn machine_path(line: &str) -> Option<&str> {
    let part_of_path = |c: char| lexer::is_word(c) || "./-~*)}>$".contains(c);
    MACHINE_PATHS.iter().find_map(|path| {
        line.match_indices(path).find_map(|(at, found)| {
            let before = line[..at].chars().next_back();
            let after = line[at + found.len()..].chars().next();
            (!before.is_some_and(part_of_path) && after == Some('/')).then_some(found)
        })
    })
}

/// The rules for Rust.
pub(crate) fn check_rust(file: &File) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        for word in LEFT_OVERS.iter().filter(|word| lexer::find_word(line, word).is_some()) {
            found.push(file.violation(number, format!("{word}: do it now, or open an issue")));
        }
    }
    let (length, code) = (file.text.lines().count(), lexer::lines_of_code(&file.text));
    if length > LONGEST {
        found.push(file.violation(length, format!("{length} lines: split the file by topic at {LONGEST}")));
    }
    if code > MOST_CODE {
        found
            .push(file.violation(1, format!("{code} lines of code: split the file by topic at {MOST_CODE}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = File { path: path.into(), text: text.into() };
        check_text(&file).into_iter().map(|violation| (violation.line, violation.message)).collect()
    }

    fn rust(text: &str) -> Vec<(usize, String)> {
        let file = File { path: "src/x.rs".into(), text: text.into() };
        check_rust(&file).into_iter().map(|violation| (violation.line, violation.message)).collect()
    }

    #[track_caller]
    fn one(found: &[(usize, String)], line: usize, about: &str) {
        assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(about), "{found:?}");
    }

    #[test]
    fn blanks_at_the_end_of_a_line_fail() {
        one(&text("a.md", "fine\nnot fine \n"), 2, "trailing whitespace");
        one(&text("a.toml", "fine\r\n"), 1, "trailing whitespace");
        assert_eq!(text("a.csv", "data \n"), []);
    }

    #[test]
    fn a_file_ends_with_a_newline() {
        one(&text("LICENSE-MIT", "a\nb"), 2, "newline");
        assert_eq!(text("LICENSE-MIT", "a\nb\n"), []);
        assert_eq!(text(".gitignore", ""), []);
        assert_eq!(text("fuzz/seeds/csv/words", "a"), []);
    }

    #[test]
    fn paths_of_one_machine_fail() {
        let [work, root, ..] = MACHINE_PATHS else { panic!("the list has shrunk") };
        one(&text("a.sh", &format!("ok\ncd {work}/main\n")), 2, "make it relative");
        one(&text(".ci/run", &format!("x=\"{root}/y\"\n")), 1, "make it relative");
        assert_eq!(
            text("a.md", &format!("https://host.org{root}/x and docs{work}/y and /a{work}er/z\n")),
            []
        );
    }

    #[test]
    fn left_overs_fail() {
        for word in LEFT_OVERS {
            one(&rust(&format!("fn f() {{}} // {word}: later\n")), 1, "open an issue");
        }
        assert_eq!(rust("fn f() {} // nothing left\n"), []);
    }

    #[test]
    fn long_files_fail() {
        assert_eq!(rust(&"// x\n".repeat(LONGEST)), []);
        one(&rust(&"// x\n".repeat(LONGEST + 1)), LONGEST + 1, "split the file");
        assert_eq!(rust(&"x;\n".repeat(MOST_CODE)), []);
        one(&rust(&"x;\n".repeat(MOST_CODE + 1)), 1, "351 lines of code");
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x;\n".repeat(9));
        assert_eq!(rust(&("x;\n".repeat(MOST_CODE) + &tests)), []);
    }
}
