//! From a text to the rows of a table: first what it is, then what is in it.

use std::path::Path;

use chainrule_tensor::Scalar;

use super::profile::{Found, Hints, Profile};
use super::records::{Fault, Records, Syntax, line_ends};
use super::sniff::{self, Sample};
use crate::error::Error;
use crate::memory;
use crate::options::ReadOptions;
use crate::table::builder::{Builder, MOST_COLUMNS};
use crate::table::cells::{Cell, is_missing};
use crate::table::column::{Column, HeaderRow};
use crate::table::dialect::Dialect;
use crate::table::form::plain;
use crate::table::schema::{ColumnKind, Schema};

/// A text with its dialect.
struct Text<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    syntax: Syntax,
    /// Lines before the header.
    skip: usize,
    /// Cells of a row, without the empty one after a trailing delimiter.
    width: usize,
    names: Vec<String>,
    dialect: Dialect,
}

/// All rows of a text, and the names of its columns.
pub(super) fn build<A: Scalar>(
    text: &[u8],
    path: &Path,
    options: &ReadOptions,
    target: bool,
) -> Result<(Builder<A>, Vec<String>), Error> {
    let text = Text::open(text, path, options, target)?;
    text.check_memory(options)?;
    let mut builder = Builder::new(path, &text.names, text.width, target, options)?;
    builder.set_dialect(text.dialect.clone());
    if options.table.schema.is_none() {
        text.find_forms(&mut builder, options)?;
    }
    text.each_cell(
        |builder: &mut Builder<A>, place, cell| {
            if builder.keeps(place) {
                builder.keep(place, cell);
            }
            builder.cell(place, Cell::Text(cell))
        },
        &mut builder,
    )?;
    if builder.is_empty() {
        let fault = "it has a header and nothing else";
        return Err(Error::format(path, fault, "give it a row for each example"));
    }
    Ok((builder, text.names))
}

/// The header of a text.
pub(super) fn names(text: &[u8], path: &Path) -> Option<Vec<String>> {
    Some(Text::open(text, path, &ReadOptions::default(), false).ok()?.names)
}

impl<'a> Text<'a> {
    fn open(text: &'a [u8], path: &'a Path, options: &ReadOptions, target: bool) -> Result<Self, Error> {
        let mut table = options.table.clone();
        let model = table.schema.as_ref().and_then(|schema| schema.dialect.clone());
        if let Some(model) = &model {
            table.comment = table.comment.or(model.comment.and_then(|comment| u8::try_from(comment).ok()));
            if table.skip_rows == 0 {
                table.skip_rows = model.skip_rows;
            }
            if table.missing.is_empty() {
                table.missing.clone_from(&model.missing);
            }
        }
        let (mut delimiter, lines) = sniff::delimiter(text, path, &table, table.skip_rows);
        let skip = table.skip_rows + lines;
        let sample = |delimiter| Sample::new(text, Syntax { delimiter, comment: table.comment }, skip);
        if table.delimiter.is_none() && lines == 0 {
            let known = model.and_then(|model| u8::try_from(model.delimiter).ok());
            let fits = |known: &u8| sample(*known).first().is_some_and(|first| first.len() > 1);
            delimiter = known.filter(fits).unwrap_or(delimiter);
        }
        let syntax = Syntax { delimiter, comment: table.comment };
        let mut records = Records::new(text, syntax, skip);
        let first = records.whole(MOST_COLUMNS + 1).map_err(|fault| fault.into_error(path))?;
        let Some(first) = first else {
            return Err(Error::format(path, "it is empty", "give it a row for each example"));
        };
        if first.len() > MOST_COLUMNS {
            let fault = format!("a row has more than {MOST_COLUMNS} cells");
            return Err(Error::format(path, fault, "save wide data as .npy"));
        }
        let sample = sample(delimiter);
        let trailing_delimiter = sample.has_trailing_delimiter();
        let width = first.len() - usize::from(trailing_delimiter);
        let first: Vec<String> = first.into_iter().take(width).map(|cell| cell.text.into_owned()).collect();
        let header = match (table.header, &table.schema) {
            (HeaderRow::Present, _) => true,
            (HeaderRow::Absent, _) => false,
            (HeaderRow::Auto, Some(schema)) => header_for(schema, &first, &sample, &table.missing, path)?,
            (HeaderRow::Auto, None) => {
                let named = |column: &Column| matches!(column, Column::Name(name) if first.contains(name));
                target && options.target.are_named_in(&first)
                    || table.drop.iter().chain(&table.categorical).chain(&table.keep).any(named)
                    || sample.has_header(&table.missing)
            }
        };
        let dialect = Dialect {
            delimiter: delimiter.into(),
            header,
            comment: table.comment.map(char::from),
            skip_rows: table.skip_rows,
            missing: table.missing,
            trailing_delimiter,
        };
        let names = if header { first } else { Vec::new() };
        Ok(Self { bytes: text, path, syntax, skip, width, names, dialect })
    }

    /// Refuses a table whose numbers take more memory than is allowed: 8 bytes a cell, twice while the list of cells grows.
    fn check_memory(&self, options: &ReadOptions) -> Result<(), Error> {
        let rows = line_ends(self.bytes) as u64 + 1;
        // A cell takes a byte at least, its delimiter.
        let cells = rows.saturating_mul(self.width as u64).min(self.bytes.len() as u64 + 1);
        memory::check(self.path, cells.checked_mul(16), options.memory())
    }

    /// The form of the numbers of each column, from all of its cells.
    fn find_forms<A: Scalar>(&self, builder: &mut Builder<A>, options: &ReadOptions) -> Result<(), Error> {
        let missing = &self.dialect.missing;
        let hints = Hints {
            decimal: options.table.decimal,
            thousands: options.table.thousands,
            comma_delimits: self.syntax.delimiter == b',',
        };
        let wanted: Vec<bool> = (0..self.width).map(|place| builder.wants_form(place)).collect();
        let mut profiles: Vec<Profile> = (0..self.width).map(|_| Profile::default()).collect();
        self.each_cell(
            |profiles: &mut Vec<Profile>, place, cell| {
                if wanted[place] {
                    profiles[place].take_plain(cell, missing);
                }
                Ok(())
            },
            &mut profiles,
        )?;
        if profiles.iter().any(|profile| profile.is_open(hints)) {
            self.each_cell(
                |profiles: &mut Vec<Profile>, place, cell| {
                    if wanted[place] && profiles[place].is_open(hints) {
                        profiles[place].take(cell, missing, hints);
                    }
                    Ok(())
                },
                &mut profiles,
            )?;
        }
        let marks: Vec<char> = profiles.iter().filter_map(Profile::decimal).collect();
        let elsewhere = marks.first().copied().filter(|first| marks.iter().all(|mark| mark == first));
        for (place, profile) in profiles.iter().enumerate().filter(|&(place, _)| wanted[place]) {
            match profile.found(hints, elsewhere) {
                Found::Form(form) => builder.set_form(place, form),
                Found::Nothing => {}
                Found::Ambiguous(fault) => {
                    let fault = format!("column {}: {fault}", self.column(place));
                    return Err(Error::data(self.path.display().to_string(), fault));
                }
            }
        }
        Ok(())
    }

    /// Walks through all cells but the header's.
    fn each_cell<S: RowEnd>(
        &self,
        take: impl Fn(&mut S, usize, &str) -> Result<(), String>,
        state: &mut S,
    ) -> Result<(), Error> {
        let failed = |fault: Fault| fault.into_error(self.path);
        let mut records = Records::new(self.bytes, self.syntax, self.skip);
        if self.dialect.header {
            records.whole(0).map_err(failed)?;
        }
        while let Some(line) = records.begin() {
            let (mut place, mut last) = (0, false);
            while !last {
                let cell = records.cell().map_err(failed)?;
                last = cell.last;
                if place < self.width {
                    take(state, place, &cell.text).map_err(|fault| {
                        if self.is_blank(line) {
                            let fault = format!("line {line}: all of its cells are empty");
                            return Error::format(self.path, fault, "delete the line");
                        }
                        Error::cell(self.path, format!("line {line}"), self.column(place), fault)
                    })?;
                } else if place == self.width && self.dialect.trailing_delimiter && cell.text.is_empty() {
                    continue;
                }
                place += 1;
            }
            if place != self.width {
                let fault = format!("line {line} has {place} cells, the first row {}", self.width);
                return Err(Error::format(self.path, fault, "give each row the same number of cells"));
            }
            state.end_row();
        }
        Ok(())
    }

    /// Whether the row that begins in a line has empty cells only.
    fn is_blank(&self, line: usize) -> bool {
        let mut records = Records::new(self.bytes, self.syntax, self.skip);
        while let Some(at) = records.begin() {
            match records.whole(usize::MAX) {
                Ok(Some(cells)) if at == line => return cells.iter().all(|cell| cell.text.is_empty()),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        false
    }

    fn column(&self, place: usize) -> String {
        let number = place + 1;
        self.names.get(place).map_or_else(|| number.to_string(), |name| format!("{number} ({name})"))
    }
}

/// What is told that a row ends.
trait RowEnd {
    fn end_row(&mut self);
}

impl<A: Scalar> RowEnd for Builder<A> {
    fn end_row(&mut self) {
        Builder::end_row(self);
    }
}

impl RowEnd for Vec<Profile> {
    fn end_row(&mut self) {}
}

/// Whether the first row of a new file for a model names the columns.
///
/// # Errors
/// If it could be either.
fn header_for(
    schema: &Schema,
    first: &[String],
    sample: &Sample<'_>,
    missing: &[String],
    path: &Path,
) -> Result<bool, Error> {
    let fits = schema.fits(first.len())
        && schema.features.iter().all(|feature| {
            first.get(schema.place(feature, first.len())).is_some_and(|cell| {
                is_missing(cell, missing)
                    || match &feature.kind {
                        ColumnKind::Number | ColumnKind::Date { .. } => feature.form.parse(cell).is_some(),
                        ColumnKind::Category(words) => words.contains(cell),
                    }
            })
        });
    let known = schema.features.iter().filter(|feature| first.contains(&feature.name)).count();
    if !schema.named {
        return Ok(known == schema.features.len() || !fits && sample.has_header(missing));
    }
    if known == 0 || !fits {
        return Ok(!fits);
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
