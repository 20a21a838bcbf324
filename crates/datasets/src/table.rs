//! Tables of any format: which columns are features, what their cells mean, and what a model must know to read another.
//!
//! A column of numbers is one input. A column of words is a category with one input per word, 1 at the word of the row and
//! 0 elsewhere (one-hot). The encoding happens when a row is read: in memory a cell stays one number. An empty cell, `?`,
//! `NA`, `N/A`, `NaN` and `null`, in any case, is missing: an error, or replaced as [`Impute`](column::Impute) says. A
//! [`Schema`](schema::Schema) records all of it and is kept with the model.

pub(crate) mod builder;
pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod columns;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only text spells dates in several forms"))]
pub(crate) mod date;
mod date_parts;
pub(crate) mod dialect;
#[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only text spells numbers in several forms"))]
pub(crate) mod form;
pub(crate) mod kept;
mod names;
mod of_model;
pub(crate) mod options;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod profile;
mod roles;
pub(crate) mod schema;
#[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only text spells times of day"))]
mod time_of_day;
pub(crate) mod unread;
