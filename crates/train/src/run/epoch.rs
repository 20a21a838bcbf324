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
    /// The loss on the validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Accuracy (classification) or R² (regression) on the validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_score: Option<f64>,
    /// The learning rate of the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Seconds spent on the epoch's training batches.
    pub seconds: f64,
    /// Training examples seen.
    pub examples: usize,
}
