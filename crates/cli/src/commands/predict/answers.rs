//! The predictions as a table: named columns of words and of numbers, in the format that the name of a file asks for.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use chainrule::datasets::csv;
use chainrule::ndarray::ArrayView1;
use chainrule::tensor::Scalar;

use crate::failure::Failure;

/// The format of a file of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Json,
    Npy,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// By the name of the file.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
        match extension.to_str() {
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("npy") => Ok(Self::Npy),
            #[cfg(feature = "parquet")]
            Some("parquet") => Ok(Self::Parquet),
            _ => {
                let fault = "expected a file that ends in .csv, .json, .npy or .parquet";
                Err(Failure::Input(format!("{}: {fault}", path.display())))
            }
        }
    }
}

/// The cells of a column.
enum Cells<'a, A> {
    Words(Vec<String>),
    Whole(Vec<i64>),
    Numbers(ArrayView1<'a, A>),
}

/// A column of the answers.
pub(super) struct Column<'a, A> {
    name: String,
    cells: Cells<'a, A>,
}

impl<'a, A: Scalar> Column<'a, A> {
    pub(super) fn words(name: &str, words: Vec<String>) -> Self {
        Self { name: name.to_owned(), cells: Cells::Words(words) }
    }

    /// A column of another file: whole numbers, if all its cells are such and written the usual way.
    pub(super) fn kept(name: &str, cells: &[String]) -> Self {
        let whole = |cell: &String| cell.parse().ok().filter(|number: &i64| number.to_string() == *cell);
        match cells.iter().map(whole).collect() {
            Some(numbers) => Self { name: name.to_owned(), cells: Cells::Whole(numbers) },
            None => Self::words(name, cells.to_vec()),
        }
    }

    pub(super) fn numbers((name, numbers): (String, ArrayView1<'a, A>)) -> Self {
        Self { name, cells: Cells::Numbers(numbers) }
    }

    fn cell(&self, row: usize) -> String {
        match &self.cells {
            Cells::Words(words) => words[row].clone(),
            Cells::Whole(numbers) => numbers[row].to_string(),
            Cells::Numbers(numbers) => numbers[row].to_string(),
        }
    }

    /// The cell as a value of JSON.
    fn json(&self, row: usize) -> String {
        match &self.cells {
            Cells::Words(words) => quoted(&words[row]),
            Cells::Whole(numbers) => numbers[row].to_string(),
            Cells::Numbers(numbers) => numbers[row].to_string(),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is a value of JSON")
}

/// Checks that a format which finds columns by their names finds each.
///
/// # Errors
/// If two have one name.
pub(super) fn check_names<A>(format: Format, columns: &[Column<'_, A>]) -> Result<(), Failure> {
    let twin =
        columns.iter().enumerate().find(|(at, column)| columns[..*at].iter().any(|c| c.name == column.name));
    match twin {
        Some((_, column)) if !matches!(format, Format::Csv | Format::Npy) => Err(Failure::Input(format!(
            "two columns of the predictions would have the name {:?}: write .csv, which allows that, or rename the column that --keep \
             names",
            column.name
        ))),
        _ => Ok(()),
    }
}

/// A row a line under the names of the columns.
pub(super) fn write_csv<A: Scalar>(
    writer: &mut dyn Write,
    columns: &[Column<'_, A>],
    rows: usize,
) -> io::Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    csv::write_to(
        writer,
        &names,
        (0..rows).map(|row| columns.iter().map(|column| column.cell(row)).collect()),
    )
}

/// A list of objects, one a row, with the columns' names as keys.
pub(super) fn write_json<A: Scalar>(
    writer: &mut dyn Write,
    columns: &[Column<'_, A>],
    rows: usize,
) -> io::Result<()> {
    writer.write_all(b"[")?;
    for row in 0..rows {
        let members: Vec<String> =
            columns.iter().map(|column| format!("{}:{}", quoted(&column.name), column.json(row))).collect();
        write!(writer, "{}\n{{{}}}", if row > 0 { "," } else { "" }, members.join(","))?;
    }
    writer.write_all(b"\n]\n")
}

/// Every column; numbers as doubles.
#[cfg(feature = "parquet")]
pub(super) fn write_parquet<A: Scalar>(writer: &mut dyn Write, columns: &[Column<'_, A>]) -> io::Result<()> {
    use chainrule::datasets::parquet::{Values, encode};
    let values = |column: &Column<'_, A>| match &column.cells {
        Cells::Words(words) => Values::Words(words.clone()),
        Cells::Whole(numbers) => Values::Whole(numbers.clone()),
        Cells::Numbers(numbers) => Values::Numbers(numbers.iter().map(|x| x.as_f64()).collect()),
    };
    let columns: Vec<_> = columns.iter().map(|column| (column.name.clone(), values(column))).collect();
    writer.write_all(&encode(&columns)?)
}
