use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, math::flush_subnormal, simd};
use serde::{Deserialize, Serialize};

use crate::config::{RuleConfig, check_epsilon, check_share, decayed};
use crate::decay::Decay;
use crate::rule::{Rule, Step, Window};

/// RMSProp: v ← αv + (1 − α)g², u = g / (√v + ε).
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `alpha` | 0.99 | [0, 1): memory of the mean square |
/// | `epsilon` | 1e-8 | keeps a flat coordinate's step finite |
///
/// # References
/// Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012; ε and α as in PyTorch.
///
/// ```
/// use chainrule_optim::RmsProp;
///
/// assert_eq!(RmsProp::default().alpha, 0.99);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Memory of the mean square, α.
    pub alpha: f64,
    /// Added to the root, ε.
    pub epsilon: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { alpha: 0.99, epsilon: 1e-8 }
    }
}

impl<A: Scalar> Rule<A> for RmsProp {
    fn memory(&self) -> Vec<&'static str> {
        vec!["mean_square"]
    }

    fn apply(&self, _: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        let (alpha, rest, epsilon) = (A::of(self.alpha), A::of(1.0 - self.alpha), A::of(self.epsilon));
        let [v] = window.take();
        simd::map([], [update, v], move |[], [u, v]| {
            *v = flush_subnormal(alpha * *v + rest * (*u * *u));
            *u /= v.sqrt() + epsilon;
        });
    }
}

impl Parameters for RmsProp {
    fn validate(&self) -> Result<(), InvalidParameter> {
        check_share("rmsprop", "alpha", self.alpha)?;
        check_epsilon("rmsprop", self.epsilon)
    }
}

impl RuleConfig for RmsProp {
    const LEARNING_RATE: f64 = 0.001;
    const TRIAL_RATE: f64 = 0.01;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, *self)
    }
}
