use chainrule_tensor::Scalar;
use chainrule_tensor::registry::Parameters;
use serde::{Deserialize, Serialize};

use crate::config::{LossCase, LossConfig};
use crate::elementwise::Elementwise;
use crate::loss::Loss;
use crate::target::TargetKind;
use crate::term::Term;

/// C = Σᵢ(oᵢ − yᵢ)²: the lecture's cost; its mean over the outputs is PyTorch's `MSELoss`.
pub type SquaredError = Elementwise<Squared>;

/// The term (y − t)², with the derivatives 2(y − t) and 2.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Squared;

impl Term for Squared {
    #[inline(always)]
    fn value<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        (y - t) * (y - t)
    }
    #[inline(always)]
    fn slope<A: Scalar>(&self, y: A, t: A, _: A) -> A {
        A::of(2.0) * (y - t)
    }
    fn curvature<A: Scalar>(&self, _: A, _: A, _: A) -> A {
        A::of(2.0)
    }
}

/// Σᵢ(yᵢ − tᵢ)², which has no parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquaredErrorConfig {}

impl Parameters for SquaredErrorConfig {}

impl LossConfig for SquaredErrorConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        loss.downcast().filter(|loss: &&SquaredError| !loss.parts().1).map(|_| Self {})
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        Box::new(SquaredError::default())
    }

    fn formulas(&self) -> [String; 2] {
        [r"C = \sum_{i} (o_i − y_i)^2", r"\frac{∂C}{∂o_i} = 2(o_i − y_i)"].map(str::to_owned)
    }

    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        let indices = LossCase::labelled("class indices", self.build()).with(TargetKind::Class);
        vec![LossCase::plain(self.build()), indices]
    }
}

/// The mean of (yᵢ − tᵢ)² over the outputs, which has no parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanSquaredErrorConfig {}

impl Parameters for MeanSquaredErrorConfig {}

impl LossConfig for MeanSquaredErrorConfig {
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self> {
        loss.downcast().filter(|loss: &&SquaredError| loss.parts().1).map(|_| Self {})
    }

    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>> {
        Box::new(SquaredError::mean())
    }

    fn formulas(&self) -> [String; 2] {
        let c = r"C = \frac{1}{n} \sum_{i} (o_i − y_i)^2";
        [c, r"\frac{∂C}{∂o_i} = \frac{2}{n} (o_i − y_i)"].map(str::to_owned)
    }
}
