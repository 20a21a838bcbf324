use std::fmt::Debug;
use std::ops::Range;

use chainrule_tensor::Scalar;

/// The most vectors that a rule, or a chain of them, may remember.
pub(crate) const SLOTS: usize = 6;

/// Gradient → update, in place: SGD, momentum, Adam, weight decay.
///
/// A rule owns no vectors. It names what it remembers; [`Descent`](crate::Descent) owns that memory and hands it out
/// window by window, so that rule after rule works on numbers that are still in cache.
pub trait Rule<A: Scalar>: Send + Sync + Debug {
    /// The names of the vectors, each as long as θ and zero at first, that the rule keeps between steps.
    fn memory(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Whether the update is the gradient itself, which then need not be copied.
    fn is_identity(&self) -> bool {
        false
    }

    /// Turns the window's gradient in `update` into the update u of θ ← θ − ηu.
    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]);
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
    /// The memory there, and how much of it was taken.
    pub(crate) memory: [&'a mut [A]; SLOTS],
    pub(crate) taken: usize,
}

impl<'a, A> Window<'a, A> {
    /// The next `N` vectors of the memory there, in the order of [`Rule::memory`]; each rule of a chain takes its own.
    ///
    /// # Panics
    /// If the rule takes more than it named.
    pub fn take<const N: usize>(&mut self) -> [&'a mut [A]; N] {
        let start = self.taken;
        self.taken += N;
        std::array::from_fn(|i| std::mem::take(&mut self.memory[start + i]))
    }
}

/// A pair of rules is a rule: the second works on the update of the first. `(Adam, Decay)` is AdamW.
impl<A: Scalar, R: Rule<A>, S: Rule<A>> Rule<A> for (R, S) {
    fn memory(&self) -> Vec<&'static str> {
        [self.0.memory(), self.1.memory()].concat()
    }

    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        self.0.apply(step, window, update);
        self.1.apply(step, window, update);
    }
}

impl<A: Scalar> Rule<A> for Box<dyn Rule<A>> {
    fn is_identity(&self) -> bool {
        self.as_ref().is_identity()
    }

    fn memory(&self) -> Vec<&'static str> {
        self.as_ref().memory()
    }

    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        self.as_ref().apply(step, window, update);
    }
}
