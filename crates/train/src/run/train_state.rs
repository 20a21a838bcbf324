use chainrule_layers::Layer;
use chainrule_optim::Optimizer;
use chainrule_tensor::{Rng, Scalar};
use serde::{Deserialize, Serialize};

use crate::run::epoch::Epoch;
use crate::weights::Weights;

/// The state of a run between two steps: with θ and the optimizer's memory, all that the rest of it depends on.
///
/// Randomness has no place here: the order of the examples and the dropout masks are functions of (seed, epoch, batch),
/// and the schedule is one of the optimizer's step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct TrainState<A> {
    /// The complete epochs. They are in the log of the run's epochs; snapshots of earlier versions have them here.
    #[serde(default, skip_serializing)]
    pub epochs: Vec<Epoch>,
    /// Steps taken in all.
    pub step: u64,
    /// Batches done of the epoch under way.
    pub batch: usize,
    /// The sum of the losses of their examples.
    pub total: f64,
    /// The seconds they took.
    pub seconds: f64,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// θ at its end.
    #[serde(skip)]
    pub best_theta: Vec<A>,
    /// What the network measures beside θ, in the layout of [`Layer::statistics`].
    #[serde(skip)]
    pub statistics: Vec<A>,
    /// The statistics at the end of the best epoch.
    #[serde(skip)]
    pub best_statistics: Vec<A>,
}

/// The epoch of the lowest loss: on the validation data or, where there is none, over the epoch's own steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// Its loss.
    pub loss: f64,
}

/// A whole run between two steps, on its way to disk.
///
/// The file is safetensors: θ as `theta`, the best θ so far as `best`, the network's statistics, if it has any, as
/// `statistics` and `best-statistics`, what the optimizer remembers as `optimizer.0.…` in
/// the order of its [`state`](Optimizer::state); the [`TrainState`] without its epochs, what the run is known by, and a CRC-64/XZ
/// of everything are in the metadata. The epochs are in a log beside it.
pub struct Snapshot<'a, A: Scalar> {
    /// The state of the run.
    pub state: &'a TrainState<A>,
    /// The optimizer, for what it remembers.
    pub optimizer: &'a mut dyn Optimizer<A>,
    /// The parameters.
    pub theta: &'a [A],
}

impl<A: Scalar> std::fmt::Debug for Snapshot<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("state", self.state).finish_non_exhaustive()
    }
}

impl<A: Scalar> TrainState<A> {
    /// Before the first step of training `model` from `theta`.
    pub fn start(model: &dyn Layer<A>, theta: &[A]) -> Self {
        let statistics = model.statistics().init(&mut Rng::new(0));
        Self::from_weights(Weights { theta, statistics: &statistics })
    }

    /// Before the first step of training a network that has measured statistics already.
    pub fn from_weights(weights: Weights<'_, A>) -> Self {
        let Weights { theta, statistics } = weights;
        Self {
            epochs: Vec::new(),
            step: 0,
            batch: 0,
            total: 0.0,
            seconds: 0.0,
            best: None,
            best_theta: theta.to_vec(),
            best_statistics: statistics.to_vec(),
            statistics: statistics.to_vec(),
        }
    }

    /// The numbers of the network, with `theta`.
    pub fn weights<'a>(&'a self, theta: &'a [A]) -> Weights<'a, A> {
        Weights { theta, statistics: &self.statistics }
    }

    /// Those of the best epoch.
    pub fn best_weights(&self) -> Weights<'_, A> {
        Weights { theta: &self.best_theta, statistics: &self.best_statistics }
    }

    /// Takes up a complete epoch, and begins the next.
    pub(crate) fn end_epoch(&mut self, report: Epoch, theta: &[A]) {
        let loss = report.validation_loss.unwrap_or(report.train_loss);
        if loss < self.best.map_or(f64::INFINITY, |best| best.loss) {
            self.best = Some(Best { epoch: report.epoch, loss });
            self.best_theta.copy_from_slice(theta);
            self.best_statistics.copy_from_slice(&self.statistics);
        }
        self.epochs.push(report);
        (self.batch, self.total, self.seconds) = (0, 0.0, 0.0);
    }

    /// Whether `patience` epochs have gone by since the best one.
    pub(crate) fn is_out_of_patience(&self, patience: usize) -> bool {
        let epochs = self.epochs.len();
        epochs > 0 && epochs - self.best.map_or(0, |best| best.epoch) >= patience
    }
}
