use std::fmt;
use std::ops::{Deref, DerefMut};

use ndarray::{Array1, Array2, s};

use crate::scalar::Scalar;

/// Bytes of a cache line, and of the widest registers.
pub const CACHE_LINE: usize = 64;

/// A vector of numbers that begins at a cache line: θ, and all that has its shape.
///
/// A register read across the border of two lines costs two reads. In a `Vec` all registers lie so, as memory from the
/// system begins 16 bytes into a line. Everything takes a slice, whatever memory it is of, and gives the same bits.
///
/// ```
/// use chainrule_tensor::Aligned;
///
/// let mut theta: Aligned<f32> = Aligned::zeros(3);
/// theta[1] = 2.0;
/// assert_eq!(*theta, [0.0, 2.0, 0.0]);
/// assert_eq!(format!("{theta:?}"), "[0.0, 2.0, 0.0]");
/// assert!(theta.as_ptr().addr().is_multiple_of(64));
/// ```
pub struct Aligned<A> {
    /// The numbers, in memory for a line more.
    padded: Vec<A>,
    start: usize,
    len: usize,
}

impl<A: Scalar> Aligned<A> {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        // A vector of zeros is fresh memory of the system, which nobody has to fill.
        let padded = vec![A::zero(); len + CACHE_LINE / size_of::<A>()];
        let start = padded.as_ptr().align_offset(CACHE_LINE).min(padded.len() - len);
        Self { padded, start, len }
    }

    /// The zeros of a matrix.
    pub(crate) fn matrix(rows: usize, columns: usize) -> Array2<A> {
        let Self { padded, start, len } = Self::zeros(rows * columns);
        let mut numbers = Array1::from_vec(padded);
        numbers.slice_collapse(s![start..start + len]);
        numbers.into_shape_with_order((rows, columns)).expect("rows · columns numbers in one piece")
    }
}

/// The numbers, as a slice shows them.
impl<A: fmt::Debug> fmt::Debug for Aligned<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<A> Deref for Aligned<A> {
    type Target = [A];

    #[inline]
    fn deref(&self) -> &[A] {
        &self.padded[self.start..self.start + self.len]
    }
}

impl<A> DerefMut for Aligned<A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [A] {
        &mut self.padded[self.start..self.start + self.len]
    }
}

impl<A: Scalar> From<&[A]> for Aligned<A> {
    fn from(numbers: &[A]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

/// A copy begins at the start of a cache line.
impl<A: Scalar> Clone for Aligned<A> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<A: Scalar> PartialEq for Aligned<A> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_matrix_and_copy_begins_at_a_line() {
        fn starts_at_a_line<A>(numbers: &[A]) -> bool {
            numbers.is_empty() || numbers.as_ptr().addr().is_multiple_of(CACHE_LINE)
        }
        for len in [0, 1, 15, 16, 1000, 100_000] {
            let numbers: Vec<f64> = (0..len).map(|i| i as f64).collect();
            let aligned = Aligned::from(&*numbers);
            let copy = aligned.clone();
            assert_eq!(*copy, *numbers);
            assert!(starts_at_a_line(&aligned) && starts_at_a_line(&copy), "{len}");
            let matrix = Aligned::<f32>::matrix(len, 3);
            assert_eq!(matrix, Array2::<f32>::zeros((len, 3)));
            assert!(starts_at_a_line(matrix.as_slice().expect("one piece")), "{len}");
        }
    }
}
