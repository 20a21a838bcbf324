//! Tables of any format: which columns are features, what their cells mean, and what a model must know to read another.
//!
//! A column of numbers is one input. A column of words is a category: it becomes one input for each word, 1 at the word
//! of the row and 0 elsewhere (one-hot), which happens when a row is asked for: in memory a cell stays one number.
//! An empty cell, `?`, `NA`, `N/A`, `NaN` and `null`, in capitals or not, is missing: an error, or what [`Impute`] puts
//! in its place. All of it is a [`Schema`], which is kept with the model.

mod builder;
mod coded;
mod schema;

pub(crate) use builder::{Builder, Cell, is_missing};
pub use coded::Coded;
pub use schema::{Feature, Kind, Schema};

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Look, Task};

/// Columns a table has at most: beyond, what is known of each would outgrow the file.
pub(crate) const MOST_COLUMNS: usize = 1 << 16;
/// Different words a category has at most: a column with more holds names or prose.
pub(crate) const MOST_WORDS: usize = 1_000;

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does if a word in it stands over a number, or if it has different words only, none of which stands in the second
    /// row below itself.
    #[default]
    Auto,
    /// It does.
    Present,
    /// It is an example.
    Absent,
}

/// A column of a table.
///
/// ```
/// use chainrule_datasets::csv::Column;
///
/// assert_eq!("last".parse(), Ok(Column::Last));
/// assert_eq!("0".parse(), Ok(Column::Index(0)));
/// assert_eq!("price".parse(), Ok(Column::Name("price".to_owned())));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Column {
    /// The rightmost.
    #[default]
    Last,
    /// By number, from 0.
    Index(usize),
    /// By its name in the header.
    Name(String),
}

impl FromStr for Column {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "last" => Column::Last,
            _ => text.parse().map_or_else(|_| Column::Name(text.to_owned()), Column::Index),
        })
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Last => f.write_str("last"),
            Column::Index(i) => i.fmt(f),
            Column::Name(name) => f.write_str(name),
        }
    }
}

impl Column {
    /// Its place among `width` columns; names are known only where there is a header.
    pub(crate) fn find(&self, names: &[String], width: usize) -> Option<usize> {
        match self {
            Column::Last => width.checked_sub(1),
            Column::Index(i) => Some(*i).filter(|&i| i < width),
            Column::Name(name) => names.iter().position(|known| known == name),
        }
    }
}

/// What stands for a missing number. A missing word becomes the most frequent one, the first by the alphabet of equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impute {
    /// The mean of the column.
    Mean,
    /// The median of the column.
    Median,
}

/// How a table is read.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `header` | `Auto` | whether the first row names the columns |
/// | `delimiter` | none | what separates cells; none takes what is most frequent in the first line of `,` `;` tab and <code>\|</code> |
/// | `target` | `Last` | the column to be predicted |
/// | `task` | `Auto` | whether that is a class or a number |
/// | `classes` | empty | the class names of a model, in its order; empty takes what occurs |
/// | `impute` | none | what stands for a missing number; none refuses it |
/// | `categories` | empty | columns that are categories although their cells are numbers |
/// | `ignored` | empty | columns that are left out |
/// | `schema` | none | the columns of a model, which `impute`, `categories` and `ignored` then do not change |
/// | `stream` | none | whether the rows of an array stay in their file; none says so of files above 1 GiB |
/// | `look` | none | height, width and channels of pictures |
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Whether the first row names the columns.
    pub header: Header,
    /// What separates cells; if none, what is most frequent in the first line.
    pub delimiter: Option<u8>,
    /// The column to be predicted.
    pub target: Column,
    /// Whether that is a class or a number.
    pub task: Task,
    /// The class names of a model, in its order; if empty, the classes are what occurs, sorted.
    pub classes: Vec<String>,
    /// What stands for a missing number; if none, it is an error.
    pub impute: Option<Impute>,
    /// Columns that are categories although their cells are numbers.
    pub categories: Vec<Column>,
    /// Columns that are left out.
    pub ignored: Vec<Column>,
    /// The columns of a model.
    pub schema: Option<Schema>,
    /// Whether the rows stay in their file while they are used; if none, those of a file above 1 GiB do.
    pub stream: Option<bool>,
    /// How pictures become examples.
    pub look: Look,
}
