//! Named arrays of numbers as a file: safetensors, in either number type.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chainrule_datasets::unreadable;
use chainrule_tensor::Scalar;
use chainrule_tensor::half::{bfloat_bits, half, half_bits};
use crc::{CRC_64_XZ, Crc, Table};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use thiserror::Error;

/// Why a file of named arrays could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TensorFileError {
    /// The file system refused.
    #[error("{}: {}", path.display(), unreadable(path, source, ""))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The bytes are no safetensors file, or a corrupt one.
    #[error("{}: not a readable safetensors file ({fault}): it is corrupted or of another format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// An array has numbers that no network works with.
    #[error("{}: the array {array:?} holds NaN or infinity", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The name of the array.
        array: String,
    },
}

impl TensorFileError {
    /// The error that the file at `path` is corrupt or of another format.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
    pub fn format(path: &Path, fault: impl ToString) -> Self {
        Self::Format { path: path.to_owned(), fault: fault.to_string() }
    }
}

/// One array on its way to a file, its numbers as little-endian bytes.
///
/// ```
/// use std::{collections::HashMap, path::Path};
/// use chainrule_train::tensors::{TensorBytes, TensorFile, to_bytes};
///
/// let bias = TensorBytes::new("0.bias".to_owned(), vec![3], &[1.0_f32, 2.0, 3.0]);
/// let bytes = to_bytes(&[bias], HashMap::from([("made by".to_owned(), "hand".to_owned())]));
/// let file = TensorFile::parse(Path::new("bias.safetensors"), &bytes)?;
/// assert_eq!(file.metadata("made by"), Some("hand"));
/// assert_eq!(file.shape("0.bias"), Some(vec![3]));
/// assert_eq!(file.values::<f64>("0.bias")?, [1.0, 2.0, 3.0]);
/// # Ok::<(), chainrule_train::tensors::TensorFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorBytes {
    name: String,
    bytes: Vec<u8>,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl TensorBytes {
    /// The array `name` of the given shape, its numbers in C order.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    #[track_caller]
    pub fn new<A: Scalar>(name: String, shape: Vec<usize>, values: &[A]) -> Self {
        let size: usize = shape.iter().product();
        assert_eq!(size, values.len(), "tensors: {name:?} has shape {shape:?} but {} numbers", values.len());
        let dtype = if is_wide::<A>() { Dtype::F64 } else { Dtype::F32 };
        Self { name, bytes: little_endian(values), shape, dtype }
    }

    /// The same with each number rounded to the nearest of another type, of two to the even one.
    ///
    /// # Errors
    /// The first number that would be infinite.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn rounded<A: Scalar>(
        name: String,
        shape: Vec<usize>,
        values: &[A],
        float: Float,
    ) -> Result<Self, f64> {
        let mut bytes = Vec::new();
        for x in values.iter().map(|x| x.as_f64()) {
            match float {
                Float::F64 => bytes.extend(Some(x).filter(|x| x.is_finite()).ok_or(x)?.to_le_bytes()),
                Float::F32 => bytes.extend(Some(x as f32).filter(|x| x.is_finite()).ok_or(x)?.to_le_bytes()),
                Float::F16 => bytes.extend(half_bits(x).ok_or(x)?.to_le_bytes()),
                Float::Bf16 => bytes.extend(bfloat_bits(x).ok_or(x)?.to_le_bytes()),
            }
        }
        Ok(Self { bytes, dtype: float.dtype(), ..Self::new(name, shape, values) })
    }

    /// The same with whole numbers, rounded to 64 bits.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn whole<A: Scalar>(name: String, shape: Vec<usize>, values: &[A]) -> Self {
        let bytes = values.iter().flat_map(|x| (x.as_f64().round() as i64).to_le_bytes()).collect();
        Self { bytes, dtype: Dtype::I64, ..Self::new(name, shape, values) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its numbers, little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A type of floating-point numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// 64 bits.
    F64,
    /// 32 bits.
    F32,
    /// IEEE 754's binary16.
    F16,
    /// The upper half of 32 bits.
    Bf16,
}

impl Float {
    /// Its name, such as `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => f64::NAME,
            Self::F32 => f32::NAME,
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// Its largest number.
    pub fn largest(self) -> f64 {
        match self {
            Self::F64 => f64::MAX,
            Self::F32 => f64::from(f32::MAX),
            Self::F16 => half(0x7bff),
            Self::Bf16 => f64::from(f32::from_bits(0x7f7f_0000)),
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::F64 => Dtype::F64,
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }
}

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The contents of a file of these arrays; without metadata where there is none to write.
#[expect(clippy::implicit_hasher, reason = "the format's own crate takes this map")]
pub fn to_bytes(tensors: &[TensorBytes], metadata: HashMap<String, String>) -> Vec<u8> {
    let views = tensors.iter().map(|tensor| {
        let TensorBytes { name, bytes, shape, dtype } = tensor;
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("the bytes have the size of the shape"))
    });
    let metadata = (!metadata.is_empty()).then_some(metadata);
    safetensors::serialize(views, metadata).expect("names and metadata are text")
}

/// The key of the checksum in the metadata, 16 hexadecimal digits.
pub const CHECKSUM: &str = "checksum";

/// CRC-64/XZ, in slices of 16 bytes.
pub(crate) const CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// CRC-64/XZ of some bytes.
///
/// ```
/// // The check value of the catalogue of parametrised CRC algorithms.
/// assert_eq!(chainrule_train::tensors::checksum(b"123456789"), 0x995d_c9bb_df19_39fa);
/// ```
pub fn checksum(bytes: &[u8]) -> u64 {
    CRC.checksum(bytes)
}

/// CRC-64/XZ over a text and then name and numbers of each array, sorted by name.
fn checksum_of<'a>(text: &str, arrays: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut digest = CRC.digest();
    digest.update(text.as_bytes());
    for (name, bytes) in arrays {
        digest.update(name.as_bytes());
        digest.update(bytes);
    }
    format!("{:016x}", digest.finalize())
}

/// CRC-64/XZ over a text and then name and numbers of each array, sorted by name, as 16 hexadecimal digits.
pub fn checksum_with(text: &str, tensors: &[TensorBytes]) -> String {
    let mut sorted: Vec<&TensorBytes> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    checksum_of(text, sorted.into_iter().map(|tensor| (tensor.name(), tensor.bytes())))
}

/// The contents of a file of these arrays and of `text` under `key`, with a [`CHECKSUM`] of both.
pub fn to_bytes_with_checksum(tensors: &[TensorBytes], key: &str, text: String) -> Vec<u8> {
    let sum = checksum_with(&text, tensors);
    to_bytes(tensors, HashMap::from([(key.to_owned(), text), (CHECKSUM.to_owned(), sum)]))
}

/// A file of named arrays, its bytes read by the caller.
#[derive(Debug)]
pub struct TensorFile<'b> {
    path: &'b Path,
    tensors: SafeTensors<'b>,
    metadata: HashMap<String, String>,
}

impl<'b> TensorFile<'b> {
    /// Reads the header; `path` serves the messages only.
    ///
    /// # Errors
    /// If the bytes are no safetensors file, or a part of one.
    pub fn parse(path: &'b Path, bytes: &'b [u8]) -> Result<Self, TensorFileError> {
        let format = |error| TensorFileError::format(path, error);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        Ok(Self { path, tensors, metadata: header.metadata().clone().unwrap_or_default() })
    }

    /// The text under `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Whether the text under `key` and all arrays are what [`to_bytes_with_checksum`] wrote; `None` without a checksum.
    pub fn is_unchanged(&self, key: &str) -> Option<bool> {
        let found = || self.checksum_with(self.metadata(key).unwrap_or_default());
        self.metadata(CHECKSUM).map(|sum| sum == found())
    }

    /// What [`checksum_with`] was for a text and the arrays of the file.
    pub fn checksum_with(&self, text: &str) -> String {
        let arrays = self.names().into_iter().map(|name| (name, self.bytes(name).unwrap_or_default()));
        checksum_of(text, arrays)
    }

    /// The names of the arrays, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names = self.tensors.names();
        names.sort_unstable();
        names
    }

    /// The shape of an array, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(name).ok().map(|tensor| tensor.shape().to_vec())
    }

    /// Whether an array holds floating-point numbers of 16, 32 or 64 bits.
    pub fn is_real(&self, name: &str) -> bool {
        let dtype = self.tensors.tensor(name).map(|tensor| tensor.dtype());
        matches!(dtype, Ok(Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16))
    }

    /// An array as it lies in the file, its numbers of whatever type.
    pub fn array(&self, name: &str) -> Option<TensorBytes> {
        let tensor = self.tensors.tensor(name).ok()?;
        let (bytes, shape) = (tensor.data().to_vec(), tensor.shape().to_vec());
        Some(TensorBytes { name: name.to_owned(), bytes, shape, dtype: tensor.dtype() })
    }

    /// The numbers of an array as they lie in the file, little-endian.
    pub fn bytes(&self, name: &str) -> Option<&'b [u8]> {
        self.tensors.tensor(name).ok().map(|tensor| tensor.data())
    }

    /// The numbers of an array, in C order and converted to `A`.
    ///
    /// # Errors
    /// If there is no such array, or its numbers are no floating-point numbers of 16, 32 or 64 bits.
    pub fn values<A: Scalar>(&self, name: &str) -> Result<Vec<A>, TensorFileError> {
        let tensor = self.tensors.tensor(name).map_err(|error| TensorFileError::format(self.path, error))?;
        match tensor.dtype() {
            Dtype::F32 => Ok(numbers(tensor.data(), |bytes| f64::from(f32::from_le_bytes(bytes)))),
            Dtype::F64 => Ok(numbers(tensor.data(), f64::from_le_bytes)),
            Dtype::F16 => Ok(numbers(tensor.data(), |bytes| half(u16::from_le_bytes(bytes)))),
            // The upper half of an f32.
            Dtype::BF16 => Ok(numbers(tensor.data(), |[low, high]: [u8; 2]| {
                f64::from(f32::from_le_bytes([0, 0, low, high]))
            })),
            other => {
                let fault = format!("{name:?} holds {other:?} numbers, and F64, F32, F16 and BF16 are read");
                Err(TensorFileError::format(self.path, fault))
            }
        }
    }

    /// The whole numbers of an array.
    ///
    /// # Errors
    /// If there is none of that name, or it does not hold I64 numbers.
    pub fn whole_values<A: Scalar>(&self, name: &str) -> Result<Vec<A>, TensorFileError> {
        let tensor = self.tensors.tensor(name).map_err(|error| TensorFileError::format(self.path, error))?;
        match tensor.dtype() {
            Dtype::I64 => Ok(numbers(tensor.data(), |bytes| i64::from_le_bytes(bytes) as f64)),
            other => {
                let fault = format!("{name:?} is a count and holds {other:?} numbers instead of I64");
                Err(TensorFileError::format(self.path, fault))
            }
        }
    }

    /// Whether all arrays hold numbers of the type `A`.
    pub fn holds<A: Scalar>(&self) -> bool {
        let wanted = if is_wide::<A>() { Dtype::F64 } else { Dtype::F32 };
        self.tensors.iter().all(|(_, tensor)| tensor.dtype() == wanted)
    }

    /// The number type that holds all of the arrays: `"f64"` if one of them needs it, or else `"f32"`.
    pub fn dtype(&self) -> &'static str {
        let is_wide = self.tensors.iter().any(|(_, tensor)| tensor.dtype() == Dtype::F64);
        if is_wide { f64::NAME } else { f32::NAME }
    }
}

/// Reads a file as a whole. Devices and pipes are refused because they may never end.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, TensorFileError> {
    let regular = |metadata: std::fs::Metadata| {
        let refused = || std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file");
        metadata.is_file().then_some(()).ok_or_else(refused)
    };
    std::fs::metadata(path)
        .and_then(regular)
        .and_then(|()| std::fs::read(path))
        .map_err(|source| TensorFileError::Io { path: path.to_owned(), source })
}

/// The bytes of numbers in a file.
pub fn little_endian<A: Scalar>(values: &[A]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    for x in values {
        if is_wide::<A>() {
            bytes.extend(x.as_f64().to_le_bytes());
        } else {
            bytes.extend((x.as_f64() as f32).to_le_bytes());
        }
    }
    bytes
}

fn numbers<A: Scalar, const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<A> {
    data.as_chunks::<N>().0.iter().map(|&bytes| A::of(read(bytes))).collect()
}

fn is_wide<A: Scalar>() -> bool {
    A::NAME == f64::NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_sixteen_bits_are_read() {
        let view = |dtype, bytes| TensorView::new(dtype, vec![2], bytes).unwrap();
        let views = [
            ("half", view(Dtype::F16, &[0x00, 0x3c, 0x00, 0xc0])),
            ("bfloat", view(Dtype::BF16, &[0x80, 0x3f, 0x49, 0xc0])),
            ("whole", view(Dtype::I16, &[1, 0, 2, 0])),
        ];
        let bytes = safetensors::serialize(views, None).unwrap();
        let file = TensorFile::parse("m".as_ref(), &bytes).unwrap();
        assert_eq!(file.values::<f32>("half").unwrap(), [1.0, -2.0]);
        assert_eq!(file.values::<f32>("bfloat").unwrap(), [1.0, -3.140_625]);
        assert!(file.values::<f32>("whole").unwrap_err().to_string().contains("F16 and BF16 are read"));
    }
}
