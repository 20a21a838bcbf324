//! How files look: ends, blanks, size, left-overs, and identifiers in ASCII.

use super::{File, Violation, lexer};

/// A file that needs more wants to be two; we aim at 400.
const LONGEST_RUST_FILE: usize = 500;

/// Split, so that this file does not break its own rule.
const LEFT_OVER_COMMENTS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
const LEFT_OVER_MACROS: &[&str] = &["dbg!", "todo!", "unimplemented!"];
const MACHINE_PATHS: &[&str] =
    &[concat!("/", "work"), concat!("/", "root"), concat!("/", "home"), concat!("/", "Users")];

/// The rules for every text file.
pub(super) fn check_text(file: &File) -> Vec<Violation> {
    if !is_written_by_hand(&file.path) {
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
pub(super) fn check_rust(file: &File) -> Vec<Violation> {
    let code = lexer::code_only(&file.text);
    let lines = (1..).zip(file.text.lines().zip(code.lines()));
    let mut found: Vec<Violation> = lines
        .flat_map(|(number, (text, code))| {
            rust_line(text, code).into_iter().map(move |message| file.violation(number, message))
        })
        .collect();
    let length = file.text.lines().count();
    if length > LONGEST_RUST_FILE {
        found.push(
            file.violation(length, format!("more than {LONGEST_RUST_FILE} lines: split the file by topic")),
        );
    }
    found
}

fn rust_line(text: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.contains('\t') {
        found.push("a tab: run `cargo fmt`, or write `\\t` in a string".to_owned());
    }
    for word in LEFT_OVER_COMMENTS.iter().filter(|word| lexer::find_word(text, word).is_some()) {
        found.push(format!("{word}: do it now, or open an issue"));
    }
    for name in LEFT_OVER_MACROS.iter().filter(|name| calls(code, name)) {
        found.push(format!("`{name}` is for the workbench: delete it, or write what it stands for"));
    }
    if let Some(letter) = code.chars().find(|c| !c.is_ascii()) {
        found.push(format!(
            "`{letter}` in code: spell it out in ASCII (theta, delta), symbols are for comments and strings"
        ));
    }
    found
}

fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| !code[..at].ends_with(lexer::is_word))
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
    fn tabs_in_rust_fail() {
        one(&rust("fn f() {\n\tg();\n}\n"), 2, "a tab");
    }

    #[test]
    fn left_overs_fail() {
        for word in LEFT_OVER_COMMENTS {
            one(&rust(&format!("fn f() {{}} // {word}: later\n")), 1, "open an issue");
        }
        for name in LEFT_OVER_MACROS {
            one(&rust(&format!("fn f() {{ {name}(x) }}\n")), 1, "workbench");
            assert_eq!(rust(&format!("// {name}(x)\nmy_{name}(\"{name}()\")\n")), []);
        }
    }

    #[test]
    fn identifiers_are_ascii_and_comments_are_not_asked() {
        one(&rust("let θ = 1;\n"), 1, "theta");
        assert_eq!(rust("let theta = 'θ'; // θ\n/// ∂C/∂θ\nconst NAME: &str = \"θ\";\n"), []);
    }

    #[test]
    fn long_files_fail() {
        assert_eq!(rust(&"x\n".repeat(LONGEST_RUST_FILE)), []);
        one(&rust(&"x\n".repeat(LONGEST_RUST_FILE + 1)), LONGEST_RUST_FILE + 1, "split the file");
    }
}
