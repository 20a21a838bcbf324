//! The numbers behind the header of a `.npy` file.

use std::path::Path;

use chainrule_tensor::ndarray::{Array2, Axis};
use chainrule_tensor::{Scalar, vector};

use super::header::{DAMAGED, NpyHeader};
use crate::error::Error;

impl NpyHeader {
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

    /// The whole number at a place of a matrix in the bytes of a file; `None` if its numbers are not whole.
    pub(super) fn integer(&self, bytes: &[u8], i: usize, j: usize) -> Option<i128> {
        let size = self.numbers.size();
        let at = if self.fortran { j * self.shape[0] + i } else { i * self.columns() + j };
        let at = self.offset + at * size;
        self.numbers.integer(&bytes[at..at + size])
    }

    /// All numbers, one example per row.
    ///
    /// # Errors
    /// If one is not finite.
    pub(super) fn matrix<A: Scalar>(&self, bytes: &[u8], path: &Path) -> Result<Array2<A>, Error> {
        let bytes = &bytes[self.offset..];
        if self.numbers.are_booleans() && bytes.iter().any(|&byte| byte > 1) {
            return Err(Error::format(path, "it holds booleans that are neither 0 nor 1", DAMAGED));
        }
        let mut x = Array2::zeros((self.shape[0], self.columns()));
        // An array without rows may claim any number of columns.
        if self.fortran && self.shape[0] > 0 {
            self.fill_by_columns(bytes, &mut x);
        } else {
            self.numbers.decode(bytes, x.as_slice_mut().expect("a new matrix is row-major"));
        }
        if vector::is_finite(x.as_slice().expect("a new matrix is row-major")) {
            return Ok(x);
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

    /// The first index runs fastest: a number at (i, j, k, …) lies at i + rows·(j + …).
    fn fill_by_columns<A: Scalar>(&self, bytes: &[u8], x: &mut Array2<A>) {
        let (rows, size) = (self.shape[0], self.numbers.size());
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
            let block = &bytes[at * rows * size..(at + 1) * rows * size];
            for (x, bytes) in column.iter_mut().zip(block.chunks_exact(size)) {
                self.numbers.decode(bytes, std::slice::from_mut(x));
            }
        }
    }
}
