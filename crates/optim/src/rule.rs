use std::ops::Range;

use chainrule_tensor::Scalar;

/// Gradient → update, in place: SGD, momentum, Adam, weight decay.
///
/// A rule owns no vectors. It names what it remembers; [`Descent`](crate::Descent) owns that memory and hands it out
/// window by window, so that rule after rule works on numbers that are still in cache and a step is one pass over θ,
/// on as many threads as there are.
pub trait Rule<A: Scalar>: Send + Sync + std::fmt::Debug {
    /// The names of the vectors, each as long as θ and zero at first, that the rule keeps between steps.
    fn memory(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Turns the window's gradient in `update` into the update u of θ ← θ − ηu.
    fn apply(&self, step: Step<A>, window: Window<'_, A>, update: &mut [A]);
}

/// When an update happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step<A> {
    /// The number of this step, from 1.
    pub t: u64,
    /// The rate η of this step.
    pub eta: A,
}

/// The part of θ that one call of a rule sees.
#[derive(Debug)]
pub struct Window<'a, A> {
    /// Where it lies in the whole vector.
    pub range: Range<usize>,
    /// θ there.
    pub theta: &'a [A],
    /// The rule's memory there, in the order of [`Rule::memory`].
    pub memory: &'a mut [&'a mut [A]],
}
