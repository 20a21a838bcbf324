//! The one door to dense symmetric eigenproblems.

use chainrule_tensor::ndarray::{Array2, ArrayRef2};

use super::decomposition::Eigen;
#[cfg(feature = "openblas")]
use super::lapack;
use super::qr;

/// All eigenvalues and eigenvectors of a symmetric matrix, of which the upper triangle is read.
///
/// Householder tridiagonalisation, and then the implicit QR algorithm or, with the feature `openblas` and from 200 rows
/// on, LAPACK's divide and conquer, which takes a third of the time. Values are exact to some ε·√n·max |λ|.
///
/// Below 200 rows the result has the same bits on every CPU. LAPACK's depend on the kernels that OpenBLAS chooses for the
/// CPU, or that `OPENBLAS_CORETYPE` names.
///
/// # References
/// Golub and Van Loan, "Matrix Computations", 4th ed., §8.3 and §8.4; Gu and Eisenstat, "A divide-and-conquer algorithm
/// for the symmetric tridiagonal eigenproblem", SIAM J. Matrix Anal. Appl. 16 (1995).
///
/// # Panics
/// If the matrix is not square, or has a number that is not finite.
///
/// ```
/// use chainrule_curvature::eigh;
/// use chainrule_tensor::ndarray::array;
///
/// let eigen = eigh(&array![[2.0, 1.0], [1.0, 2.0]]);
/// assert!((eigen.values[0] - 1.0).abs() < 1e-12 && (eigen.values[1] - 3.0).abs() < 1e-12);
/// assert!((eigen.vectors[(1, 0)] - eigen.vectors[(1, 1)]).abs() < 1e-12);
/// ```
#[track_caller]
pub fn eigh(matrix: &ArrayRef2<f64>) -> Eigen {
    assert!(matrix.is_square(), "eigh: a matrix {:?} is not square", matrix.dim());
    assert!(matrix.iter().all(|x| x.is_finite()), "eigh: the matrix has numbers that are not finite");
    if matrix.is_empty() {
        return Eigen { values: Vec::new(), vectors: Array2::zeros((0, 0)) };
    }
    solve(matrix)
}

fn solve(matrix: &ArrayRef2<f64>) -> Eigen {
    #[cfg(feature = "openblas")]
    if lapack::DIVIDE_AND_CONQUER.contains(&matrix.nrows()) {
        chainrule_tensor::blas::init();
        return lapack::divide_and_conquer(matrix);
    }
    qr::solve(matrix)
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::Rng;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn takes_apart(matrix: &Array2<f64>, eigen: &Eigen) {
        let n = matrix.nrows();
        let error = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().fold(0.0, |e: f64, d| e.max(d.abs()));
        let q = &eigen.vectors;
        let lambda = Array2::from_diag(&chainrule_tensor::ndarray::aview1(&eigen.values));
        let largest = eigen.values.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        assert!(error(&q.dot(&q.t()), &Array2::eye(n)) < 1e-12, "the vectors are not orthonormal");
        assert!(error(&q.t().dot(&lambda).dot(q), matrix) < 1e-13 * largest, "the parts do not add up");
        assert!(eigen.values.is_sorted());
    }

    proptest! {
        #[test]
        fn the_parts_are_orthonormal_and_add_up(n in 1_usize..40, rank in 1_usize..40, seed in 0_u64..1000) {
            // Of low rank as often as not: many eigenvalues are 0 then.
            let rng = &mut Rng::new(seed);
            let g = Array2::from_shape_simple_fn((rank, n), || rng.normal::<f64>(1.0));
            let mut signed = g.clone();
            signed.rows_mut().into_iter().skip(1).step_by(2).for_each(|mut row| row *= -1.0);
            let matrix = g.t().dot(&signed);
            let matrix = (&matrix + &matrix.t()) / 2.0;
            takes_apart(&matrix, &eigh(&matrix));
            takes_apart(&matrix, &qr::solve(&matrix));
            #[cfg(feature = "openblas")]
            takes_apart(&matrix, &lapack::divide_and_conquer(&matrix));
        }
    }

    #[test]
    fn a_matrix_of_more_rows_comes_apart_as_well() {
        let rng = &mut Rng::new(0);
        let g = Array2::from_shape_simple_fn((230, 230), || rng.normal::<f64>(1.0));
        let matrix = (&g + &g.t()) / 2.0;
        takes_apart(&matrix, &eigh(&matrix));
    }

    #[test]
    fn what_stands_below_the_diagonal_is_not_read() {
        for n in [3, 230] {
            let whole = Array2::from_shape_fn((n, n), |(i, j)| 1.0 / (1.0 + (i + j) as f64));
            let upper = Array2::from_shape_fn((n, n), |(i, j)| if j < i { 7.0 } else { whole[(i, j)] });
            assert_eq!(eigh(&upper), eigh(&whole), "{n}");
        }
    }

    #[test]
    fn a_lone_number_is_its_own_eigenvalue_whatever_its_strides() {
        let number = chainrule_tensor::ndarray::arr0(-3.0);
        let eigen = eigh(&number.broadcast((1, 1)).expect("a number has any shape"));
        assert_eq!((eigen.values[0], eigen.vectors[(0, 0)].abs()), (-3.0, 1.0));
    }

    #[test]
    #[should_panic(expected = "not finite")]
    fn a_nan_is_refused_before_lapack_sees_it() {
        eigh(&Array2::from_elem((2, 2), f64::NAN));
    }
}
