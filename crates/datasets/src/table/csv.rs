//! Tables of text: a row is an example, a column is a feature or the target.
//!
//! Cells are separated by commas (or what [`TableOptions`] says), may be quoted, and blanks around them are removed.

mod build;
mod open;
mod records;
mod row;
mod sniff;

use std::io::{self, Read, Write};
use std::path::Path;

use ::csv::WriterBuilder;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use flate2::read::MultiGzDecoder;

use self::build::build;
pub use self::row::decode_row;
use super::builder::NUMBERS_ONLY;
use super::column::{HeaderRow, numbered};
use super::kept::KeptColumn;
use super::options::TableOptions;
use super::schema::ColumnKind;
use crate::atomic::write_atomic;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::file::read_file;
use crate::memory;
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
    decode(&read_text(path, options.memory())?, path, options)
}

/// The bytes of a text: of a file, unpacked if it is gzipped or compressed by Zstandard, or of the standard input, which is called `-`.
fn read_text(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| {
            // What is allowed may be more than there is.
            if source.kind() == io::ErrorKind::OutOfMemory {
                return Error::Memory { path: path.to_owned(), needed: limit.saturating_add(1), limit };
            }
            failed(source)
        })?;
        memory::check(path, Some(bytes.len() as u64), limit)?;
        bytes
    } else {
        read_file(path)?
    };
    let mut text = Vec::new();
    let mut unpack = |source: &mut dyn Read| source.take(limit.saturating_add(1)).read_to_end(&mut text);
    match bytes[..] {
        [0x1f, 0x8b, ..] => unpack(&mut MultiGzDecoder::new(&bytes[..])),
        #[cfg(feature = "zstd")]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::Decoder::new(&bytes[..]).and_then(|mut frames| unpack(&mut frames))
        }
        #[cfg(not(feature = "zstd"))]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let cure = "unpack it with unzstd, or build with the feature \"zstd\"";
            return Err(Error::format(path, "this build does not read Zstandard", cure));
        }
        _ => return Ok(bytes),
    }
    .map_err(|error| {
        Error::format(path, format!("it cannot be unpacked ({error})"), "it is damaged, get it again")
    })?;
    memory::check(path, Some(text.len() as u64), limit)?;
    Ok(text)
}

/// Reads the bytes of a table as [`read`] does; `path` is used for the name and in messages.
///
/// # Errors
/// As [`read`].
pub fn decode<A: Scalar>(text: &[u8], path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    build(text, path, options, true)?.0.into_dataset(path)
}

/// The names of the columns of a table that begins with this text; `None` if it is no table, or has no header.
///
/// ```
/// use chainrule_datasets::csv;
///
/// assert_eq!(csv::column_names(b"id,size\na7,3\nb1,", "hats.csv".as_ref()).unwrap(), ["id", "size"]);
/// ```
pub fn column_names(text: &[u8], path: &Path) -> Option<Vec<String>> {
    build::names(text, path).filter(|names| !names.is_empty())
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
    Ok(build(text, path, options, false)?.0.into_features(path)?.0)
}

/// Reads the features of a file as [`decode_features`] does, and the columns that are kept.
///
/// # Errors
/// As [`decode_features`].
pub(crate) fn read_features<A: Scalar>(
    path: &Path,
    options: &ReadOptions,
) -> Result<(Features<A>, Vec<KeptColumn>), Error> {
    build(&read_text(path, options.memory())?, path, options, false)?.0.into_features(path)
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
    let text = read_text(path, options.memory())?;
    let (builder, names) = build::<A>(&text, path, &options, false)?;
    let (features, _) = builder.into_features(path)?;
    let Features::Columns(table) = &features else { unreachable!("a table has columns") };
    if let Some(words) = table.schema().features.iter().find(|feature| feature.kind != ColumnKind::Number) {
        let name = Some(words.name.as_str()).filter(|_| table.schema().named);
        return Err(Error::format(
            path,
            format!("{} holds words", numbered(words.place, name)),
            NUMBERS_ONLY,
        ));
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
