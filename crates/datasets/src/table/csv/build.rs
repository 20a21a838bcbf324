//! From a text to the rows of a table: first what it is, then what is in it.

use std::path::Path;

use chainrule_tensor::Scalar;

use super::open::Text;
use super::records::{Fault, Records, line_ends};
use crate::error::Error;
use crate::memory;
use crate::options::ReadOptions;
use crate::table::builder::Builder;
use crate::table::cells::Cell;
use crate::table::column::numbered;
use crate::table::profile::{Hints, Profiles};

/// All rows of a text, and the names of its columns.
pub(super) fn build<A: Scalar>(
    text: &[u8],
    path: &Path,
    options: &ReadOptions,
    target: bool,
) -> Result<(Builder<A>, Vec<String>), Error> {
    let text = Text::open(text, path, options, target)?;
    text.check_memory(options)?;
    text.check_first()?;
    let mut builder = Builder::new(path, &text.names, text.width, target, options)?;
    builder.set_dialect(text.dialect.clone());
    text.find_forms(&mut builder, options)?;
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

impl Text<'_> {
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
        let mut profiles = Profiles::new(builder, self.width, hints);
        self.each_cell(
            |profiles: &mut Profiles, place, cell| {
                profiles.take_plain(place, cell, missing);
                Ok(())
            },
            &mut profiles,
        )?;
        if profiles.are_open() {
            self.each_cell(
                |profiles: &mut Profiles, place, cell| {
                    profiles.take(place, cell, missing);
                    Ok(())
                },
                &mut profiles,
            )?;
        }
        profiles.decide(builder).map_err(|(place, fault)| {
            let fault = format!("{}: {fault}", self.column(place));
            Error::data(self.path.display().to_string(), fault)
        })
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
                } else if self.dialect.trailing_delimiter && cell.text.is_empty() {
                    // Several delimiters may end a row.
                    continue;
                }
                place += 1;
            }
            if place != self.width {
                return Err(self.uneven(line, place));
            }
            state.end_row();
        }
        Ok(())
    }

    /// Refuses lines of text above a table, which have one cell.
    fn check_first(&self) -> Result<(), Error> {
        const LINES: usize = 100;
        if self.width > 1 {
            return Ok(());
        }
        let mut records = Records::new(self.bytes, self.syntax, self.skip);
        for _ in 0..LINES {
            let Some(line) = records.begin() else { break };
            let cells = records.whole(usize::MAX).map_err(|fault| fault.into_error(self.path))?;
            let cells = cells.map_or(0, |cells| cells.len());
            if cells > 1 {
                return Err(self.uneven(line, cells));
            }
        }
        Ok(())
    }

    fn uneven(&self, line: usize, cells: usize) -> Error {
        let fault = format!("line {line} has {cells} cells, the first row {}", self.width);
        Error::format(self.path, fault, self.cure(cells))
    }

    /// What to do about a row with another number of cells than the first.
    fn cure(&self, cells: usize) -> &'static str {
        let mut records = Records::new(self.bytes, self.syntax, self.skip);
        let first = records.whole(1).ok().flatten().and_then(|mut first| first.pop());
        let first = first.map(|cell| cell.text).unwrap_or_default();
        if self.syntax.comment.is_none() && first.starts_with('#') {
            "skip the lines that are comments (--comment #)"
        } else if self.syntax.comment.is_none() && first.starts_with('%') {
            "skip the lines that are comments (--comment %)"
        } else if self.width < cells {
            "give each row the same number of cells, or skip the lines before the table (--skip-rows N)"
        } else {
            "give each row the same number of cells"
        }
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
        numbered(place, self.names.get(place).map(String::as_str))
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

impl RowEnd for Profiles {
    fn end_row(&mut self) {}
}
