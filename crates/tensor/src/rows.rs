//! Operations on the rows of a batch: one example a row.

use ndarray::{ArrayRef1, ArrayRef2};

use crate::{Accum, Scalar};

/// Σₙ `matrix`ₙ, the sum over the rows, put into or added to `out`: ∂C/∂b from δ.
///
/// # Panics
/// If `out` is not as long as a row, or a row is not contiguous.
///
/// ```
/// use chainrule_tensor::{Accum, ndarray::array, rows};
///
/// let mut sum = array![0.0, 0.0];
/// rows::add_rows(&array![[1.0, 2.0], [3.0, 4.0]], &mut sum, Accum::Replace);
/// assert_eq!(sum, array![4.0, 6.0]);
/// ```
#[track_caller]
pub fn add_rows<A: Scalar>(matrix: &ArrayRef2<A>, out: &mut ArrayRef1<A>, accum: Accum) {
    assert_eq!(matrix.ncols(), out.len(), "add_rows: a row and the output differ in length");
    if accum == Accum::Replace {
        out.fill(A::zero());
    }
    let out = out.as_slice_mut().expect("add_rows: the output is contiguous");
    for row in matrix.rows() {
        for (sum, &x) in out.iter_mut().zip(contiguous(&row)) {
            *sum += x;
        }
    }
}

/// The index of the largest number of a row, the first of equals: the class that a network names.
///
/// ```
/// assert_eq!(chainrule_tensor::rows::argmax(&[0.1, 0.7, 0.2]), 1);
/// ```
pub fn argmax<A: Scalar>(row: &[A]) -> usize {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate() {
        if x > row[best] {
            best = i;
        }
    }
    best
}

/// The softmax pᵢ = e^(zᵢ) / Σⱼ e^(zⱼ) of one row; returns ln Σⱼ e^(zⱼ).
///
/// The largest zᵢ is subtracted first, so nothing overflows.
///
/// ```
/// let mut p = [0.0; 2];
/// let log_sum = chainrule_tensor::rows::softmax(&[1000.0, 1000.0], &mut p);
/// assert_eq!(p, [0.5, 0.5]);
/// assert_eq!(log_sum, 1000.0 + 2.0_f64.ln());
/// ```
pub fn softmax<A: Scalar>(z: &[A], p: &mut [A]) -> A {
    let max = maximum(z);
    let mut sum = A::zero();
    for (p, &z) in p.iter_mut().zip(z) {
        *p = (z - max).exp();
        sum += *p;
    }
    let scale = A::one() / sum;
    for p in p {
        *p *= scale;
    }
    max + sum.ln()
}

/// A NaN survives this maximum, so that a diverged network is seen and not renormalised away.
fn maximum<A: Scalar>(z: &[A]) -> A {
    z.iter().copied().fold(A::neg_infinity(), |max, z| if z > max || z.is_nan() { z } else { max })
}

/// The rows of a matrix as slices.
///
/// # Panics
/// If a row is not contiguous.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// let sums: Vec<f64> = rows::slices(&array![[1.0, 2.0], [3.0, 4.0]]).map(|row| row.iter().sum()).collect();
/// assert_eq!(sums, [3.0, 7.0]);
/// ```
#[track_caller]
pub fn slices<A>(matrix: &ArrayRef2<A>) -> impl Iterator<Item = &[A]> + Clone {
    assert!(matrix.ncols() <= 1 || matrix.strides()[1] == 1, "rows: the columns of a batch are contiguous");
    matrix.outer_iter().map(|row| row.to_slice().expect("a row is contiguous"))
}

/// The rows of a matrix as mutable slices.
///
/// # Panics
/// If a row is not contiguous.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// let mut m = array![[1.0, 2.0], [3.0, 4.0]];
/// rows::slices_mut(&mut m).for_each(|row| row[0] = 0.0);
/// assert_eq!(m, array![[0.0, 2.0], [0.0, 4.0]]);
/// ```
#[track_caller]
pub fn slices_mut<A>(matrix: &mut ArrayRef2<A>) -> impl Iterator<Item = &mut [A]> {
    assert!(matrix.ncols() <= 1 || matrix.strides()[1] == 1, "rows: the columns of a batch are contiguous");
    matrix.outer_iter_mut().map(|row| row.into_slice().expect("a row is contiguous"))
}

fn contiguous<'a, A>(row: &ndarray::ArrayView1<'a, A>) -> &'a [A] {
    row.to_slice().expect("rows: the columns of a batch are contiguous")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, s};

    #[test]
    fn add_rows_replaces_or_adds() {
        let m = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let mut out = array![f64::NAN, f64::NAN];
        add_rows(&m, &mut out, Accum::Replace);
        add_rows(&m, &mut out, Accum::Add);
        assert_eq!(out, array![18.0, 24.0]);
    }

    #[test]
    fn softmax_keeps_nan_and_handles_ends() {
        let mut p = [0.0_f64; 3];
        assert!(softmax(&[0.0, f64::NAN, 1.0], &mut p).is_nan());
        softmax(&[-1e300, 0.0, -1e300], &mut p);
        assert_eq!(p, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn slices_follow_a_leading_dimension() {
        let big = Array2::from_shape_fn((4, 5), |(i, j)| i * 5 + j);
        let rows: Vec<_> = slices(&big.slice(s![1..3, ..2])).map(<[usize]>::to_vec).collect();
        assert_eq!(rows, [[5, 6], [10, 11]]);
    }
}
