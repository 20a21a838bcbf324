//! `--test`: the examples on which a run is judged.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use chainrule::datasets::FileFormat;

use crate::commands::options::{absolute, parse_fraction};

/// The value of `--test`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TestPart {
    /// This fraction of the examples is held out; none if it is 0.
    Fraction(f64),
    /// Another file has them.
    File(PathBuf),
}

impl FromStr for TestPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(fraction) = parse_fraction(text) {
            return Ok(TestPart::Fraction(fraction));
        }
        if text.parse::<f64>().is_err() && FileFormat::of(Path::new(text)).is_some() {
            return Ok(TestPart::File(text.into()));
        }
        Err("expected a fraction from 0 up to, but not including, 1, or a file like that of --data"
            .to_owned())
    }
}

impl TestPart {
    /// The value of the flag that means the same from any folder.
    pub(crate) fn setting(&self) -> String {
        match self {
            TestPart::Fraction(fraction) => fraction.to_string(),
            TestPart::File(path) => absolute(path),
        }
    }
}
