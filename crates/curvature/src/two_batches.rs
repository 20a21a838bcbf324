use chainrule_optim::Objective;
use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

/// C and ∇C of one objective with the curvature of another: a mini-batch for each.
///
/// Curvature may be had from fewer examples than the gradient, or from others, so that the two do not err alike.
///
/// ```
/// use chainrule_curvature::TwoBatches;
/// use chainrule_optim::{Objective, testing::Quadratic};
///
/// let (mut one, mut other) = (Quadratic::new(vec![1.0]), Quadratic::new(vec![3.0]));
/// let mut both = TwoBatches { gradient: &mut one, curvature: &mut other };
/// let mut hv = [0.0];
/// both.hessian_vector(&[1.0], &[1.0], &mut hv);
/// assert_eq!((both.value(&[1.0]), hv), (0.5, [3.0]));
/// ```
pub struct TwoBatches<'a, A: Scalar> {
    /// What is minimised.
    pub gradient: &'a mut dyn Objective<A>,
    /// Whose second derivatives are asked.
    pub curvature: &'a mut dyn Objective<A>,
}

impl<A: Scalar> std::fmt::Debug for TwoBatches<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TwoBatches({} dimensions)", self.gradient.dim())
    }
}

impl<A: Scalar> Objective<A> for TwoBatches<'_, A> {
    fn dim(&self) -> usize {
        self.gradient.dim()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.gradient.value(theta)
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        self.gradient.value_and_grad(theta, grad)
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        self.curvature.hessian_vector(theta, v, hv);
    }

    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.curvature.gauss_newton_vector(theta, v, gv);
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        self.curvature.hessian(theta, h);
    }
}
