//! `--part`: which examples of a data set a model is judged on.

use chainrule::datasets::{Dataset, Parts};
use clap::{Args, ValueEnum};

use super::test_part::TestPart;
use crate::commands::options::{ANY, parse_fraction, whole};
use crate::failure::Failure;
use crate::headings::DATA;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Train,
    Test,
}

/// A part, and how the run that trained the model was split: the command line of a run's model has that from the run's settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct PartArgs {
    /// Part of a built-in data set, or of the data of the model's own run; of another file, all rows are used
    #[arg(long, value_enum, default_value = "test", value_name = "PART", help_heading = DATA)]
    pub(super) part: Part,
    #[arg(long, hide = true, help_heading = DATA)]
    pub(super) test: Option<TestPart>,
    #[arg(long, hide = true, value_parser = parse_fraction, help_heading = DATA)]
    pub(super) validation: Option<f64>,
    /// Of a run, as none is set by hand.
    #[arg(long, hide = true, help_heading = DATA, value_parser = whole::<u64>(ANY))]
    pub(super) split_seed: Option<u64>,
}

impl PartArgs {
    /// The part in words: all rows of a user's file, unless a run records how it was split.
    pub(crate) fn in_words(&self, is_own: bool) -> &'static str {
        match self.part {
            _ if is_own && self.split_seed.is_none() => "all rows",
            Part::Train => "training part",
            Part::Test => "test part",
        }
    }

    /// The part that was asked for.
    ///
    /// # Errors
    /// If the run had no test part.
    pub(super) fn of<A>(&self, parts: Parts<A>) -> Result<Dataset<A>, Failure> {
        match self.part {
            Part::Train => Ok(parts.train),
            Part::Test => parts.test.ok_or_else(|| {
                Failure::input("the run had no test part: give other examples (--data), or take --part train")
            }),
        }
    }
}
