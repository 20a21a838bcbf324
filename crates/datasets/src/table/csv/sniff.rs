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
use crate::table::cells::{is_marker, is_missing};
use crate::table::form::NumberForm;
use crate::table::options::TableOptions;

/// Bytes and rows that are looked at.
const SAMPLE: usize = 1 << 16;
const ROWS: usize = 1_000;
/// Cells of a row that are looked at.
const CELLS: usize = 4_096;
/// The usual delimiters, the preferred first; in a tie it wins.
pub(super) const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];

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

    /// How many empty cells end every row: there is nothing after a trailing delimiter. Two cells are left at least.
    pub(super) fn trailing_delimiters(&self) -> usize {
        let ends = |row: &Vec<Field<'_>>| {
            // Of a longer row the end is not seen.
            let seen = row.len() < CELLS;
            let empty =
                row.iter().rev().take_while(|cell| seen && !cell.quoted && cell.text.is_empty()).count();
            empty.min(row.len().saturating_sub(2))
        };
        if self.rows.len() < 2 { 0 } else { self.rows.iter().map(ends).min().unwrap_or_default() }
    }

    pub(super) fn first(&self) -> Option<Vec<&str>> {
        self.rows.first().map(|row| row.iter().map(|cell| cell.text.as_ref()).collect())
    }

    /// The cells of a column below the first row that are not missing.
    fn below(&self, column: usize, missing: &[String]) -> Vec<&str> {
        let cells = self.rows.iter().skip(1).filter_map(|row| row.get(column)).map(|cell| cell.text.as_ref());
        cells.filter(|cell| !is_missing(cell, missing)).collect()
    }

    /// What the first row is.
    pub(super) fn first_row(&self, missing: &[String]) -> FirstRow {
        let Some(first) = self.first() else { return FirstRow::Example };
        let columns: Vec<Vec<&str>> = (0..first.len()).map(|at| self.below(at, missing)).collect();
        let is_word = |cell: &str| !is_missing(cell, missing) && !is_number(cell);
        let numeric = |cells: &[&str]| {
            let numbers = cells.iter().filter(|cell| is_number(cell)).count();
            2 * numbers > cells.len()
        };
        let pairs = || first.iter().zip(&columns);
        // A value that comes back below, or a number with a fraction, is no name.
        let is_value = |cell: &str, below: &[&str]| {
            is_word(cell) && below.contains(&cell) || is_number(cell) && cell.parse::<i64>().is_err()
        };
        if has_index(&first, &columns) {
            let numbers = Numbers::of(&first[1..]);
            let differ = first.iter().collect::<HashSet<_>>().len() == first.len();
            let are_words = pairs().skip(1).all(|(cell, below)| is_word(cell) && !below.contains(cell));
            let are_places = first.iter().skip(1).enumerate().all(|(at, cell)| **cell == at.to_string());
            if differ && (are_words || are_places && numbers.len() + 1 == first.len()) {
                return FirstRow::Names;
            }
        }
        let has_values = pairs().any(|(cell, below)| is_value(cell, below));
        let numbers = Numbers::of(&first);
        // A word above numbers names its column, unless the other cells say that it is a slip in an example.
        let mut above_numbers = pairs().filter(|(cell, below)| is_word(cell) && numeric(below)).peekable();
        if let Some(&(word, _)) = above_numbers.peek() {
            let comes_back = |of: &dyn Fn(&str) -> bool| {
                pairs().any(|(cell, below)| !is_missing(cell, missing) && of(cell) && below.contains(cell))
            };
            let are_names = if numbers.is_empty() {
                !above_numbers.clone().all(|(cell, _)| is_marker(cell))
            } else {
                let words = above_numbers.clone().count();
                let is_odd = above_numbers.any(|(cell, _)| is_marker(cell) || is_slip(cell));
                // Most cells of an example are no slips: scikit-learn's `150,4,setosa,versicolor,virginica` is a header.
                let are_most = words > 1 && words > numbers.len();
                numbers.are_places() || !is_odd && (are_most || numbers.ascend() && !comes_back(&is_number))
            };
            return if are_names && !comes_back(&|cell| !is_number(cell)) {
                FirstRow::Names
            } else {
                FirstRow::Either((*word).to_owned())
            };
        }
        // A word above a few words that keep coming back, of which it is none.
        let names_categories = pairs().any(|(cell, below)| {
            let words: HashSet<&&str> = below.iter().collect();
            is_word(cell) && below.len() > 4 && 2 * words.len() <= below.len() && !words.contains(cell)
        });
        if names_categories && !has_values {
            return FirstRow::Names;
        }
        let different: HashSet<&&str> = first.iter().collect();
        let all_differ = different.len() == first.len();
        if all_differ && pairs().all(|(cell, below)| is_word(cell) && !below.contains(cell)) {
            return FirstRow::Names;
        }
        // A number above words alone.
        let above_words = pairs().find(|(cell, below)| {
            is_number(cell) && below.len() > 4 && !below.iter().any(|cell| is_number(cell))
        });
        if let Some((number, _)) = above_words.filter(|_| !has_values) {
            return if numbers.ascend() { FirstRow::Names } else { FirstRow::Either((*number).to_owned()) };
        }
        // The numbers of the columns, as pandas writes them.
        let counted = first.iter().enumerate().all(|(at, cell)| **cell == at.to_string());
        let has_fraction = |cells: &[&str]| cells.iter().any(|cell| cell.parse::<i64>().is_err());
        let has_names = counted
            && self.rows.len() > 1
            && (first.len() > 2 || pairs().any(|(_, below)| has_fraction(below)));
        if has_names { FirstRow::Names } else { above_fractions(&first, &columns) }
    }
}

/// Whether the first cell alone is empty above a full column, as pandas writes a table with its index.
fn has_index(first: &[&str], columns: &[Vec<&str>]) -> bool {
    let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
    first.len() > 1 && first[0].is_empty() && rows > 0 && columns[0].len() == rows
}

/// What a first row of whole numbers is, such as years, by the columns below whose numbers are all written with a fraction: by chance
/// an example has none in several of them.
fn above_fractions(first: &[&str], columns: &[Vec<&str>]) -> FirstRow {
    let named = usize::from(has_index(first, columns));
    let whole: Option<Vec<i64>> = first[named..].iter().map(|cell| cell.parse().ok()).collect();
    let Some(whole) = whole else { return FirstRow::Example };
    let has_fractions = |below: &&Vec<&str>| {
        below.len() > 1 && below.iter().all(|cell| is_number(cell) && cell.parse::<i64>().is_err())
    };
    let fractions = columns[named..].iter().filter(has_fractions).count();
    let ascend = whole.windows(2).all(|pair| pair[0] < pair[1]);
    let differ = whole.iter().collect::<HashSet<_>>().len() == whole.len();
    match fractions {
        0 => FirstRow::Example,
        2.. if ascend => FirstRow::Names,
        _ if ascend && whole.len() > 1 || fractions > 1 && differ => {
            FirstRow::Either(first[named].to_owned())
        }
        _ => FirstRow::Example,
    }
}

/// What the first row of a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FirstRow {
    /// The names of the columns.
    Names,
    Example,
    /// Either, by this cell.
    Either(String),
}

/// The numbers of a row, with the places of their cells.
struct Numbers(Vec<(usize, f64)>);

impl Numbers {
    fn of(row: &[&str]) -> Self {
        let number = |(at, cell): (usize, &&str)| {
            let form = NumberForm::all(cell, None, None).into_iter().next()?;
            form.parse(cell).map(|x| (at, x))
        };
        Self(row.iter().enumerate().filter_map(number).collect())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether they count their cells, from any number, as a program that names columns does.
    fn are_places(&self) -> bool {
        let from = |&(at, x): &(usize, f64)| x - at as f64;
        let all = |first: f64| self.0.iter().all(|number| from(number) == first);
        self.0
            .first()
            .is_some_and(|first| all(from(first)) && self.0.len() > 1 + usize::from(from(first).abs() > 1.0))
    }

    /// Whether they ascend, as years do; a few that have fractions do so by chance.
    fn ascend(&self) -> bool {
        let whole = self.0.iter().all(|(_, x)| x.fract() == 0.0);
        (whole || self.0.len() > 2) && self.0.windows(2).all(|pair| pair[0].1 < pair[1].1)
    }
}

/// Whether a word is nearly a number.
fn is_slip(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first))
}

/// Whether a text is a number or a date in any of the forms.
fn is_number(text: &str) -> bool {
    !NumberForm::all(text, None, None).is_empty()
}

/// The delimiter that the first line says, as in `sep=;`.
pub(super) fn said(text: &[u8]) -> Option<u8> {
    match text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', said, b'\r' | b'\n', ..] if said.is_ascii() => {
            Some(*said)
        }
        _ => None,
    }
}

/// The delimiter of a text, and how many lines say so before the table begins: `sep=;` as Excel writes it.
pub(super) fn delimiter(text: &[u8], path: &Path, options: &TableOptions, skip: usize) -> (u8, usize) {
    let said = said(text);
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
