//! What a loss says of itself beside its formula: its parameters, its targets, and what the harness tries.

use chainrule_tensor::Scalar;
use chainrule_tensor::registry::{InvalidParameter, Parameters};

use crate::loss::{FusedOutput, Loss};
use crate::target::TargetKind;

/// The parameters of a loss, as a configuration has them.
pub trait LossConfig: Parameters {
    /// The loss.
    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>>;

    /// The parameters of a loss that was built, if it is one of these: the inverse of [`build`](Self::build).
    fn of<A: Scalar>(loss: &dyn Loss<A>) -> Option<Self>;

    /// C and its derivative in what the loss is given, for one example with outputs o (p after an output function of the loss)
    /// and targets y; in the notation of `docs/notation.md`, as TeX without macros.
    fn formulas(&self) -> [String; 2];

    /// What the harness tries: the loss with these parameters and, with others, whatever takes another path.
    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        vec![LossCase::plain(self.build())]
    }

    /// What the loss is compared with.
    fn target(&self) -> TargetKind {
        self.build::<f64>().target()
    }

    /// The output function that the loss applies itself.
    fn output(&self) -> FusedOutput {
        self.build::<f64>().output()
    }
}

/// A loss that the harness tries, and the targets it takes.
#[derive(Debug)]
pub struct LossCase<A: Scalar> {
    /// The name in tables of results.
    pub name: String,
    /// The loss; class and output weights are for three outputs or fewer.
    pub loss: Box<dyn Loss<A>>,
    /// What its targets are.
    pub target: TargetKind,
}

impl<A: Scalar> LossCase<A> {
    /// The loss itself, without a label.
    pub(crate) fn plain(loss: Box<dyn Loss<A>>) -> Self {
        Self::labelled("", loss)
    }

    /// A variant of the loss.
    pub(crate) fn labelled(label: &str, loss: Box<dyn Loss<A>>) -> Self {
        Self { name: label.to_owned(), target: loss.target(), loss }
    }

    /// The same with targets of another kind.
    pub(crate) fn with(self, target: TargetKind) -> Self {
        Self { target, ..self }
    }

    /// The case with the loss's name before the label.
    pub(crate) fn of(self, name: &str) -> Self {
        let name = if self.name.is_empty() { name.to_owned() } else { format!("{name}, {}", self.name) };
        Self { name, ..self }
    }
}

/// Whether all weights of a loss are finite and at least 0.
pub(crate) fn check_weights(
    owner: &'static str,
    parameter: &'static str,
    weights: &[f64],
) -> Result<(), InvalidParameter> {
    let check =
        |&weight| InvalidParameter::check(owner, parameter, weight, "at least 0", |weight| weight >= 0.0);
    weights.iter().try_for_each(check)
}

/// The formulas of a sum of terms over the outputs, or of its mean.
pub(crate) fn mean_or_sum(mean: bool, term: &str, slope: &str) -> [String; 2] {
    let factor = if mean { r"\frac{1}{n} " } else { "" };
    [format!(r"C = {factor}\sum_{{i}} {term}"), format!(r"\frac{{∂C}}{{∂o_i}} = {factor}{slope}")]
}
