use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::rows::{argmax, slices};
use serde::Serialize;

/// What a trained classifier is worth: counts of truth against prediction, and all that follows from them.
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::Confusion;
///
/// let mut confusion = Confusion::new(2);
/// confusion.add(&array![[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], &[0, 1, 1]);
/// assert_eq!(confusion.counts(), array![[1, 0], [1, 1]]);
/// assert_eq!(confusion.accuracy(), 2.0 / 3.0);
/// assert_eq!(confusion.class(0).precision, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// Row: the true class; column: the predicted one.
    counts: Array2<u64>,
    /// How often the truth was the k-th guess, from 0.
    ranks: Vec<u64>,
}

/// One class's figures. A ratio whose denominator is 0 counts as 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Of those named so, the share that is.
    pub precision: f64,
    /// Of those that are, the share named so.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// How many there are.
    pub support: u64,
}

impl Confusion {
    /// No examples yet, of `classes` classes.
    pub fn new(classes: usize) -> Self {
        Self { counts: Array2::zeros((classes, classes)), ranks: vec![0; classes] }
    }

    /// Counts a batch of scores, one row an example, against the true classes. The largest score wins, the first of
    /// equals; a lone column is a score for class 1 against a threshold of one half.
    ///
    /// # Panics
    /// If the lengths differ or a class is out of range.
    #[track_caller]
    pub fn add<A: Scalar>(&mut self, scores: &ArrayRef2<A>, truth: &[usize]) {
        assert_eq!(scores.nrows(), truth.len(), "confusion: scores and classes differ in number");
        for (row, &truth) in slices(scores).zip(truth) {
            let (guess, rank) = match row {
                [score] => {
                    let guess = usize::from(*score > A::of(0.5));
                    (guess, usize::from(guess != truth))
                }
                _ => (argmax(row), row.iter().filter(|&&score| score > row[truth]).count()),
            };
            self.counts[(truth, guess)] += 1;
            self.ranks[rank] += 1;
        }
    }

    /// All counts; those of several tables just add.
    pub(crate) fn numbers(&mut self) -> impl Iterator<Item = &mut u64> {
        self.counts.iter_mut().chain(&mut self.ranks)
    }

    /// The table itself: row the true class, column the predicted one.
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    /// How many examples were counted.
    pub fn examples(&self) -> u64 {
        self.counts.sum()
    }

    /// The share whose class was named.
    pub fn accuracy(&self) -> f64 {
        ratio(self.counts.diag().sum(), self.examples())
    }

    /// The share whose class was among the `k` best guesses.
    pub fn top(&self, k: usize) -> f64 {
        ratio(self.ranks.iter().take(k).sum(), self.examples())
    }

    /// The figures of one class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn class(&self, class: usize) -> ClassMetrics {
        let hits = self.counts[(class, class)];
        let support = self.counts.row(class).sum();
        let precision = ratio(hits, self.counts.column(class).sum());
        let recall = ratio(hits, support);
        let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
        ClassMetrics { precision, recall, f1, support }
    }

    /// The unweighted mean of the classes' F1.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.counts.nrows();
        (0..classes).map(|class| self.class(class).f1).sum::<f64>() / classes as f64
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_tensor::ndarray::array;

    #[test]
    fn figures_of_a_known_table() {
        // The example of scikit-learn's classification_report: y_true = [0,1,2,2,2], y_pred = [0,0,2,2,1].
        let one_hot = |k: usize| [f64::from(k == 0), f64::from(k == 1), f64::from(k == 2)];
        let scores = Array2::from(vec![one_hot(0), one_hot(0), one_hot(2), one_hot(2), one_hot(1)]);
        let mut confusion = Confusion::new(3);
        confusion.add(&scores, &[0, 1, 2, 2, 2]);
        assert_eq!(confusion.accuracy(), 0.6);
        let score = confusion.class(2);
        assert_eq!((score.precision, score.support), (1.0, 3));
        assert!((score.recall - 0.67).abs() < 5e-3 && (score.f1 - 0.80).abs() < 5e-3);
        assert_eq!(confusion.class(1).f1, 0.0);
        assert!((confusion.macro_f1() - 0.49).abs() < 5e-3);
    }

    #[test]
    fn top_k_counts_the_rank_of_the_truth() {
        let mut confusion = Confusion::new(3);
        confusion.add(&array![[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], &[0, 1, 2]);
        assert_eq!([1, 2, 3].map(|k| confusion.top(k)), [1.0 / 3.0, 2.0 / 3.0, 1.0]);
    }

    #[test]
    fn a_lone_column_is_a_probability() {
        let mut confusion = Confusion::new(2);
        confusion.add(&array![[0.7_f32], [0.2]], &[1, 1]);
        assert_eq!(confusion.counts(), array![[0, 0], [1, 1]]);
    }

    #[test]
    fn nothing_counted_is_no_division_by_zero() {
        assert_eq!(Confusion::new(2).accuracy(), 0.0);
    }
}
