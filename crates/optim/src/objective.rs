use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices_mut;
use chainrule_tensor::{Scalar, vector};

/// All that an optimizer ever sees of a network: C(θ), ∇C(θ), ∇²C(θ)·v.
///
/// The methods take `&mut self` because an objective owns the memory it works in; its answers depend on θ alone.
///
/// ```
/// use chainrule_optim::Objective;
///
/// /// C(θ) = Σ θᵢ⁴
/// struct Quartic(usize);
///
/// impl Objective<f64> for Quartic {
///     fn dim(&self) -> usize {
///         self.0
///     }
///     fn value(&mut self, theta: &[f64]) -> f64 {
///         theta.iter().map(|t| t.powi(4)).sum()
///     }
///     fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
///         grad.iter_mut().zip(theta).for_each(|(g, t)| *g = 4.0 * t.powi(3));
///         self.value(theta)
///     }
/// }
///
/// let mut hv = [0.0];
/// Quartic(1).hessian_vector(&[1.0], &[1.0], &mut hv);
/// assert!((hv[0] - 12.0).abs() < 1e-6);
/// ```
pub trait Objective<A: Scalar> {
    /// The length of θ.
    fn dim(&self) -> usize;

    /// C(θ).
    fn value(&mut self, theta: &[A]) -> A;

    /// C(θ), with ∇C(θ) written to `grad`.
    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A;

    /// `hv` ← ∇²C(θ)·v. By default a central difference of gradients; a network overrides it with the exact product.
    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        central_difference(self, theta, v, hv);
    }

    /// `gv` ← G(θ)·v with the Gauss–Newton matrix G = Jᵀ·∇²ℓ·J, which is positive semi-definite for a convex ℓ.
    ///
    /// By default the Hessian product: an objective that is not a loss over a model's outputs has no other.
    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.hessian_vector(theta, v, gv);
    }

    /// `h` ← ∇²C(θ), exactly symmetric. By default row after row, one product with each unit vector; a network builds it by
    /// larger products where it can.
    ///
    /// # Panics
    /// If `h` is not square of size [`dim`](Self::dim), or its rows are not contiguous.
    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        hessian_by_products(self, theta, h);
    }
}

/// `h` ← ∇²C(θ), row after row: one Hessian product with each unit vector.
///
/// # Panics
/// If `h` is not square of size `objective.dim()`, or its rows are not contiguous.
pub fn hessian_by_products<A: Scalar, O: Objective<A> + ?Sized>(
    objective: &mut O,
    theta: &[A],
    h: &mut ArrayRef2<A>,
) {
    let mut unit = vec![A::zero(); theta.len()];
    for (i, row) in slices_mut(h).enumerate() {
        unit[i] = A::one();
        objective.hessian_vector(theta, &unit, row);
        unit[i] = A::zero();
    }
    mirror(h);
}

/// Copies the upper triangle of a square matrix to the lower.
///
/// ```
/// use chainrule_optim::mirror;
/// use chainrule_tensor::ndarray::array;
///
/// let mut h = array![[1.0, 2.0], [9.0, 3.0]];
/// mirror(&mut h);
/// assert_eq!(h, array![[1.0, 2.0], [2.0, 3.0]]);
/// ```
///
/// # Panics
/// If it is not square.
pub fn mirror<A: Scalar>(h: &mut ArrayRef2<A>) {
    assert!(h.is_square(), "mirror: a matrix {:?} is not square", h.dim());
    for i in 1..h.nrows() {
        for j in 0..i {
            h[(i, j)] = h[(j, i)];
        }
    }
}

/// H·v ≈ (∇C(θ + εv) − ∇C(θ − εv)) / 2ε: the reference for exact products, and the fallback for objectives without them.
///
/// ε = ∛u·(1 + ‖θ‖)/‖v‖ with the unit round-off u balances truncation, O(ε²), against cancellation, O(u/ε).
///
/// # References
/// Nocedal and Wright, "Numerical Optimization", 2nd ed., §8.1, eq. 8.20.
///
/// # Panics
/// If the lengths differ from `objective.dim()`.
pub fn central_difference<A: Scalar, O: Objective<A> + ?Sized>(
    objective: &mut O,
    theta: &[A],
    v: &[A],
    hv: &mut [A],
) {
    let length = vector::norm(v);
    if length == A::zero() {
        hv.fill(A::zero());
        return;
    }
    let epsilon = A::epsilon().cbrt() * (A::one() + vector::norm(theta)) / length;
    let mut moved = theta.to_vec();
    let mut below = vec![A::zero(); theta.len()];
    vector::axpy(-epsilon, v, &mut moved);
    objective.value_and_grad(&moved, &mut below);
    moved.copy_from_slice(theta);
    vector::axpy(epsilon, v, &mut moved);
    objective.value_and_grad(&moved, hv);
    vector::axpy(-A::one(), &below, hv);
    vector::scale((epsilon + epsilon).recip(), hv);
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::{Array2, array};

    use super::*;

    /// C(θ) = Σ θᵢ⁴, with a note of where its gradient was asked.
    struct Quartic(Vec<Vec<f64>>);

    impl Objective<f64> for Quartic {
        fn dim(&self) -> usize {
            2
        }
        fn value(&mut self, theta: &[f64]) -> f64 {
            theta.iter().map(|t| t.powi(4)).sum()
        }
        fn value_and_grad(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            self.0.push(theta.to_vec());
            grad.iter_mut().zip(theta).for_each(|(g, t)| *g = 4.0 * t.powi(3));
            self.value(theta)
        }
    }

    #[test]
    fn an_objective_with_nothing_but_a_gradient_has_all_products_by_differences() {
        // ∇²C = diag(12θ²).
        let (theta, v, expected) = ([1.0, -2.0], [1.0, 0.5], [12.0, 24.0]);
        let mut dense = Array2::from_elem((2, 2), f64::NAN);
        Quartic(Vec::new()).hessian(&theta, &mut dense);
        for (i, h) in dense.indexed_iter() {
            let exact = [[12.0, 0.0], [0.0, 48.0]][i.0][i.1];
            assert!((h - exact).abs() < 1e-6, "{i:?}: {h}");
        }
        let (mut hv, mut gv) = ([f64::NAN; 2], [f64::NAN; 2]);
        Quartic(Vec::new()).hessian_vector(&theta, &v, &mut hv);
        Quartic(Vec::new()).gauss_newton_vector(&theta, &v, &mut gv);
        for product in [hv, gv] {
            for (product, expected) in product.iter().zip(expected) {
                assert!((product - expected).abs() < 1e-6, "{product}, not {expected}");
            }
        }
    }

    #[test]
    fn a_difference_reaches_as_far_as_balances_truncation_and_rounding() {
        // ∛2⁻⁵² = 2⁻¹⁸ · 2^⅔, with ‖θ‖ = 5 and ‖v‖ = 4: ε = ∛u·6/4.
        let epsilon = 2.0_f64.powi(-18) * 2.0_f64.powf(2.0 / 3.0) * 1.5;
        let (mut quartic, mut hv) = (Quartic(Vec::new()), [f64::NAN; 2]);
        central_difference(&mut quartic, &[3.0, -4.0], &[4.0, 0.0], &mut hv);
        let moved: Vec<_> = quartic.0.iter().map(|at| (at[0] - 3.0, at[1])).collect();
        assert_eq!(moved.len(), 2);
        for ((moved, other), sign) in moved.into_iter().zip([-1.0, 1.0]) {
            assert!((moved - sign * 4.0 * epsilon).abs() < 1e-12, "{moved}");
            assert_eq!(other, -4.0);
        }
        central_difference(&mut quartic, &[3.0, -4.0], &[0.0; 2], &mut hv);
        assert_eq!((hv, quartic.0.len()), ([0.0; 2], 2), "nothing is asked for a direction of no length");
    }

    #[test]
    fn a_mirrored_matrix_has_its_upper_triangle_twice() {
        let mut h = array![[1.0, 2.0, 3.0], [7.0, 4.0, 5.0], [8.0, 9.0, 6.0]];
        mirror(&mut h);
        assert_eq!(h, array![[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]]);
    }
}
