use chainrule_tensor::Scalar;

use crate::objective::Objective;

/// A method that walks θ downhill.
///
/// It sees the objective itself, not one gradient of it, so a step may evaluate C and ∇C where it likes: Adam asks
/// once, L-BFGS searches along a line, Newton's methods ask for Hessian products; all through one trait.
pub trait Optimizer<A: Scalar>: Send {
    /// Moves θ once and returns C before the step.
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A;

    /// Visits every number that the next step depends on, by name and in a fixed order: one walk serves to save and
    /// to load, and loading what was saved resumes the same trajectory bit for bit.
    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A]));

    /// Whether a step asks for curvature at a θ where it has asked for more already, so that it pays to remember what was
    /// computed there.
    fn wants_curvature(&self) -> bool {
        false
    }

    /// The rate of the next step, for reports; `None` where the method chooses its own.
    fn learning_rate(&self) -> Option<f64> {
        None
    }

    /// Reports the validation loss, once an epoch: the plateau schedule uses it.
    fn observe(&mut self, loss: f64) {
        let _ = loss;
    }
}
