//! Tables of text: a row an example, a column a feature or the target.
//!
//! Cells are separated by commas (or what [`Options`] says), may be quoted, and are stripped of blanks. Each feature is
//! a finite number.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use ::csv::{ReaderBuilder, StringRecord, Trim, WriterBuilder};
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};

use crate::{Dataset, Error, Features, Task, labels, write_atomic};

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does if one of its features is a word, or if its target is a word and the next row's is a number.
    #[default]
    Auto,
    /// It does.
    Present,
    /// It is an example.
    Absent,
}

/// Which column is the target.
///
/// ```
/// use chainrule_datasets::csv::Column;
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
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "last" => Column::Last,
            _ => text.parse().map_or_else(|_| Column::Name(text.to_owned()), Column::Index),
        })
    }
}

/// How a table is read.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `header` | `Auto` | whether the first row names the columns |
/// | `delimiter` | `b','` | what separates cells |
/// | `target` | `Last` | the column to be predicted |
/// | `task` | `Auto` | whether that is a class or a number |
/// | `classes` | empty | the class names of a model, in its order; empty takes what occurs |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether the first row names the columns.
    pub header: Header,
    /// What separates cells.
    pub delimiter: u8,
    /// The column to be predicted.
    pub target: Column,
    /// Whether that is a class or a number.
    pub task: Task,
    /// The class names of a model, in its order; if empty, the classes are what occurs, sorted.
    pub classes: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        let (target, task) = (Column::Last, Task::Auto);
        Self { header: Header::Auto, delimiter: b',', target, task, classes: Vec::new() }
    }
}

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
/// If the file cannot be read, a row is longer or shorter than the first, a cell is missing or is no finite number, or
/// the target column is not there; with file, line and column.
///
/// ```
/// use chainrule_datasets::csv::{self, Options};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("iris.csv");
/// std::fs::write(&path, "5.1,3.5,setosa\n6.4,3.2,versicolor\n4.9,3.0,setosa\n")?;
/// let iris = csv::read::<f32>(&path, &Options::default())?;
/// assert_eq!((iris.name(), iris.len(), iris.inputs()), ("iris", 3, 2));
/// assert_eq!(iris.class_names(), ["setosa", "versicolor"]);
///
/// std::fs::write(&path, "length,width,class\n5.1,3.5,0\n6.4,,1\n")?;
/// let error = csv::read::<f32>(&path, &Options::default()).unwrap_err().to_string();
/// assert!(error.contains("iris.csv, line 3, column 2 (width): the cell is empty"));
/// # Ok(())
/// # }
/// ```
pub fn read<A: Scalar>(path: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    read_from(open(path)?, path, options)
}

/// Reads examples as [`read`] does, from anything; `path` names it in messages.
///
/// # Errors
/// As [`read`].
pub fn read_from<A: Scalar>(reader: impl Read, path: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    let raw = Raw::<A>::read(reader, path, options.delimiter, options.header, Some(&options.target))?;
    let width = raw.width - 1;
    let at = raw.target.unwrap_or(width);
    let name = raw.names.get(at).map_or("y", String::as_str);
    let target = labels::target(&raw.cells, name, options.task, &options.classes).map_err(|fault| {
        let line = line_at(&raw.text, raw.starts[fault.example]);
        Error::Cell { path: path.to_owned(), line, column: column(at, &raw.names), fault: fault.fault }
    })?;
    let stem = path.file_stem().map_or_else(|| "table".into(), |stem| stem.to_string_lossy());
    let data = Dataset::new(stem, Features::Real(matrix(raw.values, width)), target)?;
    let names: Vec<String> =
        raw.names.into_iter().enumerate().filter(|(i, _)| *i != at).map(|(_, name)| name).collect();
    if names.is_empty() { Ok(data) } else { data.with_feature_names(names) }
}

/// Reads a table of numbers alone: what a model is to predict on.
///
/// # Errors
/// As [`read`], but for the target.
///
/// ```
/// use chainrule_datasets::csv::{self, Header};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.csv");
/// csv::write_matrix(&path, &["a", "b"], &chainrule_tensor::ndarray::array![[0.1, -2.0]])?;
/// let table = csv::read_matrix::<f64>(&path, Header::Auto, b',')?;
/// assert_eq!((table.names, table.values[(0, 0)]), (vec!["a".to_owned(), "b".to_owned()], 0.1));
/// # Ok(())
/// # }
/// ```
pub fn read_matrix<A: Scalar>(path: &Path, header: Header, delimiter: u8) -> Result<Table<A>, Error> {
    let raw = Raw::read(open(path)?, path, delimiter, header, None)?;
    Ok(Table { values: matrix(raw.values, raw.width), names: raw.names })
}

/// Writes numbers under their names, or without a header if there are no names; each so that reading it gives the same
/// number.
///
/// # Errors
/// If the file cannot be written; then what stood there before is untouched.
///
/// # Panics
/// If there are names, but not one for each column.
#[track_caller]
pub fn write_matrix<A: Scalar>(path: &Path, names: &[&str], values: &ArrayRef2<A>) -> Result<(), Error> {
    assert!(names.is_empty() || names.len() == values.ncols(), "csv: not one name for each column");
    let rows = values.outer_iter().map(|row| row.iter().map(ToString::to_string).collect());
    write_rows(path, names, rows)
}

/// Writes the class of each example, by name, in one column under `header`.
///
/// # Errors
/// If the file cannot be written; then what stood there before is untouched.
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
    write_atomic(path, |file| {
        let mut writer = WriterBuilder::new().from_writer(file);
        if !names.is_empty() {
            writer.write_record(names).map_err(io::Error::from)?;
        }
        for row in rows {
            writer.write_record(row).map_err(io::Error::from)?;
        }
        writer.flush()
    })
}

/// What stands in a file, with the target's cells apart.
struct Raw<A> {
    names: Vec<String>,
    width: usize,
    target: Option<usize>,
    values: Vec<A>,
    cells: Vec<String>,
    /// All bytes, and where in them the record of each example was sought: messages name lines.
    text: Vec<u8>,
    starts: Vec<u64>,
}

impl<A: Scalar> Raw<A> {
    fn read(
        mut reader: impl Read,
        path: &Path,
        delimiter: u8,
        header: Header,
        target: Option<&Column>,
    ) -> Result<Self, Error> {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let mut builder = ReaderBuilder::new();
        // Lengths are checked here, where the message can say which line.
        builder.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter);
        let mut records =
            builder.from_reader(&text[..]).into_records().map(|record| record.map_err(|e| failed(path, e)));
        let Some(first) = records.next().transpose()? else {
            return Err(Error::format(path, "it is empty", "give it a row for each example"));
        };
        let second = records.next().transpose()?;
        let width = first.len();
        let named = matches!(target, Some(Column::Name(_)));
        let at = match target {
            None => None,
            Some(Column::Last) => Some(width - 1),
            Some(Column::Index(i)) if *i < width => Some(*i),
            Some(Column::Name(name)) if first.iter().any(|cell| cell == name) => {
                first.iter().position(|cell| cell == name)
            }
            Some(missing) => {
                let fault = format!(
                    "there is no column {missing:?} among {}",
                    first.iter().collect::<Vec<_>>().join(", ")
                );
                return Err(Error::format(path, fault, "name one of these, or count from 0"));
            }
        };
        let has_header = match header {
            Header::Present => true,
            Header::Absent if named => {
                return Err(Error::format(
                    path,
                    "a column is named but there is no header",
                    "give its number",
                ));
            }
            Header::Absent => false,
            Header::Auto => named || is_header(&first, second.as_ref(), at),
        };
        if target.is_some() && width < 2 {
            let fault = "its rows have one cell, so there is no feature beside the target";
            return Err(Error::format(path, fault, "check the delimiter"));
        }
        let names = if has_header { first.iter().map(str::to_owned).collect() } else { Vec::new() };
        let mut raw =
            Self { names, width, target: at, values: vec![], cells: vec![], text: vec![], starts: vec![] };
        let head = (!has_header).then_some(first);
        for record in head.into_iter().chain(second).map(Ok).chain(records) {
            raw.push(&record?, &text, path)?;
        }
        if raw.starts.is_empty() {
            return Err(Error::format(
                path,
                "it has a header and nothing else",
                "give it a row for each example",
            ));
        }
        raw.text = text;
        Ok(raw)
    }

    fn push(&mut self, record: &StringRecord, text: &[u8], path: &Path) -> Result<(), Error> {
        let start = record.position().map_or(0, ::csv::Position::byte);
        if record.len() != self.width {
            let line = line_at(text, start);
            let fault = format!("line {line} has {} cells, the first row {}", record.len(), self.width);
            return Err(Error::format(path, fault, "give each row as many"));
        }
        for (i, cell) in record.iter().enumerate() {
            let fault = if cell.is_empty() {
                "the cell is empty: fill it in or drop the row".to_owned()
            } else if Some(i) == self.target {
                self.cells.push(cell.to_owned());
                continue;
            } else {
                match cell.parse().map(A::of) {
                    Ok(x) if x.is_finite() => {
                        self.values.push(x);
                        continue;
                    }
                    Ok(_) => format!("{cell:?} is no finite {}: replace it or drop the row", A::NAME),
                    Err(_) => format!("{cell:?} is no number: replace it or drop the column"),
                }
            };
            let (line, column) = (line_at(text, start), column(i, &self.names));
            return Err(Error::Cell { path: path.to_owned(), line, column, fault });
        }
        self.starts.push(start);
        Ok(())
    }
}

fn is_header(first: &StringRecord, second: Option<&StringRecord>, target: Option<usize>) -> bool {
    let is_word = |cell: &str| !cell.is_empty() && cell.parse::<f64>().is_err();
    let target_names = |at: usize| {
        let number = second.and_then(|second| second.get(at)).is_some_and(|cell| cell.parse::<f64>().is_ok());
        number && is_word(&first[at])
    };
    first.iter().enumerate().any(|(i, cell)| Some(i) != target && is_word(cell))
        || target.is_some_and(target_names)
}

/// The line, from 1, of the record that was sought from byte `start` on: the search passes over empty lines.
fn line_at(text: &[u8], start: u64) -> u64 {
    let (before, after) = text.split_at(text.len().min(start as usize));
    let skipped = after.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let passed = &text[..before.len() + skipped];
    // A line ends with \n, \r\n, or a \r alone.
    let ends = passed.iter().zip(passed.iter().skip(1).chain([&0]));
    1 + ends.filter(|&(&byte, &next)| byte == b'\n' || (byte == b'\r' && next != b'\n')).count() as u64
}

fn column(index: usize, names: &[String]) -> String {
    names.get(index).map_or_else(|| (index + 1).to_string(), |name| format!("{} ({name})", index + 1))
}

fn matrix<A: Scalar>(values: Vec<A>, width: usize) -> Array2<A> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    Array2::from_shape_vec((rows, width), values).expect("every row has been checked to be as wide")
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn failed(path: &Path, error: ::csv::Error) -> Error {
    let fault = error.to_string();
    match error.into_kind() {
        ::csv::ErrorKind::Io(source) => Error::Read { path: path.to_owned(), source },
        _ => Error::format(path, fault, "save it as UTF-8 text"),
    }
}
