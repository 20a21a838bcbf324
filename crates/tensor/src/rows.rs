//! Operations on the rows of a batch: one example a row.

use ndarray::{Array2, ArrayRef1, ArrayRef2, ArrayView2, ArrayViewMut2, s};

use crate::aligned::Aligned;
use crate::epilogue::Epilogue;
use crate::pool::sweep;
use crate::scalar::{Accum, Scalar};
use crate::simd::{self, LANES};
use crate::{math, vector};

/// The threads of a pool share a loop over a batch from this many numbers on: some microseconds of an activation.
pub const LEAST_SHARED: usize = 1 << 13;

/// Columns whose sums stay in registers.
const WIDE: usize = 8 * LANES;

/// `out` ← f(inputs, `out`), number by number, at the pace of [`simd::map`].
///
/// Matrices that lie in one piece are one long row, so narrow ones are as quick as wide ones. What f captures is best moved
/// into it, as for [`simd::map`].
///
/// # Panics
/// If the shapes differ, or a row is not contiguous.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// let mut y = array![[0.0, 0.0]];
/// rows::map([&array![[1.0, 2.0]], &array![[3.0, 4.0]]], &mut y, |[a, b], y| *y = a * b);
/// assert_eq!(y, array![[3.0, 8.0]]);
/// ```
#[inline]
#[track_caller]
pub fn map<A: Scalar, const N: usize>(
    inputs: [&ArrayRef2<A>; N],
    out: &mut ArrayRef2<A>,
    f: impl Fn([A; N], &mut A) + Copy + Sync,
) {
    over_rows(inputs, out, &|x, out| {
        simd::map(
            x,
            [out],
            // A copy of f, which stays in registers.
            #[inline(always)]
            move |x, [y]| f(x, y),
        );
    });
}

// Apart from `map`, so that they are compiled for a number type and not for each f.

/// What is done to a row of N inputs and one of the output.
type OnRow<'a, A, const N: usize> = dyn Fn([&[A]; N], &mut [A]) + Sync + 'a;

/// `f` on all rows as one, or on each.
#[track_caller]
fn over_rows<A: Scalar, const N: usize>(
    inputs: [&ArrayRef2<A>; N],
    out: &mut ArrayRef2<A>,
    f: &OnRow<'_, A, N>,
) {
    let shape = out.dim();
    assert!(same_shape(&inputs, shape), "rows: shapes differ: {:?}", shapes(inputs));
    if let (true, Some(inputs)) = (out.is_standard_layout(), as_slices(inputs)) {
        let out = out.as_slice_mut().expect(CONTIGUOUS);
        return sweep([out], LANES, LEAST_SHARED, |from, [out]| f(parts(inputs, from, out.len()), out));
    }
    for (i, mut out) in out.rows_mut().into_iter().enumerate() {
        f(each_row(inputs, i), out.as_slice_mut().expect(CONTIGUOUS));
    }
}

fn same_shape<A, const N: usize>(inputs: &[&ArrayRef2<A>; N], shape: (usize, usize)) -> bool {
    inputs.iter().all(|x| x.dim() == shape)
}

fn shapes<A, const N: usize>(inputs: [&ArrayRef2<A>; N]) -> [(usize, usize); N] {
    inputs.map(|x| x.dim())
}

/// All as slices, if all lie row after row.
fn as_slices<A, const N: usize>(inputs: [&ArrayRef2<A>; N]) -> Option<[&[A]; N]> {
    let mut slices = [&[][..]; N];
    for (slice, x) in slices.iter_mut().zip(inputs) {
        *slice = x.as_slice()?;
    }
    Some(slices)
}

fn parts<A, const N: usize>(inputs: [&[A]; N], from: usize, len: usize) -> [&[A]; N] {
    inputs.map(|x| &x[from..from + len])
}

fn each_row<A, const N: usize>(inputs: [&ArrayRef2<A>; N], i: usize) -> [&[A]; N] {
    inputs.map(|x| x.row(i).to_slice().expect(CONTIGUOUS))
}

/// A batch of zeros that begins at a cache line, as an [`Aligned`] vector does: for what layer after layer fills.
///
/// ```
/// use chainrule_tensor::rows;
///
/// let hidden = rows::zeros::<f32>(8, 3);
/// assert_eq!(hidden.dim(), (8, 3));
/// ```
pub fn zeros<A: Scalar>(rows: usize, columns: usize) -> Array2<A> {
    Aligned::matrix(rows, columns)
}

/// Applies an epilogue to all parts of a matrix, as [`gemm_then`](crate::gemm_then) does it.
///
/// # Panics
/// If a row is not contiguous.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// let mut y = array![[1.0, -2.0], [-3.0, 4.0]];
/// rows::in_parts(&mut y, &|_, part| part.iter_mut().for_each(|y: &mut f64| *y = y.max(0.0)));
/// assert_eq!(y, array![[1.0, 0.0], [0.0, 4.0]]);
/// ```
#[track_caller]
pub fn in_parts<A: Scalar>(matrix: &mut ArrayRef2<A>, epilogue: &Epilogue<'_, A>) {
    if let Some(all) = matrix.as_slice_mut() {
        return sweep([all], LANES, LEAST_SHARED, |from, [part]| epilogue(from, part));
    }
    let columns = matrix.ncols();
    slices_mut(matrix).enumerate().for_each(|(i, row)| epilogue(i * columns, row));
}

/// The first `n` rows: at no cost where those are all, as in every batch but the last of an epoch.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// assert_eq!(rows::first(&array![[1.0], [2.0], [3.0]], 2), array![[1.0], [2.0]]);
/// ```
#[inline]
#[track_caller]
pub fn first<A>(matrix: &ArrayRef2<A>, n: usize) -> ArrayView2<'_, A> {
    if n == matrix.nrows() { matrix.view() } else { matrix.slice(s![..n, ..]) }
}

/// The first `n` rows, to write to.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// let mut m = array![[1.0], [2.0]];
/// rows::first_mut(&mut m, 1).fill(0.0);
/// assert_eq!(m, array![[0.0], [2.0]]);
/// ```
#[inline]
#[track_caller]
pub fn first_mut<A>(matrix: &mut ArrayRef2<A>, n: usize) -> ArrayViewMut2<'_, A> {
    if n == matrix.nrows() { matrix.view_mut() } else { matrix.slice_mut(s![..n, ..]) }
}

/// The numbers of a batch, row after row.
///
/// # Panics
/// If they do not lie in one piece.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// assert_eq!(rows::in_one_piece(&array![[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0, 3.0, 4.0]);
/// ```
#[inline]
#[track_caller]
pub fn in_one_piece<A>(batch: &ArrayRef2<A>) -> &[A] {
    batch.as_slice().expect(IN_ONE_PIECE)
}

/// The same, to write to.
///
/// # Panics
/// As [`in_one_piece`].
#[inline]
#[track_caller]
pub fn in_one_piece_mut<A>(batch: &mut ArrayRef2<A>) -> &mut [A] {
    batch.as_slice_mut().expect(IN_ONE_PIECE)
}

/// A batch with one position a row: `(rows·positions, features)` of `(rows, positions·features)`, in place.
///
/// # Panics
/// If a row is no number of positions, or the matrix does not lie in one piece.
///
/// ```
/// use chainrule_tensor::{ndarray::array, rows};
///
/// assert_eq!(rows::positions(&array![[1.0, 2.0, 3.0, 4.0]], 2), array![[1.0, 2.0], [3.0, 4.0]]);
/// ```
#[inline]
#[track_caller]
pub fn positions<A>(matrix: &ArrayRef2<A>, features: usize) -> ArrayView2<'_, A> {
    if matrix.ncols() == features {
        return matrix.view();
    }
    let positions = matrix.len() / features;
    matrix.view().into_shape_with_order((positions, features)).expect(POSITIONS)
}

/// The same, to write to.
///
/// # Panics
/// As [`positions`].
#[inline]
#[track_caller]
pub fn positions_mut<A>(matrix: &mut ArrayRef2<A>, features: usize) -> ArrayViewMut2<'_, A> {
    if matrix.ncols() == features {
        return matrix.view_mut();
    }
    let positions = matrix.len() / features;
    matrix.view_mut().into_shape_with_order((positions, features)).expect(POSITIONS)
}

const IN_ONE_PIECE: &str = "rows: a batch lies in one piece";
const POSITIONS: &str = "rows: a batch lies in one piece, and a row is a number of positions";

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
    let rows = slices(matrix);
    simd::dispatch(
        #[inline(always)]
        move || {
            // As many columns at a time as there are registers for sums: fewer would read a few bytes here and there.
            let (wide, out) = out.as_chunks_mut::<WIDE>();
            for (i, out) in wide.iter_mut().enumerate() {
                add_columns(rows.clone(), i * WIDE, out);
            }
            let from = wide.len() * WIDE;
            let (whole, rest) = out.as_chunks_mut::<LANES>();
            for (i, out) in whole.iter_mut().enumerate() {
                add_columns(rows.clone(), from + i * LANES, out);
            }
            let from = from + whole.len() * LANES;
            let mut sums = [A::zero(); LANES];
            let sums = &mut sums[..rest.len()];
            sums.copy_from_slice(rest);
            for row in rows {
                for (sum, &x) in sums.iter_mut().zip(&row[from..]) {
                    *sum += x;
                }
            }
            rest.copy_from_slice(sums);
        },
    );
}

/// Adds the numbers of each row from the place `from` on to `out`.
#[inline(always)]
fn add_columns<'a, A: Scalar, const N: usize>(
    rows: impl Iterator<Item = &'a [A]>,
    from: usize,
    out: &mut [A; N],
) {
    let mut sums = *out;
    for row in rows {
        for (sum, &x) in sums.iter_mut().zip(&row[from..from + N]) {
            *sum += x;
        }
    }
    *out = sums;
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
    simd::map(
        [z],
        [&mut *p],
        #[inline(always)]
        |[z], [p]| *p = math::exp(z - max),
    );
    let sum = vector::sum(p);
    vector::scale(A::one() / sum, p);
    max + sum.ln()
}

const CONTIGUOUS: &str = "rows: the columns of a batch are contiguous";

/// The largest number of a row that is not NaN; −∞ where there is none.
///
/// What is subtracted before an exponential: e^(z − m) is NaN where z is, so nothing is hidden.
///
/// ```
/// assert_eq!(chainrule_tensor::rows::maximum(&[1.0, f64::NAN, 3.0]), 3.0);
/// ```
#[inline]
pub fn maximum<A: Scalar>(z: &[A]) -> A {
    let larger = |max: A, &z: &A| if z > max { z } else { max };
    if z.len() < LANES {
        return z.iter().fold(A::neg_infinity(), larger);
    }
    let (blocks, rest) = z.as_chunks::<LANES>();
    let rest = rest.iter().fold(A::neg_infinity(), larger);
    let mut lanes = [A::neg_infinity(); LANES];
    for block in blocks {
        for (max, z) in lanes.iter_mut().zip(block) {
            *max = larger(*max, z);
        }
    }
    lanes.iter().fold(rest, larger)
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
    assert!(matrix.ncols() <= 1 || matrix.strides()[1] == 1, "{CONTIGUOUS}");
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
    assert!(matrix.ncols() <= 1 || matrix.strides()[1] == 1, "{CONTIGUOUS}");
    matrix.outer_iter_mut().map(|row| row.into_slice().expect("a row is contiguous"))
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
    fn rows_of_any_width_are_added_in_their_order() {
        for columns in [1, 15, 16, 40, 128, 300] {
            let m = Array2::from_shape_fn((5, columns), |(i, j)| 0.1_f32 * (i * 301 + j) as f32);
            let mut out = ndarray::Array1::from_elem(columns, 1.0);
            add_rows(&m, &mut out, Accum::Add);
            for (j, &sum) in out.iter().enumerate() {
                assert_eq!(sum, m.column(j).iter().fold(1.0, |sum, x| sum + x), "{j} of {columns}");
            }
        }
    }

    #[test]
    fn softmax_keeps_nan_and_handles_ends() {
        let mut p = [0.0_f64; 3];
        assert!(softmax(&[0.0, f64::NAN, 1.0], &mut p).is_nan());
        softmax(&[-1e300, 0.0, -1e300], &mut p);
        assert_eq!(p, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn the_maximum_is_found_anywhere_and_passes_nan_over() {
        for len in 1..50 {
            for at in 0..len {
                let mut z = vec![-1.0; len];
                z[(at + len / 2) % len] = f64::NAN;
                z[at] = -0.5;
                assert_eq!(maximum(&z), -0.5, "{at} of {len}");
            }
        }
        assert_eq!(maximum::<f64>(&[f64::NAN; 20]), f64::NEG_INFINITY);
    }

    #[test]
    fn slices_follow_a_leading_dimension() {
        let big = Array2::from_shape_fn((4, 5), |(i, j)| i * 5 + j);
        let rows: Vec<_> = slices(&big.slice(s![1..3, ..2])).map(<[usize]>::to_vec).collect();
        assert_eq!(rows, [[5, 6], [10, 11]]);
    }
}
