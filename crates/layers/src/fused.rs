//! Two layers in one pass: an affine layer, such as a dense one or a convolution, and the activation beside it.
//!
//! Where φ' is known from φ(z) alone, z is not needed again. So φ(z) overwrites z, and δ·φ' overwrites δ: one array less of
//! each, and φ is applied to each part of a product while that part is in the cache.

use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

use crate::point::{Grad, Point};

/// y = x·W + b with θ = (W, b), W `(inputs, outputs)` and row-major; or the same on each window of x, which is a convolution.
///
/// So b is the weight of an input that is always 1, and no pass reads y back.
pub trait Affine<A: Scalar>: Debug + Send + Sync {
    /// How many positions of an example share W: 1 where each weight moves its own unit by its own input, which the
    /// assembly of a dense Hessian relies on.
    fn positions(&self) -> usize;

    /// y ← φ(x·W + b), for the activation φ above this layer.
    fn forward_into(
        &self,
        phi: &dyn InPlaceActivation<A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
    );

    /// As `backward`, for the activation below this layer, x = φ(z): writes ∂C/∂z = ∂C/∂x ⊙ φ'(z) to `delta_z`.
    fn backward_through(
        &self,
        phi: &dyn InPlaceActivation<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    );
}

/// A layer y = φ(z), unit by unit, with a φ' that is known from y.
pub trait InPlaceActivation<A: Scalar>: Debug + Send + Sync {
    /// y ← φ(y).
    fn apply(&self, y: &mut [A]);

    /// δ ← δ ⊙ φ'(z), given y = φ(z).
    fn apply_slope(&self, y: &[A], delta: &mut [A]);
}
