use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

use crate::point::Point;
use crate::tape::Tape;

/// A quantity and its derivative along a direction, q and R{q}.
#[derive(Debug, Clone, Copy)]
pub struct Dual<T> {
    /// q.
    pub value: T,
    /// R{q}.
    pub tangent: T,
}

impl<T> Dual<&mut T> {
    /// The same pair, lent out once more.
    pub fn reborrow(&mut self) -> Dual<&mut T> {
        Dual { value: self.value, tangent: self.tangent }
    }
}

/// The direction of an R{·}: v moves θ, and with it x moves by R{x} and y by R{y}.
#[derive(Debug, Clone, Copy)]
pub struct Tangent<'a, A> {
    /// The direction in parameter space.
    pub v: &'a [A],
    /// R{x}; absent (zero) at the bottom of a network.
    pub r_x: Option<&'a ArrayRef2<A>>,
    /// R{y}, as `r_forward` wrote it.
    pub r_y: &'a ArrayRef2<A>,
}

/// Pearlmutter's R{·}: the derivative d/dε of everything at (θ + εv), at ε = 0.
///
/// `r_forward` alone gives J·v and so the Gauss–Newton product; with `r_backward` it gives the exact Hessian product
/// H·v, at about twice the cost of a gradient and with none of the error of a difference.
///
/// The value tape is the one that `forward` and then `backward` went over at the same point; the tangent tape is a
/// second one from the same [`Layer::tape`](crate::Layer::tape).
///
/// # References
/// Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6(1), 1994, eqs. 7 to 13;
/// Schraudolph, "Fast curvature matrix-vector products", Neural Computation 14(7), 2002.
pub trait SecondOrder<A: Scalar>: Debug + Send + Sync {
    /// R{y} ← (∂f/∂θ)·v + (∂f/∂x)·R{x}.
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    );

    /// R applied to `backward`: given δ and R{δ}, adds R{∂C/∂θ} to `r_grad` and writes R{∂C/∂x} to `r_delta_x`.
    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    );
}
