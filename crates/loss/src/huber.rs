use chainrule_tensor::Scalar;
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use serde::{Deserialize, Serialize};

use crate::config::{LossCase, LossConfig, mean_or_sum};
use crate::elementwise::Elementwise;
use crate::loss::Loss;
use crate::term::Term;

/// Quadratic near the target and linear beyond; its mean is PyTorch's `HuberLoss`.
pub type Huber = Elementwise<HuberTerm>;

/// The term ½(y − t)² where |y − t| ≤ δ, else δ(|y − t| − ½δ), with the threshold δ = 1 by default.
///
/// # References
/// Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35(1), 1964, §2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HuberTerm {
    /// Where the parabola becomes a line, δ.
    pub delta: f64,
}

impl Default for HuberTerm {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl Term for HuberTerm {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        let (distance, delta, half) = ((y - t).abs(), A::of(self.delta), A::of(0.5));
        if distance > delta { delta * (distance - half * delta) } else { half * distance * distance }
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        let (difference, delta) = (y - t, A::of(self.delta));
        if difference.abs() > delta { delta * difference.signum() } else { difference }
    }
    fn curvature<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        if (y - t).abs() > A::of(self.delta) { A::zero() } else { A::one() }
    }
    fn distance_to_kink<A: Scalar>(&self, y: A, t: A) -> A {
        ((y - t).abs() - A::of(self.delta)).abs()
    }
}

/// The parameters of the Huber loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct HuberConfig {
    /// Where the parabola becomes a line, δ > 0; 1 by default.
    pub delta: f64,
    /// Whether the loss is the mean over the outputs, and not their sum.
    pub mean: bool,
}

impl Default for HuberConfig {
    fn default() -> Self {
        Self { delta: HuberTerm::default().delta, mean: false }
    }
}

impl Parameters for HuberConfig {
    fn validate(&self) -> Result<(), InvalidParameter> {
        InvalidParameter::check("huber", "delta", self.delta, "above 0", |delta| delta > 0.0)
    }
}

impl LossConfig for HuberConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        let (term, mean) = loss.downcast::<Huber>()?.parts();
        Some(Self { delta: term.delta, mean })
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        Box::new(Elementwise::reduced(HuberTerm { delta: self.delta }, self.mean))
    }

    fn formulas(&self) -> [String; 2] {
        if *self == Self::default() {
            let c = r"C = \sum_{i} ½ d_i^2\text{ if }|d_i| ≤ 1\text{, else }|d_i| − ½,  d = o − y";
            return [c, r"\frac{∂C}{∂o_i} = max(−1, min(1, d_i))"].map(str::to_owned);
        }
        let (delta, half) = (self.delta, 0.5 * self.delta);
        let term = format!(r"(½ d_i^2\text{{ if }}|d_i| ≤ {delta}\text{{, else }}{delta}(|d_i| − {half}))");
        let [c, derivative] = mean_or_sum(self.mean, &term, &format!("max(−{delta}, min({delta}, d_i))"));
        [c + ",  d = o − y", derivative]
    }

    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        let narrow = Self { delta: 0.3, mean: true }.build();
        vec![LossCase::plain(self.build()), LossCase::labelled("δ = 0.3", narrow)]
    }
}
