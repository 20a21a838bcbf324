//! Networks in words: `dense 128, relu, dropout 0.5, dense 10`.
//!
//! ```text
//! network  = layer ("," layer)*
//! layer    = [count "x"] (name argument* | "(" network ")")
//! argument = word | "(" network ")"
//! ```
//! `3 x (dense 32, relu)` writes the layers three times.

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use chainrule_tensor::registry::quoted;
use thiserror::Error;

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{fault}, at character {} of the network, {}", at.start + 1, quoted(text, at))]
pub struct WordsError {
    /// The whole text.
    pub text: String,
    /// Where in it.
    pub at: Range<usize>,
    /// What is wrong.
    pub fault: String,
}

/// A layer as it is written, before its name means anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'t> {
    /// The name.
    pub name: &'t str,
    /// Where it is.
    pub at: Range<usize>,
    arguments: Vec<Argument<'t>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument<'t> {
    Word(&'t str, Range<usize>),
    Network(Vec<Item<'t>>, Range<usize>),
}

/// Reads a text as layers with arguments.
///
/// # Errors
/// If a bracket, a comma or a name is missing, or it would be more than 10,000 layers.
pub fn items(text: &str) -> Result<Vec<Item<'_>>, WordsError> {
    let mut reader = Reader { text, at: 0, depth: 0, left: MOST };
    let items = reader.network()?;
    match reader.peek() {
        None => Ok(items),
        Some((token, at)) => Err(reader.error(at, format!("`{token}` is one too many"))),
    }
}

/// Layers of a network, repetitions written out.
const MOST: usize = 10_000;
/// Brackets inside brackets.
const DEEPEST: usize = 64;

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    left: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, at: Range<usize>, fault: impl Into<String>) -> WordsError {
        WordsError { text: self.text.to_owned(), at, fault: fault.into() }
    }

    fn end(&self) -> Range<usize> {
        self.text.len()..self.text.len()
    }

    /// The next token and where it is.
    fn peek(&self) -> Option<(&'t str, Range<usize>)> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let first = rest.chars().next()?;
        let length = if "(),".contains(first) {
            first.len_utf8()
        } else {
            rest.find(|c: char| c.is_whitespace() || "(),".contains(c)).unwrap_or(rest.len())
        };
        Some((&rest[..length], start..start + length))
    }

    fn next(&mut self) -> Option<(&'t str, Range<usize>)> {
        let token = self.peek()?;
        self.at = token.1.end;
        Some(token)
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.peek().is_some_and(|(next, _)| next == token);
        if found {
            self.next();
        }
        found
    }

    fn network(&mut self) -> Result<Vec<Item<'t>>, WordsError> {
        let mut items = self.layers()?;
        while self.takes(",") {
            items.extend(self.layers()?);
        }
        Ok(items)
    }

    /// One layer, or as many as a count says.
    fn layers(&mut self) -> Result<Vec<Item<'t>>, WordsError> {
        let Some((first, at)) = self.peek() else {
            return Err(self.error(self.end(), "the name of a layer is missing"));
        };
        if let Ok(count) = first.parse::<usize>() {
            self.next();
            if !self.takes("x") {
                return Err(self.error(at, format!("a layer begins with its name; `{count} x` repeats one")));
            }
            self.deeper(at.clone())?;
            let items = self.layers()?;
            self.depth -= 1;
            if count.saturating_mul(items.len()) > MOST {
                return Err(self.error(at, format!("more than {MOST} layers")));
            }
            return Ok(std::iter::repeat_n(items, count).flatten().collect());
        }
        if first == "(" {
            return self.in_brackets();
        }
        if [")", ","].contains(&first) {
            return Err(self.error(at, format!("the name of a layer is missing before `{first}`")));
        }
        self.next();
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| self.error(at.clone(), format!("more than {MOST} layers")))?;
        let mut arguments = Vec::new();
        while let Some((word, at)) = self.peek().filter(|(next, _)| ![")", ","].contains(next)) {
            if word == "(" {
                let inner = self.in_brackets()?;
                arguments.push(Argument::Network(inner, at.start..self.at));
            } else {
                self.next();
                arguments.push(Argument::Word(word, at));
            }
        }
        Ok(vec![Item { name: first, at, arguments }])
    }

    fn deeper(&mut self, at: Range<usize>) -> Result<(), WordsError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(at, format!("more than {DEEPEST} brackets and counts inside each other")));
        }
        Ok(())
    }

    fn in_brackets(&mut self) -> Result<Vec<Item<'t>>, WordsError> {
        let (_, open) = self.next().expect("an opening bracket was seen");
        self.deeper(open.clone())?;
        let items = self.network()?;
        if !self.takes(")") {
            return Err(self.error(open, "this bracket is not closed"));
        }
        self.depth -= 1;
        Ok(items)
    }
}

/// The arguments of a layer, taken one after the other.
#[derive(Debug)]
pub struct Arguments<'i, 't> {
    text: &'t str,
    item: &'i Item<'t>,
    next: usize,
}

impl<'i, 't> Arguments<'i, 't> {
    /// Those of `item`, which was read from `text`.
    pub fn of(text: &'t str, item: &'i Item<'t>) -> Self {
        Self { text, item, next: 0 }
    }

    /// The error at this layer.
    pub fn error(&self, fault: impl Into<String>) -> WordsError {
        WordsError { text: self.text.to_owned(), at: self.item.at.clone(), fault: fault.into() }
    }

    /// The next word, which must be there: `what` says what it is, as in "the number of outputs".
    ///
    /// # Errors
    /// If it is missing or cannot be read.
    pub fn required<T: FromStr<Err: Display>>(&mut self, what: &str) -> Result<T, WordsError> {
        let missing = self.error(format!("`{}` needs {what}", self.item.name));
        self.optional(what)?.ok_or(missing)
    }

    /// The next word, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, what: &str) -> Result<Option<T>, WordsError> {
        let Some(Argument::Word(word, at)) = self.item.arguments.get(self.next) else { return Ok(None) };
        self.next += 1;
        word.parse().map(Some).map_err(|error: T::Err| WordsError {
            text: self.text.to_owned(),
            at: at.clone(),
            fault: format!("`{word}` is not {what} ({error})"),
        })
    }

    /// Whether the next word is this one, which is then taken.
    pub fn takes(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.item.arguments.get(self.next), Some(Argument::Word(word, _)) if *word == keyword);
        self.next += usize::from(found);
        found
    }

    /// Whether a network in brackets comes next.
    pub fn has_network(&self) -> bool {
        matches!(self.item.arguments.get(self.next), Some(Argument::Network(..)))
    }

    /// The network in brackets that comes next, if there is one.
    pub fn network(&mut self) -> Option<&'i [Item<'t>]> {
        let Some(Argument::Network(items, _)) = self.item.arguments.get(self.next) else { return None };
        self.next += 1;
        Some(items)
    }

    /// The text that all of it was read from.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&self) -> Result<(), WordsError> {
        let at = match self.item.arguments.get(self.next) {
            None => return Ok(()),
            Some(Argument::Word(_, at) | Argument::Network(_, at)) => at.clone(),
        };
        Err(WordsError {
            text: self.text.to_owned(),
            at,
            fault: format!("`{}` takes no more", self.item.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        items(text).unwrap().iter().map(|item| item.name).collect()
    }

    #[test]
    fn layers_are_separated_by_commas_and_repeated_by_counts() {
        assert_eq!(names("dense 128, relu"), ["dense", "relu"]);
        assert_eq!(names(" 2 x (dense 3,tanh),softmax "), ["dense", "tanh", "dense", "tanh", "softmax"]);
        assert_eq!(names("2 x dense 4"), ["dense", "dense"]);
        assert_eq!(names("(a, (b))"), ["a", "b"]);
    }

    #[test]
    fn a_mistake_is_shown_with_its_place() {
        for (text, place, fault) in [
            ("", 0, "missing"),
            ("dense 3,", 8, "missing"),
            ("dense 3,, relu", 8, "missing before `,`"),
            ("residual (dense 3", 9, "not closed"),
            ("dense 3)", 7, "one too many"),
            ("7 dense", 0, "repeats"),
            ("99999999999 x (a, b)", 0, "more than 10000"),
        ] {
            let error = items(text).unwrap_err();
            assert_eq!(error.at.start, place, "{text}: {error}");
            assert!(error.to_string().contains(fault), "{text}: {error}");
        }
    }

    #[test]
    fn a_thousand_brackets_are_refused_and_not_followed() {
        assert!(items(&"(".repeat(1000)).is_err());
        assert!(items(&"9 x ".repeat(1000)).is_err());
        assert!(items(&"9999 x (".repeat(3)).is_err());
    }

    #[test]
    fn arguments_are_taken_in_order() {
        let text = "dropout 0.5 (dense 3)";
        let items = items(text).unwrap();
        let mut arguments = Arguments::of(text, &items[0]);
        assert_eq!(arguments.required::<f64>("the rate"), Ok(0.5));
        assert!(arguments.end().unwrap_err().to_string().contains("takes no more"));
        assert_eq!(arguments.network().unwrap().len(), 1);
        assert_eq!(arguments.end(), Ok(()));
        assert!(
            arguments
                .required::<f64>("the rate")
                .unwrap_err()
                .to_string()
                .contains("`dropout` needs the rate")
        );
    }
}
