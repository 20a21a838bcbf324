//! Tables of text: a row is an example, a column is a feature or the target.
//!
//! Cells are separated by commas (or what [`TableOptions`] says), may be quoted, and blanks around them are removed.

mod records;

use std::io::{self, Write};
use std::path::Path;

use ::csv::WriterBuilder;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};

use self::records::Records;
use super::builder::Builder;
use super::cells::{Cell, is_missing};
use super::column::{Column, HeaderRow};
use super::options::TableOptions;
use super::schema::ColumnKind;
use crate::atomic::write_atomic;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::file::read_file;
use crate::options::ReadOptions;

/// Numbers and the names of their columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<A> {
    /// One example a row.
    pub values: Array2<A>,
    /// The header; empty if the file has none.
    pub names: Vec<String>,
}

/// Reads examples with one target each.
///
/// # Errors
/// If the file cannot be read, a row is longer or shorter than the first, a cell is missing and nothing is imputed, a
/// column has both words and numbers, or there is no such target column; with file, line and column.
///
/// ```
/// use chainrule_datasets::{ReadOptions, csv};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("iris.csv");
/// std::fs::write(&path, "5.1,3.5,setosa\n6.4,3.2,versicolor\n4.9,3.0,setosa\n")?;
/// let iris = csv::read::<f32>(&path, &ReadOptions::default())?;
/// assert_eq!((iris.name(), iris.len(), iris.inputs()), ("iris", 3, 2));
/// assert_eq!(iris.class_names(), ["setosa", "versicolor"]);
///
/// std::fs::write(&path, "length,width,class\n5.1,3.5,0\n6.4,,1\n")?;
/// let error = csv::read::<f32>(&path, &ReadOptions::default()).unwrap_err().to_string();
/// assert!(error.contains("iris.csv, line 3, column 2 (width): the cell is empty"));
/// # Ok(())
/// # }
/// ```
pub fn read<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    decode(&read_file(path)?, path, options)
}

/// Reads the bytes of a table as [`read`] does; `path` is used for the name and in messages.
///
/// # Errors
/// As [`read`].
pub fn decode<A: Scalar>(text: &[u8], path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    build(text, path, options, true)?.0.into_dataset(path)
}

/// Reads the features of a table for the model whose schema is in `options`; a target column is optional.
///
/// # Errors
/// As [`read`], but for the target; or if a column of the model is missing.
///
/// ```
/// use chainrule_datasets::{ReadOptions, csv};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let train = csv::decode::<f32>(b"hue,fits\nred,1\nblue,0\n", "hats.csv".as_ref(), &ReadOptions::default())?;
/// let mut options = ReadOptions::default();
/// options.table.schema = train.schema().cloned();
/// let new = csv::decode_features::<f32>(b"size,hue\n7,blue\n", "new.csv".as_ref(), &options)?;
/// assert_eq!(new.dim(), (1, 2));
/// # Ok(())
/// # }
/// ```
pub fn decode_features<A: Scalar>(
    text: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<Features<A>, Error> {
    build(text, path, options, false)?.0.into_features(path)
}

/// Reads the features of a file as [`decode_features`] does.
///
/// # Errors
/// As [`decode_features`].
pub fn read_features<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Features<A>, Error> {
    decode_features(&read_file(path)?, path, options)
}

/// Reads a table of numbers without a target.
///
/// # Errors
/// As [`read`], but for the target.
///
/// ```
/// use chainrule_datasets::{HeaderRow, csv};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.csv");
/// csv::write_matrix(&path, &["a", "b"], &chainrule_tensor::ndarray::array![[0.1, -2.0]])?;
/// let table = csv::read_matrix::<f64>(&path, HeaderRow::Auto, b',')?;
/// assert_eq!((table.names, table.values[(0, 0)]), (vec!["a".to_owned(), "b".to_owned()], 0.1));
/// # Ok(())
/// # }
/// ```
pub fn read_matrix<A: Scalar>(path: &Path, header: HeaderRow, delimiter: u8) -> Result<Table<A>, Error> {
    let table = TableOptions { header, delimiter: Some(delimiter), ..TableOptions::default() };
    let options = ReadOptions { table, ..ReadOptions::default() };
    let text = read_file(path)?;
    let (builder, names) = build::<A>(&text, path, &options, false)?;
    let features = builder.into_features(path)?;
    let Features::Columns(table) = &features else { unreachable!("a table has columns") };
    if let Some(words) = table.schema().features.iter().find(|feature| feature.kind != ColumnKind::Number) {
        let fault = format!("column {} ({}) holds words", words.place + 1, words.name);
        return Err(Error::format(path, fault, "give it numbers only"));
    }
    let mut values = Array2::zeros(features.dim());
    values.outer_iter_mut().enumerate().for_each(|(i, mut row)| {
        features.row(i, row.as_slice_mut().expect("a new matrix is row-major"));
    });
    Ok(Table { values, names })
}

/// Writes numbers under the names of their columns, or without a header if there are no names. Reading the file gives
/// the same numbers.
///
/// # Errors
/// If the file cannot be written; an existing file stays as it was.
///
/// # Panics
/// If there are names, but not as many as columns.
#[track_caller]
pub fn write_matrix<A: Scalar>(path: &Path, names: &[&str], values: &ArrayRef2<A>) -> Result<(), Error> {
    assert!(
        names.is_empty() || names.len() == values.ncols(),
        "csv: the number of names is not the number of columns"
    );
    let rows = values.outer_iter().map(|row| row.iter().map(ToString::to_string).collect());
    write_rows(path, names, rows)
}

/// Writes the class of each example, by name, in one column under `header`.
///
/// # Errors
/// If the file cannot be written; an existing file stays as it was.
///
/// # Panics
/// If a label has no name.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("classes.csv");
/// let names = ["cat".to_owned(), "dog".to_owned()];
/// chainrule_datasets::csv::write_classes(&path, "class", &[1, 0], &names)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "class\ndog\ncat\n");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn write_classes(path: &Path, header: &str, labels: &[u32], names: &[String]) -> Result<(), Error> {
    let rows: Vec<Vec<String>> = labels.iter().map(|&label| vec![names[label as usize].clone()]).collect();
    write_rows(path, &[header], rows.into_iter())
}

fn write_rows(path: &Path, names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Error> {
    write_atomic(path, |file| write_to(file, names, rows))
}

/// Writes rows of cells under the names of their columns, or without a header if there are no names; cells are quoted
/// where necessary.
///
/// # Errors
/// The errors of the writer.
///
/// ```
/// let mut text = Vec::new();
/// let rows = [vec!["cat".to_owned(), "0.75".to_owned()]];
/// chainrule_datasets::csv::write_to(&mut text, &["class", "p"], rows.into_iter()).unwrap();
/// assert_eq!(text, b"class,p\ncat,0.75\n");
/// ```
pub fn write_to(
    writer: &mut dyn Write,
    names: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut writer = WriterBuilder::new().from_writer(writer);
    if !names.is_empty() {
        writer.write_record(names).map_err(io::Error::from)?;
    }
    for row in rows {
        writer.write_record(row).map_err(io::Error::from)?;
    }
    writer.flush()
}

/// All rows of a text, and the names of its columns.
fn build<A: Scalar>(
    text: &[u8],
    path: &Path,
    options: &ReadOptions,
    target: bool,
) -> Result<(Builder<A>, Vec<String>), Error> {
    let delimiter = options.table.delimiter.unwrap_or_else(|| records::likely_delimiter(text));
    let mut records = Records::new(text, delimiter, path);
    let Some(first) = records.whole()? else {
        return Err(Error::format(path, "it is empty", "give it a row for each example"));
    };
    let second = records.whole()?;
    let width = first.len();
    let has_header = match options.table.header {
        HeaderRow::Present => true,
        HeaderRow::Absent => false,
        HeaderRow::Auto => is_header(&first, second.as_deref(), target, options),
    };
    let names = if has_header { first } else { Vec::new() };
    let mut builder = Builder::new(path, &names, width, target, options)?;
    let mut records = Records::new(text, delimiter, path);
    if has_header {
        records.whole()?;
    }
    while let Some(start) = records.begin() {
        let (mut place, mut ended) = (0, false);
        while !ended {
            let (cell, end) = records.cell()?;
            if place < width {
                builder.cell(place, Cell::Text(cell)).map_err(|fault| Error::Cell {
                    path: path.to_owned(),
                    place: format!("line {}", records::line_at(text, start)),
                    column: column(place, &names),
                    fault,
                })?;
            }
            (place, ended) = (place + 1, end);
        }
        if place != width {
            let line = records::line_at(text, start);
            let fault = format!("line {line} has {place} cells, the first row {width}");
            return Err(Error::format(path, fault, "give each row the same number of cells"));
        }
        builder.end_row();
    }
    if builder.is_empty() {
        let fault = "it has a header and nothing else";
        return Err(Error::format(path, fault, "give it a row for each example"));
    }
    Ok((builder, names))
}

fn is_header(first: &[String], second: Option<&[String]>, target: bool, options: &ReadOptions) -> bool {
    let is_number = |cell: &String| cell.parse::<f64>().is_ok();
    let is_word = |cell: &String| !is_missing(cell) && !is_number(cell);
    if let Some(schema) = &options.table.schema {
        if schema.named {
            return schema.features.iter().any(|feature| first.contains(&feature.name));
        }
        // In a header with a duplicate name only the positions identify a column.
        let mut features = schema.features.iter().enumerate();
        let given = features.clone().any(|(at, feature)| feature.name != format!("x{at}"));
        if given && features.all(|(_, f)| first.get(schema.place(f, first.len())) == Some(&f.name)) {
            return true;
        }
    }
    let named = |column: &Column| matches!(column, Column::Name(name) if first.contains(name));
    if target && named(&options.target)
        || options.table.drop.iter().chain(&options.table.categorical).any(named)
    {
        return true;
    }
    let below = |i: usize| second.and_then(|second| second.get(i));
    let over_a_number = |(i, cell): (usize, &String)| is_word(cell) && below(i).is_some_and(is_number);
    let mut sorted: Vec<&String> = first.iter().collect();
    sorted.sort_unstable();
    let all_differ = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    first.iter().enumerate().any(over_a_number)
        || all_differ && first.iter().enumerate().all(|(i, cell)| is_word(cell) && below(i) != Some(cell))
}

fn column(index: usize, names: &[String]) -> String {
    names.get(index).map_or_else(|| (index + 1).to_string(), |name| format!("{} ({name})", index + 1))
}
