use ndarray::ArrayRef2;

use crate::epilogue::Epilogue;
use crate::kernel;
use crate::scalar::Scalar;

/// C ← α·A·B + β·C: the one door to the kernels of products.
///
/// Every matrix product of Chainrule passes here, so that none falls silently to a slow path; [`kernel`] says which kernel
/// takes it. With β = 0 the old contents of C are never read. Within [`Pool::enter`](crate::Pool::enter) the threads of
/// the pool share a product that is worth it; the bits are the same for any number of them.
///
/// # Shapes
/// A `(m, k)`, B `(k, n)`, C `(m, n)`; each row-major or column-major with at least one unit stride, which holds for
/// whole matrices, their transposes `a.t()`, and slices of whole rows or columns.
///
/// # Panics
/// If the shapes do not fit, or if a matrix has no unit stride.
///
/// # References
/// Dongarra et al., "A set of level 3 basic linear algebra subprograms", ACM TOMS 16(1), 1990 (xGEMM).
///
/// ```
/// use chainrule_tensor::{gemm, ndarray::array};
///
/// let (x, w) = (array![[1.0, 2.0]], array![[3.0], [4.0]]);
/// let mut y = array![[100.0]];
/// gemm(1.0, &x, &w, 1.0, &mut y);
/// assert_eq!(y, array![[111.0]]);
/// ```
#[track_caller]
pub fn gemm<A: Scalar>(alpha: A, a: &ArrayRef2<A>, b: &ArrayRef2<A>, beta: A, c: &mut ArrayRef2<A>) {
    check("gemm", a, b, c);
    kernel::product(alpha, a, b, beta, c, None);
}

/// [`gemm`], and each part of C given to the [`Epilogue`] while it is still in the cache, so that the rest of the work on a
/// product's numbers reads them from there. On several threads, each finishes the parts that it has computed.
///
/// # Panics
/// As `gemm`; and if C is not row-major.
///
/// ```
/// use chainrule_tensor::{gemm_then, ndarray::array};
///
/// let (delta, w, h) = (array![[1.0, 2.0]], array![[3.0, 5.0], [4.0, 6.0]], [0.5, 0.25]);
/// let mut below = array![[f64::NAN, f64::NAN]];
/// gemm_then(1.0, &delta, &w.t(), 0.0, &mut below, &|place, part| {
///     part.iter_mut().zip(&h[place..]).for_each(|(delta, h)| *delta *= h * (1.0 - h));
/// });
/// assert_eq!(below, array![[13.0 * 0.25, 16.0 * 0.1875]]);
/// ```
#[track_caller]
pub fn gemm_then<A: Scalar>(
    alpha: A,
    a: &ArrayRef2<A>,
    b: &ArrayRef2<A>,
    beta: A,
    c: &mut ArrayRef2<A>,
    epilogue: &Epilogue<'_, A>,
) {
    check("gemm_then", a, b, c);
    check_rows("gemm_then", c);
    kernel::product(alpha, a, b, beta, c, Some(epilogue));
}

/// Y ← X·W + 1·bᵀ: each row x of X becomes x·W + b. The bits are those of [`gemm`] with b in each row of C and β = 1,
/// without a pass to write it there.
///
/// # Shapes
/// X `(n, i)`, W `(i, o)`, b `(o)`, Y `(n, o)`, laid out as for `gemm`.
///
/// # Panics
/// If the shapes do not fit, or if a matrix has no unit stride.
///
/// ```
/// use chainrule_tensor::{affine, ndarray::array};
///
/// let (x, w) = (array![[1.0, 2.0], [0.0, 1.0]], array![[3.0], [4.0]]);
/// let mut y = array![[f64::NAN], [f64::NAN]];
/// affine(&x, &w, &[100.0], &mut y);
/// assert_eq!(y, array![[111.0], [104.0]]);
/// ```
#[track_caller]
pub fn affine<A: Scalar>(x: &ArrayRef2<A>, w: &ArrayRef2<A>, b: &[A], y: &mut ArrayRef2<A>) {
    check("affine", x, w, y);
    assert_eq!(b.len(), w.ncols(), "affine: b is not as long as a row of W");
    kernel::affine(x, w, b, y, None);
}

/// [`affine`], and each part of Y given to the [`Epilogue`], as [`gemm_then`] does it: Y ← φ(X·W + 1·bᵀ) in one pass.
///
/// # Panics
/// As `affine`; and if Y is not row-major.
///
/// ```
/// use chainrule_tensor::{affine_then, ndarray::array};
///
/// let (x, w) = (array![[1.0, 2.0]], array![[3.0, -1.0], [4.0, -1.0]]);
/// let mut y = array![[f64::NAN, f64::NAN]];
/// affine_then(&x, &w, &[100.0, 0.0], &mut y, &|_, part| part.iter_mut().for_each(|y| *y = y.max(0.0)));
/// assert_eq!(y, array![[111.0, 0.0]]);
/// ```
#[track_caller]
pub fn affine_then<A: Scalar>(
    x: &ArrayRef2<A>,
    w: &ArrayRef2<A>,
    b: &[A],
    y: &mut ArrayRef2<A>,
    epilogue: &Epilogue<'_, A>,
) {
    check("affine_then", x, w, y);
    check_rows("affine_then", y);
    assert_eq!(b.len(), w.ncols(), "affine_then: b is not as long as a row of W");
    kernel::affine(x, w, b, y, Some(epilogue));
}

/// That a matrix's parts are slices.
#[track_caller]
#[inline]
fn check_rows<A>(what: &str, c: &ArrayRef2<A>) {
    assert!(c.ncols() <= 1 || c.strides()[1] == 1, "{what}: the result is not row-major");
}

/// That A·B gives C, and that BLAS can take all three as they lie.
#[track_caller]
#[inline]
fn check<A>(what: &str, a: &ArrayRef2<A>, b: &ArrayRef2<A>, c: &ArrayRef2<A>) {
    let ((m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(
        k == k_b && c.dim() == (m, n),
        "{what}: A {:?} · B {:?} does not give C {:?}",
        a.dim(),
        b.dim(),
        c.dim()
    );
    for (name, matrix) in [("A", a), ("B", b), ("C", c)] {
        assert!(
            is_blas_layout(matrix),
            "{what}: {name} of shape {:?} has strides {:?}: one must be 1 and the other at least the row length",
            matrix.dim(),
            matrix.strides()
        );
    }
}

/// Whether BLAS can take the matrix as it lies: one axis contiguous, the other with a leading dimension.
fn is_blas_layout<A>(matrix: &ArrayRef2<A>) -> bool {
    let (rows, columns) = matrix.dim();
    let &[row_stride, column_stride] = matrix.strides() else { return false };
    let contiguous = |stride: isize, len: usize| len <= 1 || stride == 1;
    let leading = |stride: isize, len: usize, inner: usize| len <= 1 || stride >= inner as isize;
    (contiguous(column_stride, columns) && leading(row_stride, rows, columns))
        || (contiguous(row_stride, rows) && leading(column_stride, columns, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Pool;
    use crate::rng::hash;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    fn matrix(rows: usize, columns: usize, transposed: bool, salt: u64) -> Array2<f64> {
        let value = |(i, j)| (hash(salt, i as u64, j as u64) % 2001) as f64 / 1000.0 - 1.0;
        if transposed {
            Array2::from_shape_fn((columns, rows), |(i, j)| value((j, i))).reversed_axes()
        } else {
            Array2::from_shape_fn((rows, columns), value)
        }
    }

    proptest! {
        #[test]
        fn equals_the_triple_loop(
            m in 1_usize..20, k in 1_usize..20, n in 1_usize..20,
            (at, bt, ct) in any::<(bool, bool, bool)>(), beta in prop_oneof![Just(0.0), Just(1.0), Just(-0.5)],
        ) {
            let (a, b, mut c) = (matrix(m, k, at, 1), matrix(k, n, bt, 2), matrix(m, n, ct, 3));
            let expected = Array2::from_shape_fn((m, n), |(i, j)| {
                beta * c[(i, j)] + 2.0 * (0..k).map(|l| a[(i, l)] * b[(l, j)]).sum::<f64>()
            });
            gemm(2.0, &a, &b, beta, &mut c);
            prop_assert!((&c - &expected).iter().all(|d| d.abs() < 1e-12));
        }
    }

    proptest! {
        #[test]
        fn an_affine_map_has_the_bits_of_b_and_then_the_product(
            m in 1_usize..40, k in 1_usize..600, n in 1_usize..40, threads in 1_usize..4,
            (at, bt, ct) in any::<(bool, bool, bool)>(),
        ) {
            let (x, w, mut y) = (matrix(m, k, at, 1), matrix(k, n, bt, 2), matrix(m, n, ct, 3));
            let b = matrix(1, n, false, 4);
            let mut expected = y.clone();
            expected.assign(&b);
            Pool::new(threads).enter(|| {
                gemm(1.0, &x, &w, 1.0, &mut expected);
                affine(&x, &w, b.as_slice().unwrap(), &mut y);
            });
            prop_assert_eq!(y, expected);
        }
    }

    proptest! {
        #[test]
        fn what_follows_a_product_sees_each_number_once_and_finished(
            m in 1_usize..40, k in prop_oneof![Just(1_usize), 2_usize..600], n in 1_usize..40, threads in 1_usize..4,
            (at, bt) in any::<(bool, bool)>(), columns in 0_usize..3, big in any::<bool>(),
        ) {
            // Beyond half a cache, in pieces.
            let (m, n, k) = if big { (20 * m, 25 * n, k.min(40)) } else { (m, n, k) };
            let (x, w) = (matrix(m, k, at, 1), matrix(k, n, bt, 2));
            let b = matrix(1, n, false, 4);
            let mut around = matrix(m, n + columns, false, 5);
            affine(&x, &w, b.as_slice().unwrap(), &mut around.slice_mut(s![.., columns..]));
            let plain = around.slice(s![.., columns..]).to_owned();
            let seen: Vec<_> = (0..m * n).map(|_| std::sync::atomic::AtomicUsize::new(0)).collect();
            let then = |place: usize, part: &mut [f64]| {
                for (i, x) in part.iter_mut().enumerate() {
                    seen[place + i].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    *x = 3.0 * *x + (place + i) as f64;
                }
                // One product within another.
                let a = Array2::<f64>::ones((9, 300));
                let mut c = Array2::zeros((9, 9));
                gemm(1.0, &a, &a.t(), 0.0, &mut c);
                assert_eq!(c[(8, 8)], 300.0);
            };
            let mut y = around.slice_mut(s![.., columns..]);
            Pool::new(threads).enter(|| affine_then(&x, &w, b.as_slice().unwrap(), &mut y, &then));
            for ((i, j), &y) in y.indexed_iter() {
                prop_assert_eq!(y, 3.0 * plain[(i, j)] + (i * n + j) as f64);
            }
            prop_assert!(seen.iter().all(|n| n.load(std::sync::atomic::Ordering::Relaxed) == 1));
        }
    }

    #[test]
    #[should_panic(expected = "gemm_then: the result is not row-major")]
    fn parts_of_columns_are_refused() {
        let (a, mut c) = (Array2::<f32>::zeros((2, 2)), Array2::zeros((2, 2)));
        gemm_then(1.0, &a, &a, 0.0, &mut c.view_mut().reversed_axes(), &|_, _| {});
    }

    #[test]
    fn beta_zero_ignores_what_was_there() {
        let a = Array2::<f32>::ones((9, 9));
        let mut c = Array2::from_elem((9, 9), f32::NAN);
        gemm(1.0, &a, &a, 0.0, &mut c);
        assert!(c.iter().all(|&x| (x - 9.0).abs() < f32::EPSILON));
    }

    #[test]
    fn takes_slices_of_whole_rows_and_columns() {
        let big = matrix(12, 10, false, 4);
        let (a, b) = (big.slice(s![2..10, 1..9]), big.slice(s![..8, ..5]));
        let mut c = Array2::zeros((8, 5));
        gemm(1.0, &a, &b, 0.0, &mut c);
        assert!((&c - &a.dot(&b)).iter().all(|d| d.abs() < 1e-12));
    }

    #[test]
    #[should_panic(expected = "gemm: A (2, 3) · B (2, 3) does not give C (2, 2)")]
    fn names_the_shapes_that_do_not_fit() {
        let a = Array2::<f32>::zeros((2, 3));
        gemm(1.0, &a, &a.clone(), 0.0, &mut Array2::zeros((2, 2)));
    }

    #[test]
    #[should_panic(expected = "one must be 1")]
    fn refuses_a_matrix_without_a_unit_stride() {
        let big = Array2::<f32>::zeros((8, 8));
        let strided = big.slice(s![..;2, ..;2]);
        gemm(1.0, &strided, &strided, 0.0, &mut Array2::zeros((4, 4)));
    }
}
