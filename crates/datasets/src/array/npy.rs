//! NumPy's `.npy` files: vectors, matrices, and images with three or four axes.
//!
//! The readers take floats of 4 and 8 bytes, integers of 1 to 8 bytes and booleans, in either byte order and memory order. A
//! vector becomes a matrix of one column. The writer writes floats of 4 or 8 bytes, row by row.
//!
//! # References
//! NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", 2007.

mod header;
mod literal;
mod text;
mod values;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef, ArrayRef2, Dimension};

use super::examples::ArrayExamples;
use super::file_rows::FileRows;
use super::numbers::NumberType;
use crate::atomic::write_atomic;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::features::Features;
use crate::file::read_file;
use crate::labels::Labels;
use crate::options::ReadOptions;
use crate::table::builder::{Builder, MOST_COLUMNS};
use crate::table::cells::{Cell, is_missing};
use crate::table::column::numbered;
use crate::target::Target;
use crate::target_cells::{TargetCells, usual_names};
use crate::task::TaskKind;
use header::{NpyHeader, RESAVE};
use literal::LONGEST_HEADER;

/// Reads a matrix, or a vector as a matrix of one column. Each number must be finite.
///
/// # Errors
/// If the file cannot be read, is damaged, truncated or too long, has more dimensions or another type of number, or
/// holds NaN or infinity. The header is not trusted: nothing is allocated beyond what the file's own bytes justify.
///
/// ```
/// use chainrule_datasets::npy;
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// npy::write(&path, &array![[1.0, 2.5]])?;
/// assert_eq!(npy::read::<f32>(&path)?, array![[1.0, 2.5]]);
/// # Ok(())
/// # }
/// ```
pub fn read<A: Scalar>(path: &Path) -> Result<Array2<A>, Error> {
    decode(&read_file(path)?, path)
}

/// Reads the bytes of a `.npy` file; `path` is used in messages only.
///
/// # Errors
/// As [`read`].
pub fn decode<A: Scalar>(bytes: &[u8], path: &Path) -> Result<Array2<A>, Error> {
    let header = NpyHeader::read(bytes, bytes.len() as u64, path)?;
    if header.shape.len() > 2 {
        let fault = format!("its shape is {:?}, not that of a vector or matrix", header.shape);
        return Err(Error::format(path, fault, RESAVE));
    }
    header.matrix(bytes, path)
}

/// Reads examples from one file and their targets, one number per example, from another.
///
/// # Errors
/// As [`read`]; or if the files do not fit together.
///
/// ```
/// use chainrule_datasets::{TaskKind, npy};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
/// npy::write(&x, &array![[0.5, 0.1], [0.2, 0.3]])?;
/// npy::write(&y, &array![[1.0], [0.0]])?;
/// let data = npy::dataset::<f32>(&x, &y, TaskKind::Classification, &[])?;
/// assert_eq!(data.labels(), Some(&[1, 0][..]));
/// # Ok(())
/// # }
/// ```
pub fn dataset<A: Scalar>(
    features: &Path,
    target: &Path,
    task: TaskKind,
    classes: &[String],
) -> Result<Dataset<A>, Error> {
    let (x, y) = (decode_array::<A>(&read_file(features)?, features)?, read_file(target)?);
    let options = ReadOptions { task, classes: classes.to_vec(), ..ReadOptions::default() };
    let y = decode_target::<A>(&y, target, &options)?;
    x.into_dataset(features, y)
}

/// Reads a matrix that has the target among its columns; a large file is streamed.
///
/// # Errors
/// As [`read`]; or if there is no such target column.
pub(crate) fn table<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Dataset<A>, Error> {
    if !options.streams(path)? {
        return decode_table(&options.read_file(path)?, path, options);
    }
    let table = &options.table;
    if table.impute.is_some() || !table.categorical.is_empty() || !table.drop.is_empty() {
        let fault = "streamed rows cannot be imputed, encoded or left out";
        return Err(Error::format(path, fault, "add --stream=false, or prepare the file"));
    }
    // The header gives the width, on which the position of the target depends.
    let width = file_rows::<A>(path, None)?.features.dim().1;
    let targets = find_targets(path, width, options)?;
    let [target] = targets[..] else {
        let fault = format!("streamed rows have one target column, and {} are named", targets.len());
        return Err(Error::format(path, fault, "add --stream=false, or save the targets as y.npy"));
    };
    let x = file_rows::<A>(path, Some(target))?;
    let Features::FileRows(rows) = &x.features else { unreachable!("just asked for") };
    let failed = |fault: String| Error::data(path.display().to_string(), fault);
    let mut cells = TargetCells::new(1, options).map_err(failed)?;
    rows.each_block(|first, block| {
        for (row, y) in rows.targets(block).enumerate() {
            push::<A>(cells.column(0), rows.numbers(), y)
                .map_err(|fault| cell_fault(path, first + row, target, fault))?;
        }
        Ok(())
    })?;
    let target = cells.finish(&usual_names(1)).map_err(failed)?;
    x.into_dataset(path, target)
}

/// Reads the bytes of a matrix that has the target among its columns.
///
/// # Errors
/// As [`read`]; or if there is no such target column.
pub fn decode_table<A: Scalar>(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<Dataset<A>, Error> {
    build(bytes, path, options, true)?.into_dataset(path)
}

/// Reads the features of a file for the model whose schema is in `options`; without a schema, all columns.
///
/// # Errors
/// As [`read`]; or if the columns are not those of the model.
pub(crate) fn features<A: Scalar>(path: &Path, options: &ReadOptions) -> Result<Features<A>, Error> {
    decode_features(&options.read_file(path)?, path, options)
}

/// The features in the bytes of a file, as [`features`] reads them.
pub(crate) fn decode_features<A: Scalar>(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<Features<A>, Error> {
    match options.table.schema {
        Some(_) => Ok(build(bytes, path, options, false)?.into_features(path)?.0),
        None => Ok(decode_array(bytes, path)?.for_model(path, options)?.features),
    }
}

/// The columns of an array.
#[cfg(feature = "files")]
pub(crate) fn width(bytes: &[u8], path: &Path) -> Result<usize, Error> {
    Ok(NpyHeader::read(bytes, bytes.len() as u64, path)?.columns())
}

fn find_targets(path: &Path, width: usize, options: &ReadOptions) -> Result<Vec<usize>, Error> {
    options.target.find(&[], &vec![false; width]).map_err(|(column, fault)| {
        let lost = || format!("there is no column {column} among {width} columns without names");
        let fault = fault.unwrap_or_else(lost);
        Error::format(path, fault, "count from 0, or name a file with a row of targets for each row")
    })
}

fn cell_fault(path: &Path, row: usize, column: usize, fault: String) -> Error {
    Error::cell(path, format!("row {}", row + 1), numbered(column, None), fault)
}

fn build<A: Scalar>(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
    target: bool,
) -> Result<Builder<A>, Error> {
    let header = NpyHeader::read(bytes, bytes.len() as u64, path)?;
    if header.shape.len() > 2 {
        let fault = format!("its shape is {:?}, so no column can be the target", header.shape);
        return Err(Error::format(path, fault, "name the file of the target with --target"));
    }
    let width = header.columns();
    let wanted = options.table.schema.as_ref().map_or(0, |schema| schema.width);
    if header.shape.len() == 1 && wanted > 2 {
        let fault = format!(
            "it is a vector of {} numbers, and the training data has {wanted} columns",
            header.shape[0]
        );
        return Err(Error::format(path, fault, "save one example as a matrix of one row, x.reshape(1, -1)"));
    }
    if target {
        find_targets(path, width, options)?;
    }
    let mut builder = Builder::new(path, &[], width, target, options)?;
    let mut row = vec![0.0; width];
    for i in 0..header.shape[0] {
        header.row(&bytes[header.offset..], i, &mut row);
        for (column, &x) in row.iter().enumerate() {
            let cell = header.integer(bytes, i, column).map_or(Cell::Number(x), Cell::Integer);
            builder.cell(column, cell).map_err(|fault| cell_fault(path, i, column, fault))?;
        }
        builder.end_row();
    }
    if builder.is_empty() {
        return Err(Error::format(path, "it has no rows", "give it a row for each example"));
    }
    Ok(builder)
}

/// The target in the bytes of a file with a number, or a row of numbers, per row; `path` is used in messages only.
///
/// # Errors
/// As [`read`]; or if it has more than two dimensions, or a number does not fit the task.
pub(crate) fn decode_target<A: Scalar>(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<Target, Error> {
    let fault = |fault: String| Error::data(path.display().to_string(), fault);
    let failed = |at: usize, width: usize, text: String| {
        let column = if width > 1 { format!(", column {}", at % width) } else { String::new() };
        fault(format!("row {}{column}: {text}", at / width))
    };
    if let Some((texts, width)) = text::matrix(bytes) {
        let mut cells = TargetCells::of_rows(width, options).map_err(fault)?;
        for (at, text) in texts.iter().enumerate() {
            if is_missing(text.trim(), &[]) {
                return Err(failed(
                    at,
                    width,
                    format!("{text:?} is a missing value: fill it in or drop the row"),
                ));
            }
            cells.column(at % width).push::<A>(text.trim()).map_err(|text| failed(at, width, text))?;
        }
        return cells.finish(&usual_names(width)).map_err(fault);
    }
    let header = NpyHeader::read(bytes, bytes.len() as u64, path)?;
    let width = header.columns();
    if header.shape.len() > 2 || width == 0 || width > MOST_COLUMNS {
        let fault = format!("its shape is {:?}", header.shape);
        return Err(Error::format(path, fault, "give one number, or one row of numbers, for each row"));
    }
    let mut cells = TargetCells::of_rows(width, options).map_err(fault)?;
    for row in 0..header.shape[0] {
        for at in 0..width {
            let place = if header.fortran { at * header.shape[0] + row } else { row * width + at };
            let from = header.offset + place * header.numbers.size();
            push::<A>(cells.column(at), header.numbers, &bytes[from..from + header.numbers.size()])
                .map_err(|text| failed(row * width + at, width, text))?;
        }
    }
    cells.finish(&usual_names(width)).map_err(fault)
}

/// Takes the next target, exactly if it is a whole number.
fn push<A: Scalar>(labels: &mut Labels, numbers: NumberType, bytes: &[u8]) -> Result<(), String> {
    if let Some(n) = numbers.integer(bytes) {
        return labels.push_integer(n);
    }
    let mut x = [0.0];
    numbers.decode(bytes, &mut x);
    labels.push_number::<A>(x[0])
}

/// Reads an array of up to four dimensions: bytes stay bytes, and with three or four the examples are images.
///
/// # Errors
/// As [`read`].
pub(crate) fn decode_array<A: Scalar>(bytes: &[u8], path: &Path) -> Result<ArrayExamples<A>, Error> {
    let header = NpyHeader::read(bytes, bytes.len() as u64, path)?;
    let features = if header.numbers.are_bytes() && !header.fortran {
        let matrix =
            Array2::from_shape_vec((header.shape[0], header.columns()), bytes[header.offset..].to_vec());
        Features::Bytes(matrix.expect("the length was checked"))
    } else if header.numbers.are_wide() && header.image().is_none() && A::NAME != <f64 as Scalar>::NAME {
        let x = header.matrix::<f64>(bytes, path)?;
        if let Some(bad) = x.iter().find(|&&x| !A::of(x).is_finite()) {
            let fault = format!("the number {bad} is beyond {}", A::NAME);
            return Err(Error::format(path, fault, "replace it or drop the row"));
        }
        Features::Wide(x)
    } else {
        Features::Real(header.matrix(bytes, path)?)
    };
    Ok(ArrayExamples {
        features,
        axes: header.shape[1..].to_vec(),
        image: header.image(),
        full_scale: header.full_scale(),
    })
}

/// The rows of an array as streamed rows; `target` is a column that is not a feature.
///
/// # Errors
/// If the file cannot be read, its header does not fit its length, or it is stored by columns.
pub(crate) fn file_rows<A: Scalar>(path: &Path, target: Option<usize>) -> Result<ArrayExamples<A>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (length, mut head) = (file.metadata().map_err(failed)?.len(), Vec::new());
    (&mut file).take(LONGEST_HEADER as u64 + 12).read_to_end(&mut head).map_err(failed)?;
    let header = NpyHeader::read(&head, length, path)?;
    if header.fortran {
        let cure = "save it with numpy.ascontiguousarray";
        return Err(Error::format(path, "it is stored by columns, so its rows cannot be streamed", cure));
    }
    let shape = (header.shape[0], header.columns());
    if shape.1 <= usize::from(target.is_some()) || target.is_some_and(|target| target >= shape.1) {
        let fault = format!(
            "its shape is {:?}, which leaves no column for either the features or the target",
            header.shape
        );
        return Err(Error::format(path, fault, "name the target's file or column with --target"));
    }
    let rows = FileRows::new(path, header.numbers, header.offset as u64, shape, target)?;
    let image = header.image().filter(|_| target.is_none());
    Ok(ArrayExamples {
        features: Features::FileRows(rows),
        axes: header.shape[1..].to_vec(),
        image,
        full_scale: header.full_scale().filter(|_| image.is_some()),
    })
}

/// Writes a matrix in its own number type.
///
/// # Errors
/// If the file cannot be written; an existing file stays as it was.
pub fn write<A: Scalar>(path: &Path, x: &ArrayRef2<A>) -> Result<(), Error> {
    write_atomic(path, |file| write_to(file, x))
}

/// Writes an array of any dimension, row by row, in its own number type.
pub(crate) fn write_to<A: Scalar, D: Dimension>(
    writer: &mut dyn Write,
    x: &ArrayRef<A, D>,
) -> io::Result<()> {
    let wide = A::NAME == <f64 as Scalar>::NAME;
    writer.write_all(&header::written(if wide { "<f8" } else { "<f4" }, x.shape()))?;
    for x in x {
        if wide {
            writer.write_all(&x.as_f64().to_le_bytes())?;
        } else {
            writer.write_all(&(x.as_f64() as f32).to_le_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::{Array1, Array3, ArrayD};
    use ndarray_npy::WriteNpyExt;

    use super::*;

    #[test]
    fn the_bytes_written_are_those_of_another_writer() {
        let mut longest = vec![1; 8];
        longest[0] = 3;
        for shape in [vec![7], vec![2, 3], vec![4, 1, 2], longest, vec![0, 12_345_678_901]] {
            let x = ArrayD::from_shape_fn(shape.clone(), |i| i.slice().iter().sum::<usize>() as f64 - 0.5);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            write_to(&mut ours, &x).unwrap();
            x.write_npy(&mut theirs).unwrap();
            assert_eq!(ours, theirs, "{shape:?}");
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        write_to(&mut ours, &Array1::from(vec![1.5_f32, -2.0])).unwrap();
        Array1::from(vec![1.5_f32, -2.0]).write_npy(&mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn an_array_without_rows_is_read_at_once() {
        let mut bytes = Vec::new();
        Array3::<f64>::zeros((0, 3, 5)).write_npy(&mut bytes).unwrap();
        assert_eq!(decode_array::<f32>(&bytes, "x".as_ref()).unwrap().features.dim(), (0, 15));
        let text = b"{'descr': '|u1', 'fortran_order': True, 'shape': (0, 1000000000000000000), }";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text);
        assert_eq!(decode::<f32>(&bytes, "x".as_ref()).unwrap().dim(), (0, 1_000_000_000_000_000_000));
    }
}
