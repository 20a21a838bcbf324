//! What a loss is measured in.

use serde::{Deserialize, Serialize};

/// The loss of a run, and the units of its values.
///
/// ```
/// use chainrule_report::results::LossUnits;
///
/// let loss = LossUnits {
///     name: "mean-squared-error".to_owned(),
///     unit: Some("squared units of the target".to_owned()),
///     unit_in_training: Some("squared standard deviations of the target".to_owned()),
///     targets: 1,
/// };
/// assert_eq!(loss.in_words(), "mean-squared-error in squared units of the target");
/// assert!(loss.is_standardised());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossUnits {
    /// Its name, such as `mean-squared-error`.
    pub name: String,
    /// The unit of the losses in the results, if the loss has one: of those on the training, validation and test data.
    pub unit: Option<String>,
    /// The unit of the losses in `metrics.jsonl`: another one where the network was trained on standardised targets.
    pub unit_in_training: Option<String>,
    /// The number of targets of a regression, else 0.
    pub targets: usize,
}

impl LossUnits {
    /// Its name with the unit of the results.
    pub fn in_words(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} in {unit}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether the network was trained on standardised targets, so that losses during training have another unit.
    pub fn is_standardised(&self) -> bool {
        self.unit != self.unit_in_training
    }

    /// What a loss during training is: the name of an axis.
    pub(crate) fn axis(&self) -> String {
        match &self.unit_in_training {
            Some(unit) => format!("loss in {unit}"),
            None => format!("loss ({})", self.name),
        }
    }
}
