//! The header of a `.npy` file.

use std::path::Path;

use crate::array::numbers::NumberType;
use crate::error::Error;
use crate::image::shape::ImageShape;

use super::literal;

pub(super) const DAMAGED: &str = "it is damaged or no .npy file, get it again";
pub(super) const RESAVE: &str = "save it with numpy.save as a matrix of float32 or float64";
/// Brackets in the header of an array of numbers: two, or a few more in a structured type.
const MOST_BRACKETS: usize = 8;

/// What a file says about its numbers, checked against the length of the file.
pub(super) struct NpyHeader {
    pub(super) numbers: NumberType,
    pub(super) shape: Vec<usize>,
    /// Whether the first index runs fastest (column-major order).
    pub(super) fortran: bool,
    /// Where the numbers begin.
    pub(super) offset: usize,
}

impl NpyHeader {
    /// Reads a header. `bytes` is the beginning of a file of `total` bytes.
    pub(super) fn read(bytes: &[u8], total: u64, path: &Path) -> Result<Self, Error> {
        let damaged = |fault: String| Error::format(path, fault, DAMAGED);
        let (start, end) = literal::range(bytes)
            .ok_or_else(|| damaged("it does not begin as a .npy file does".to_owned()))?;
        let Some(text) = bytes.get(start..end).filter(|_| end <= literal::LONGEST_HEADER) else {
            return Err(damaged(format!("its header announces {end} bytes of header")));
        };
        if text.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
            return Err(Error::format(path, "it holds a structure and not numbers", RESAVE));
        }
        let Some(literal::Header { descriptor, fortran, shape }) =
            std::str::from_utf8(text).ok().and_then(literal::parse)
        else {
            let fault = "its header is no dictionary of descr, fortran_order and shape";
            return Err(damaged(fault.to_owned()));
        };
        let Some(numbers) = NumberType::of_descriptor(descriptor) else {
            if let Some(text) = super::text::TextType::of_descriptor(descriptor) {
                let fault = format!("it holds text of {} characters", text.length());
                return Err(Error::format(path, fault, "give numbers as features; text can be the target"));
            }
            if descriptor.ends_with('O') {
                let fault = format!("its numbers are of the type {descriptor:?}, Python objects");
                return Err(Error::format(path, fault, "save numbers as float64, or text as x.astype(str)"));
            }
            if descriptor.contains("M8") || descriptor.contains("m8") {
                let fault = format!("its numbers are of the type {descriptor:?}, times");
                let cure =
                    "save them as days, x.astype('datetime64[s]').astype(float) / 86400, or the table as CSV";
                return Err(Error::format(path, fault, cure));
            }
            return Err(Error::format(path, format!("its numbers are of the type {descriptor:?}"), RESAVE));
        };
        if !(1..=4).contains(&shape.len()) {
            let fault = format!("its shape is {shape:?}, not that of a vector or matrix");
            return Err(Error::format(path, fault, RESAVE));
        }
        // ndarray wants the product of the dimensions that are not 0 to fit an isize, even of an empty array.
        let nonzero = shape.iter().filter(|&&d| d > 0).try_fold(numbers.size(), |n, &d| n.checked_mul(d));
        let Some(nonzero) = nonzero.filter(|&n| isize::try_from(n.saturating_mul(8)).is_ok()) else {
            return Err(damaged(format!("its header announces the impossible shape {shape:?}")));
        };
        let size = if shape.contains(&0) { 0 } else { nonzero as u64 };
        let expected = size + end as u64;
        if expected != total {
            return Err(Error::Size { path: path.to_owned(), expected, actual: total, at_least: false });
        }
        let fortran = fortran && shape.len() > 1;
        Ok(Self { numbers, shape, fortran, offset: end })
    }

    /// Numbers per row.
    pub(super) fn columns(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// The shape of an example that is an image.
    pub(super) fn image(&self) -> Option<ImageShape> {
        let (height, width, channels) = match self.shape[1..] {
            [height, width] => (height, width, 1),
            [height, width, channels @ (1 | 3)] => (height, width, channels),
            _ => return None,
        };
        Some(ImageShape { height, width, channels })
    }

    /// The number that is full brightness, where the numbers are bytes.
    pub(super) fn full_scale(&self) -> Option<f64> {
        self.numbers.are_bytes().then_some(255.0)
    }
}

/// The bytes before the numbers of a row-major matrix: version 1.0, padded to a multiple of 64 as NumPy does.
pub(super) fn written(descriptor: &str, shape: &[usize]) -> Vec<u8> {
    let dimensions: Vec<String> = shape.iter().map(ToString::to_string).collect();
    // A tuple of one has a comma.
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text = format!(
        "{{'descr': '{descriptor}', 'fortran_order': False, 'shape': ({}{comma})}}",
        dimensions.join(", ")
    );
    let padding = 64 - (10 + text.len() + 1) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.into_bytes());
    header
}
