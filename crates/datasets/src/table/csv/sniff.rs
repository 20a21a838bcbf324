//! Finds the delimiter of a text, and whether its first row is a header.
//!
//! Each usual delimiter is tried on many rows. It scores by how many rows have the same number of cells, and by how many cells
//! then look like a number, a date or a word that none of the other delimiters cuts.
//!
//! # References
//! G. van den Burg, A. Nazábal, C. Sutton, "Wrangling messy CSV files by detecting row and type patterns", Data Mining and
//! Knowledge Discovery 33, 2019 (CleverCSV); DuckDB's sniffer; Python's `csv.Sniffer`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::records::{Field, Records, Syntax};
use crate::table::cells::is_missing;
use crate::table::form::NumberForm;
use crate::table::options::TableOptions;

/// Bytes and rows that are looked at.
const SAMPLE: usize = 1 << 16;
const ROWS: usize = 1_000;
/// Cells of a row that are looked at.
const CELLS: usize = 4_096;
/// The usual delimiters, the preferred first; in a tie it wins.
const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The first rows of a text.
pub(super) struct Sample<'a> {
    rows: Vec<Vec<Field<'a>>>,
}

impl<'a> Sample<'a> {
    pub(super) fn new(text: &'a [u8], syntax: Syntax, skip: usize) -> Self {
        let mut sample = &text[..text.len().min(SAMPLE)];
        if sample.len() < text.len() {
            // Without the row that was cut; one that is longer than the sample is all there is to see.
            let whole = sample.iter().rposition(|byte| b"\r\n".contains(byte)).map_or(SAMPLE, |at| at + 1);
            sample = &sample[..whole];
        }
        let mut records = Records::new(sample, syntax, skip);
        let mut rows = Vec::new();
        while rows.len() < ROWS {
            // What is wrong with a row is said when all of the text is read.
            match records.whole(CELLS) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) | Err(_) => break,
            }
        }
        Self { rows }
    }

    /// The most frequent number of cells of a row, and the fraction of the rows that have it.
    fn width(&self) -> (usize, f64) {
        let mut counts = HashMap::new();
        for row in &self.rows {
            *counts.entry(row.len()).or_insert(0_usize) += 1;
        }
        let most = counts.into_iter().max_by_key(|&(width, count)| (count, width));
        most.map_or((0, 0.0), |(width, count)| (width, count as f64 / self.rows.len() as f64))
    }

    /// The fraction of the cells, in rows of this width, that look like one value.
    fn typed(&self, delimiter: u8, width: usize) -> f64 {
        let (mut good, mut all) = (0_usize, 0_usize);
        for cell in self.rows.iter().filter(|row| row.len() == width).take(200).flatten() {
            let cut = |other: &u8| *other != delimiter && cell.text.bytes().any(|byte| byte == *other);
            good += usize::from(cell.quoted || !USUAL.iter().any(cut) || is_number(&cell.text));
            all += 1;
        }
        good as f64 / all.max(1) as f64
    }

    fn score(&self, delimiter: u8) -> f64 {
        let (width, consistency) = self.width();
        if width < 2 {
            return 0.0;
        }
        consistency * self.typed(delimiter, width) * (1.0 - 1.0 / width as f64)
    }

    /// Whether every row ends with a delimiter, after which there is no cell.
    pub(super) fn has_trailing_delimiter(&self) -> bool {
        let ends = |row: &Vec<Field<'_>>| {
            row.len() > 2 && row.last().is_some_and(|cell| !cell.quoted && cell.text.is_empty())
        };
        self.rows.len() > 1 && self.rows.iter().all(ends)
    }

    pub(super) fn first(&self) -> Option<Vec<&str>> {
        self.rows.first().map(|row| row.iter().map(|cell| cell.text.as_ref()).collect())
    }

    /// The cells of a column below the first row that are not missing.
    fn below(&self, column: usize, missing: &[String]) -> Vec<&str> {
        let cells = self.rows.iter().skip(1).filter_map(|row| row.get(column)).map(|cell| cell.text.as_ref());
        cells.filter(|cell| !is_missing(cell, missing)).collect()
    }

    /// Whether the first row names the columns.
    pub(super) fn has_header(&self, missing: &[String]) -> bool {
        let Some(first) = self.first() else { return false };
        let columns: Vec<Vec<&str>> = (0..first.len()).map(|at| self.below(at, missing)).collect();
        let is_word = |cell: &str| !is_missing(cell, missing) && !is_number(cell);
        let numeric = |cells: &[&str]| {
            let numbers = cells.iter().filter(|cell| is_number(cell)).count();
            2 * numbers > cells.len()
        };
        // A word above numbers, or a word above a few words that keep coming back, of which it is none.
        let names_numbers = first.iter().zip(&columns).any(|(cell, below)| is_word(cell) && numeric(below));
        let names_categories = first.iter().zip(&columns).any(|(cell, below)| {
            let words: HashSet<&&str> = below.iter().collect();
            is_word(cell) && below.len() > 4 && 2 * words.len() <= below.len() && !words.contains(cell)
        });
        // A value that comes back below, or a number with a fraction, is no name.
        let is_value = |cell: &str, below: &[&str]| {
            is_word(cell) && below.contains(&cell) || is_number(cell) && cell.parse::<i64>().is_err()
        };
        let has_values = first.iter().zip(&columns).any(|(cell, below)| is_value(cell, below));
        if names_numbers || names_categories && !has_values {
            return true;
        }
        let different: HashSet<&&str> = first.iter().collect();
        let all_differ = different.len() == first.len();
        let mut pairs = first.iter().zip(&columns);
        if all_differ && pairs.clone().all(|(cell, below)| is_word(cell) && !below.contains(cell)) {
            return true;
        }
        // The numbers of the columns, as pandas writes them.
        let counted = first.iter().enumerate().all(|(at, cell)| **cell == at.to_string());
        let has_fraction = |cells: &[&str]| cells.iter().any(|cell| cell.parse::<i64>().is_err());
        counted && self.rows.len() > 1 && (first.len() > 2 || pairs.any(|(_, below)| has_fraction(below)))
    }
}

/// Whether a text is a number or a date in any of the forms.
fn is_number(text: &str) -> bool {
    !NumberForm::all(text, None, None).is_empty()
}

/// The delimiter of a text, and how many lines say so before the table begins: `sep=;` as Excel writes it.
pub(super) fn delimiter(text: &[u8], path: &Path, options: &TableOptions, skip: usize) -> (u8, usize) {
    let start = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let said = match start {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', said, b'\r' | b'\n', ..] if said.is_ascii() => {
            Some(*said)
        }
        _ => None,
    };
    let lines = usize::from(said.is_some());
    if let Some(delimiter) = options.delimiter.or(said) {
        return (delimiter, lines);
    }
    let sample = |delimiter| Sample::new(text, Syntax { delimiter, comment: options.comment }, skip);
    let is_tsv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    let (mut best, mut most) = (b',', 0.0);
    for delimiter in USUAL {
        // The name of the file decides where the contents leave it open.
        let trust = if is_tsv && delimiter == b'\t' { 1.5 } else { 1.0 };
        let score = trust * sample(delimiter).score(delimiter);
        if score > most {
            (best, most) = (delimiter, score);
        }
    }
    if most == 0.0 {
        let blanks = sample(b' ');
        let (width, consistency) = blanks.width();
        let numbers = (0..width).any(|at| {
            let below = blanks.below(at, &options.missing);
            !below.is_empty() && below.iter().all(|cell| is_number(cell))
        });
        if width > 1 && consistency > 0.9 && numbers {
            best = b' ';
        }
    }
    (best, lines)
}
