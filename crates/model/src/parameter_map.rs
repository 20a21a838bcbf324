//! Which array of a file is which parameter, in words of the user's.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chainrule_train::tensors::{TensorFileError, read};
use thiserror::Error;

use crate::name_map::cut;

/// Which array of another program's file is which parameter, as a user says it: a text of lines `their.name = our.name`.
///
/// `their.name = -` leaves an array out. A `#` at the beginning of a word starts a comment. What no line names is found as without a
/// map: by name, or by shape and the order of the numbers in the names.
///
/// ```
/// use std::path::Path;
/// use chainrule_model::ParameterMap;
///
/// let text = "head.weight = 2.weight  # the last layer\nauxiliary.weight = -\n";
/// let map = ParameterMap::parse(Path::new("names.map"), text)?;
/// assert_eq!(map.len(), 2);
///
/// let twice = ParameterMap::parse(Path::new("names.map"), "a = 0.weight\nb = 0.weight").unwrap_err();
/// assert_eq!(twice.to_string(), "names.map, line 2: \"0.weight\" is in line 1 already: name each once");
/// # Ok::<(), chainrule_model::ParameterMapError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterMap {
    path: PathBuf,
    lines: Vec<Line>,
}

/// A line that names an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    number: usize,
    pub(crate) theirs: String,
    /// `None` for an array that is left out.
    pub(crate) ours: Option<String>,
}

/// Why a map of parameters could not be read, or does not fit.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParameterMapError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The file is no small text.
    #[error("{}: {fault}: a map of parameters has lines such as `fc1.weight = 0.weight`", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        fault: &'static str,
    },
    /// A line of it is wrong.
    #[error("{}, line {line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        fault: String,
    },
}

/// Most bytes of a map.
const LARGEST: usize = 1 << 20;

/// The word for an array that is left out.
const LEFT_OUT: &str = "-";

impl ParameterMap {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, has more than 1 MiB, or a line of it is wrong.
    pub fn read(path: &Path) -> Result<Self, ParameterMapError> {
        let fault = |fault| ParameterMapError::Text { path: path.to_owned(), fault };
        // Before it is in memory.
        if std::fs::metadata(path).is_ok_and(|file| file.len() > LARGEST as u64) {
            return Err(fault("it has more than 1 MiB"));
        }
        let text = String::from_utf8(read(path)?).map_err(|_| fault("it is no text in UTF-8"))?;
        Self::parse(path, &text)
    }

    /// Parses the text of a file; `path` serves the messages only.
    ///
    /// # Errors
    /// If a line is not `their.name = our.name`, or a name is in two lines.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ParameterMapError> {
        let mut map = Self { path: path.to_owned(), lines: Vec::new() };
        if text.len() > LARGEST {
            return Err(ParameterMapError::Text { path: map.path, fault: "it has more than 1 MiB" });
        }
        let mut seen: [HashMap<&str, usize>; 2] = [HashMap::new(), HashMap::new()];
        for (number, line) in (1..).zip(text.lines()) {
            let line = without_comment(line);
            if line.is_empty() {
                continue;
            }
            let fault = |fault: String| map.fault(number, fault);
            let words: Vec<&str> = line.split('=').map(str::trim).collect();
            let [theirs, ours] = words[..] else {
                return Err(fault(shape_of_a_line(line)));
            };
            // Behind a blank, as it is written again, a `#` begins a comment.
            if [theirs, ours].iter().any(|name| name.is_empty() || name.starts_with('#')) {
                return Err(fault(shape_of_a_line(line)));
            }
            for (name, seen) in [theirs, ours].into_iter().zip(&mut seen) {
                if name != LEFT_OUT
                    && let Some(first) = seen.insert(name, number)
                {
                    let name = cut(name);
                    return Err(fault(format!("{name:?} is in line {first} already: name each once")));
                }
            }
            let ours = (ours != LEFT_OUT).then(|| ours.to_owned());
            map.lines.push(Line { number, theirs: theirs.to_owned(), ours });
        }
        Ok(map)
    }

    /// How many arrays it names.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it leaves everything to the names and shapes.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// That a line does not fit the file or the network.
    pub(crate) fn misfit(&self, line: &Line, fault: String) -> ParameterMapError {
        self.fault(line.number, fault)
    }

    fn fault(&self, line: usize, fault: String) -> ParameterMapError {
        ParameterMapError::Line { path: self.path.clone(), line, fault }
    }
}

impl fmt::Display for ParameterMap {
    /// Its lines, without comments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|Line { theirs, ours, .. }| {
            writeln!(f, "{theirs} = {}", ours.as_deref().unwrap_or(LEFT_OUT))
        })
    }
}

fn shape_of_a_line(line: &str) -> String {
    format!(
        "{:?} is no line `their.name = our.name`, nor `their.name = -` for an array to leave out",
        cut(line)
    )
}

/// A line up to the first `#` that begins a word.
fn without_comment(line: &str) -> &str {
    let begins = |&(at, _): &(usize, &str)| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let end = line.match_indices('#').find(begins).map_or(line.len(), |(at, _)| at);
    line[..end].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ParameterMap, ParameterMapError> {
        ParameterMap::parse(Path::new("m"), text)
    }

    #[test]
    fn lines_are_pairs_and_comments_are_none() {
        let map = parse("# a table\n\n  a#1.weight =0.weight # its shape\nb = -\nc = -\n").unwrap();
        let lines: Vec<_> =
            map.lines.iter().map(|line| (line.number, &*line.theirs, line.ours.as_deref())).collect();
        assert_eq!(lines, [(3, "a#1.weight", Some("0.weight")), (4, "b", None), (5, "c", None)]);
        assert!(parse("").unwrap().is_empty());
        assert_eq!(parse(&map.to_string()).unwrap().to_string(), "a#1.weight = 0.weight\nb = -\nc = -\n");
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, part) in [
            ("a = 0.weight\nb", "m, line 2: \"b\" is no line"),
            ("a = b = c", "m, line 1"),
            ("= 0.weight", "m, line 1"),
            ("a =", "their.name = -"),
            ("a = 0.weight\n\na = 2.weight", "m, line 3: \"a\" is in line 1 already"),
            ("a = 0.weight\nb = 0.weight", "m, line 2: \"0.weight\" is in line 1 already"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        assert!(parse(&"\n".repeat(LARGEST + 1)).unwrap_err().to_string().contains("1 MiB"));
    }

    #[test]
    fn a_name_is_no_comment() {
        let error = ParameterMap::parse(Path::new("map"), "a=#b").unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("is no line"), "{error}");
    }

    #[test]
    fn what_is_no_small_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        std::fs::write(&path, b"\xff = a").unwrap();
        assert!(ParameterMap::read(&path).unwrap_err().to_string().contains("UTF-8"));
        std::fs::write(&path, vec![b'\n'; LARGEST + 1]).unwrap();
        assert!(ParameterMap::read(&path).unwrap_err().to_string().contains("1 MiB"));
        assert!(ParameterMap::read(folder.path()).is_err());
        std::fs::write(&path, "a = 0.weight").unwrap();
        assert_eq!(ParameterMap::read(&path).unwrap().len(), 1);
    }
}
