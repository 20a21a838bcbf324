//! What `results.json` says beyond the figures of a run: its network layer by layer, the parts of its data, and how its predictions
//! are distributed on the test data.

use serde::{Deserialize, Serialize};

use crate::finite::finite_or_nan;
use crate::target_figures::TargetFigures;

/// All of it. Files of earlier versions have nothing of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnostics {
    /// The layers of the network, in the order of the forward pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<LayerRow>,
    /// Shape of the input.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub input: String,
    /// Training, validation and test part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Names of the classes, unless there are more than [`CLASSES`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Labels with the words where they hold, such as `wet = yes`, unless there are more than [`CLASSES`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Columns of a table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// How much each column matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// Curves of a classifier of two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<Binary>,
    /// Predicted against true values of each target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regression: Vec<Fit>,
}

/// Most classes whose numbers of examples are kept.
pub const CLASSES: usize = 256;

/// A layer of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Where it is: the prefix of its parameters' names, such as `2.body.0`.
    pub path: String,
    /// What it is, in words such as `conv 16 3`.
    pub words: String,
    /// Shape of its output.
    pub output: String,
    /// Its own trainable parameters.
    pub parameters: usize,
}

/// A part of the data, and how the network does on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `training`, `validation` or `test`.
    pub name: String,
    /// Number of examples.
    pub examples: usize,
    /// How the part was chosen.
    pub origin: String,
    /// Mean loss.
    #[serde(deserialize_with = "finite_or_nan")]
    pub loss: f64,
    /// Accuracy of a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Coefficient of determination of a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// Root of the mean squared error of a regression, in the unit of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
    /// Mean absolute error of a regression, in the unit of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// The figures of each of several targets; files of earlier versions lack them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetFigures>,
    /// Number of examples of each class, in the order of [`Diagnostics::classes`], or of those for which each of
    /// [`Diagnostics::labels`] holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_class: Vec<usize>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its cells are: `number`, `category of 3 words`, `date`.
    pub kind: String,
    /// The inputs of the network that it becomes.
    pub inputs: usize,
}

/// Permutation importance: how much worse the network does where the cells of one column are shuffled.
///
/// # References
/// Breiman, "Random forests", Machine Learning 45, 2001, section 10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The figure that becomes worse: `accuracy` or `R²`.
    pub metric: String,
    /// Its value on the same examples before anything is shuffled.
    pub unshuffled: f64,
    /// Examples of the test part that were used.
    pub examples: usize,
    /// How often each column was shuffled.
    pub repeats: usize,
    /// Each column.
    pub columns: Vec<Drop>,
}

/// The loss of accuracy or R² without a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drop {
    /// Name of the column.
    pub name: String,
    /// Mean over the repeats.
    pub mean: f64,
    /// Standard deviation over the repeats.
    pub deviation: f64,
}

/// How a classifier of two classes orders the test examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binary {
    /// The class whose probability is meant.
    pub positive: String,
    /// Number of examples.
    pub examples: usize,
    /// The fraction of them that belong to it.
    pub prevalence: f64,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Average precision: Σ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds.
    pub average_precision: f64,
    /// Mean squared difference of probability and truth.
    pub brier: f64,
    /// False and true positive rate at each threshold, from the highest.
    pub roc: Vec<(f64, f64)>,
    /// Recall and precision at each threshold, from the highest.
    pub precision_recall: Vec<(f64, f64)>,
    /// Mean predicted probability, fraction of the class, and number of examples, in tenths of the probability.
    pub reliability: Vec<(f64, f64, usize)>,
}

/// True and predicted values of a target on the test data, in its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Name of the target.
    pub target: String,
    /// Number of examples, of which the first are in `points`.
    pub examples: usize,
    /// True and predicted value.
    pub points: Vec<(f64, f64)>,
}

impl Binary {
    /// The curves of the scores and truths of examples, of which at least one is of each class; `None` otherwise.
    ///
    /// ```
    /// use chainrule_report::diagnostics::Binary;
    ///
    /// // scikit-learn's example: y = [0, 0, 1, 1], scores [0.1, 0.4, 0.35, 0.8].
    /// let binary = Binary::of("1", &[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]).unwrap();
    /// assert_eq!(binary.auc, 0.75);
    /// assert!((binary.average_precision - 0.8333).abs() < 1e-4);
    /// assert_eq!(binary.roc, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
    /// ```
    pub fn of(positive: &str, judged: &[(f64, bool)]) -> Option<Self> {
        let (all, of_class) = (judged.len(), judged.iter().filter(|one| one.1).count());
        if of_class == 0 || of_class == all {
            return None;
        }
        let (others, class) = ((all - of_class) as f64, of_class as f64);
        let mut order: Vec<&(f64, bool)> = judged.iter().collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut hits, mut misses, mut auc, mut average) = (0.0, 0.0, 0.0, 0.0);
        let (mut roc, mut precision_recall) = (vec![(0.0, 0.0)], vec![(0.0, 1.0)]);
        for tied in order.chunk_by(|a, b| a.0 == b.0) {
            let right = tied.iter().filter(|one| one.1).count() as f64;
            let wrong = tied.len() as f64 - right;
            auc += wrong * (hits + right / 2.0);
            (hits, misses) = (hits + right, misses + wrong);
            let precision = hits / (hits + misses);
            average += right * precision;
            roc.push((misses / others, hits / class));
            precision_recall.push((hits / class, precision));
        }
        let mut tenths = [(0.0, 0, 0); 10];
        for &(score, truth) in judged {
            let tenth = &mut tenths[((10.0 * score) as usize).min(9)];
            *tenth = (tenth.0 + score, tenth.1 + usize::from(truth), tenth.2 + 1);
        }
        let filled = tenths.into_iter().filter(|tenth| tenth.2 > 0);
        let square = |&(score, truth): &(f64, bool)| (score - f64::from(u8::from(truth))).powi(2);
        Some(Self {
            positive: positive.to_owned(),
            examples: all,
            prevalence: class / all as f64,
            auc: auc / (others * class),
            average_precision: average / class,
            brier: judged.iter().map(square).sum::<f64>() / all as f64,
            roc: thinned(roc),
            precision_recall: thinned(precision_recall),
            reliability: filled.map(|(sum, hits, n)| (sum / n as f64, hits as f64 / n as f64, n)).collect(),
        })
    }
}

/// At most 400 of the points, evenly along the curve, with both ends.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    const MOST: usize = 400;
    let last = points.len() - 1;
    if last < MOST {
        return points;
    }
    (0..MOST).map(|i| points[i * last / (MOST - 1)]).collect()
}

impl Fit {
    /// Root of the mean squared error, and mean absolute error, of the points.
    ///
    /// ```
    /// use chainrule_report::diagnostics::Fit;
    ///
    /// let fit = Fit { target: "y".to_owned(), examples: 2, points: vec![(1.0, 4.0), (2.0, 1.0)] };
    /// assert_eq!(fit.errors(), (5.0_f64.sqrt(), 2.0));
    /// ```
    pub fn errors(&self) -> (f64, f64) {
        let n = self.points.len().max(1) as f64;
        let errors = || self.points.iter().map(|(truth, predicted)| predicted - truth);
        ((errors().map(|e| e * e).sum::<f64>() / n).sqrt(), errors().map(f64::abs).sum::<f64>() / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half_and_one_class_alone_has_no_curve() {
        let constant: Vec<(f64, bool)> = (0..10).map(|i| (0.5, i % 2 == 0)).collect();
        let binary = Binary::of("yes", &constant).unwrap();
        assert_eq!((binary.auc, binary.average_precision, binary.prevalence), (0.5, 0.5, 0.5));
        assert_eq!(binary.roc, [(0.0, 0.0), (1.0, 1.0)]);
        assert_eq!(binary.reliability, [(0.5, 0.5, 10)]);
        assert_eq!(Binary::of("yes", &[(0.5, true)]), None);
        assert_eq!(Binary::of("yes", &[]), None);
    }

    #[test]
    fn a_certain_classifier_is_perfect_and_long_curves_keep_their_ends() {
        let certain: Vec<(f64, bool)> = (0..5000).map(|i| (f64::from(i) / 5000.0, i >= 2500)).collect();
        let binary = Binary::of("yes", &certain).unwrap();
        assert_eq!((binary.auc, binary.average_precision), (1.0, 1.0));
        assert_eq!((binary.roc[0], binary.roc[binary.roc.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        assert!(binary.roc.len() <= 400 && binary.reliability.len() == 10);
        let empty: Diagnostics = serde_json::from_str("{}").unwrap();
        assert_eq!(
            (empty.clone(), serde_json::to_string(&empty).unwrap()),
            (Diagnostics::default(), "{}".to_owned())
        );
    }
}
