//! The eigensolver without LAPACK: nalgebra's symmetric QR, whose loops call no BLAS.

use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use nalgebra::{DMatrix, SymmetricEigen};

use super::decomposition::Eigen;

pub(super) fn solve(matrix: &ArrayRef2<f64>) -> Eigen {
    let n = matrix.nrows();
    let upper = |i: usize, j: usize| matrix[(i.min(j), i.max(j))];
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(DMatrix::from_fn(n, n, upper));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigenvalues[a].total_cmp(&eigenvalues[b]));
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| eigenvectors[(j, order[i])]);
    Eigen { values: order.iter().map(|&i| eigenvalues[i]).collect(), vectors }
}
