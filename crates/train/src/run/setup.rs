//! What a run is given, and what it comes to.

use chainrule_datasets::{Augmentation, Dataset, Encoding, Pipeline};
use chainrule_layers::{Layer, Stage, least_rows};
use chainrule_loss::Loss;
use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::metrics::evaluate::EvaluateError;
use crate::objective::division::Division;
use crate::run::epoch::Epoch;
use crate::run::process_group::Unreadable;

/// How a run goes.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `epochs` | 10 | passes over the training data |
/// | `batch` | 32 | examples a step; at least the number of examples means full batches |
/// | `tolerance` | none | by how much the training loss must fall for the run to go on |
/// | `patience` | none | epochs without a better validation loss before the run ends and the best parameters return |
/// | `seed` | 0 | of the shuffling, of dropout and of augmentation |
/// | `shuffle` | true | whether each epoch takes the examples in an order of its own, or in that of the data |
/// | `augment` | none | how training images are varied, in words |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Passes over the training data.
    pub epochs: usize,
    /// Examples a step.
    pub batch: usize,
    /// Epochs to wait for a better validation loss.
    pub patience: Option<usize>,
    /// By how much the training loss must fall for the run to go on.
    pub tolerance: Option<Tolerance>,
    /// The seed of the shuffling, of dropout and of augmentation.
    pub seed: u64,
    /// Whether each epoch takes the examples in an order of its own.
    pub shuffle: bool,
    /// How training images are varied.
    pub augment: Augmentation,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 32,
            patience: None,
            tolerance: None,
            seed: 0,
            shuffle: true,
            augment: Augmentation::default(),
        }
    }
}

/// When a training loss no longer falls: when in more than `epochs` epochs in a row none was below the best before it by at least `by`.
///
/// The rule of scikit-learn's `MLPClassifier`, with its `tol` and `n_iter_no_change`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    /// The least fall of the loss that counts; 0.0001 by default.
    pub by: f64,
    /// The epochs without one that a run allows; 10 by default.
    pub epochs: usize,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { by: 1e-4, epochs: 10 }
    }
}

/// How long a training loss has not fallen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    best: f64,
    waited: usize,
}

impl Level {
    /// After `epochs`.
    pub(crate) fn after(epochs: &[Epoch], tolerance: Tolerance) -> Self {
        let start = Self { best: f64::INFINITY, waited: 0 };
        epochs.iter().fold(start, |level, epoch| level.and(epoch.train_loss, tolerance))
    }

    /// After one more epoch.
    pub(crate) fn and(self, loss: f64, tolerance: Tolerance) -> Self {
        let waited = if loss > self.best - tolerance.by { self.waited + 1 } else { 0 };
        Self { best: self.best.min(loss), waited }
    }

    /// Whether the run is to end.
    pub(crate) fn is_reached(self, tolerance: Tolerance) -> bool {
        self.waited > tolerance.epochs
    }
}

/// What is trained on what.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a, A: Scalar> {
    /// The network.
    pub model: &'a dyn Layer<A>,
    /// The loss of its output.
    pub loss: &'a dyn Loss<A>,
    /// How a target is handed to the loss.
    pub encoding: Encoding,
    /// What the input goes through before the first layer.
    pub transform: &'a Pipeline,
    /// The training data.
    pub train: &'a Dataset<A>,
    /// The validation data, if any.
    pub validation: Option<&'a Dataset<A>>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All epochs were done.
    Finished,
    /// The validation loss had not improved for `patience` epochs.
    Patience,
    /// The training loss no longer fell.
    Tolerance,
    /// A callback said so.
    Callback,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The complete epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters were kept, where early stopping chose one.
    pub best: Option<usize>,
    /// Why the run ended.
    pub stop: Stop,
}

/// Why a run could not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to train on.
    #[error("the training data is empty")]
    Empty,
    /// The batch size was 0.
    #[error("a batch of 0 examples: the batch size is at least 1")]
    ZeroBatch,
    /// A layer normalises over more rows than a batch, or a process's part of one, has.
    #[error(
        "layer {path}, {layer}, takes {least} examples or more at once in training, but {part} has {rows}: choose another batch size, so that the last batch of an epoch has more too"
    )]
    TooFewRows {
        /// The layer, by its path.
        path: String,
        /// What it is, in words such as `batch-norm`.
        layer: String,
        /// The fewest rows that it takes.
        least: usize,
        /// Which rows these are.
        part: String,
        /// How many they are.
        rows: usize,
    },
    /// The training data cannot be augmented that way.
    #[error(transparent)]
    Augment(chainrule_datasets::Error),
    /// A file that the examples stay in can no longer be read.
    #[error(transparent)]
    Data(#[from] Unreadable),
    /// The network could not be measured on the validation data.
    #[error(transparent)]
    Validation(EvaluateError),
    /// The loss or a parameter is NaN or infinite.
    #[error(
        "the loss became {loss} in epoch {epoch}, batch {batch}: {place} is not finite; {}",
        if *is_standardised {
            "lower the learning rate, or clip the gradient"
        } else {
            "lower the learning rate, clip the gradient, or standardise the input"
        }
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1.
        batch: usize,
        /// The loss.
        loss: f64,
        /// The first place that holds a number that is not finite.
        place: String,
        /// Whether the inputs are standardised, so that to do so is no cure.
        is_standardised: bool,
    },
    /// A process of several has gone another way.
    #[error(
        "after epoch {epoch} the parameters of rank {rank} are not those of rank 0: its machine computes other bits; let all ranks run one build of the program on processors of one kind"
    )]
    Drifted {
        /// The epoch, from 1.
        epoch: usize,
        /// The first rank that differs.
        rank: usize,
    },
}

impl Plan {
    /// That each batch of an epoch over `examples` has as many rows as the layers of `model` take in training, in each part.
    ///
    /// # Errors
    /// If one has fewer.
    pub(crate) fn check_rows<A: Scalar>(
        &self,
        model: &dyn Layer<A>,
        examples: usize,
        division: Division,
    ) -> Result<(), TrainError> {
        let (least, layer) = least_rows(model);
        let whole = self.batch.min(examples);
        let batches = [(whole, "a batch"), (examples % whole, "the last batch of an epoch")];
        for (batch, name) in batches.into_iter().filter(|(batch, _)| *batch > 0) {
            let rows = division.fewest_rows(batch);
            if rows < least {
                let part =
                    if rows == batch { name.to_owned() } else { format!("a part of {name} of {batch}") };
                let (path, layer) = (layer.path, Stage::words(layer.layer));
                return Err(TrainError::TooFewRows { path, layer, least, part, rows });
            }
        }
        Ok(())
    }
}

impl From<EvaluateError> for TrainError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Data(fault) => TrainError::Data(fault),
            fault @ EvaluateError::Overflow { .. } => TrainError::Validation(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_loss_is_one_after_more_epochs_than_are_allowed() {
        let tolerance = Tolerance { epochs: 2, ..Tolerance::default() };
        let mut level = Level::after(&[], tolerance);
        // scikit-learn ends at `_no_improvement_count > n_iter_no_change`.
        let reached = [1.0, 0.5, 0.49995, 0.5, 0.4, 0.4, 0.4, 0.4].map(|loss| {
            level = level.and(loss, tolerance);
            level.is_reached(tolerance)
        });
        assert_eq!(reached, [false, false, false, false, false, false, false, true]);
    }
}
