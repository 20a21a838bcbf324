use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeaderRow {
    /// It does if it has a word above numbers, a whole number above words, or if its cells are words that all differ from each
    /// other and from the cells below. A word above numbers among cells that look like values is an error.
    #[default]
    Auto,
    /// The first row is a header.
    Present,
    /// The first row is an example.
    Absent,
}

/// A column in a message: by its place from 1 and its name, or as flags count those without names, from 0.
pub(crate) fn numbered(place: usize, name: Option<&str>) -> String {
    match name {
        Some("") => format!("column {} (without a name)", place + 1),
        Some(name) => format!("column {} ({name})", place + 1),
        None => format!("column {place} (counted from 0)"),
    }
}

/// A column of a table. A text in double quotes is a name only, also if it is a number.
///
/// ```
/// use chainrule_datasets::Column;
///
/// assert_eq!("last".parse(), Ok(Column::Last));
/// assert_eq!("0".parse(), Ok(Column::Index(0)));
/// assert_eq!("price".parse(), Ok(Column::Name("price".to_owned())));
/// assert_eq!("\"0\"".parse(), Ok(Column::Name("0".to_owned())));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Column {
    /// The column with the name `last`, or without one the rightmost.
    #[default]
    Last,
    /// By number, from 0.
    Index(usize),
    /// By its name in the header.
    Name(String),
}

/// The word for the rightmost column.
const LAST: &str = "last";

impl FromStr for Column {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            LAST => Column::Last,
            _ => match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(name) => Column::Name(name.to_owned()),
                None => text.parse().map_or_else(|_| Column::Name(text.to_owned()), Column::Index),
            },
        })
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Last => f.write_str(LAST),
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
            Column::Last => named(LAST)?.or(width.checked_sub(1)).ok_or(None),
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

    /// Its position, or those of several columns whose names or numbers are joined by commas. A name that holds a comma is found as a
    /// whole.
    ///
    /// # Errors
    /// The column that is not there or is ambiguous, as [`Column::find`] says it.
    pub(crate) fn find_all(
        &self,
        names: &[String],
        width: usize,
    ) -> Result<Vec<usize>, (String, Option<String>)> {
        let find = |column: &Column| column.find(names, width).map_err(|fault| (column.to_string(), fault));
        if *self == Column::Name(String::new()) {
            // A table of pandas can have several columns of an index, none of which has a name.
            let unnamed: Vec<usize> = (0..names.len()).filter(|&place| names[place].is_empty()).collect();
            if !unnamed.is_empty() {
                return Ok(unnamed);
            }
        }
        match (find(self), self.parts()) {
            (Ok(place), _) => Ok(vec![place]),
            (Err(_), Some(parts)) => parts.iter().map(find).collect(),
            (Err(fault), None) => Err(fault),
        }
    }

    /// The columns that a name with commas joins.
    fn parts(&self) -> Option<Vec<Column>> {
        let Column::Name(name) = self else { return None };
        let column = |name: &str| name.trim().parse().unwrap_or_else(|never: Infallible| match never {});
        name.contains(',').then(|| name.split(',').map(column).collect())
    }

    /// Whether something holds of it, or of one of those that it joins.
    pub(crate) fn any(&self, holds: impl Fn(&Column) -> bool) -> bool {
        holds(self) || self.parts().is_some_and(|parts| parts.iter().any(holds))
    }

    /// Whether a cell of the first row is its name, or one of those that it joins.
    #[cfg(feature = "csv")]
    pub(crate) fn is_named_in(&self, first: &[String]) -> bool {
        self.any(|column| matches!(column, Column::Name(name) if first.contains(name)))
    }
}

/// The columns to predict: one, or several separated by commas.
///
/// A name that holds a comma is found as a whole.
///
/// ```
/// use chainrule_datasets::{Column, TargetColumns};
///
/// assert_eq!(TargetColumns::default(), Column::Last.into());
/// let columns = vec![Column::Name("width".to_owned()), Column::Index(3)];
/// assert_eq!("width,3".parse::<TargetColumns>().unwrap().to_string(), TargetColumns::from(columns).to_string());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetColumns {
    columns: Vec<Column>,
    /// The text that named them, which may be the name of one column.
    whole: Option<String>,
}

impl Default for TargetColumns {
    fn default() -> Self {
        Column::Last.into()
    }
}

impl From<Column> for TargetColumns {
    fn from(column: Column) -> Self {
        Self { columns: vec![column], whole: None }
    }
}

impl From<Vec<Column>> for TargetColumns {
    /// An empty list is the last column.
    fn from(columns: Vec<Column>) -> Self {
        if columns.is_empty() { Self::default() } else { Self { columns, whole: None } }
    }
}

impl FromStr for TargetColumns {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == LAST {
            return Ok(Self { columns: vec![Column::Last], whole: Some(text.to_owned()) });
        }
        if !text.contains(',') {
            return text.parse().map(Column::into);
        }
        let columns = text.split(',').map(|column| column.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self { columns, whole: Some(text.to_owned()) })
    }
}

impl fmt::Display for TargetColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> = self.columns.iter().map(Column::to_string).collect();
        f.write_str(&columns.join(","))
    }
}

impl TargetColumns {
    /// The only column, if there is one only.
    #[cfg(feature = "files")]
    pub(crate) fn only(&self) -> Option<&Column> {
        self.columns.first().filter(|_| self.columns.len() == 1)
    }

    /// Whether a cell of the first row is one of the names.
    #[cfg(feature = "csv")]
    pub(crate) fn are_named_in(&self, first: &[String]) -> bool {
        let named = |column: &Column| matches!(column, Column::Name(name) if first.contains(name));
        self.columns.iter().any(named) || self.whole.as_ref().is_some_and(|whole| first.contains(whole))
    }

    /// The positions among as many columns as `dropped` has, with names if there is a header. The last is that of those that are not
    /// dropped.
    ///
    /// # Errors
    /// The first column that is not there or is ambiguous, as [`Column::find`] says it, or is given twice.
    pub(crate) fn find(
        &self,
        names: &[String],
        dropped: &[bool],
    ) -> Result<Vec<usize>, (String, Option<String>)> {
        let width = dropped.len();
        if let Some(whole) = &self.whole
            && let Ok(place) = Column::Name(whole.clone()).find(names, width)
        {
            return Ok(vec![place]);
        }
        let mut places = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let is_name = self.whole.is_some() && names.iter().any(|name| name == LAST);
            let is_last = *column == Column::Last && !is_name;
            let last = dropped.iter().rposition(|dropped| !dropped).filter(|_| is_last);
            let place = match last {
                Some(last) => last,
                None => column.find(names, width).map_err(|fault| (column.to_string(), fault))?,
            };
            if places.contains(&place) {
                return Err((column.to_string(), Some(format!("the target {column} is given twice"))));
            }
            places.push(place);
        }
        Ok(places)
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
