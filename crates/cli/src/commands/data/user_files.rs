//! How a data file is read.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use chainrule::datasets::{
    Column, FileFormat, ImageOptions, Impute, ReadOptions, TableOptions, TargetColumns, TaskKind,
};
use clap::{ArgAction, Args, ValueEnum};
use clap_complete::ArgValueCompleter;

use super::text::TextArgs;
use crate::commands::complete::columns;
use crate::failure::Failure;
use crate::headings::DATA;

/// The value of `--task`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum TaskName {
    #[default]
    Auto,
    Classification,
    Regression,
    MultiLabel,
}

/// The value of `--impute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImputeName {
    Mean,
    Median,
}

/// The value of `--colours`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colours {
    Grey,
    Rgb,
}

/// Columns of a table, joined by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns(pub(crate) Vec<Column>);

/// Height and width of a picture, such as 28x28.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(usize, usize);

#[derive(Debug, Clone, Default, Args)]
pub(super) struct OwnArgs {
    /// Column to predict [default: last, or that of the model]
    ///
    /// Its name, its number from 0, or `last`; several with commas. For arrays also the .npy or IDX file that holds it.
    #[arg(long, add = ArgValueCompleter::new(columns), value_name = "COLUMNS|FILE", help_heading = DATA)]
    pub(super) target: Option<String>,
    /// Classification, regression, or multi-label: several columns of two words (or 0 and 1) each; auto classifies a target of words or
    /// of few different integers
    #[arg(long, value_enum, default_value = "auto", value_name = "TASK", help_heading = DATA, hide_short_help = true)]
    pub(super) task: TaskName,
    /// Fill missing numbers of a table, and missing words with the most frequent one [default: a missing cell is an error]
    #[arg(long, value_enum, value_name = "HOW", help_heading = DATA, hide_short_help = true)]
    impute: Option<ImputeName>,
    /// Treat these numeric columns as categories, separated by commas
    #[arg(long, add = ArgValueCompleter::new(columns), value_name = "COLUMNS", help_heading = DATA, hide_short_help = true)]
    categorical: Option<Columns>,
    /// Ignore these columns, separated by commas
    #[arg(long, add = ArgValueCompleter::new(columns), value_name = "COLUMNS", help_heading = DATA)]
    drop: Option<Columns>,
    /// Give the network the cyclic parts of dates too: sine and cosine of the time of day (in UTC where there is a zone), of the day of
    /// the week and of the day of the year
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = ArgAction::Set, help_heading = DATA, hide_short_help = true)]
    pub(super) dates: bool,
    /// Height and width to resize images to [default: their own if all are equal and at most 64x64, else 32x32]
    #[arg(long, value_name = "HxW", help_heading = DATA, hide_short_help = true)]
    image_size: Option<Size>,
    /// Read images in grey or in colour [default: rgb if any image has colours]
    #[arg(long, value_enum, value_name = "WHICH", help_heading = DATA, hide_short_help = true)]
    colours: Option<Colours>,
    /// Stream the rows of an array from its file instead of loading it [default: above 1 GiB]
    #[arg(long, help_heading = DATA, hide_short_help = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, value_name = "true|false")]
    stream: Option<bool>,
    #[command(flatten)]
    pub(super) text: TextArgs,
}

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The reader of the table tells several columns from a name that holds commas.
        text.trim().parse().map(|columns| Self(vec![columns])).map_err(|never: Infallible| match never {})
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
        let sides = text.split_once('x').and_then(|(height, width)| Some(Self(side(height)?, side(width)?)));
        sides.ok_or_else(|| "expected height and width from 1 to 4096, such as 28x28".to_owned())
    }
}

impl OwnArgs {
    /// The file that the target is in, if it is not a column.
    pub(super) fn target_file(&self) -> Option<&Path> {
        let is_array = |path: &&Path| matches!(FileFormat::of(path), Some(FileFormat::Npy | FileFormat::Idx));
        self.target.as_deref().map(Path::new).filter(is_array)
    }

    pub(super) fn options(&self) -> Result<ReadOptions, Failure> {
        let columns = |columns: &Option<Columns>| columns.clone().map_or_else(Vec::new, |Columns(list)| list);
        let mut options = ReadOptions {
            // No name is not the word `last`, which may be the name of a column.
            target: match &self.target {
                Some(target) => {
                    target.parse().map_err(|_| Failure::Input(format!("--target {target}: name a column")))?
                }
                None => TargetColumns::default(),
            },
            task: match self.task {
                TaskName::Auto => TaskKind::Auto,
                TaskName::Classification => TaskKind::Classification,
                TaskName::Regression => TaskKind::Regression,
                TaskName::MultiLabel => TaskKind::MultiLabel,
            },
            stream: self.stream,
            table: TableOptions {
                impute: self.impute.map(|how| match how {
                    ImputeName::Mean => Impute::Mean,
                    ImputeName::Median => Impute::Median,
                }),
                categorical: columns(&self.categorical),
                drop: columns(&self.drop),
                date_parts: self.dates,
                ..TableOptions::default()
            },
            image: ImageOptions {
                size: self.image_size.map(|Size(height, width)| (height, width)),
                channels: self.colours.map(|colours| if colours == Colours::Grey { 1 } else { 3 }),
            },
            ..ReadOptions::default()
        };
        self.text.apply(&mut options)?;
        Ok(options)
    }
}
