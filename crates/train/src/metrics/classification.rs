use std::cmp::Ordering;
use std::collections::BTreeMap;

use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::rows::{argmax, slices};
use serde::Serialize;

/// What a trained classifier is worth: counts of truth against prediction, and all that follows from them.
///
/// Memory grows with the pairs that occur, at most one for each example, and not with the square of the number of classes.
///
/// ```
/// use chainrule_tensor::ndarray::array;
/// use chainrule_train::Confusion;
///
/// let mut confusion = Confusion::new(2);
/// confusion.add(&array![[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], &[0, 1, 1]);
/// assert_eq!(confusion.table(), Some(array![[1, 0], [1, 1]]));
/// assert_eq!(confusion.pairs().collect::<Vec<_>>(), [(0, 0, 1), (1, 0, 1), (1, 1, 1)]);
/// assert_eq!(confusion.accuracy(), 2.0 / 3.0);
/// assert_eq!(confusion.class(0).precision, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Confusion {
    /// How often a true class was predicted as another or as itself, where it was.
    counts: BTreeMap<(u32, u32), u64>,
    /// The examples of each class, and the predictions.
    truths: Vec<u64>,
    guesses: Vec<u64>,
    /// How often the truth was the k-th guess, from 0.
    ranks: Vec<u64>,
}

/// The figures of one class or label. A ratio whose denominator is 0 counts as 0.
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
    /// Classes of a [`table`](Self::table) at most.
    pub const LARGEST_TABLE: usize = 256;

    /// No examples yet, of `classes` classes.
    pub fn new(classes: usize) -> Self {
        let zeros = || vec![0; classes];
        Self { counts: BTreeMap::new(), truths: zeros(), guesses: zeros(), ranks: zeros() }
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
            let guess = class_of(row);
            let rank = match row {
                [_] => usize::from(guess != truth),
                _ => {
                    row.iter().filter(|score| score.partial_cmp(&&row[truth]) != Some(Ordering::Less)).count()
                        - 1
                }
            };
            self.count(truth, guess, 1);
            self.ranks[rank] += 1;
        }
    }

    fn count(&mut self, truth: usize, guess: usize, examples: u64) {
        self.truths[truth] += examples;
        self.guesses[guess] += examples;
        *self.counts.entry((truth as u32, guess as u32)).or_insert(0) += examples;
    }

    /// All counts as numbers, which [`add_words`](Self::add_words) takes.
    pub(crate) fn words(&self) -> Vec<u64> {
        let pairs = self.pairs().flat_map(|(truth, guess, count)| [truth as u64, guess as u64, count]);
        std::iter::once(self.counts.len() as u64).chain(pairs).chain(self.ranks.iter().copied()).collect()
    }

    /// Adds the counts of another process, and leaves what follows them.
    pub(crate) fn add_words(&mut self, words: &mut impl Iterator<Item = u64>) {
        let mut next = || words.next().expect("words of a confusion");
        for _ in 0..next() {
            let (truth, guess, count) = (next(), next(), next());
            self.count(truth as usize, guess as usize, count);
        }
        self.ranks.iter_mut().for_each(|rank| *rank += next());
    }

    /// The pairs of true and predicted class that occur, with their counts, in the order of the classes.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.counts.iter().map(|(&(truth, guess), &count)| (truth as usize, guess as usize, count))
    }

    /// The table: row the true class, column the predicted one; `None` of more than [`LARGEST_TABLE`](Self::LARGEST_TABLE)
    /// classes.
    pub fn table(&self) -> Option<Array2<u64>> {
        let classes = self.truths.len();
        (classes <= Self::LARGEST_TABLE).then(|| {
            let mut table = Array2::zeros((classes, classes));
            self.pairs().for_each(|(truth, guess, count)| table[(truth, guess)] = count);
            table
        })
    }

    /// How many examples were counted.
    pub fn examples(&self) -> u64 {
        self.truths.iter().sum()
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts.get(&(class as u32, class as u32)).copied().unwrap_or(0)
    }

    /// The share whose class was named.
    pub fn accuracy(&self) -> f64 {
        ratio((0..self.truths.len()).map(|class| self.hits(class)).sum(), self.examples())
    }

    /// The share whose class was among the `k` best guesses: one with fewer than `k` others that score as high or higher.
    pub fn top(&self, k: usize) -> f64 {
        ratio(self.ranks.iter().take(k).sum(), self.examples())
    }

    /// The figures of one class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn class(&self, class: usize) -> ClassMetrics {
        of_counts(self.hits(class), self.guesses[class], self.truths[class])
    }

    /// The unweighted mean of the classes' F1.
    pub fn macro_f1(&self) -> f64 {
        let classes = self.truths.len();
        (0..classes).map(|class| self.class(class).f1).sum::<f64>() / classes as f64
    }
}

/// The figures from the examples that are both, that were named so, and that are so.
pub(crate) fn of_counts(hits: u64, named: u64, support: u64) -> ClassMetrics {
    let (precision, recall) = (ratio(hits, named), ratio(hits, support));
    let f1 = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    ClassMetrics { precision, recall, f1, support }
}

pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The class that a row of scores says: that of the largest, the first of equals; a lone score is the probability of the second of two.
pub fn class_of<A: Scalar>(scores: &[A]) -> usize {
    match scores {
        [p] => usize::from(*p > A::of(0.5)),
        _ => argmax(scores),
    }
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
    fn a_tie_is_no_hit() {
        // A constant network knows nothing, whichever class is the first of equals.
        let mut confusion = Confusion::new(4);
        confusion.add(&Array2::<f32>::zeros((4, 4)), &[0, 1, 2, 3]);
        assert_eq!([1, 3, 4].map(|k| confusion.top(k)), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_lone_column_is_a_probability() {
        let mut confusion = Confusion::new(2);
        confusion.add(&array![[0.7_f32], [0.2]], &[1, 1]);
        assert_eq!(confusion.table(), Some(array![[0, 0], [1, 1]]));
    }

    #[test]
    fn many_classes_have_pairs_and_no_table_and_processes_add_theirs() {
        let mut parts = [Confusion::new(40_000), Confusion::new(40_000)];
        let mut scores = Array2::<f32>::zeros((1, 40_000));
        scores[(0, 39_999)] = 1.0;
        parts[0].add(&scores, &[39_999]);
        parts[1].add(&scores, &[7]);
        let mut all = Confusion::new(40_000);
        for part in &parts {
            let mut words = part.words().into_iter().chain([99]);
            all.add_words(&mut words);
            assert_eq!(words.next(), Some(99));
        }
        assert_eq!(all.pairs().collect::<Vec<_>>(), [(7, 39_999, 1), (39_999, 39_999, 1)]);
        assert_eq!((all.table(), all.examples(), all.accuracy()), (None, 2, 0.5));
        let of_class = all.class(39_999);
        assert_eq!((of_class.precision, of_class.recall, of_class.support), (0.5, 1.0, 1));
        assert!(Confusion::new(256).table().is_some() && Confusion::new(257).table().is_none());
    }

    #[test]
    fn nothing_counted_is_no_division_by_zero() {
        assert_eq!(Confusion::new(2).accuracy(), 0.0);
    }
}
