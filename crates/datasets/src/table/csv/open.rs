//! What a text is: where its table begins, what separates its cells, and whether its first row names the columns.

use std::collections::HashSet;
use std::path::Path;

use super::records::{Records, Syntax, line_ends};
use super::sniff::{self, FirstRow, Sample, USUAL};
use crate::error::Error;
use crate::options::ReadOptions;
use crate::table::builder::MOST_COLUMNS;
use crate::table::cells::is_missing;
use crate::table::column::{Column, HeaderRow, numbered};
use crate::table::dialect::Dialect;
use crate::table::form::{NumberForm, plain};
use crate::table::options::TableOptions;
use crate::table::schema::{ColumnKind, Feature, Schema};

/// Lines beyond those that a model skips in which its names are looked for.
const MORE_LINES: usize = 16;

/// A text with its dialect.
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) path: &'a Path,
    pub(super) syntax: Syntax,
    /// Lines before the header.
    pub(super) skip: usize,
    /// Cells of a row, without the empty ones after trailing delimiters.
    pub(super) width: usize,
    pub(super) names: Vec<String>,
    pub(super) dialect: Dialect,
}

impl<'a> Text<'a> {
    pub(super) fn open(
        text: &'a [u8],
        path: &'a Path,
        options: &ReadOptions,
        target: bool,
    ) -> Result<Self, Error> {
        let mut table = options.table.clone();
        let schema = options.table.schema.as_ref();
        let model = schema.and_then(|schema| schema.dialect.as_ref());
        if let Some(model) = model {
            table.comment = table.comment.or(model.comment.and_then(|comment| u8::try_from(comment).ok()));
            if table.missing.is_empty() {
                table.missing.clone_from(&model.missing);
            }
        }
        let skip_rows = match (table.skip_rows, schema, model) {
            (Some(lines), ..) => lines,
            (None, Some(schema), Some(model)) if model.skip_rows > 0 => {
                lines_before(text, path, &table, schema, model)?
            }
            _ => 0,
        };
        let (mut delimiter, lines) = sniff::delimiter(text, path, &table, skip_rows);
        let skip = skip_rows.saturating_add(lines);
        let sample = |delimiter| Sample::new(text, Syntax { delimiter, comment: table.comment }, skip);
        if table.delimiter.is_none() && lines == 0 {
            let known = model.and_then(|model| u8::try_from(model.delimiter).ok());
            let fits = |known: &u8| {
                sample(*known).first().is_some_and(|first| {
                    first.len() > 1 || schema.is_some_and(|schema| is_single(schema, &first, &table))
                })
            };
            delimiter = known.filter(fits).unwrap_or(delimiter);
        }
        let syntax = Syntax { delimiter, comment: table.comment };
        let mut records = Records::new(text, syntax, skip);
        let first = records.whole(MOST_COLUMNS + 1).map_err(|fault| fault.into_error(path))?;
        let Some(first) = first else {
            if skip_rows > 0 {
                let fault = format!("nothing is left after the first {skip_rows} lines");
                return Err(Error::format(path, fault, "skip fewer (--skip-rows)"));
            }
            return Err(Error::format(path, "it is empty", "give it a row for each example"));
        };
        if first.len() > MOST_COLUMNS {
            let fault = format!("a row has more than {MOST_COLUMNS} cells");
            return Err(Error::format(path, fault, "save wide data as .npy"));
        }
        let sample = sample(delimiter);
        let mut first: Vec<String> = first.into_iter().map(|cell| cell.text.into_owned()).collect();
        let ended = first.len() - sample.trailing_delimiters();
        let width = match schema {
            Some(schema) if ended < first.len() && !(schema.named && has_a_name(schema, &first)) => {
                width_for(schema, ended, first.len())
            }
            _ => ended,
        };
        let trailing_delimiter = width < first.len();
        first.truncate(width);
        let header = match (table.header, schema) {
            (HeaderRow::Present, _) => true,
            (HeaderRow::Absent, _) => false,
            (HeaderRow::Auto, Some(schema)) => header_for(schema, &first, &table, path)?,
            (HeaderRow::Auto, None) => {
                let named = |column: &Column| column.is_named_in(&first);
                target && options.target.are_named_in(&first)
                    || table.drop.iter().chain(&table.categorical).chain(&table.keep).any(named)
                    || match sample.first_row(&table.missing) {
                        FirstRow::Names => true,
                        FirstRow::Example => false,
                        FirstRow::Either(cell) => {
                            let fault = format!(
                                "its first row could name the columns or be an example with {cell:?}"
                            );
                            let cure = "say which (--header present or absent), or correct the cell if it is an example";
                            return Err(Error::format(path, fault, cure));
                        }
                    }
            }
        };
        let dialect = Dialect {
            delimiter: delimiter.into(),
            header,
            comment: table.comment.map(char::from),
            skip_rows,
            missing: table.missing,
            trailing_delimiter,
        };
        let names = if header { first } else { Vec::new() };
        Ok(Self { bytes: text, path, syntax, skip, width, names, dialect })
    }
}

/// The lines before the table of a new file for a model that skipped some: those above its names, or as many as the model skipped
/// unless one of these could be part of the table.
fn lines_before(
    text: &[u8],
    path: &Path,
    table: &TableOptions,
    schema: &Schema,
    model: &Dialect,
) -> Result<usize, Error> {
    let said = sniff::said(text);
    let lines = usize::from(said.is_some());
    let delimiters: Vec<u8> = match table.delimiter.or(said) {
        Some(delimiter) => vec![delimiter],
        None => u8::try_from(model.delimiter).into_iter().chain(USUAL).chain([b' ']).collect(),
    };
    let rows = |skip: usize| {
        let row = move |&delimiter: &u8| -> Vec<String> {
            let syntax = Syntax { delimiter, comment: table.comment };
            let row = Records::new(text, syntax, skip.saturating_add(lines)).whole(MOST_COLUMNS + 1);
            row.ok().flatten().unwrap_or_default().into_iter().map(|cell| cell.text.into_owned()).collect()
        };
        delimiters.iter().map(row)
    };
    if schema.named && table.header != HeaderRow::Absent {
        // Names that are numbers could be a row.
        let numbers = schema.features.iter().all(|feature| plain(&feature.name).is_some());
        let most = model.skip_rows.min(line_ends(text)) + if numbers { 0 } else { MORE_LINES };
        if let Some(skip) = (0..=most).find(|&skip| rows(skip).any(|row| has_all_names(schema, &row))) {
            return Ok(skip);
        }
    }
    let is_part = |row: &[String]| {
        misfit(schema, row, table, Strict::No).is_none() || schema.named && has_a_name(schema, row)
    };
    // Beyond its end every row is the same.
    let skipped = model.skip_rows.min(line_ends(text) + 1);
    if let Some(skip) = (0..skipped).find(|&skip| rows(skip).any(|row| is_part(&row))) {
        let (line, skipped) = (skip + lines + 1, model.skip_rows);
        let fault = format!(
            "line {line} could be part of the table, and of the training data the first {skipped} lines were skipped"
        );
        return Err(Error::format(
            path,
            fault,
            "say how many lines to skip (--skip-rows 0, or as many as there are)",
        ));
    }
    Ok(model.skip_rows)
}

fn has_all_names(schema: &Schema, row: &[String]) -> bool {
    let cells: HashSet<&str> = row.iter().map(String::as_str).collect();
    schema.features.iter().all(|feature| cells.contains(feature.name.as_str()))
}

fn has_a_name(schema: &Schema, row: &[String]) -> bool {
    let cells: HashSet<&str> = row.iter().map(String::as_str).collect();
    schema.features.iter().any(|feature| cells.contains(feature.name.as_str()))
}

/// Whether a row of one cell is all of an example, or the name of the only feature.
fn is_single(schema: &Schema, first: &[&str], table: &TableOptions) -> bool {
    let first: Vec<String> = first.iter().map(ToString::to_string).collect();
    let is_name = schema.named && schema.features.len() == 1 && has_all_names(schema, &first);
    is_name || misfit(schema, &first, table, Strict::Yes).is_none()
}

/// The width of the rows of a new file whose last cells are empty, from `least` to `most`: an empty cell is a missing one if the model
/// has a column for it, unless its own rows ended with a delimiter.
fn width_for(schema: &Schema, least: usize, most: usize) -> usize {
    let trailing = schema.dialect.as_ref().is_some_and(|model| model.trailing_delimiter);
    let mut fitting = (least..=most).filter(|&width| schema.fits(width));
    if trailing { fitting.next() } else { fitting.next_back() }.unwrap_or(least)
}

/// Whether only the form of the model is a number, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strict {
    Yes,
    No,
}

/// The cell that keeps a row from being an example for a model, by its place; `None` if it can be one.
fn misfit(schema: &Schema, row: &[String], table: &TableOptions, strict: Strict) -> Option<usize> {
    if !schema.fits(row.len()) {
        return Some(row.len());
    }
    let is_number = |feature: &Feature, cell: &str| {
        let hinted = table.decimal.is_some() || table.thousands.is_some();
        feature.form.parse(cell).is_some()
            || (hinted || strict == Strict::No)
                && !NumberForm::all(cell, table.decimal, table.thousands).is_empty()
    };
    let is_odd = |feature: &&Feature| {
        row.get(schema.place(feature, row.len())).is_none_or(|cell| {
            !is_missing(cell, &table.missing)
                && !match &feature.kind {
                    ColumnKind::Number | ColumnKind::Date { .. } => is_number(feature, cell),
                    ColumnKind::Category(words) => words.iter().any(|word| is_alike(word, cell)),
                }
        })
    };
    schema.features.iter().find(is_odd).map(|feature| schema.place(feature, row.len()))
}

/// Whether a cell can be a word of a model: programs write booleans in capitals or not, and whole numbers with a fraction or not.
fn is_alike(word: &str, cell: &str) -> bool {
    word.eq_ignore_ascii_case(cell) || plain(word).is_some_and(|x| plain(cell) == Some(x))
}

/// Whether the first row of a new file for a model names the columns.
///
/// # Errors
/// If it could be either.
fn header_for(schema: &Schema, first: &[String], table: &TableOptions, path: &Path) -> Result<bool, Error> {
    let misfit = misfit(schema, first, table, Strict::No);
    if !schema.named {
        let odd = misfit.and_then(|place| Some((place, first.get(place)?)));
        return match odd {
            Some(_) if has_all_names(schema, first) => Ok(true),
            Some((place, cell)) => {
                let fault = format!(
                    "its first row could name the columns, or be an example with {cell:?} in {}",
                    numbered(place, None)
                );
                let cure = "the model was trained without names: correct the cell, or say that the row is a header (--header present)";
                Err(Error::format(path, fault, cure))
            }
            None => Ok(has_all_names(schema, first)),
        };
    }
    if misfit.is_some() || !has_a_name(schema, first) {
        return Ok(misfit.is_some());
    }
    // Names that are numbers could be a row.
    let numbers = schema.features.iter().all(|feature| plain(&feature.name).is_some());
    let in_order = schema.features.iter().all(|feature| {
        first.get(schema.place(feature, first.len())).is_some_and(|cell| *cell == feature.name)
    });
    if !numbers || in_order {
        return Ok(true);
    }
    let fault = "its first row could name the columns or be an example";
    Err(Error::format(path, fault, "say which (--header present or absent)"))
}
