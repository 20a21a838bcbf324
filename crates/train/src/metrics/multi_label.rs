use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices;

use crate::metrics::classification::{ClassMetrics, of_counts, ratio};

/// How well labels are predicted: the exact-match accuracy, and precision, recall and F1 of each label.
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::MultiLabelMetrics;
///
/// let mut metrics = MultiLabelMetrics::new(2);
/// metrics.add(&array![[1.5, -0.5], [0.5, 2.0]], &array![[1.0, 0.0], [0.0, 1.0]]);
/// assert_eq!(metrics.accuracy(), 0.5);
/// assert_eq!(metrics.label(0).precision, 0.5);
/// assert_eq!(metrics.label(1).f1, 1.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MultiLabelMetrics {
    examples: u64,
    exact: u64,
    labels: Vec<Counts>,
}

/// The examples for which a label was predicted, for which it holds, and both.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    hits: u64,
    predicted: u64,
    support: u64,
}

impl MultiLabelMetrics {
    /// No examples yet, of so many labels.
    pub fn new(labels: usize) -> Self {
        Self { examples: 0, exact: 0, labels: vec![Counts::default(); labels] }
    }

    /// Counts a batch of logits, one row an example, against targets of 0 and 1. A label is predicted where its logit is
    /// above 0, which is a probability above one half.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add<A: Scalar>(&mut self, logits: &ArrayRef2<A>, target: &ArrayRef2<A>) {
        assert_eq!(logits.dim(), target.dim(), "multi-label metrics: logits and targets differ in shape");
        let half = A::of(0.5);
        for (logits, target) in slices(logits).zip(slices(target)) {
            let mut exact = true;
            for ((&logit, &target), counts) in logits.iter().zip(target).zip(&mut self.labels) {
                let (predicted, holds) = (logit > A::zero(), target > half);
                counts.hits += u64::from(predicted && holds);
                counts.predicted += u64::from(predicted);
                counts.support += u64::from(holds);
                exact &= predicted == holds;
            }
            self.exact += u64::from(exact);
            self.examples += 1;
        }
    }

    /// All counts as numbers, which [`add_words`](Self::add_words) takes.
    pub(crate) fn words(&self) -> Vec<u64> {
        let labels = self.labels.iter().flat_map(|counts| [counts.hits, counts.predicted, counts.support]);
        [self.examples, self.exact].into_iter().chain(labels).collect()
    }

    /// Adds the counts of another process, and leaves what follows them.
    pub(crate) fn add_words(&mut self, words: &mut impl Iterator<Item = u64>) {
        let labels =
            self.labels.iter_mut().flat_map(|Counts { hits, predicted, support }| [hits, predicted, support]);
        for count in [&mut self.examples, &mut self.exact].into_iter().chain(labels) {
            *count += words.next().expect("words of multi-label metrics");
        }
    }

    /// How many labels there are.
    pub fn labels(&self) -> usize {
        self.labels.len()
    }

    /// The share of examples of which every label is predicted right, the exact-match or subset accuracy.
    pub fn accuracy(&self) -> f64 {
        ratio(self.exact, self.examples)
    }

    /// The figures of one label. A ratio whose denominator is 0 counts as 0.
    ///
    /// # Panics
    /// If there is no such label.
    pub fn label(&self, label: usize) -> ClassMetrics {
        let Counts { hits, predicted, support } = self.labels[label];
        of_counts(hits, predicted, support)
    }

    /// The unweighted mean of the labels' F1.
    pub fn macro_f1(&self) -> f64 {
        let labels = self.labels.len();
        (0..labels).map(|label| self.label(label).f1).sum::<f64>() / labels as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::{Array2, s};

    /// Figures by scikit-learn 1.9.1:
    ///
    /// ```text
    /// python -c 'import numpy as np; from sklearn.metrics import *
    /// n, k = np.indices((40, 3)); t = (n * (k + 3) % 7 < 3).astype(int); p = (n * (k + 2) % 5 < 2).astype(int)
    /// t[:, 2] = n[:, 2] == 3; p[:, 2] = 0
    /// print(accuracy_score(t, p), *precision_recall_fscore_support(t, p, zero_division=0), f1_score(t, p, average="macro"))'
    /// ```
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let target = Array2::from_shape_fn((40, 3), |(n, k)| {
            f64::from(u8::from(if k == 2 { n == 3 } else { n * (k + 3) % 7 < 3 }))
        });
        let logits =
            Array2::from_shape_fn((40, 3), |(n, k)| if k < 2 && n * (k + 2) % 5 < 2 { 0.25 } else { -0.5 });
        let mut metrics = MultiLabelMetrics::new(3);
        for (from, to) in [(0, 13), (13, 13), (13, 40)] {
            let mut part = MultiLabelMetrics::new(3);
            part.add(&logits.slice(s![from..to, ..]), &target.slice(s![from..to, ..]));
            let mut words = part.words().into_iter().chain([99]);
            metrics.add_words(&mut words);
            assert_eq!(words.next(), Some(99));
        }
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a}, {b}");
        close(metrics.accuracy(), 0.3);
        let known =
            [(0.5, 8.0 / 17.0, 16.0 / 33.0, 17), (0.5, 8.0 / 18.0, 8.0 / 17.0, 18), (0.0, 0.0, 0.0, 1)];
        for (label, (precision, recall, f1, support)) in known.into_iter().enumerate() {
            let of_label = metrics.label(label);
            close(of_label.precision, precision);
            close(of_label.recall, recall);
            close(of_label.f1, f1);
            assert_eq!(of_label.support, support);
        }
        close(metrics.macro_f1(), 0.318_478_906_714_200_8);
    }

    #[test]
    fn nothing_counted_is_no_division_by_zero() {
        let metrics = MultiLabelMetrics::new(1);
        assert_eq!((metrics.accuracy(), metrics.macro_f1(), metrics.labels()), (0.0, 0.0, 1));
    }
}
