use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, simd};
use serde::{Deserialize, Serialize};

use crate::config::{RuleConfig, check_epsilon, decayed};
use crate::decay::Decay;
use crate::rule::{Rule, Step, Window};

/// Adagrad: s ← s + g², u = g / (√s + ε).
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `epsilon` | 1e-10 | keeps the first steps of a flat coordinate finite |
///
/// # References
/// Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12, 2011, fig. 1 (diagonal form).
///
/// ```
/// use chainrule_optim::{Adagrad, Descent, Optimizer, Schedule, testing::Quadratic};
///
/// let (mut adagrad, mut theta) = (Descent::new(Adagrad::default(), 1, Schedule::constant(0.5)), [8.0_f64]);
/// adagrad.step(&mut Quadratic::new(vec![3.0]), &mut theta); // the first step has length η
/// assert!((theta[0] - 7.5).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// Added to the root, ε.
    pub epsilon: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self { epsilon: 1e-10 }
    }
}

impl<A: Scalar> Rule<A> for Adagrad {
    fn memory(&self) -> Vec<&'static str> {
        vec!["sum_of_squares"]
    }

    fn apply(&self, _: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        let epsilon = A::of(self.epsilon);
        let [s] = window.take();
        simd::map([], [update, s], move |[], [u, s]| {
            *s += *u * *u;
            *u /= s.sqrt() + epsilon;
        });
    }
}

impl Parameters for Adagrad {
    fn validate(&self) -> Result<(), InvalidParameter> {
        check_epsilon("adagrad", self.epsilon)
    }
}

impl RuleConfig for Adagrad {
    const LEARNING_RATE: f64 = 0.01;
    const TRIAL_RATE: f64 = 0.5;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, *self)
    }
}
