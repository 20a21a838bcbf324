//! NumPy's `.npy` files: vectors and matrices of numbers.
//!
//! Read are floats of 4 and 8 bytes, integers of 1 to 8 and booleans, of either byte order and memory layout; a vector
//! becomes a matrix of one column, and of images there may be three or four dimensions. Written are floats of 4 and 8 bytes, row by row.
//!
//! # References
//! NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", 2007.

mod layout;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use ndarray_npy::{WriteNpyError, WriteNpyExt};

use crate::labels::Labels;
use crate::table::{Builder, Cell, Options};
use crate::{Dataset, Error, Features, ImageShape, Stored, Target, Task, files, read_file, write_atomic};
use layout::{LONGEST_HEADER, RESAVE};
pub(crate) use layout::{Layout, Numbers};

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

/// Reads the bytes of a `.npy` file; `path` serves the messages only.
///
/// # Errors
/// As [`read`].
pub fn decode<A: Scalar>(bytes: &[u8], path: &Path) -> Result<Array2<A>, Error> {
    let layout = Layout::of(bytes, bytes.len() as u64, path)?;
    if layout.shape.len() > 2 {
        let fault = format!("its shape is {:?}, not that of a vector or matrix", layout.shape);
        return Err(Error::format(path, fault, RESAVE));
    }
    layout.reals(bytes, path)
}

/// Reads examples from one file and their targets, one number each, from another.
///
/// # Errors
/// As [`read`]; or if the files do not fit together.
///
/// ```
/// use chainrule_datasets::{Task, npy};
/// use chainrule_tensor::ndarray::array;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
/// npy::write(&x, &array![[0.5, 0.1], [0.2, 0.3]])?;
/// npy::write(&y, &array![[1.0], [0.0]])?;
/// let data = npy::dataset::<f32>(&x, &y, Task::Classification, &[])?;
/// assert_eq!(data.labels(), Some(&[1, 0][..]));
/// # Ok(())
/// # }
/// ```
pub fn dataset<A: Scalar>(
    features: &Path,
    target: &Path,
    task: Task,
    classes: &[String],
) -> Result<Dataset<A>, Error> {
    let (x, y) = (decode_array::<A>(&read_file(features)?, features)?, read_file(target)?);
    let y = decode_target(&y, target, task, classes)?;
    x.into_dataset(features, y)
}

/// Reads a matrix one of whose columns is the target, from memory or, if it is large, as it is needed.
///
/// # Errors
/// As [`read`]; or if the target column is not there.
pub(crate) fn table<A: Scalar>(path: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    if !files::stream(path, options)? {
        return decode_table(&read_file(path)?, path, options);
    }
    if options.impute.is_some() || !options.categories.is_empty() || !options.ignored.is_empty() {
        let fault = "its rows stay in the file, where nothing is imputed, coded or left out";
        return Err(Error::format(path, fault, "add --stream=false, or prepare the file"));
    }
    // The width stands in the header, so the place of the target can be asked of it.
    let width = stored::<A>(path, None)?.features.dim().1;
    let target = find_target(path, width, options)?;
    let x = stored::<A>(path, Some(target))?;
    let Features::Stored(rows) = &x.features else { unreachable!("just asked for") };
    let mut labels = Labels::new(options.task, &options.classes);
    rows.each_block(|first, block| {
        for (row, y) in rows.targets(block).enumerate() {
            labels.push_number(y).map_err(|fault| cell_fault(path, first + row, target, fault))?;
        }
        Ok(())
    })?;
    let target = labels.finish("y");
    x.into_dataset(path, target)
}

/// Reads the bytes of a matrix one of whose columns is the target.
///
/// # Errors
/// As [`read`]; or if the target column is not there.
pub fn decode_table<A: Scalar>(bytes: &[u8], path: &Path, options: &Options) -> Result<Dataset<A>, Error> {
    build(bytes, path, options, true)?.into_dataset(path)
}

/// Reads the features of a file for the model whose schema stands in `options` or, without one, as they are.
///
/// # Errors
/// As [`read`]; or if the columns are not those of the model.
pub(crate) fn features<A: Scalar>(path: &Path, options: &Options) -> Result<Features<A>, Error> {
    let bytes = read_file(path)?;
    match options.schema {
        Some(_) => build(&bytes, path, options, false)?.into_features(path),
        None => Ok(decode_array(&bytes, path)?.features),
    }
}

fn find_target(path: &Path, width: usize, options: &Options) -> Result<usize, Error> {
    options.target.find(&[], width).ok_or_else(|| {
        let fault = format!("there is no column {} among {width} without names", options.target);
        Error::format(path, fault, "count from 0, or name a file with one number to each row")
    })
}

fn cell_fault(path: &Path, row: usize, column: usize, fault: String) -> Error {
    let (place, column) = (format!("row {}", row + 1), (column + 1).to_string());
    Error::Cell { path: path.to_owned(), place, column, fault }
}

fn build<A: Scalar>(bytes: &[u8], path: &Path, options: &Options, target: bool) -> Result<Builder<A>, Error> {
    let layout = Layout::of(bytes, bytes.len() as u64, path)?;
    if layout.shape.len() > 2 {
        let fault = format!("its shape is {:?}, and no column is the target", layout.shape);
        return Err(Error::format(path, fault, "name the file of the target with --target"));
    }
    let width = layout.columns();
    if target {
        find_target(path, width, options)?;
    }
    let mut builder = Builder::new(path, &[], width, target, options)?;
    let mut row = vec![0.0; width];
    for i in 0..layout.shape[0] {
        layout.row(&bytes[layout.offset..], i, &mut row);
        for (column, &x) in row.iter().enumerate() {
            builder.cell(column, Cell::Number(x)).map_err(|fault| cell_fault(path, i, column, fault))?;
        }
        builder.end_row();
    }
    if builder.is_empty() {
        return Err(Error::format(path, "it has no rows", "give it a row for each example"));
    }
    Ok(builder)
}

/// The target in the bytes of a file with one number a row; `path` serves the messages only.
///
/// # Errors
/// As [`read`]; or if there is not one number to a row, or one is not what the task wants.
pub(crate) fn decode_target<A: Scalar>(
    bytes: &[u8],
    path: &Path,
    task: Task,
    classes: &[String],
) -> Result<Target<A>, Error> {
    let layout = Layout::of(bytes, bytes.len() as u64, path)?;
    if layout.columns() != 1 {
        let fault = format!("its shape is {:?}", layout.shape);
        return Err(Error::format(path, fault, "give one number to each row"));
    }
    let mut labels = Labels::new(task, classes);
    for (row, bytes) in bytes[layout.offset..].chunks_exact(layout.numbers.size()).enumerate() {
        let mut x = [0.0];
        layout.numbers.decode(bytes, &mut x);
        labels
            .push_number(x[0])
            .map_err(|fault| Error::data(path.display().to_string(), format!("row {row}: {fault}")))?;
    }
    Ok(labels.finish("y"))
}

/// An array whose first dimension counts examples.
pub(crate) struct Examples<A> {
    pub(crate) features: Features<A>,
    pub(crate) image: Option<ImageShape>,
    pub(crate) full_scale: Option<f64>,
}

impl<A: Scalar> Examples<A> {
    pub(crate) fn into_dataset(self, path: &Path, target: Target<A>) -> Result<Dataset<A>, Error> {
        let stem = path.file_stem().map_or_else(|| "array".into(), |stem| stem.to_string_lossy());
        let rows = self.features.dim().0;
        if rows != target.len() {
            let fault = format!("it has {rows} rows, its target {}", target.len());
            return Err(Error::format(path, fault, "give one target to each row"));
        }
        let mut data = Dataset::new(stem, self.features, target)?;
        if let Some(image) = self.image {
            data = data.with_image(image)?;
        }
        Ok(match self.full_scale {
            Some(full_scale) => data.with_full_scale(full_scale),
            None => data,
        })
    }
}

/// Reads an array of up to four dimensions: bytes stay bytes, and with three or four the examples are images.
///
/// # Errors
/// As [`read`].
pub(crate) fn decode_array<A: Scalar>(bytes: &[u8], path: &Path) -> Result<Examples<A>, Error> {
    let layout = Layout::of(bytes, bytes.len() as u64, path)?;
    let features = if layout.numbers.are_bytes() && !layout.fortran {
        let matrix =
            Array2::from_shape_vec((layout.shape[0], layout.columns()), bytes[layout.offset..].to_vec());
        Features::Bytes(matrix.expect("the length was checked"))
    } else {
        Features::Real(layout.reals(bytes, path)?)
    };
    Ok(Examples { features, image: layout.image(), full_scale: layout.full_scale() })
}

/// The rows of an array that stay in their file until they are needed; `target` is a column that is no feature.
///
/// # Errors
/// If the file cannot be read or its header does not fit it, or it is not laid out by rows.
pub(crate) fn stored<A: Scalar>(path: &Path, target: Option<usize>) -> Result<Examples<A>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (length, mut head) = (file.metadata().map_err(failed)?.len(), Vec::new());
    (&mut file).take(LONGEST_HEADER as u64 + 12).read_to_end(&mut head).map_err(failed)?;
    let layout = Layout::of(&head, length, path)?;
    if layout.fortran {
        let cure = "save it with numpy.ascontiguousarray";
        return Err(Error::format(path, "it is laid out by columns, so that no row lies in one piece", cure));
    }
    let shape = (layout.shape[0], layout.columns());
    if shape.1 <= usize::from(target.is_some()) || target.is_some_and(|target| target >= shape.1) {
        let fault = format!("its shape is {:?}, which has not both features and a target", layout.shape);
        return Err(Error::format(path, fault, "name the target's file or column with --target"));
    }
    let rows = Stored::new(path, layout.numbers, layout.offset as u64, shape, target)?;
    let image = layout.image().filter(|_| target.is_none());
    Ok(Examples {
        features: Features::Stored(rows),
        image,
        full_scale: layout.full_scale().filter(|_| image.is_some()),
    })
}

/// Writes a matrix in its own number type.
///
/// # Errors
/// If the file cannot be written; then what stood there before is untouched.
pub fn write<A: Scalar>(path: &Path, x: &ArrayRef2<A>) -> Result<(), Error> {
    write_atomic(path, |file| {
        let written = if A::NAME == <f64 as Scalar>::NAME {
            x.map(|x| x.as_f64()).write_npy(file)
        } else {
            x.map(|x| x.as_f64() as f32).write_npy(file)
        };
        written.map_err(|error| match error {
            WriteNpyError::Io(error) => error,
            error => io::Error::other(error),
        })
    })
}
