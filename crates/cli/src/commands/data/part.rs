//! `--part`: which examples of a data set a model is judged on.

use chainrule::datasets::{Dataset, Parts};
use clap::{Args, ValueEnum};

use super::source::Source;
use super::test_part::TestPart;
use crate::commands::options::{ANY, parse_fraction, whole};
use crate::failure::Failure;
use crate::headings::DATA;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Train,
    Validation,
    Test,
}

/// A part, and how the run that trained the model was split: the command line of a run's model has that from the run's settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct PartArgs {
    /// Part of a built-in data set, or of the data of the model's own run; of another file, all rows are used [default: test]
    #[arg(long, value_enum, value_name = "PART", help_heading = DATA)]
    part: Option<Part>,
    #[arg(long, hide = true, help_heading = DATA)]
    pub(super) test: Option<TestPart>,
    #[arg(long, hide = true, value_parser = parse_fraction, help_heading = DATA)]
    pub(super) validation: Option<f64>,
    /// Of a run, as none is set by hand.
    #[arg(long, hide = true, help_heading = DATA, value_parser = whole::<u64>(ANY))]
    pub(super) split_seed: Option<u64>,
}

impl PartArgs {
    /// The name of the part; `None` for all rows of a user's file, unless a run records how it was split.
    pub(super) fn name(&self, is_own: bool) -> Option<&'static str> {
        match self.part {
            _ if is_own && self.split_seed.is_none() => None,
            None | Some(Part::Test) => Some("test"),
            Some(Part::Validation) => Some("validation"),
            Some(Part::Train) => Some("training"),
        }
    }

    /// The part in words.
    pub(crate) fn in_words(&self, is_own: bool) -> String {
        self.name(is_own).map_or_else(|| "all rows".to_owned(), |name| format!("{name} part"))
    }

    /// The part that was asked for, of data that `whose` divides.
    ///
    /// # Errors
    /// If the data have no such part.
    pub(super) fn of<A>(&self, parts: Parts<A>, whose: &str) -> Result<Dataset<A>, Failure> {
        let (part, name) = match self.part {
            Some(Part::Train) => return Ok(parts.train),
            Some(Part::Validation) => (parts.validation, "validation"),
            None | Some(Part::Test) => (parts.test, "test"),
        };
        part.ok_or_else(|| {
            Failure::Input(format!(
                "{whose} has no {name} part: give other examples (--data), or take --part train"
            ))
        })
    }

    /// Refuses a part of a file that is not divided.
    ///
    /// # Errors
    /// If one was asked for.
    pub(super) fn refuse_of(&self, file: &Source) -> Result<(), Failure> {
        let Some(part) = self.part else { return Ok(()) };
        let part = part.to_possible_value().expect("no part is hidden");
        Err(Failure::Input(format!(
            "{file}: --part {} is for built-in data sets and the data of the model's own run: omit it, and all rows are taken",
            part.get_name()
        )))
    }
}
