//! IDX files, the format of MNIST: a big-endian header and bytes.
//!
//! | Offset | Bytes | Meaning |
//! |---|---|---|
//! | 0 | 2 | 0 |
//! | 2 | 1 | the type of a number: 8 is the unsigned byte, the only one read here |
//! | 3 | 1 | d, how many dimensions |
//! | 4 | 4·d | the dimensions, each a 32-bit number |
//! | 4 + 4·d | their product | the numbers, the last dimension running fastest |
//!
//! A file may be gzipped; its first bytes decide, not its name.
//!
//! # References
//! Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", <http://yann.lecun.com/exdb/mnist/>.

use std::fs::File;
use std::io::Read;
#[cfg(feature = "files")]
use std::io::Write;
use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::Array2;

use super::examples::ArrayExamples;
use super::file_rows::FileRows;
use super::numbers::NumberType;
use crate::atomic::write_atomic;
use crate::error::Error;
use crate::features::Features;
use crate::file;
use crate::image::shape::ImageShape;
use crate::memory;
use crate::options::ReadOptions;
use crate::target::Target;
use crate::target_cells::{TargetCells, usual_names};

/// The most that a compressed file is unpacked to. A plain file may be larger, because its size is known.
#[cfg(feature = "files")]
const LARGEST_UNPACKED: u64 = 1 << 30;
/// Deflate packs at most 1,032 bytes into one; a header that announces more is wrong.
#[cfg(feature = "files")]
const LARGEST_RATIO: u64 = 1_032;
const UNSIGNED_BYTE: u8 = 8;
const DAMAGED: &str = "it is damaged or no IDX file, get it again";

/// Bytes and their shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idx {
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Idx {
    /// Bytes of that shape, the last dimension running fastest.
    ///
    /// # Panics
    /// If the number of elements is not the number of bytes, the number of dimensions is not 1 to 255, or a dimension needs
    /// more than 32 bits.
    #[track_caller]
    pub fn new(shape: Vec<usize>, data: Vec<u8>) -> Self {
        let elements = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d));
        assert_eq!(elements, Some(data.len()), "idx: shape {shape:?} does not fit {} bytes", data.len());
        let fits = (1..=255).contains(&shape.len()) && shape.iter().all(|&d| u32::try_from(d).is_ok());
        assert!(fits, "idx: shape {shape:?} does not fit the header");
        Self { shape, data }
    }

    /// The dimensions; the first counts the examples.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes, without a copy.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }

    /// The matrix with one example a row, without a copy: `(examples, all other dimensions)`.
    ///
    /// `None` if the dimensions beside the first overflow, which only an empty array can have.
    pub fn into_matrix(self) -> Option<Array2<u8>> {
        let columns = self.shape[1..].iter().try_fold(1_usize, |n, &d| n.checked_mul(d))?;
        Array2::from_shape_vec((self.shape[0], columns), self.data).ok()
    }
}

/// Reads an IDX file of unsigned bytes, plain or gzipped.
///
/// # Errors
/// If the file cannot be read, is damaged, truncated or too long, or holds another type of number. The header is not
/// trusted: nothing is allocated beyond what the file's own bytes justify.
///
/// ```
/// use chainrule_datasets::idx::{self, Idx};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("two-images-idx3-ubyte.gz");
/// let images = Idx::new(vec![2, 1, 3], vec![0, 1, 2, 3, 4, 5]);
/// idx::write(&path, &images)?;
/// assert_eq!(idx::read(&path)?, images);
/// # Ok(())
/// # }
/// ```
pub fn read(path: &Path) -> Result<Idx, Error> {
    read_within(path, memory::default_limit())
}

/// Reads a file whose bytes may take `limit` in memory.
pub(crate) fn read_within(path: &Path, limit: u64) -> Result<Idx, Error> {
    let bytes = file::read_within(path, limit)?;
    if is_gzip(&bytes) { unpack(&bytes, path, limit) } else { plain(bytes, path) }
}

/// Reads the bytes of an IDX file, plain or gzipped; `path` is used in messages only.
///
/// # Errors
/// As [`read`].
///
/// ```
/// use chainrule_datasets::idx;
///
/// let labels = idx::decode(&[0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4], "labels".as_ref()).unwrap();
/// assert_eq!((labels.shape(), labels.data()), (&[3][..], &[5, 0, 4][..]));
/// let error = idx::decode(&[0, 0, 8, 1, 0, 0, 0, 3, 5, 0], "labels".as_ref()).unwrap_err();
/// assert!(error.to_string().starts_with("labels: its header announces 11 bytes, but 10 are there"));
/// ```
pub fn decode(bytes: &[u8], path: &Path) -> Result<Idx, Error> {
    if is_gzip(bytes) { unpack(bytes, path, memory::default_limit()) } else { plain(bytes.to_vec(), path) }
}

/// The first dimension counts examples; the others, where there are two, are height and width.
pub(crate) fn examples<A: Scalar>(idx: Idx, path: &Path) -> Result<ArrayExamples<A>, Error> {
    let (image, axes) = (image(&idx.shape), axes(&idx.shape));
    let Some(matrix) = idx.into_matrix() else {
        return Err(Error::format(path, "its shape is impossible", DAMAGED));
    };
    Ok(ArrayExamples { features: Features::Bytes(matrix), axes, image, full_scale: Some(255.0) })
}

/// The axes of an example.
fn axes(shape: &[usize]) -> Vec<usize> {
    shape.get(1..).unwrap_or_default().to_vec()
}

/// The examples of a file as streamed rows.
///
/// # Errors
/// If the file cannot be read, is gzipped, or its header does not fit it.
pub(crate) fn file_rows<A: Scalar>(path: &Path) -> Result<ArrayExamples<A>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let actual = file.metadata().map_err(failed)?.len();
    let mut magic = [0; 2];
    file.read_exact(&mut magic).map_err(failed)?;
    if is_gzip(&magic) {
        return Err(Error::format(
            path,
            "it is gzipped, and rows of a gzipped file cannot be streamed",
            "unpack it with gunzip",
        ));
    }
    let IdxHeader { shape, length, total } = header((&magic[..]).chain(file), path)?;
    if actual != total {
        return Err(Error::Size { path: path.to_owned(), expected: total, actual, at_least: false });
    }
    let columns = shape[1..].iter().product();
    let rows = FileRows::new(path, NumberType::BYTES, length as u64, (shape[0], columns), None)?;
    Ok(ArrayExamples {
        features: Features::FileRows(rows),
        axes: axes(&shape),
        image: image(&shape),
        full_scale: Some(255.0),
    })
}

/// The target in a file with one dimension.
///
/// # Errors
/// As [`read`]; or if there is not one number per example, or a number does not fit the task.
pub(crate) fn target(path: &Path, options: &ReadOptions) -> Result<Target, Error> {
    let idx = read_within(path, options.memory())?;
    if idx.shape.len() != 1 {
        let fault = format!("its shape is {:?}", idx.shape);
        return Err(Error::format(path, fault, "give one number for each example"));
    }
    let failed = |fault| Error::data(path.display().to_string(), fault);
    let mut cells = TargetCells::new(1, options).map_err(failed)?;
    for (example, &byte) in idx.data.iter().enumerate() {
        cells.column(0).push_integer(byte.into()).map_err(|fault| {
            Error::data(path.display().to_string(), format!("example {example}: {fault}"))
        })?;
    }
    cells.finish(&usual_names(1)).map_err(failed)
}

fn image(shape: &[usize]) -> Option<ImageShape> {
    match *shape {
        [_, height, width] => Some(ImageShape { height, width, channels: 1 }),
        [_, height, width, channels @ (1 | 3)] => Some(ImageShape { height, width, channels }),
        _ => None,
    }
}

/// Writes an IDX file, gzipped if its name ends in `.gz`.
///
/// # Errors
/// If the file cannot be written; an existing file stays as it was.
pub fn write(path: &Path, idx: &Idx) -> Result<(), Error> {
    let mut header = vec![0, 0, UNSIGNED_BYTE, idx.shape.len() as u8];
    header.extend(idx.shape.iter().flat_map(|&d| (d as u32).to_be_bytes()));
    let zipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    if zipped {
        return write_gzipped(path, &header, &idx.data);
    }
    write_atomic(path, |file| {
        file.write_all(&header)?;
        file.write_all(&idx.data)
    })
}

#[cfg(feature = "files")]
fn write_gzipped(path: &Path, header: &[u8], data: &[u8]) -> Result<(), Error> {
    write_atomic(path, |file| {
        let mut zip = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        zip.write_all(header)?;
        zip.write_all(data)?;
        zip.finish().map(|_| ())
    })
}

#[cfg(not(feature = "files"))]
fn write_gzipped(path: &Path, _: &[u8], _: &[u8]) -> Result<(), Error> {
    let cure = "choose a name without .gz, or build with the feature \"files\"";
    Err(Error::format(path, "this build does not write gzipped files", cure))
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The contents of a header.
struct IdxHeader {
    shape: Vec<usize>,
    /// The length of the header.
    length: usize,
    /// The length of the whole file.
    total: u64,
}

/// Reads a header.
fn header(mut reader: impl Read, path: &Path) -> Result<IdxHeader, Error> {
    let damaged = |fault: String| Error::format(path, fault, DAMAGED);
    let mut take = |bytes: &mut [u8]| {
        reader.read_exact(bytes).map_err(|error| damaged(format!("its header cannot be read ({error})")))
    };
    let mut magic = [0; 4];
    take(&mut magic)?;
    let [0, 0, kind, dimensions] = magic else {
        return Err(damaged(format!("it begins with the bytes {magic:02x?}, an IDX file with two zeros")));
    };
    if kind != UNSIGNED_BYTE {
        let name = match kind {
            0x09 => "signed bytes",
            0x0b => "16-bit integers",
            0x0c => "32-bit integers",
            0x0d => "32-bit floats",
            0x0e => "64-bit floats",
            _ => return Err(damaged(format!("its header names an unknown type of number, {kind:#04x}"))),
        };
        let fault = format!("it holds {name}");
        return Err(Error::format(
            path,
            fault,
            "only unsigned bytes are read from IDX files, save other types as .npy",
        ));
    }
    if dimensions == 0 {
        return Err(damaged("its header has no dimension".to_owned()));
    }
    let length = 4 + 4 * usize::from(dimensions);
    let mut shape = Vec::with_capacity(usize::from(dimensions));
    let mut total = Some(1_u64);
    for _ in 0..dimensions {
        let mut dimension = [0; 4];
        take(&mut dimension)?;
        let dimension = u32::from_be_bytes(dimension);
        total = total.and_then(|n| n.checked_mul(u64::from(dimension)));
        shape.push(dimension as usize);
    }
    match total.and_then(|n| n.checked_add(length as u64)) {
        Some(total) => Ok(IdxHeader { shape, length, total }),
        None => Err(damaged(format!("its header announces the impossible shape {shape:?}"))),
    }
}

fn plain(mut bytes: Vec<u8>, path: &Path) -> Result<Idx, Error> {
    let IdxHeader { shape, length, total } = header(&bytes[..], path)?;
    let actual = bytes.len() as u64;
    if actual != total {
        return Err(Error::Size { path: path.to_owned(), expected: total, actual, at_least: false });
    }
    bytes.drain(..length);
    Ok(Idx { shape, data: bytes })
}

#[cfg(not(feature = "files"))]
fn unpack(_: &[u8], path: &Path, _: u64) -> Result<Idx, Error> {
    let cure = "unpack it with gunzip, or build with the feature \"files\"";
    Err(Error::format(path, "it is gzipped, which this build does not read", cure))
}

#[cfg(feature = "files")]
fn unpack(bytes: &[u8], path: &Path, limit: u64) -> Result<Idx, Error> {
    let mut reader = flate2::read::MultiGzDecoder::new(bytes);
    let IdxHeader { shape, length, total } = header(&mut reader, path)?;
    if total > LARGEST_UNPACKED {
        let fault =
            format!("its header announces {total} bytes, a compressed file may hold {LARGEST_UNPACKED}");
        return Err(Error::format(path, fault, "unpack it with gunzip if it is sound"));
    }
    if total > LARGEST_RATIO * bytes.len() as u64 {
        let fault =
            format!("its header announces {total} bytes, which cannot be packed into {}", bytes.len());
        return Err(Error::format(path, fault, DAMAGED));
    }
    memory::check(path, Some(total), limit)?;
    let rest = total - length as u64;
    // Images compress to about a fifth: this is room for the likely size, not for the claimed one.
    let mut data = Vec::with_capacity(rest.min(16 * bytes.len() as u64) as usize);
    // One byte more than announced shows that a file is too long.
    reader
        .take(rest + 1)
        .read_to_end(&mut data)
        .map_err(|error| Error::format(path, format!("it cannot be unpacked ({error})"), DAMAGED))?;
    if data.len() as u64 != rest {
        let actual = length as u64 + data.len() as u64;
        return Err(Error::Size { path: path.to_owned(), expected: total, actual, at_least: actual > total });
    }
    Ok(Idx { shape, data })
}
