//! The header of a `.npy` file, and the numbers behind it.

use std::path::Path;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, Axis};
use ndarray_npy::npy::header::Header;

use crate::{Error, ImageShape};

const DAMAGED: &str = "it is damaged or no .npy file, get it again";
pub(super) const RESAVE: &str = "save it with numpy.save as a matrix of float32 or float64";
/// The header of a matrix takes 118 bytes; nested brackets of a long one could exhaust the stack of a parser.
pub(super) const LONGEST_HEADER: usize = 1024;
const MOST_BRACKETS: usize = 8;

/// What a file says of its numbers, once it is known to agree with the file's length.
pub(crate) struct Layout {
    pub(super) numbers: Numbers,
    pub(crate) shape: Vec<usize>,
    pub(super) fortran: bool,
    /// Where the numbers begin.
    pub(super) offset: usize,
}

/// A type of number, of either byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    kind: &'static str,
    big_endian: bool,
}

impl Numbers {
    /// Bytes without a sign, as IDX files have them.
    pub(crate) const BYTES: Self = Self { kind: "u1", big_endian: false };

    /// Bytes a number.
    pub(crate) fn size(self) -> usize {
        usize::from(self.kind.as_bytes()[1] - b'0')
    }

    pub(crate) fn are_bytes(self) -> bool {
        self.kind == "u1"
    }

    /// Numbers from their bytes.
    pub(crate) fn decode<A: Scalar>(self, bytes: &[u8], out: &mut [A]) {
        match self.kind {
            "f4" => self.each(bytes, out, |b| f32::from_le_bytes(b).into()),
            "f8" => self.each(bytes, out, f64::from_le_bytes),
            "i1" => self.each(bytes, out, |b| i8::from_le_bytes(b).into()),
            "i2" => self.each(bytes, out, |b| i16::from_le_bytes(b).into()),
            "u2" => self.each(bytes, out, |b| u16::from_le_bytes(b).into()),
            "i4" => self.each(bytes, out, |b| i32::from_le_bytes(b).into()),
            "u4" => self.each(bytes, out, |b| u32::from_le_bytes(b).into()),
            "i8" => self.each(bytes, out, |b| i64::from_le_bytes(b) as f64),
            "u8" => self.each(bytes, out, |b| u64::from_le_bytes(b) as f64),
            _ => self.each(bytes, out, |[b]: [u8; 1]| b.into()),
        }
    }

    fn each<A: Scalar, const N: usize>(self, bytes: &[u8], out: &mut [A], number: impl Fn([u8; N]) -> f64) {
        for (x, &bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
            let mut bytes = bytes;
            if self.big_endian {
                bytes.reverse();
            }
            *x = A::of(number(bytes));
        }
    }
}

impl Layout {
    /// Reads a header: of `total` bytes of the whole file, `bytes` are its beginning.
    pub(crate) fn of(bytes: &[u8], total: u64, path: &Path) -> Result<Self, Error> {
        let damaged = |fault: String| Error::format(path, fault, DAMAGED);
        let length = header_length(bytes)
            .ok_or_else(|| damaged("it does not begin as a .npy file does".to_owned()))?;
        let Some(header) = bytes.get(..length).filter(|_| length <= LONGEST_HEADER) else {
            return Err(damaged(format!("its header announces {length} bytes of header")));
        };
        if header.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
            return Err(Error::format(path, "it holds a structure and not numbers", RESAVE));
        }
        // The parser's own message draws the place over several lines.
        let Ok(Header { type_descriptor, shape, layout: order, .. }) = Header::from_reader(&mut &header[..])
        else {
            return Err(damaged("its header is no dictionary of descr, fortran_order and shape".to_owned()));
        };
        let descriptor = type_descriptor.as_string().cloned().unwrap_or_else(|| type_descriptor.to_string());
        let known = ["f4", "f8", "b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"];
        let Some(&kind) = known.iter().find(|known| descriptor.get(1..) == Some(**known)) else {
            return Err(Error::format(path, format!("its numbers are of the type {descriptor:?}"), RESAVE));
        };
        if !(1..=4).contains(&shape.len()) {
            return Err(Error::format(
                path,
                format!("its shape is {shape:?}, not that of a vector or matrix"),
                RESAVE,
            ));
        }
        let numbers = Numbers { kind, big_endian: descriptor.starts_with('>') };
        // ndarray wants the product of the dimensions that are not 0 to fit an isize, even of an empty array.
        let nonzero = shape.iter().filter(|&&d| d > 0).try_fold(numbers.size(), |n, &d| n.checked_mul(d));
        let Some(nonzero) = nonzero.filter(|&n| isize::try_from(n.saturating_mul(8)).is_ok()) else {
            return Err(damaged(format!("its header announces the impossible shape {shape:?}")));
        };
        let size = if shape.contains(&0) { 0 } else { nonzero as u64 };
        let expected = size + length as u64;
        if expected != total {
            return Err(Error::Size { path: path.to_owned(), expected, actual: total, at_least: false });
        }
        let fortran = order.is_fortran() && shape.len() > 1;
        Ok(Self { numbers, shape, fortran, offset: length })
    }

    /// Numbers a row.
    pub(super) fn columns(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// How an example is an image, where it has height and width.
    pub(super) fn image(&self) -> Option<ImageShape> {
        let (height, width, channels) = match self.shape[1..] {
            [height, width] => (height, width, 1),
            [height, width, channels @ (1 | 3)] => (height, width, channels),
            _ => return None,
        };
        Some(ImageShape { height, width, channels })
    }

    /// What is full brightness of bytes.
    pub(super) fn full_scale(&self) -> Option<f64> {
        self.numbers.are_bytes().then_some(255.0)
    }

    /// Row `i` of a matrix, from the bytes behind the header.
    pub(super) fn row<A: Scalar>(&self, bytes: &[u8], i: usize, out: &mut [A]) {
        let (size, columns) = (self.numbers.size(), self.columns());
        if self.fortran {
            for (j, x) in out.iter_mut().enumerate() {
                let at = (j * self.shape[0] + i) * size;
                self.numbers.decode(&bytes[at..at + size], std::slice::from_mut(x));
            }
        } else {
            self.numbers.decode(&bytes[i * columns * size..(i + 1) * columns * size], out);
        }
    }

    /// All numbers, one example a row, each finite.
    pub(super) fn reals<A: Scalar>(&self, bytes: &[u8], path: &Path) -> Result<Array2<A>, Error> {
        let bytes = &bytes[self.offset..];
        if self.numbers.kind == "b1" && bytes.iter().any(|&byte| byte > 1) {
            return Err(Error::format(path, "it holds booleans that are neither 0 nor 1", DAMAGED));
        }
        let (rows, columns) = (self.shape[0], self.columns());
        let mut x = Array2::zeros((rows, columns));
        if self.fortran {
            // The first index runs fastest: a number at (i, j, k, …) lies at i + rows·(j + …).
            let strides: Vec<usize> = self.shape[1..]
                .iter()
                .scan(1, |stride, &d| Some(std::mem::replace(stride, *stride * d)))
                .collect();
            for (place, mut column) in x.axis_iter_mut(Axis(1)).enumerate() {
                let mut rest = place;
                let at: usize = self.shape[1..]
                    .iter()
                    .zip(&strides)
                    .rev()
                    .map(|(&d, stride)| {
                        let index = rest % d;
                        rest /= d;
                        index * stride
                    })
                    .sum();
                let size = self.numbers.size();
                let block = &bytes[at * rows * size..(at + 1) * rows * size];
                for (x, bytes) in column.iter_mut().zip(block.chunks_exact(size)) {
                    self.numbers.decode(bytes, std::slice::from_mut(x));
                }
            }
        } else {
            self.numbers.decode(bytes, x.as_slice_mut().expect("a new matrix is row-major"));
        }
        match x.indexed_iter().find(|(_, x): &(_, &A)| !x.is_finite()) {
            None => Ok(x),
            Some(((row, column), bad)) => {
                let fault =
                    format!("the number in row {row}, column {column} (from 0) is {bad} as {}", A::NAME);
                Err(Error::format(path, fault, "replace it or drop the row"))
            }
        }
    }
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
