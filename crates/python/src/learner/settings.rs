//! What the estimators ask for, as JSON from Python.

use chainrule::layers::Architecture;
use chainrule::loss::{BinaryCrossEntropy, Elementwise, Loss, SoftmaxCrossEntropy};
use chainrule::optim::{RuleSpec, ScheduleKind};
use chainrule::tensor::{Scalar, Shape};
use serde::{Deserialize, Serialize};

use super::terms::{HalfSquared, PoissonDeviance};

/// A network and its loss: what does not change while it learns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Design {
    /// The shape of an example, as `784` or `28x28x1`.
    pub(super) input: String,
    /// All layers, in words.
    pub(super) network: String,
    /// Numbers of a target.
    pub(super) outputs: usize,
    pub(super) loss: LossName,
    /// Of the initial weights, the shuffling and dropout.
    pub(super) seed: u64,
    pub(super) standardize: Standardize,
}

/// Whether inputs, and the targets of a squared error, are brought to mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standardize {
    Always,
    Never,
    /// Inputs only where their scale is far from 1.
    Auto,
}

impl Design {
    /// The network.
    ///
    /// # Errors
    /// If the text is no network, or one with another number of outputs.
    pub(super) fn architecture(&self) -> Result<Architecture, String> {
        let shape: Shape = self.input.parse().map_err(|error| format!("input_shape: {error}"))?;
        let network =
            Architecture::parse(shape, &self.network).map_err(|error| format!("network: {error}"))?;
        network.validated().map_err(|error| format!("network: {error}"))?;
        let outputs = network.outputs();
        if outputs != self.outputs {
            let wanted = self.outputs;
            return Err(format!(
                "network: it ends in {outputs} numbers for {wanted} outputs: end it with `flatten` or `global-avg-pool`"
            ));
        }
        Ok(network)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LossName {
    /// Cross-entropy over a softmax.
    Softmax,
    /// Cross-entropies of independent outputs.
    Logistic,
    /// ½Σ(y − t)².
    Squared,
    /// Half the Poisson deviance of e^y.
    Poisson,
}

impl LossName {
    pub(super) fn build<A: Scalar>(self) -> Box<dyn Loss<A>> {
        match self {
            Self::Softmax => Box::new(SoftmaxCrossEntropy::default()),
            Self::Logistic => Box::new(BinaryCrossEntropy::default()),
            Self::Squared => Box::new(Elementwise::sum_of(HalfSquared)),
            Self::Poisson => Box::new(Elementwise::sum_of(PoissonDeviance)),
        }
    }
}

/// One call of `fit` or `partial_fit`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FitPlan {
    pub(super) method: Method,
    /// scikit-learn's α: ½α‖W‖², divided by the examples of a batch.
    pub(super) alpha: f64,
    pub(super) batch: usize,
    pub(super) epochs: usize,
    pub(super) rate: f64,
    pub(super) decline: Decline,
    /// In place of `decline`, over all epochs of the call.
    pub(super) schedule: Option<String>,
    pub(super) shuffle: bool,
    pub(super) tol: f64,
    /// Epochs without an improvement by `tol` that are allowed; any number where there are none.
    pub(super) n_iter_no_change: Option<usize>,
    /// In place of both, epochs without any improvement after which the run ends.
    pub(super) patience: Option<usize>,
    pub(super) watched: Watched,
    /// Evaluations of the loss by L-BFGS.
    pub(super) max_fun: u64,
    pub(super) threads: usize,
    /// Whether the optimizer goes on with what it remembers.
    pub(super) incremental: bool,
}

impl FitPlan {
    pub(super) fn schedule(&self) -> Result<Option<ScheduleKind>, String> {
        let parse = |name: &String| name.parse().map_err(|error| format!("schedule: {error}"));
        self.schedule.as_ref().map(parse).transpose()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Method {
    Rule(RuleSpec),
    Lbfgs,
}

/// scikit-learn's `learning_rate`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Decline {
    Constant,
    /// η / (t + 1)^p, where t counts the examples seen.
    Invscaling(f64),
    /// A fifth each time that the run would end, down to 10⁻⁶.
    Adaptive,
}

/// What has to improve for a run to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Watched {
    TrainingLoss,
    /// Accuracy, or R².
    ValidationScore,
    ValidationLoss,
}
