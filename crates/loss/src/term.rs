use std::fmt::Debug;

use chainrule_tensor::Scalar;

use crate::loss::FusedOutput;
use crate::target::TargetKind;

/// The term of an [`Elementwise`](crate::Elementwise) loss: a function of one output y and its target t, with its first two
/// derivatives in y.
///
/// A loop takes the value of a whole batch, and one the slope: in vector registers where they are inlined and have no branch.
pub trait Term: Debug + Clone + Send + Sync + 'static {
    /// The weight w of each output, for a term that has one; where none is given, it is 1.
    fn weights(&self) -> &[f64] {
        &[]
    }

    /// What the loss is compared with.
    fn target(&self) -> TargetKind {
        TargetKind::Real
    }

    /// The output function that the term applies itself.
    fn output(&self) -> FusedOutput {
        FusedOutput::Identity
    }

    /// The term of an output of weight w.
    fn value<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// Its first derivative in y.
    fn slope<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// Its second derivative in y; 0 at a kink.
    fn curvature<A: Scalar>(&self, y: A, t: A, w: A) -> A;

    /// How far y is from the nearest kink of the first derivative or of the term itself.
    fn distance_to_kink<A: Scalar>(&self, _y: A, _t: A) -> A {
        A::infinity()
    }
}
