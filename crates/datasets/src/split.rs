//! Splits of examples into parts, as lists of indices, each a function of its arguments and a seed.
//!
//! Every list is ascending: a split says which examples, and [`Batches`](crate::Batches) says in which order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::error::Error;
use crate::streams;

/// How much is held out from the training data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HoldOut {
    /// A fraction between 0 and 1, rounded to the nearest number of examples.
    Fraction(f64),
    /// A number of examples.
    Count(usize),
}

/// A split in two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The remaining examples, ascending.
    pub rest: Vec<usize>,
    /// The held-out examples, ascending.
    pub held_out: Vec<usize>,
}

/// Holds out some of `n` examples, drawn uniformly.
///
/// # Errors
/// If either side would be empty.
///
/// ```
/// use chainrule_datasets::split::{self, HoldOut};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let split = split::plain(10, HoldOut::Fraction(0.3), 1)?;
/// assert_eq!((split.rest.len(), split.held_out.len()), (7, 3));
/// # Ok(())
/// # }
/// ```
pub fn plain(n: usize, hold_out: HoldOut, seed: u64) -> Result<Split, Error> {
    stratified(&vec![0; n], hold_out, seed)
}

/// Holds out some examples of each class, in proportion (stratified).
///
/// Of class c with n꜀ of n examples, `count`·n꜀/n are due; each class gets the whole part of that, and the examples
/// still missing go to the classes with the largest remainders, the first of equals.
///
/// # Errors
/// If either side would be empty.
///
/// # References
/// Hamilton's method of apportionment (largest remainder), 1792.
///
/// ```
/// use chainrule_datasets::split::{self, HoldOut};
///
/// # fn main() -> Result<(), chainrule_datasets::Error> {
/// let split = split::stratified(&[0, 0, 0, 0, 1, 1], HoldOut::Count(3), 1)?;
/// assert_eq!(split.held_out.iter().filter(|&&i| i < 4).count(), 2);
/// # Ok(())
/// # }
/// ```
pub fn stratified(labels: &[u32], hold_out: HoldOut, seed: u64) -> Result<Split, Error> {
    let n = labels.len();
    let count = count(n, hold_out)?;
    let mut classes = by_class(labels);
    let quotas = largest_remainder(&classes.iter().map(Vec::len).collect::<Vec<_>>(), count, n);
    let (mut rest, mut held_out) = (Vec::with_capacity(n - count), Vec::with_capacity(count));
    let mut rng = streams::split(seed);
    for (class, quota) in classes.iter_mut().zip(quotas) {
        rng.shuffle(class);
        held_out.extend_from_slice(&class[..quota]);
        rest.extend_from_slice(&class[quota..]);
    }
    rest.sort_unstable();
    held_out.sort_unstable();
    Ok(Split { rest, held_out })
}

/// k splits of `n` examples for cross-validation: each example is held out once, and the sizes differ by at most 1.
///
/// # Errors
/// If k is below 2 or above `n`.
///
/// ```
/// let folds = chainrule_datasets::split::k_fold(10, 3, 1).unwrap();
/// assert_eq!(folds.iter().map(|fold| fold.held_out.len()).collect::<Vec<_>>(), [4, 3, 3]);
/// ```
pub fn k_fold(n: usize, k: usize, seed: u64) -> Result<Vec<Split>, Error> {
    stratified_k_fold(&vec![0; n], k, seed)
}

/// k stratified splits: each example is held out once, and the sizes, and the counts of each class, differ by at most 1.
///
/// # Errors
/// If k is below 2 or above the number of examples.
///
/// ```
/// let folds = chainrule_datasets::split::stratified_k_fold(&[0, 1, 0, 1, 0, 1], 3, 1).unwrap();
/// assert!(folds.iter().all(|fold| fold.held_out.iter().filter(|&&i| i % 2 == 0).count() == 1));
/// ```
pub fn stratified_k_fold(labels: &[u32], k: usize, seed: u64) -> Result<Vec<Split>, Error> {
    let n = labels.len();
    if k < 2 || k > n {
        return Err(Error::Split {
            examples: n,
            fault: format!("{k} folds: choose 2 up to the number of examples"),
        });
    }
    let mut rng = streams::split(seed);
    let mut fold_of = vec![0; n];
    let mut dealt = 0;
    // Dealing goes on from class to class where it stopped: so both the classes and the whole come out even.
    for mut class in by_class(labels) {
        rng.shuffle(&mut class);
        for example in class {
            fold_of[example] = dealt % k;
            dealt += 1;
        }
    }
    let fold = |fold| {
        let (held_out, rest) = (0..n).partition(|&example| fold_of[example] == fold);
        Split { rest, held_out }
    };
    Ok((0..k).map(fold).collect())
}

fn count(n: usize, hold_out: HoldOut) -> Result<usize, Error> {
    let count = match hold_out {
        HoldOut::Count(count) => count,
        // A NaN becomes 0, and is refused with it.
        HoldOut::Fraction(fraction) => (fraction * n as f64).round() as usize,
    };
    if count == 0 || count >= n {
        let held = match hold_out {
            HoldOut::Count(count) => count.to_string(),
            HoldOut::Fraction(fraction) => format!("a fraction of {fraction}"),
        };
        let fault = format!("holding out {held} leaves none on one side");
        return Err(Error::Split { examples: n, fault });
    }
    Ok(count)
}

/// The examples of each class that occurs, ascending.
fn by_class(labels: &[u32]) -> Vec<Vec<usize>> {
    let mut classes = BTreeMap::<u32, Vec<usize>>::new();
    for (example, &label) in labels.iter().enumerate() {
        classes.entry(label).or_default().push(example);
    }
    classes.into_values().collect()
}

/// `count` seats in proportion to `sizes`, which sum to `n`; in whole numbers, so that no rounding decides.
fn largest_remainder(sizes: &[usize], count: usize, n: usize) -> Vec<usize> {
    let due = |size: usize| size as u128 * count as u128;
    let mut quotas: Vec<usize> = sizes.iter().map(|&size| (due(size) / n as u128) as usize).collect();
    let missing = count - quotas.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| Reverse(due(sizes[class]) % n as u128));
    for &class in &order[..missing] {
        quotas[class] += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_sides_are_refused() {
        for share in [0.0, 1.0, -3.0, 7.0, f64::NAN, f64::INFINITY].map(HoldOut::Fraction) {
            assert!(plain(10, share, 0).is_err(), "{share:?}");
        }
        assert!(plain(10, HoldOut::Count(10), 0).is_err() && plain(0, HoldOut::Count(0), 0).is_err());
        assert!(k_fold(5, 6, 0).is_err() && k_fold(5, 1, 0).is_err() && k_fold(0, 2, 0).is_err());
    }

    #[test]
    fn a_split_is_a_function_of_the_seed() {
        let draw = |seed| plain(100, HoldOut::Count(50), seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    proptest! {
        #[test]
        fn classes_are_held_out_in_proportion(
            labels in prop::collection::vec(0_u32..5, 2..200), fraction in 0.0..1.0_f64, seed: u64,
        ) {
            let n = labels.len();
            let count = ((fraction * n as f64) as usize).clamp(1, n - 1);
            let Split { rest, held_out } = stratified(&labels, HoldOut::Count(count), seed).unwrap();
            prop_assert_eq!(held_out.len(), count);
            let mut all = [rest, held_out.clone()].concat();
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..n));
            for class in 0..5 {
                let size = labels.iter().filter(|&&label| label == class).count();
                let held = held_out.iter().filter(|&&i| labels[i] == class).count();
                prop_assert!((held as f64 - (size * count) as f64 / n as f64).abs() < 1.0);
            }
        }

        #[test]
        fn folds_are_even(labels in prop::collection::vec(0_u32..4, 7..100), k in 2_usize..7, seed: u64) {
            let folds = stratified_k_fold(&labels, k, seed).unwrap();
            let mut held: Vec<usize> = folds.iter().flat_map(|fold| fold.held_out.clone()).collect();
            held.sort_unstable();
            prop_assert!(held.into_iter().eq(0..labels.len()));
            let even = |counts: Vec<usize>| counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1;
            prop_assert!(even(folds.iter().map(|fold| fold.held_out.len()).collect()));
            for class in 0..4 {
                let of_class = |fold: &Split| fold.held_out.iter().filter(|&&i| labels[i] == class).count();
                prop_assert!(even(folds.iter().map(of_class).collect()));
            }
        }
    }
}
