//! Two layers in one pass: an affine layer and the units beside it.
//!
//! Where φ' is known from φ(z) alone, nobody needs z again. So φ(z) takes the place of z, and δ·φ' that of δ: an array less
//! of each, and φ costs no second way to numbers that have left the cache, for it is taken of each part of a product when
//! that is finished.

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

use crate::{Grad, Layer, Point};

/// y = x·W + b with θ = (W, b), W `(inputs, outputs)` and row-major.
///
/// So b is the weight of an input that is always 1, which whoever builds a Hessian of whole layers can use; and no pass
/// reads y back.
pub trait Affine<A: Scalar>: Layer<A> {
    /// y ← φ(x·W + b), for the units φ above this layer.
    fn forward_into(&self, units: &dyn Units<A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>);

    /// As `backward`, for units below this layer, x = φ(z): writes ∂C/∂z = ∂C/∂x ⊙ φ'(z) to `delta_z`.
    fn backward_through(
        &self,
        units: &dyn Units<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    );
}

/// A layer y = φ(z), unit by unit, with a φ' that is known from y.
pub trait Units<A: Scalar>: Layer<A> {
    /// y ← φ(y).
    fn apply(&self, y: &mut [A]);

    /// δ ← δ ⊙ φ'(z), given y = φ(z).
    fn apply_slope(&self, y: &[A], delta: &mut [A]);
}
