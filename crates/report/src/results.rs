//! `results.json`: the results of a training run.

use serde::{Deserialize, Serialize};

pub use crate::class_figures::{Class, ClassFigures, predicted, without_figures};
use crate::diagnostics::Diagnostics;
use crate::finite::finite_or_nan;
pub use crate::loss_units::{LossUnits, modifiers};
pub use crate::target_figures::{TargetFigures, without_r2};

/// The summary of a run: the object that `chainrule train --json` prints.
///
/// Losses and accuracies that are not finite are `null` in JSON and come back as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The data set.
    pub data: Option<String>,
    /// The network.
    pub layers: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// Epochs trained.
    pub epochs: usize,
    /// The epoch whose parameters are the model, where early stopping chose one.
    pub best_epoch: Option<usize>,
    /// Seconds of training.
    pub seconds: f64,
    /// Training examples a second.
    pub samples_per_second: f64,
    /// Seed of the run.
    pub seed: Option<u64>,
    /// The figures of each part of the data.
    #[serde(flatten)]
    pub figures: Figures,
    /// Path of the last model.
    pub model: String,
    /// Path of the report.
    pub report: String,
    /// Path of the run's folder.
    pub run: String,
}

/// Loss and accuracy, or R², on the training, validation and test data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a classification.
    Classification {
        /// Loss on the training data.
        #[serde(deserialize_with = "finite_or_nan")]
        train_loss: f64,
        /// Accuracy on the training data.
        #[serde(deserialize_with = "finite_or_nan")]
        train_accuracy: f64,
        /// Loss on the validation data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation_loss: Option<f64>,
        /// Accuracy on the validation data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation_accuracy: Option<f64>,
        /// Loss on the test data.
        test_loss: Option<f64>,
        /// Accuracy on the test data.
        test_accuracy: Option<f64>,
    },
    /// Of a regression.
    Regression {
        /// Loss on the training data.
        #[serde(deserialize_with = "finite_or_nan")]
        train_loss: f64,
        /// R² on the training data.
        #[serde(deserialize_with = "finite_or_nan")]
        train_r2: f64,
        /// Loss on the validation data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation_loss: Option<f64>,
        /// R² on the validation data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation_r2: Option<f64>,
        /// Loss on the test data.
        test_loss: Option<f64>,
        /// R² on the test data.
        test_r2: Option<f64>,
    },
}

impl Figures {
    /// `accuracy` or `R²`.
    pub fn metric(&self) -> &'static str {
        match self {
            Self::Classification { .. } => "accuracy",
            Self::Regression { .. } => "R²",
        }
    }

    /// Loss on the training data.
    pub fn train_loss(&self) -> f64 {
        let (Self::Classification { train_loss, .. } | Self::Regression { train_loss, .. }) = self;
        *train_loss
    }

    /// Accuracy or R² on the training data.
    pub fn train_metric(&self) -> f64 {
        match self {
            Self::Classification { train_accuracy, .. } => *train_accuracy,
            Self::Regression { train_r2, .. } => *train_r2,
        }
    }

    /// Accuracy or R² on the validation data.
    pub fn validation_metric(&self) -> Option<f64> {
        match self {
            Self::Classification { validation_accuracy, .. } => *validation_accuracy,
            Self::Regression { validation_r2, .. } => *validation_r2,
        }
    }

    /// Loss on the validation data.
    pub fn validation_loss(&self) -> Option<f64> {
        let (Self::Classification { validation_loss, .. } | Self::Regression { validation_loss, .. }) = self;
        *validation_loss
    }

    /// Loss on the test data.
    pub fn test_loss(&self) -> Option<f64> {
        let (Self::Classification { test_loss, .. } | Self::Regression { test_loss, .. }) = self;
        *test_loss
    }

    /// Accuracy or R² on the test data.
    pub fn test_metric(&self) -> Option<f64> {
        match self {
            Self::Classification { test_accuracy, .. } => *test_accuracy,
            Self::Regression { test_r2, .. } => *test_r2,
        }
    }
}

/// All that `results.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// What `--json` prints.
    #[serde(flatten)]
    pub summary: Summary,
    /// What the file of the data was taken for, in one line with control characters escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_for: Option<String>,
    /// The loss, and the units of its values; files of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossUnits>,
    /// Epochs that were complete when the run was last resumed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<usize>,
    /// How the training images were varied, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<String>,
    /// Where the time went.
    pub split: TimeSplit,
    /// Messages between the ranks, of a run on several.
    pub communication: Option<Communication>,
    /// The machine.
    pub machine: Machine,
    /// When the run ended, in seconds since 1970.
    pub finished: f64,
    /// Every figure on the test data.
    pub test: Option<Evaluation>,
    /// Every figure on the validation data, of a run without test data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Evaluation>,
    /// What simpler predictions reach on the test data.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
    /// The network, the parts of the data, and the predictions on the test data.
    #[serde(default)]
    pub diagnostics: Diagnostics,
}

impl Results {
    /// The part of the data whose predictions the results describe, and every figure on it: the test part or, without one, the
    /// validation part.
    pub fn judged(&self) -> (&'static str, Option<&Evaluation>) {
        match (&self.test, &self.validation) {
            (None, Some(validation)) => ("validation", Some(validation)),
            (test, _) => ("test", test.as_ref()),
        }
    }
}

/// A prediction that a network has to do better than.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it is.
    pub name: String,
    /// Mean loss of an example, of one that is trained.
    pub loss: Option<f64>,
    /// Accuracy or R², as that of the network.
    #[serde(flatten)]
    pub metric: BaselineMetric,
}

/// What a baseline reaches on the test data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum BaselineMetric {
    /// Fraction of the examples that it has right; files of earlier versions have this name for R² too.
    #[serde(rename = "accuracy", alias = "score")]
    Accuracy(f64),
    /// Coefficient of determination.
    #[serde(rename = "r2")]
    R2(f64),
}

impl BaselineMetric {
    /// The accuracy or R².
    pub fn value(self) -> f64 {
        let (Self::Accuracy(value) | Self::R2(value)) = self;
        value
    }
}

/// Seconds of training by kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeSplit {
    /// Data, records and snapshots.
    pub data: f64,
    /// Forward passes.
    pub forward: f64,
    /// Losses and backward passes.
    pub backward: f64,
    /// The optimizer's updates.
    pub update: f64,
}

/// What this process exchanged with the other ranks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Communication {
    /// Number of ranks.
    pub ranks: usize,
    /// All-reduce operations.
    pub reductions: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Seconds waited for the other ranks.
    pub seconds: f64,
}

/// The machine a run was on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor, where the system tells it.
    pub processor: Option<String>,
    /// Cores that the program may use.
    pub cores: usize,
    /// Operating system and architecture.
    pub system: String,
    /// The linked BLAS.
    pub blas: String,
    /// Version of the program.
    pub version: String,
}

/// Every figure of a model on a data set: the object that `chainrule evaluate --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evaluation {
    /// Of a classification.
    Classification {
        /// Number of examples.
        examples: usize,
        /// Mean loss.
        #[serde(deserialize_with = "finite_or_nan")]
        loss: f64,
        /// Fraction of examples classified correctly.
        #[serde(deserialize_with = "finite_or_nan")]
        accuracy: f64,
        /// Fraction of examples whose class is among the three most probable.
        #[serde(deserialize_with = "finite_or_nan")]
        top_3: f64,
        /// Fraction of examples whose class is among the five most probable.
        #[serde(deserialize_with = "finite_or_nan")]
        top_5: f64,
        /// Unweighted mean of the classes' F1.
        #[serde(deserialize_with = "finite_or_nan")]
        macro_f1: f64,
        /// The classes.
        classes: Vec<Class>,
        /// Examples by true class (row) and predicted class (column); empty if there are more than 256 classes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        confusion: Vec<Vec<u64>>,
        /// In place of that table: true class, predicted class and number of examples, for each pair that occurs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        confusion_pairs: Vec<(usize, usize, u64)>,
    },
    /// Of a regression.
    Regression {
        /// Number of examples.
        examples: usize,
        /// Mean loss.
        #[serde(deserialize_with = "finite_or_nan")]
        loss: f64,
        /// Coefficient of determination.
        #[serde(deserialize_with = "finite_or_nan")]
        r2: f64,
        /// Root of the mean squared error.
        #[serde(deserialize_with = "finite_or_nan")]
        rmse: f64,
        /// Mean absolute error; files of earlier versions lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mae: Option<f64>,
        /// The figures of each of several targets, of which the above are the means.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<TargetFigures>,
    },
    /// Of a multi-label classification.
    MultiLabel {
        /// Number of examples.
        examples: usize,
        /// Mean loss.
        #[serde(deserialize_with = "finite_or_nan")]
        loss: f64,
        /// Fraction of examples of which every label is predicted right.
        #[serde(deserialize_with = "finite_or_nan")]
        accuracy: f64,
        /// Unweighted mean of the labels' F1.
        #[serde(deserialize_with = "finite_or_nan")]
        macro_f1: f64,
        /// The labels.
        labels: Vec<Class>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let summary = Summary {
            data: Some("digits".to_owned()),
            layers: "64-128-10".to_owned(),
            parameters: 9610,
            epochs: 3,
            best_epoch: None,
            seconds: 0.25,
            samples_per_second: 17244.0,
            seed: Some(u64::MAX),
            figures: Figures::Classification {
                train_loss: 0.1 + 0.2,
                train_accuracy: 1.0,
                validation_loss: None,
                validation_accuracy: None,
                test_loss: Some(0.1),
                test_accuracy: Some(0.975),
            },
            model: "last.safetensors".to_owned(),
            report: "report.html".to_owned(),
            run: ".".to_owned(),
        };
        let figures = ClassFigures { precision: 1.0, recall: 0.5, f1: 2.0 / 3.0, support: 2 };
        Results {
            summary,
            taken_for: Some("comma, header, 1 column: 1 number; target y: numbers".to_owned()),
            loss: Some(LossUnits {
                name: "cross-entropy".to_owned(),
                unit: Some("nats".to_owned()),
                unit_in_training: Some("nats".to_owned()),
                targets: 0,
                with: Vec::new(),
            }),
            resumed: Some(2),
            augment: Some("shift 2, flip".to_owned()),
            split: TimeSplit { data: 0.0, forward: 0.1, backward: 0.1, update: 0.05 },
            communication: None,
            machine: Machine {
                processor: None,
                cores: 2,
                system: "linux x86_64".to_owned(),
                blas: "OpenBLAS".to_owned(),
                version: "0.1.0".to_owned(),
            },
            finished: 1_795_554_780.5,
            test: Some(Evaluation::Classification {
                examples: 2,
                loss: 0.5,
                accuracy: 0.5,
                top_3: 1.0,
                top_5: 1.0,
                macro_f1: 2.0 / 3.0,
                classes: vec![Class { name: "0".to_owned(), figures }],
                confusion: vec![vec![2]],
                confusion_pairs: Vec::new(),
            }),
            validation: None,
            baselines: vec![Baseline {
                name: "linear model".to_owned(),
                loss: Some(0.2),
                metric: BaselineMetric::R2(0.9),
            }],
            diagnostics: Diagnostics::default(),
        }
    }

    #[test]
    fn results_come_back_with_their_last_bit() {
        let text = serde_json::to_string_pretty(&results()).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results());
    }

    #[test]
    fn figures_have_their_names_and_those_of_earlier_versions_are_read() {
        let text = serde_json::to_string(&results()).unwrap();
        assert!(text.contains(r#"{"name":"0","precision":1.0,"recall":0.5,"#), "{text}");
        assert!(text.contains(r#"{"name":"linear model","loss":0.2,"r2":0.9}"#), "{text}");
        let class = r#"{"name":"0","score":{"precision":1.0,"recall":0.5,"f1":0.6,"support":2}}"#;
        let Class { name, figures } = serde_json::from_str(class).unwrap();
        assert_eq!((name.as_str(), figures.recall, figures.support), ("0", 0.5, 2));
        let baseline: Baseline = serde_json::from_str(r#"{"name":"mean","loss":null,"score":-0.1}"#).unwrap();
        assert_eq!((baseline.loss, baseline.metric.value()), (None, -0.1));
    }

    #[test]
    fn a_figure_that_is_not_finite_comes_back_as_nan() {
        let figures = Figures::Regression {
            train_loss: f64::INFINITY,
            train_r2: f64::NAN,
            validation_loss: None,
            validation_r2: None,
            test_loss: None,
            test_r2: None,
        };
        let text = serde_json::to_string(&figures).unwrap();
        assert!(text.contains(r#""train_loss":null"#), "{text}");
        let Figures::Regression { train_loss, train_r2, .. } = serde_json::from_str(&text).unwrap() else {
            panic!("{text}")
        };
        assert!(train_loss.is_nan() && train_r2.is_nan());
    }
}
