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
///     with: Vec::new(),
/// };
/// assert_eq!(loss.in_words(), "mean-squared-error in squared units of the target");
/// assert!(loss.is_standardised());
/// let with = vec!["label smoothing 0.1".to_owned(), "class weights".to_owned()];
/// let loss = LossUnits { name: "cross-entropy".to_owned(), unit: Some("nats".to_owned()), with, ..loss };
/// assert_eq!(loss.in_words(), "cross-entropy with label smoothing 0.1 and class weights in nats");
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
    /// What makes it another number than the plain loss of this name, such as `label smoothing 0.1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

/// What makes a cross-entropy another number than the plain one: label smoothing by this fraction, and weights of the classes.
pub fn modifiers(label_smoothing: f64, has_class_weights: bool) -> Vec<String> {
    let smoothing = (label_smoothing > 0.0).then(|| format!("label smoothing {label_smoothing}"));
    let weights = has_class_weights.then(|| "class weights".to_owned());
    smoothing.into_iter().chain(weights).collect()
}

impl LossUnits {
    /// The loss of a run's settings, if its unit is known without the data: that of a cross-entropy.
    pub(crate) fn of_settings(name: &str, smoothing: Option<&str>, has_weights: bool) -> Option<Self> {
        if !name.ends_with("cross-entropy") {
            return None;
        }
        let with = modifiers(smoothing.and_then(|text| text.parse().ok()).unwrap_or(0.0), has_weights);
        let unit = Some("nats".to_owned());
        Some(Self { name: name.to_owned(), unit: unit.clone(), unit_in_training: unit, targets: 0, with })
    }

    /// Its name with the unit of the results.
    pub fn in_words(&self) -> String {
        self.named(self.unit.as_deref())
    }

    /// Its name with the unit of the losses during training.
    pub(crate) fn in_training(&self) -> String {
        self.named(self.unit_in_training.as_deref())
    }

    fn named(&self, unit: Option<&str>) -> String {
        let unit = unit.map(|unit| format!(" in {unit}")).unwrap_or_default();
        format!("{}{}{unit}", self.name, self.with())
    }

    /// What is said behind its name.
    fn with(&self) -> String {
        if self.with.is_empty() { String::new() } else { format!(" with {}", self.with.join(" and ")) }
    }

    /// Whether the network was trained on standardised targets, so that losses during training have another unit.
    pub fn is_standardised(&self) -> bool {
        self.unit != self.unit_in_training
    }

    /// What a loss during training is: the name of an axis.
    pub(crate) fn axis(&self) -> String {
        match &self.unit_in_training {
            Some(unit) if self.with.is_empty() => format!("loss in {unit}"),
            Some(unit) => format!("loss in {unit},{}", self.with()),
            None => format!("loss ({}{})", self.name, self.with()),
        }
    }
}
