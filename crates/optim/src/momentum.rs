use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Scalar, math::flush_subnormal, simd};
use serde::{Deserialize, Serialize};

use crate::config::{RuleConfig, check_share, decayed};
use crate::decay::Decay;
use crate::rule::{Rule, Step, Window};

/// Momentum: b ← μb + g, u = b; with Nesterov's correction u = g + μb.
///
/// | Field | Default | Range |
/// |---|---|---|
/// | `mu` | 0.9 | [0, 1): how much of the last update lives on |
/// | `nesterov` | false | look ahead along the momentum |
///
/// # References
/// Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Nesterov 1983; Sutskever et al., "On
/// the importance of initialization and momentum in deep learning", 2013, eqs. 1 to 4 (here with the rate outside b).
///
/// ```
/// use chainrule_optim::Momentum;
///
/// assert_eq!(Momentum::default().mu, 0.9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Momentum {
    /// How much of the last update lives on, μ.
    pub mu: f64,
    /// Whether the update looks ahead along b.
    pub nesterov: bool,
}

impl Default for Momentum {
    fn default() -> Self {
        Self { mu: 0.9, nesterov: false }
    }
}

impl<A: Scalar> Rule<A> for Momentum {
    fn memory(&self) -> Vec<&'static str> {
        vec!["momentum"]
    }

    fn apply(&self, _: Step<A>, window: &mut Window<'_, A>, update: &mut [A]) {
        let (mu, [b]) = (A::of(self.mu), window.take());
        // A loop for each: a choice within would keep the compiler from whole registers.
        if self.nesterov {
            simd::map([], [update, b], move |[], [u, b]| *u = ahead(mu, *u, b));
        } else {
            simd::map([], [update, b], move |[], [u, b]| *u = plain(mu, *u, b));
        }
    }

    fn descend(&self, step: Step<A>, window: &mut Window<'_, A>, gradient: &[A]) {
        let (mu, [b], theta) = (A::of(self.mu), window.take(), &mut *window.theta);
        if self.nesterov {
            simd::map([gradient], [theta, b], move |[g], [theta, b]| *theta += -step.eta * ahead(mu, g, b));
        } else {
            simd::map([gradient], [theta, b], move |[g], [theta, b]| *theta += -step.eta * plain(mu, g, b));
        }
    }
}

/// b ← μb + g, and u.
#[inline(always)]
fn plain<A: Scalar>(mu: A, g: A, b: &mut A) -> A {
    *b = flush_subnormal(mu * *b + g);
    *b
}

#[inline(always)]
fn ahead<A: Scalar>(mu: A, g: A, b: &mut A) -> A {
    g + mu * plain(mu, g, b)
}

/// The parameters of momentum without Nesterov's correction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MomentumConfig {
    /// How much of the last update lives on, μ.
    pub mu: f64,
}

impl Default for MomentumConfig {
    fn default() -> Self {
        Self { mu: Momentum::default().mu }
    }
}

impl Parameters for MomentumConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        check_share("momentum", "mu", self.mu)
    }
}

impl RuleConfig for MomentumConfig {
    const LEARNING_RATE: f64 = 0.01;
    const TRIAL_RATE: f64 = 0.02;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, Momentum { mu: self.mu, nesterov: false })
    }
}

/// The parameters of Nesterov's momentum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NesterovConfig(pub MomentumConfig);

impl Parameters for NesterovConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        check_share("nesterov", "mu", self.0.mu)
    }
}

impl RuleConfig for NesterovConfig {
    const LEARNING_RATE: f64 = 0.01;
    const TRIAL_RATE: f64 = 0.02;

    fn build<A: Scalar>(&self, decay: Option<Decay>) -> Box<dyn Rule<A>> {
        decayed(decay, Momentum { mu: self.0.mu, nesterov: true })
    }
}
