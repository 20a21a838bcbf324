use std::any::Any;
use std::fmt::Debug;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;

use crate::target::TargetKind;

/// ℓ(y, target) summed over the rows of a batch, and its derivatives in y.
///
/// A sum, not a mean: shards, ranks and accumulated batches then just add, and the objective divides by N once.
///
/// # A loss of your own
/// A sum over the outputs of a function of one output and its target is the least work as a [`Term`](crate::Term), which
/// [`Elementwise`](crate::Elementwise) makes a loss. Any other is this trait: `value`, `value_and_delta`, and `r_delta`, which only
/// Hessian and Gauss–Newton products call. [`gradcheck`](crate::gradcheck) checks all three.
///
/// # Shapes
/// y and δ are `(batch, outputs)`, rows contiguous. The target has the shape of y (one-hot, soft or real targets) or,
/// for the losses over classes, one column of class indices.
pub trait Loss<A: Scalar>: Any + Debug + Send + Sync {
    /// What the loss is compared with: a column of class indices, or numbers of y's shape.
    fn target(&self) -> TargetKind {
        TargetKind::Real
    }

    /// The output function that the loss applies itself.
    fn output(&self) -> FusedOutput {
        FusedOutput::Identity
    }

    /// Σₙ ℓ(yₙ, targetₙ).
    fn value(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> A;

    /// The same for a report: in `f64`, where a sum of squares leaves the range of `A` although y and target are in it.
    fn value_in_f64(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>) -> f64 {
        self.value(y, target).as_f64()
    }

    /// The same, with δ ← ∂ℓ/∂y.
    fn value_and_delta(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, delta: &mut ArrayRef2<A>) -> A;

    /// R{δ} ← (∂²ℓ/∂y²)·R{y}.
    fn r_delta(
        &self,
        y: &ArrayRef2<A>,
        target: &ArrayRef2<A>,
        r_y: &ArrayRef2<A>,
        r_delta: &mut ArrayRef2<A>,
    );

    /// Whether, at some row, y comes nearer than `radius` to a kink of ℓ. Smooth losses have none; only the checks ask.
    fn near_kink(&self, y: &ArrayRef2<A>, target: &ArrayRef2<A>, radius: A) -> bool {
        let _ = (y, target, radius);
        false
    }
}

impl<A: Scalar> dyn Loss<A> {
    /// This loss as one of type `L`, if it is of that.
    ///
    /// ```
    /// use chainrule_loss::{Huber, Loss, SquaredError};
    ///
    /// let loss: Box<dyn Loss<f32>> = Box::new(SquaredError::mean());
    /// assert!(loss.downcast::<SquaredError>().is_some() && loss.downcast::<Huber>().is_none());
    /// ```
    pub fn downcast<L: Any>(&self) -> Option<&L> {
        (self as &dyn Any).downcast_ref()
    }
}

/// The output function that a loss applies itself, so that it is given logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusedOutput {
    /// None: the loss is given the outputs.
    Identity,
    /// The sigmoid of each output.
    Sigmoid,
    /// The softmax over the outputs.
    Softmax,
}
