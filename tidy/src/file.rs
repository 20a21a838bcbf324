//! A file, and a rule that it breaks.

use std::fmt;
use std::path::Path;

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/` on every system.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn has_extension(&self, wanted: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == wanted)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, message: message.into() }
    }
}

/// A broken rule: where, what, and the cure.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the root.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// What is wrong, and the cure.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_as_a_compiler_message() {
        let file = File { path: "crates/x/src/lib.rs".into(), text: String::new() };
        assert_eq!(file.violation(3, "what: cure").to_string(), "crates/x/src/lib.rs:3: what: cure");
    }
}
