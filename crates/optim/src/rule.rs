use std::fmt::Debug;
use std::ops::Range;

use chainrule_tensor::{Scalar, vector};

/// The most vectors that a rule, or a chain of them, may remember.
pub(crate) const SLOTS: usize = 6;

/// The most numbers that a window has: its share of θ, the gradient and the rule's memory stays in the first cache.
pub(crate) const WINDOW: usize = 1024;

/// Gradient → update, in place: SGD, momentum, Adam, weight decay.
///
/// A rule owns no vectors. It names what it remembers; [`Descent`](crate::Descent) owns that memory and hands it out
/// window by window, so that rule after rule works on numbers that are still in cache.
pub trait Rule<A: Scalar>: Send + Sync + Debug {
    /// The names of the vectors, each as long as θ and zero at first, that the rule keeps between steps.
    fn memory(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Turns the window's gradient in `update` into the update u of θ ← θ − ηu.
    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]);

    /// θ ← θ − ηu in the window.
    ///
    /// A rule that overrides this turns gradient and memory into θ in one loop, without a stop at u; the bits are to be
    /// the same.
    fn descend(&self, step: Step<A>, window: &mut Window<'_, A>, gradient: &[A]) {
        // It never leaves the first cache, and the gradient is not written back.
        let mut update = [A::zero(); WINDOW];
        let update = &mut update[..gradient.len()];
        update.copy_from_slice(gradient);
        self.apply(step, window, update);
        vector::axpy(-step.eta, update, window.theta);
    }
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
    /// θ there, which [`Rule::apply`] only reads.
    pub theta: &'a mut [A],
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
    fn memory(&self) -> Vec<&'static str> {
        self.as_ref().memory()
    }

    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        self.as_ref().apply(step, window, update);
    }

    fn descend(&self, step: Step<A>, window: &mut Window<'_, A>, gradient: &[A]) {
        self.as_ref().descend(step, window, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adam::Adam;
    use crate::descent::Descent;
    use crate::momentum::Momentum;
    use crate::optimizer::Optimizer;
    use crate::schedule::Schedule;
    use crate::sgd::Sgd;
    use crate::testing::Quadratic;

    /// The same rule without a loop of its own for θ.
    #[derive(Debug)]
    struct ByParts<R>(R);

    impl<R: Rule<f32>> Rule<f32> for ByParts<R> {
        fn memory(&self) -> Vec<&'static str> {
            self.0.memory()
        }

        fn apply(&self, step: Step<f32>, window: &mut Window<'_, f32>, update: &mut [f32]) {
            self.0.apply(step, window, update);
        }
    }

    #[track_caller]
    fn same_bits<R: Rule<f32> + Copy>(rule: R) {
        const N: usize = 2077;
        fn path<R: Rule<f32>>(rule: R) -> Vec<f32> {
            let curvature = (0..N).map(|i| 0.1 + i as f32 / N as f32).collect();
            let (mut objective, mut theta) = (Quadratic::new(curvature), vec![1.0; N]);
            let mut descent = Descent::new(rule, N, Schedule::constant(0.03));
            for _ in 0..20 {
                descent.step(&mut objective, &mut theta);
            }
            theta
        }
        assert_eq!(path(rule), path(ByParts(rule)), "{rule:?}");
    }

    #[test]
    fn a_loop_of_its_own_gives_the_same_bits() {
        same_bits(Sgd);
        same_bits(Momentum::default());
        same_bits(Momentum { nesterov: true, ..Momentum::default() });
        same_bits(Adam::default());
    }
}
