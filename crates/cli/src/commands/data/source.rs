//! `--data`: a built-in data set by its name, or a file or folder.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use chainrule::datasets::FileFormat;
use chainrule::tensor::registry::nearest;
use clap::ValueEnum;
use clap_complete::CompletionCandidate;

use crate::commands::complete::names_or_paths;
use crate::commands::options::absolute;

/// A data set by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Known {
    Digits,
    Mnist,
    FashionMnist,
    Spirals,
    Moons,
    Blobs,
    #[value(name = "mnist-1d")]
    Mnist1d,
    Xor,
    Teacher,
}

/// What `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Known(Known),
    /// A file, or a folder of pictures.
    Own(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(known) = <Known as ValueEnum>::from_str(text, false) {
            return Ok(Source::Known(known));
        }
        let path = PathBuf::from(text);
        if FileFormat::of(&path).is_some() {
            return Ok(Source::Own(path));
        }
        let names: Vec<String> = Source::known().map(|known| known.to_string()).collect();
        let is_word = !text.contains(['.', '/', '\\']);
        if let Some(known) = nearest(text, names.iter().map(String::as_str)).filter(|_| is_word) {
            return Err(format!("did you mean {known}? The built-in data sets are {}", names.join(", ")));
        }
        let files = format!(
            "a file that ends in {}, a folder of images, or - for a table on the standard input",
            FileFormat::ENDINGS
        );
        Err(match path.extension() {
            _ if path.exists() => format!("its name does not say what it holds: name {files}"),
            Some(_) => format!("there is no such file, and it would have to be {files}"),
            None => format!("expected one of {}, {files}", names.join(", ")),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Known(known) => {
                f.write_str(known.to_possible_value().expect("no data set is hidden").get_name())
            }
            Source::Own(path) => {
                let whole = std::path::absolute(path);
                let path = whole.as_deref().unwrap_or(path);
                f.write_str(&path.file_stem().unwrap_or_default().to_string_lossy())
            }
        }
    }
}

/// What a shell offers where a data set is named.
pub(crate) fn sources(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names: Vec<String> = Source::known().map(|known| known.to_string()).collect();
    names_or_paths(names.iter().map(String::as_str), typed)
}

impl Source {
    /// The data sets that have names.
    fn known() -> impl Iterator<Item = Self> {
        Known::value_variants().iter().copied().map(Self::Known)
    }

    /// The value of `--data` that names it from any folder.
    pub(crate) fn setting(&self) -> String {
        match self {
            Source::Known(_) => self.to_string(),
            // The standard input has no place.
            Source::Own(path) if path.as_os_str() == "-" => self.to_string(),
            Source::Own(path) => absolute(path),
        }
    }

    /// Whether it is none of the known ones, of whose inputs and targets nothing can be said beforehand.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, Source::Own(_))
    }
}
