use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeaderRow {
    /// It does if it has a word above a number, or if its cells are words that all differ from each other and from the
    /// cells below.
    #[default]
    Auto,
    /// The first row is a header.
    Present,
    /// The first row is an example.
    Absent,
}

/// A column of a table.
///
/// ```
/// use chainrule_datasets::Column;
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

/// What replaces a missing number. A missing word is replaced by the most frequent word of its column, in a tie by the
/// first in alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impute {
    /// The mean of the column.
    Mean,
    /// The median of the column.
    Median,
}
