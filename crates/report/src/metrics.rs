//! `metrics.jsonl`: one line of JSON for each logged step and each epoch of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finite::finite_or_nan;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// A logged step.
    Step(StepLine),
    /// The end of an epoch.
    Epoch(EpochLine),
    /// What ended the run before its last epoch.
    Failure(FailureLine),
}

/// What ended a run before its last epoch, such as a loss that is no number any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureLine {
    /// The cause, in a sentence.
    pub cause: String,
    /// Whether the loss or a parameter became NaN or infinite.
    #[serde(default)]
    pub diverged: bool,
}

/// A logged step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepLine {
    /// Number of the step, from 1.
    pub step: u64,
    /// Number of its epoch, from 1.
    pub epoch: usize,
    /// Number of its batch in the epoch.
    pub batch: usize,
    /// Loss of the batch before the step.
    #[serde(deserialize_with = "finite_or_nan")]
    pub loss: f64,
    /// Learning rate, of an optimizer that has one.
    pub learning_rate: Option<f64>,
    /// Norm of the gradient in each parameter array, before clipping.
    #[serde(default)]
    pub gradient_norm: BTreeMap<String, Option<f64>>,
}

/// The end of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLine {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Number of its last step, from 1.
    pub step: u64,
    /// Mean loss of the training batches, each before its step.
    #[serde(deserialize_with = "finite_or_nan")]
    pub train_loss: f64,
    /// Accuracy after the epoch on some of the training examples, of a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// R² after the epoch on them, of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_r2: Option<f64>,
    /// Loss on the validation data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Accuracy on the validation data, of a classification; once `validation_score`.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "validation_score")]
    pub validation_accuracy: Option<f64>,
    /// R² on the validation data, of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_r2: Option<f64>,
    /// Learning rate of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Training examples seen.
    pub examples: usize,
    /// Norm of the last batch's gradient in each parameter array, before clipping.
    #[serde(default)]
    pub gradient_norm: BTreeMap<String, Option<f64>>,
}

/// How many of the training examples are those whose accuracy or R² is measured after each epoch: all of up to 200, and of more a
/// twentieth, at least 100 and at most 1,000. A forward pass over all of them would be a sixth to a half of the time of the epoch.
///
/// ```
/// use chainrule_report::metrics::watched;
///
/// assert_eq!([118, 200, 364, 5000, 60_000].map(watched), [118, 200, 100, 250, 1000]);
/// ```
pub fn watched(examples: usize) -> usize {
    if examples <= 200 { examples } else { (examples / 20).clamp(100, 1000) }
}

impl EpochLine {
    /// Accuracy or R² on some of the training examples.
    pub fn train_metric(&self) -> Option<f64> {
        self.train_accuracy.or(self.train_r2)
    }

    /// Accuracy or R² on the validation data.
    pub fn validation_metric(&self) -> Option<f64> {
        self.validation_accuracy.or(self.validation_r2)
    }
}

impl Line {
    /// Whether the line was written before a run stood after `step` steps and `epochs` epochs.
    pub fn is_before(&self, step: u64, epochs: usize) -> bool {
        match self {
            Self::Step(line) => line.step <= step,
            Self::Epoch(line) => line.epoch <= epochs,
            // A run that goes on has not failed.
            Self::Failure(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_has_not_failed() {
        let line: Line = serde_json::from_str(r#"{"kind":"failure","cause":"the loss became NaN"}"#).unwrap();
        assert!(!line.is_before(u64::MAX, usize::MAX));
    }

    #[test]
    fn a_line_is_before_a_snapshot_that_was_taken_after_it() {
        let epoch = r#"{"kind":"epoch","epoch":2,"step":90,"train_loss":1.5,"seconds":1.0,"examples":9}"#;
        let epoch: Line = serde_json::from_str(epoch).unwrap();
        assert!(epoch.is_before(90, 2) && !epoch.is_before(90, 1));
        let text = r#"{"kind":"step","epoch":3,"step":100,"batch":10,"loss":null,"learning_rate":null,"gradient_norm":{"0.weight":1.0}}"#;
        let step: Line = serde_json::from_str(text).unwrap();
        assert!(step.is_before(100, 2) && !step.is_before(99, 2));
        assert!(serde_json::from_str::<Line>(&text[..20]).is_err());
        assert!(
            matches!(step, Line::Step(line) if line.loss.is_nan() && line.gradient_norm["0.weight"] == Some(1.0))
        );
    }
}
