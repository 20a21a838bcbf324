use serde::{Deserialize, Serialize};

/// What happened in one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The number of its last step, counted over all epochs from 1.
    pub step: u64,
    /// The mean of the training batches' losses, each before its step.
    pub train_loss: f64,
    /// The accuracy after the epoch on the training examples that are [watched](crate::TrainingLoop::watching), of a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// R² after the epoch on these examples, of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_r2: Option<f64>,
    /// The loss on the validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// The accuracy on the validation data, of a classification.
    ///
    /// Files of earlier versions call this and R² `validation_score`.
    #[serde(skip_serializing_if = "Option::is_none", alias = "validation_score")]
    pub validation_accuracy: Option<f64>,
    /// R² on the validation data, of a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_r2: Option<f64>,
    /// The learning rate of the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Seconds spent on the epoch's training batches.
    pub seconds: f64,
    /// Training examples seen.
    pub examples: usize,
}

impl Epoch {
    /// The accuracy on the validation data or, of a regression, R².
    pub fn validation_metric(&self) -> Option<f64> {
        self.validation_accuracy.or(self.validation_r2)
    }
}
