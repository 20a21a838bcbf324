use chainrule_tensor::Scalar;
use chainrule_tensor::registry::Parameters;
use serde::{Deserialize, Serialize};

use crate::config::{LossCase, LossConfig, mean_or_sum};
use crate::elementwise::Elementwise;
use crate::loss::Loss;
use crate::term::Term;

/// Σᵢ |yᵢ − tᵢ|; its mean is PyTorch's `L1Loss`.
pub type MeanAbsoluteError = Elementwise<Absolute>;

/// The term |y − t|, with its sign and 0 as derivatives.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Absolute;

impl Term for Absolute {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        (y - t).abs()
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        if y == t { A::zero() } else { (y - t).signum() }
    }
    fn curvature<A: Scalar>(&self, _: A, _: A, _: A) -> A {
        A::zero()
    }
    fn distance_to_kink<A: Scalar>(&self, y: A, t: A) -> A {
        (y - t).abs()
    }
}

/// The parameters of the absolute error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MeanAbsoluteErrorConfig {
    /// Whether the loss is the mean over the outputs, and not their sum.
    pub mean: bool,
}

impl Parameters for MeanAbsoluteErrorConfig {}

impl LossConfig for MeanAbsoluteErrorConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        let (_, mean) = loss.downcast::<MeanAbsoluteError>()?.parts();
        Some(Self { mean })
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        Box::new(Elementwise::reduced(Absolute, self.mean))
    }

    fn formulas(&self) -> [String; 2] {
        mean_or_sum(self.mean, "|o_i − y_i|", "sign(o_i − y_i)")
    }

    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        let mean = Self { mean: true }.build();
        vec![LossCase::plain(self.build()), LossCase::labelled("mean", mean)]
    }
}
