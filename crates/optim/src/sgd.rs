use chainrule_tensor::registry::Parameters;
use chainrule_tensor::{Scalar, vector};
use serde::{Deserialize, Serialize};

use crate::config::{RuleConfig, decayed};
use crate::decay::Decay;
use crate::rule::{Rule, Step, Window};

/// Gradient descent: u = g.
///
/// # References
/// Robbins and Monro, "A stochastic approximation method", Ann. Math. Statist. 22(3), 1951.
///
/// ```
/// use chainrule_optim::{Descent, Optimizer, Schedule, Sgd, testing::Quadratic};
///
/// let (mut sgd, mut theta) = (Descent::new(Sgd, 1, Schedule::constant(0.25)), [1.0]);
/// sgd.step(&mut Quadratic::new(vec![2.0]), &mut theta); // ∇ ½·2·θ² = 2θ
/// assert_eq!(theta, [0.5]);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sgd;

impl<A: Scalar> Rule<A> for Sgd {
    fn apply(&self, _: Step<A>, _: &mut Window<'_, A>, _: &mut [A]) {}

    fn descend(&self, step: Step<A>, window: &mut Window<'_, A>, gradient: &[A]) {
        vector::axpy(-step.eta, gradient, window.theta);
    }
}

impl Parameters for Sgd {}

impl RuleConfig for Sgd {
    const LEARNING_RATE: f64 = 0.1;
    const TRIAL_RATE: f64 = 0.1;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, *self)
    }
}
