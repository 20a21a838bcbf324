use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, math::flush_subnormal, simd};
use serde::{Deserialize, Serialize};

use crate::config::{RuleConfig, check_epsilon, check_share, decayed};
use crate::decay::Decay;
use crate::rule::{Rule, Step, Window};

/// Adam: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², u = m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).
///
/// AdamW is `(Adam::default(), Decay::on_weights(0.01, &layout))`.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `beta1` | 0.9 | [0, 1): memory of the mean |
/// | `beta2` | 0.999 | [0, 1): memory of the mean square |
/// | `epsilon` | 1e-8 | keeps a flat coordinate's step finite |
///
/// # References
/// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1; Loshchilov and Hutter, "Decoupled
/// weight decay regularization", 2019, algorithm 2.
///
/// ```
/// use chainrule_optim::{Adam, Descent, Optimizer, Schedule, testing::Quadratic};
///
/// let (mut adam, mut theta) = (Descent::new(Adam::default(), 1, Schedule::constant(0.1)), [5.0_f64]);
/// adam.step(&mut Quadratic::new(vec![3.0]), &mut theta); // the first step has length η
/// assert!((theta[0] - 4.9).abs() < 1e-8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Memory of the mean, β₁.
    pub beta1: f64,
    /// Memory of the mean square, β₂.
    pub beta2: f64,
    /// Added to the root, ε.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl<A: Scalar> Rule<A> for Adam {
    fn memory(&self) -> Vec<&'static str> {
        vec!["mean", "mean_square"]
    }

    fn apply(&self, step: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        let (formula, [m, v]) = (self.formula(step), window.take());
        simd::map([], [update, m, v], move |[], [u, m, v]| *u = formula(*u, m, v));
    }

    fn descend(&self, step: Step<A>, window: &mut Window<'_, A>, gradient: &[A]) {
        let (formula, [m, v], theta) = (self.formula(step), window.take(), &mut *window.theta);
        simd::map([gradient], [theta, m, v], move |[g], [theta, m, v]| {
            *theta += -step.eta * formula(g, m, v);
        });
    }
}

impl Adam {
    /// Of the rule with this name, which has these parameters.
    fn validate_for(&self, rule: &'static str) -> Result<(), InvalidParameter> {
        check_share(rule, "beta1", self.beta1)?;
        check_share(rule, "beta2", self.beta2)?;
        check_epsilon(rule, self.epsilon)
    }

    /// (g, m, v) → u, with m and v moved on.
    fn formula<A: Scalar>(&self, step: Step<A>) -> impl Fn(A, &mut A, &mut A) -> A + use<A> {
        let t = step.t as f64;
        let (beta1, rest1) = (A::of(self.beta1), A::of(1.0 - self.beta1));
        let (beta2, rest2) = (A::of(self.beta2), A::of(1.0 - self.beta2));
        let (bias1, bias2) = (1.0 - self.beta1.powf(t), 1.0 - self.beta2.powf(t));
        // u = (m/bias1) / (√v/√bias2 + ε) with the divisions by constants taken out of the loop.
        let (scale, root, epsilon) = (A::of(1.0 / bias1), A::of(1.0 / bias2.sqrt()), A::of(self.epsilon));
        #[inline(always)]
        move |g, m, v| {
            *m = flush_subnormal(beta1 * *m + rest1 * g);
            *v = flush_subnormal(beta2 * *v + rest2 * (g * g));
            scale * *m / (v.sqrt() * root + epsilon)
        }
    }
}

impl Parameters for Adam {
    fn validate(&self) -> Result<(), InvalidParameter> {
        self.validate_for("adam")
    }
}

impl RuleConfig for Adam {
    const LEARNING_RATE: f64 = 0.001;
    const TRIAL_RATE: f64 = 0.05;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, *self)
    }
}

/// The parameters of AdamW: Adam's, with the weight decay after the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdamWConfig(pub Adam);

impl Parameters for AdamWConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        self.0.validate_for("adamw")
    }
}

impl RuleConfig for AdamWConfig {
    const LEARNING_RATE: f64 = 0.001;
    const WEIGHT_DECAY: f64 = 0.01;
    const TRIAL_RATE: f64 = 0.05;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        match decay {
            Some(decay) => Box::new((self.0, decay)),
            None => Box::new(self.0),
        }
    }
}
