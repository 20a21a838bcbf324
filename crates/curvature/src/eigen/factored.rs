//! Eigenvectors that are only ever multiplied by.

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices;
use chainrule_tensor::{Scalar, vector};

use super::decomposition::Eigen;
use super::reflections::Reflections;
use super::solve::eigh;
use crate::operator::wide;

/// A symmetric matrix taken apart as by [`eigh`], its eigenvectors left in two factors.
///
/// With T = Qᵀ·H·Q tridiagonal and T = Z·Λ·Zᵀ, the eigenvectors of H are the columns of Q·Z. To multiply that out takes
/// 2n³ operations, a third of the whole time; Q is a product of n reflections, which cost 4n² for one vector.
pub(crate) struct Factored {
    /// λ, ascending, and the eigenvectors of T, or of H itself where there are no reflections.
    inner: Eigen,
    reflections: Option<Reflections>,
}

impl Factored {
    /// Takes apart the matrix whose upper triangle is that of `matrix`.
    ///
    /// # Panics
    /// As [`eigh`] does.
    #[track_caller]
    pub(crate) fn of<A: Scalar>(matrix: &ArrayRef2<A>) -> Self {
        let matrix = wide(matrix);
        #[cfg(feature = "openblas")]
        if super::lapack::DIVIDE_AND_CONQUER.contains(&matrix.nrows()) && matrix.is_square() {
            // Squares of numbers outside of this may overflow or vanish: `eigh` scales them, and refuses NaN.
            if (1e-100..1e100).contains(&vector::norm_max(matrix.as_slice().unwrap_or_default())) {
                chainrule_tensor::blas::init();
                let (inner, reflections) = super::lapack::by_reflections(matrix);
                return Self { inner, reflections: Some(reflections) };
            }
        }
        Self { inner: eigh(&matrix), reflections: None }
    }

    /// λ, ascending.
    pub(crate) fn values(&self) -> &[f64] {
        &self.inner.values
    }

    /// qᵢᵀ·v for each eigenvector.
    pub(crate) fn coordinates(&self, v: &[f64]) -> Vec<f64> {
        let mut v = v.to_vec();
        if let Some(reflections) = &self.reflections {
            reflections.apply_transposed(&mut v);
        }
        slices(&self.inner.vectors).map(|z| vector::dot(z, &v)).collect()
    }

    /// Σᵢ wᵢ·qᵢ.
    pub(crate) fn combine(&self, weights: &[f64]) -> Vec<f64> {
        let mut v = vec![0.0; weights.len()];
        slices(&self.inner.vectors).zip(weights).for_each(|(z, &w)| vector::axpy(w, z, &mut v));
        if let Some(reflections) = &self.reflections {
            reflections.apply(&mut v);
        }
        v
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::Rng;
    use chainrule_tensor::ndarray::Array2;

    use super::*;

    #[test]
    fn two_factors_do_what_the_eigenvectors_do() {
        let rng = &mut Rng::new(0);
        for (n, scale) in [(1, 1.0), (2, 1.0), (30, 1.0), (230, 1.0), (230, 1e-200), (230, 0.0)] {
            let g = Array2::from_shape_simple_fn((n, n), || scale * rng.normal::<f64>(1.0));
            let matrix = &g + &g.t();
            let (factored, eigen) = (Factored::of(&matrix), eigh(&matrix));
            let v: Vec<f64> = (0..n).map(|_| rng.normal(1.0)).collect();
            let close = |a: &[f64], b: &[f64], most: f64| {
                assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= most), "{n} {scale}: {a:?} {b:?}");
            };
            close(factored.values(), &eigen.values, 1e-12 * scale);
            // The sign of an eigenvector is free, so: H·v = Σᵢ λᵢ·qᵢ·(qᵢᵀv), and back without Λ.
            let coordinates = factored.coordinates(&v);
            close(&factored.combine(&coordinates), &v, 1e-12);
            let weights: Vec<f64> = coordinates.iter().zip(factored.values()).map(|(c, l)| c * l).collect();
            let product = matrix.dot(&chainrule_tensor::ndarray::aview1(&v)).to_vec();
            close(&factored.combine(&weights), &product, 1e-11 * scale);
        }
    }

    #[test]
    fn what_stands_below_the_diagonal_is_not_read() {
        let whole = Array2::from_shape_fn((230, 230), |(i, j)| 1.0 / (1.0 + (i + j) as f64));
        let upper = Array2::from_shape_fn((230, 230), |(i, j)| if j < i { 7.0 } else { whole[(i, j)] });
        let v = vec![1.0; 230];
        assert_eq!(Factored::of(&upper).coordinates(&v), Factored::of(&whole).coordinates(&v));
    }

    #[test]
    #[should_panic(expected = "not finite")]
    fn a_nan_is_refused_before_lapack_sees_it() {
        Factored::of(&Array2::from_elem((230, 230), f64::NAN));
    }
}
