//! Just enough of Rust's lexical structure to tell code from comments and literals.

/// The source with every comment, string and character literal turned into blanks; all else keeps line and
/// column.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        if let Some(end) = end_of_text(&chars, at) {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// `code` without comments and literals, with each item under `#[cfg(test)]` turned into blanks.
pub(crate) fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(start) = kept.find(attribute) {
            let end = start + end_of_item(&kept[start..]);
            let blank: String =
                kept[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            kept.replace_range(start..end, &blank);
        }
    }
    kept
}

/// Where the item ends whose attributes stand first: after its block, or its semicolon.
fn end_of_item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == '}' || c == ';') {
            return at + 1;
        }
    }
    code.len()
}

/// How many lines have code on them: not blank, no comment, not of a test.
pub(crate) fn lines_of_code(source: &str) -> usize {
    let chars: Vec<char> = source.chars().collect();
    let (mut text, mut at) = (String::with_capacity(source.len()), 0);
    while at < chars.len() {
        let end = end_of_text(&chars, at).unwrap_or(at + 1);
        // A literal is code, and must not be read as such.
        let is_comment = end > at + 1 && chars[at] == '/';
        let shown = |c: char| {
            if c == '\n' {
                c
            } else if is_comment {
                ' '
            } else {
                '"'
            }
        };
        text.extend(chars[at..end].iter().map(|&c| if end == at + 1 { c } else { shown(c) }));
        at = end;
    }
    without_tests(&text).lines().filter(|line| !line.trim().is_empty()).count()
}

/// Where the comment or literal that starts here ends; None if none starts here.
fn end_of_text(chars: &[char], at: usize) -> Option<usize> {
    match chars[at..] {
        ['/', '/', ..] => Some(until(chars, at, |rest| rest.starts_with(&['\n']))),
        ['/', '*', ..] => Some(end_of_block_comment(chars, at)),
        ['"', ..] => Some(end_of_quoted(chars, at + 1, '"')),
        ['r', '#' | '"', ..] if starts_literal(chars, at) => end_of_raw_string(chars, at),
        // 'x' and '\n' are characters, 'x alone is a lifetime.
        ['\'', '\\', ..] => Some(end_of_quoted(chars, at + 1, '\'')),
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

/// The first position from `at` on where the rest satisfies `stop`, or the end.
fn until(chars: &[char], at: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len()).find(|&i| stop(&chars[i..])).unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_quoted(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// An `r` in the middle of a word starts nothing, unless the rest of the word is the `b` or `c` of br"" and
/// cr"".
fn starts_literal(chars: &[char], at: usize) -> bool {
    let word = |i: usize| chars[i].is_alphanumeric() || chars[i] == '_';
    match at {
        0 => true,
        1 => !word(0) || matches!(chars[0], 'b' | 'c'),
        _ => !word(at - 1) || (matches!(chars[at - 1], 'b' | 'c') && !word(at - 2)),
    }
}

fn end_of_raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let open = at + 1 + hashes;
    // Otherwise it is a raw identifier: r#type.
    (chars.get(open) == Some(&'"')).then(|| {
        let closes =
            |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|&&c| c == '#').count() >= hashes;
        (until(chars, open + 1, closes) + 1 + hashes).min(chars.len())
    })
}

/// Whether a character belongs to an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `code` as a whole word.
pub(crate) fn find_word(code: &str, word: &str) -> Option<usize> {
    code.match_indices(word).map(|(at, _)| at).find(|&at| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, code: &str) {
        assert_eq!(code_only(source), code);
    }

    #[test]
    fn comments_are_blanked_and_lines_kept() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */\n d */ e", "a             \n      e");
    }

    #[test]
    fn strings_are_blanked_with_their_escapes() {
        check(r#"f("a \" // b", c)"#, "f(           , c)");
        check(r##"f(r#"a " b"#, br"\", c)"##, "f(          , b    , c)");
        check("a\"unclosed", "a         ");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        check("x == 'δ' && y == '\\'' && z == '\"'", "x ==     && y ==      && z ==    ");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn tests_are_blanked_with_their_attributes() {
        let code =
            "a();\n#[cfg(test)]\n#[rustfmt::skip]\nmod t {\n  f([1; 2]) }\n#[cfg(test)]\nmod u;\nb();\n";
        assert_eq!(without_tests(code).split_whitespace().collect::<Vec<_>>(), ["a();", "b();"]);
        assert_eq!(without_tests(code).lines().count(), code.lines().count());
    }

    #[test]
    fn lines_of_code_are_neither_blank_nor_comments_nor_tests() {
        let source = "//! doc\n\nfn f() {\n    g(\"a\nb {\"); // why\n}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        assert_eq!(lines_of_code(source), 4);
    }

    #[test]
    fn raw_identifiers_are_code() {
        check("r#type.for_r#x", "r#type.for_r#x");
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(find_word("unsafe_code not_unsafe unsafe {", "unsafe"), Some(23));
        assert_eq!(find_word("unsafe_code", "unsafe"), None);
    }
}
