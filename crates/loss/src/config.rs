//! What a loss says of itself beside its formula: its parameters, its targets, and what the harness tries.

use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::registry::{InvalidParameter, Parameters};
use chainrule_tensor::{Rng, Scalar};

use crate::loss::Loss;

/// The parameters of a loss, as a configuration has them.
pub trait LossConfig: Parameters {
    /// What the loss is compared with.
    const TARGET: TargetKind;

    /// The output function that the loss applies itself.
    const OUTPUT: FusedOutput = FusedOutput::Identity;

    /// The loss.
    fn build<A: Scalar>(&self) -> Box<dyn Loss<A>>;

    /// C and its derivative in what the loss is given, for one example with outputs o (p after an output function of the loss)
    /// and targets y; in the notation of `docs/notation.md`, as TeX without macros.
    fn formulas(&self) -> [String; 2];

    /// What the harness tries: the loss with these parameters and, with others, whatever takes another path.
    fn cases<A: Scalar>(&self) -> Vec<LossCase<A>> {
        vec![LossCase::plain(self.build(), Self::TARGET)]
    }

    /// [`TARGET`](Self::TARGET).
    fn target(&self) -> TargetKind {
        Self::TARGET
    }

    /// [`OUTPUT`](Self::OUTPUT).
    fn output(&self) -> FusedOutput {
        Self::OUTPUT
    }
}

/// The output function that a loss applies itself, so that it is given logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FusedOutput {
    /// None: the loss is given the outputs.
    Identity,
    /// The sigmoid of each output.
    Sigmoid,
    /// The softmax over the outputs.
    Softmax,
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
    pub(crate) fn plain(loss: Box<dyn Loss<A>>, target: TargetKind) -> Self {
        Self::labelled("", loss, target)
    }

    /// A variant of the loss.
    pub(crate) fn labelled(label: &str, loss: Box<dyn Loss<A>>, target: TargetKind) -> Self {
        Self { name: label.to_owned(), loss, target }
    }

    /// The case with the loss's name before the label.
    pub(crate) fn of(self, name: &str) -> Self {
        let name = if self.name.is_empty() { name.to_owned() } else { format!("{name}, {}", self.name) };
        Self { name, ..self }
    }
}

/// What a loss is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Any real numbers.
    Real,
    /// A distribution over the outputs in each row.
    Distribution,
    /// One column of class indices.
    Class,
    /// Numbers from 0 to 1.
    Share,
}

impl TargetKind {
    /// Draws targets for a batch.
    pub fn draw(self, rows: usize, outputs: usize, rng: &mut Rng) -> Array2<f64> {
        let mut real =
            |columns: usize| Array2::from_shape_simple_fn((rows, columns), || rng.normal::<f64>(1.0));
        match self {
            TargetKind::Real => real(outputs),
            TargetKind::Share => real(outputs).mapv(|t| 1.0 / (1.0 + t.exp())),
            TargetKind::Class => Array2::from_shape_simple_fn((rows, 1), || rng.below(outputs) as f64),
            TargetKind::Distribution => {
                let mut t = real(outputs).mapv(f64::exp);
                for mut row in t.rows_mut() {
                    row /= row.sum();
                }
                t
            }
        }
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
