//! `unsafe` stands only in named files, and there each use says why it is sound.

use super::{File, Violation, lexer};

/// `allowed` names the files that may say `unsafe`. The lint `unsafe_code` is only denied, as ndarray's `s![]` lifts it
/// inside itself and `forbid` would refuse that; this check is what no file lifts.
pub(super) fn check(file: &File, allowed: &[&str]) -> Vec<Violation> {
    let code = lexer::code_only(&file.text);
    if allowed.contains(&file.path.as_str()) {
        return undocumented(file, &code);
    }
    uses(&code)
        .map(|(number, _)| {
            file.violation(
                number,
                "unsafe code: write it safely, or justify the file in UNSAFE_FILES of xtask/src/tidy.rs",
            )
        })
        .collect()
}

/// The lines (from 1) with the keyword, and what follows it.
fn uses(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let keyword = "unsafe";
    (1..).zip(code.lines()).filter_map(move |(number, line)| {
        let at = lexer::find_word(line, keyword)?;
        Some((number, line[at + keyword.len()..].trim_start()))
    })
}

/// Blocks and impls without a `// SAFETY:` before them. An `unsafe fn` states a contract instead of meeting
/// one; its `# Safety` section is clippy's to demand.
fn undocumented(file: &File, code: &str) -> Vec<Violation> {
    let raw: Vec<&str> = file.text.lines().collect();
    let code_lines: Vec<&str> = code.lines().collect();
    uses(code)
        .filter(|(_, rest)| !is_declaration(rest))
        .filter(|&(number, _)| !has_safety_comment(&raw, &code_lines, number - 1))
        .map(|(number, _)| {
            file.violation(number, "unsafe without a reason: put `// SAFETY: …` on the line before")
        })
        .collect()
}

/// `unsafe fn` and `unsafe extern`, as declarations and as types.
fn is_declaration(rest: &str) -> bool {
    ["fn ", "fn(", "extern "].iter().any(|start| rest.starts_with(start))
}

/// Goes up from the line to the start of its statement, and through the comment above that.
fn has_safety_comment(raw: &[&str], code: &[&str], line: usize) -> bool {
    let says_so = |line: &str| line.contains("// SAFETY:");
    if says_so(raw[line]) {
        return true;
    }
    for above in (0..line).rev() {
        let (text, code) = (raw[above].trim(), code[above].trim());
        if says_so(text) {
            return true;
        }
        let is_comment = text.starts_with("//");
        let ends_another_statement = code.ends_with([';', '{', '}', ',']) || text.is_empty();
        if !is_comment && ends_another_statement {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["crates/a/src/ffi.rs"];

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let file = File { path: path.into(), text: text.into() };
        check(&file, ALLOWED).into_iter().map(|violation| (violation.line, violation.message)).collect()
    }

    #[track_caller]
    fn passes(path: &str, text: &str) {
        assert_eq!(found(path, text), []);
    }

    #[track_caller]
    fn complains(path: &str, text: &str, line: usize, about: &str) {
        let found = found(path, text);
        assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(about), "{found:?}");
    }

    #[test]
    fn unsafe_outside_the_list_fails() {
        complains("crates/b/src/x.rs", "fn f() {\n    unsafe { g() }\n}\n", 2, "UNSAFE_FILES");
        complains("crates/b/tests/x.rs", "unsafe impl Send for X {}\n", 1, "UNSAFE_FILES");
        passes("crates/b/src/x.rs", "// unsafe { }\nlet s = \"unsafe {\";\n");
    }

    #[test]
    fn unsafe_on_the_list_gives_its_reason() {
        let path = ALLOWED[0];
        passes(path, "// SAFETY: no pointers.\nunsafe { g() }\n");
        passes(path, "// SAFETY: no pointers,\n// none at all.\n#[inline]\nunsafe impl Send for X {}\n");
        passes(path, "// SAFETY: no pointers.\nlet answer =\n    unsafe { g() };\n");
        passes(path, "unsafe extern \"C\" {\n    fn g();\n}\n");
        passes(path, "unsafe fn f() {}\ntype F = unsafe extern \"C\" fn();\n");
        complains(path, "unsafe { g() }\n", 1, "SAFETY");
        complains(path, "// SAFETY: of the first.\nunsafe { g() }\nunsafe { h() }\n", 3, "SAFETY");
        complains(path, "// a reason that is none\nunsafe impl Send for X {}\n", 2, "SAFETY");
    }
}
