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
    /// Its position among `width` columns, with names if there is a header.
    ///
    /// # Errors
    /// `None` if there is no such column; what is ambiguous if there are several.
    pub(crate) fn find(&self, names: &[String], width: usize) -> Result<usize, Option<String>> {
        let named = |name: &str| {
            let mut places = (0..names.len()).filter(|&place| names[place] == name);
            match (places.next(), places.next()) {
                (Some(_), Some(_)) => Err(Some(format!("several columns have the name {name:?}"))),
                (place, _) => Ok(place),
            }
        };
        match self {
            Column::Last => width.checked_sub(1).ok_or(None),
            Column::Name(name) => named(name)?.ok_or(None),
            Column::Index(i) => match (named(&i.to_string())?, *i < width) {
                (Some(place), true) if place != *i => {
                    Err(Some(format!("{i} is the name of a column and the position of another")))
                }
                (Some(place), _) => Ok(place),
                (None, true) => Ok(*i),
                (None, false) => Err(None),
            },
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
