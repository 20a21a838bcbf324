//! NumPy's `.npy` files: vectors and matrices of numbers.
//!
//! Read are floats of 4 and 8 bytes, integers of 1 to 8 and booleans, of either byte order and memory layout; a vector
//! becomes a matrix of one column. Written are floats of 4 and 8 bytes, row by row.
//!
//! # References
//! NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays", 2007.

use std::io;
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayD, ArrayRef2, Axis};
use ndarray_npy::{ReadNpyExt, ReadableElement, WriteNpyError, WriteNpyExt, npy::header::Header};

use crate::labels::{self, Fault};
use crate::{Dataset, Error, Features, Task, read_file, write_atomic};

const DAMAGED: &str = "it is damaged or no .npy file, get it again";
const RESAVE: &str = "save it with numpy.save as a matrix of float32 or float64";
/// The header of a matrix takes 118 bytes; nested brackets of a long one could exhaust the stack of a parser.
const LONGEST_HEADER: usize = 1024;
const MOST_BRACKETS: usize = 8;

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
    let kind = checked_kind(bytes, path)?;
    let x = match &kind[1..] {
        "f4" => convert::<A, f32>(bytes, path, f64::from),
        "f8" => convert::<A, f64>(bytes, path, |x| x),
        "b1" => convert::<A, bool>(bytes, path, |x| f64::from(u8::from(x))),
        "i1" => convert::<A, i8>(bytes, path, f64::from),
        "u1" => convert::<A, u8>(bytes, path, f64::from),
        "i2" => convert::<A, i16>(bytes, path, f64::from),
        "u2" => convert::<A, u16>(bytes, path, f64::from),
        "i4" => convert::<A, i32>(bytes, path, f64::from),
        "u4" => convert::<A, u32>(bytes, path, f64::from),
        "i8" => convert::<A, i64>(bytes, path, |x| x as f64),
        _ => convert::<A, u64>(bytes, path, |x| x as f64),
    }?;
    match x.indexed_iter().find(|(_, x)| !x.is_finite()) {
        None => Ok(x),
        Some(((row, column), bad)) => {
            let fault = format!("the number in row {row}, column {column} (from 0) is {bad} as {}", A::NAME);
            Err(Error::format(path, fault, "replace it or drop the row"))
        }
    }
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
    let (x, y) = (read::<A>(features)?, read::<A>(target)?);
    if y.ncols() != 1 || y.nrows() != x.nrows() {
        let fault = format!("its shape is {:?}, but {} has {} rows", y.dim(), features.display(), x.nrows());
        return Err(Error::format(target, fault, "give one number to each row"));
    }
    let cells: Vec<String> = y.iter().map(ToString::to_string).collect();
    let target = labels::target(&cells, "y", task, classes).map_err(|Fault { example, fault }| {
        Error::data(target.display().to_string(), format!("row {example}: {fault}"))
    })?;
    let stem = features.file_stem().map_or_else(|| "array".into(), |stem| stem.to_string_lossy());
    Dataset::new(stem, Features::Real(x), target)
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

/// The type of number, such as `<f8`, once the header is known to agree with the length of the file.
///
/// The reader behind this allocates what the header asks for, so it is called only after this.
fn checked_kind(bytes: &[u8], path: &Path) -> Result<String, Error> {
    let damaged = |fault: String| Error::format(path, fault, DAMAGED);
    let length =
        header_length(bytes).ok_or_else(|| damaged("it does not begin as a .npy file does".to_owned()))?;
    let Some(header) = bytes.get(..length).filter(|_| length <= LONGEST_HEADER) else {
        return Err(damaged(format!("its header announces {length} bytes of header")));
    };
    if header.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(Error::format(path, "it holds a structure and not numbers", RESAVE));
    }
    // The parser's own message draws the place over several lines.
    let Ok(Header { type_descriptor, shape, .. }) = Header::from_reader(&mut &header[..]) else {
        return Err(damaged("its header is no dictionary of descr, fortran_order and shape".to_owned()));
    };
    let kind = type_descriptor.as_string().cloned().unwrap_or_else(|| type_descriptor.to_string());
    let known = ["f4", "f8", "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"];
    let Some(size) = known.iter().find(|known| kind.get(1..) == Some(**known)) else {
        return Err(Error::format(path, format!("its numbers are of the type {kind:?}"), RESAVE));
    };
    if !(1..=2).contains(&shape.len()) {
        return Err(Error::format(
            path,
            format!("its shape is {shape:?}, not that of a vector or matrix"),
            RESAVE,
        ));
    }
    // ndarray wants the product of the dimensions that are not 0 to fit an isize, even of an empty array.
    let size = usize::from(size.as_bytes()[1] - b'0');
    let nonzero = shape.iter().filter(|&&d| d > 0).try_fold(size, |n, &d| n.checked_mul(d));
    let Some(nonzero) = nonzero.filter(|&n| isize::try_from(n).is_ok()) else {
        return Err(damaged(format!("its header announces the impossible shape {shape:?}")));
    };
    let numbers = if shape.contains(&0) { 0 } else { nonzero as u64 };
    let (expected, actual) = (numbers + length as u64, bytes.len() as u64);
    if expected != actual {
        return Err(Error::Size { path: path.to_owned(), expected, actual, at_least: false });
    }
    Ok(kind)
}

/// The length of everything before the numbers, as the file claims it.
fn header_length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    match *rest {
        [1, 0, a, b, ..] => Some(10 + usize::from(u16::from_le_bytes([a, b]))),
        [2 | 3, 0, a, b, c, d, ..] => 12_usize.checked_add(u32::from_le_bytes([a, b, c, d]) as usize),
        _ => None,
    }
}

fn convert<A: Scalar, T: ReadableElement + Copy>(
    bytes: &[u8],
    path: &Path,
    number: impl Fn(T) -> f64,
) -> Result<Array2<A>, Error> {
    let damaged = |fault: String| Error::format(path, fault, DAMAGED);
    let x = ArrayD::<T>::read_npy(bytes).map_err(|error| damaged(format!("it cannot be read ({error})")))?;
    let x = if x.ndim() == 1 { x.insert_axis(Axis(1)) } else { x };
    let shape = (x.shape()[0], x.shape()[1]);
    // `iter` goes row by row whatever the memory layout.
    Array2::from_shape_vec(shape, x.iter().map(|&x| A::of(number(x))).collect())
        .map_err(|error| damaged(format!("it cannot be read ({error})")))
}
