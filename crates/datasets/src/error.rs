use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why data could not be read, built or written. Each message is one line with the file, the fault and the cure.
///
/// ```
/// let error = chainrule_datasets::idx::read("no/such/file".as_ref()).unwrap_err();
/// assert!(error.to_string().starts_with("cannot read no/such/file: "));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}: {}", path.display(), unreadable(path, source, ": check the path and its permissions"))]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A file could not be written; an existing file stays as it was.
    #[error("cannot write {}: {source}: check that its folder exists, is writable and has space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The contents do not follow the format.
    #[error("{}: {fault}: {cure}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
        /// What to do.
        cure: &'static str,
    },
    /// The header announces a different size than the file has.
    #[error(
        "{}: its header announces {expected} bytes, but {}{actual} are there: the file is truncated or damaged, get it again",
        path.display(), if *at_least { "at least " } else { "" }
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The size by the header, header included.
        expected: u64,
        /// The size found.
        actual: u64,
        /// Whether there may be more than `actual`: a compressed file is not unpacked further than necessary.
        at_least: bool,
    },
    /// The decoded data takes more memory than is allowed.
    #[error(
        "{}: its data takes {} in memory, and {} are allowed: allow more (--max-memory), or stream it (--stream) if it is .npy or IDX",
        path.display(), at_least(*needed), at_most(*limit)
    )]
    Memory {
        /// The file.
        path: PathBuf,
        /// The bytes of the decoded data.
        needed: u64,
        /// The bytes allowed.
        limit: u64,
    },
    /// A cell of a table cannot be used.
    #[error("{}, {place}, {column}: {fault}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line of a text or the row of an array, from 1.
        place: String,
        /// The column: from 1, with its name, or from 0 if it has none.
        column: String,
        /// What is wrong, and the cure.
        fault: String,
    },
    /// A data set is in none of the folders searched.
    #[error("{name} not found: no folder of {searched} has all of {files}, each plain or .gz: {cure}")]
    NotFound {
        /// The data set.
        name: &'static str,
        /// The folders, in search order.
        searched: String,
        /// The files searched for.
        files: String,
        /// How to get them.
        cure: &'static str,
    },
    /// Features, targets and names do not fit together.
    #[error("{name}: {fault}")]
    Data {
        /// The data set or object.
        name: String,
        /// What does not fit, and the cure.
        fault: String,
    },
    /// The examples cannot be split that way.
    #[error("cannot split {examples} examples: {fault}")]
    Split {
        /// The number of examples.
        examples: usize,
        /// What does not fit, and the cure.
        fault: String,
    },
}

impl Error {
    pub(crate) fn format(path: &Path, fault: impl Into<String>, cure: &'static str) -> Self {
        Self::Format { path: path.to_owned(), fault: short(fault.into()), cure }
    }

    pub(crate) fn data(name: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::Data { name: name.into(), fault: short(fault.into()) }
    }

    pub(crate) fn cell(path: &Path, place: String, column: String, fault: String) -> Self {
        Self::Cell { path: path.to_owned(), place, column: short(column), fault: short(fault) }
    }
}

/// What to say of a file that cannot be read: if nothing is there, what its path is relative to; else the system's error with a `cure`.
///
/// ```
/// use std::io::ErrorKind::{NotFound, PermissionDenied};
/// use chainrule_datasets::unreadable;
///
/// let missing = unreadable("a.csv".as_ref(), &NotFound.into(), "");
/// assert!(missing.starts_with("there is no such file or folder: check the path, which is relative to /"), "{missing}");
/// assert_eq!(unreadable("a.csv".as_ref(), &PermissionDenied.into(), ": ask its owner"), "permission denied: ask its owner");
/// ```
pub fn unreadable(path: &Path, source: &io::Error, cure: &str) -> String {
    if source.kind() != io::ErrorKind::NotFound {
        return format!("{source}{cure}");
    }
    let here = std::env::current_dir().ok().filter(|_| path.is_relative());
    let relative = here.map_or_else(String::new, |here| format!(", which is relative to {}", here.display()));
    format!("there is no such file or folder: check the path{relative}")
}

/// Characters of a fault at most: a file can put what it likes into one.
const LONGEST_FAULT: usize = 320;

/// A fault without its middle, if it is too long.
fn short(fault: String) -> String {
    let length = fault.chars().count();
    if length <= LONGEST_FAULT {
        return fault;
    }
    let half = LONGEST_FAULT / 2;
    let head: String = fault.chars().take(half).collect();
    let tail: String = fault.chars().skip(length - half + 1).collect();
    format!("{head}…{tail}")
}

/// Bytes that are needed, rounded up, so that they are more than what is allowed also in a message.
fn at_least(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

/// Bytes that are allowed, rounded down.
fn at_most(bytes: u64) -> String {
    if bytes < 1 << 10 {
        format!("{bytes} bytes")
    } else if bytes < 1 << 20 {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_fault_keeps_its_ends() {
        let fault = format!("\"{}\" is no number: correct it", "é".repeat(1_000_000));
        let text = Error::data("t.csv", fault).to_string();
        assert!(text.chars().count() < 500, "{text}");
        assert!(text.starts_with("t.csv: \"é") && text.ends_with("é\" is no number: correct it"), "{text}");
    }
}
