//! What the simplest predictions reach on the test data: a network that does no better has learnt nothing.

use std::collections::BTreeMap;

use chainrule::datasets::{Dataset, Parts, Target};
use chainrule::layers::Dense;
use chainrule::model::{Model, ModelCard, Task, Trainer};
use chainrule::tensor::Scalar;
use chainrule_report::results::Baseline;

use super::Train;

/// The most weights of the linear model: a fraction of a second for all of its steps.
const MOST_WEIGHTS: usize = 50_000;
/// Its steps and the examples of each: those of the usual recipe, for any number of examples.
const STEPS: usize = 3_000;
const BATCH: usize = 32;

/// The commonest answer of the training data and, of a table that is not too large, a linear model; none without test data.
pub(super) fn baselines<A: Scalar>(
    args: &Train,
    parts: &Parts<A>,
    card: &ModelCard,
    threads: usize,
) -> Vec<Baseline> {
    let Some(test) = &parts.test else { return Vec::new() };
    let usual = commonest(parts.train.target(), test.target());
    let is_table = args.source().is_own() && parts.train.full_scale().is_none();
    let linear = if is_table { linear(&parts.train, test, card, threads) } else { None };
    usual.into_iter().chain(linear).collect()
}

/// The accuracy of the largest class or, of labels, of the commonest combination; the R² of the mean.
fn commonest(train: &Target, test: &Target) -> Option<Baseline> {
    let (name, score) = match (train, test) {
        (Target::Classes { labels, names }, Target::Classes { labels: of_test, .. }) => {
            let mut counts = vec![0_usize; names.len()];
            for &label in labels {
                counts[label as usize] += 1;
            }
            // Of equals the first.
            let largest = (0..counts.len()).rev().max_by_key(|&class| counts[class])?;
            ("largest class", share(of_test.iter().map(|&label| label as usize == largest)))
        }
        (Target::MultiLabel { values, .. }, Target::MultiLabel { values: of_test, .. }) => {
            let mut counts: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
            values.outer_iter().for_each(|row| *counts.entry(row.to_vec()).or_default() += 1);
            let (usual, _) = counts.iter().rev().max_by_key(|&(_, &count)| count)?;
            let is_usual = of_test.outer_iter().map(|row| row.iter().eq(usual));
            ("usual labels", share(is_usual))
        }
        (Target::Real { values, .. }, Target::Real { values: of_test, .. }) => {
            // R² = 1 − Σ(t̂ − t)² / Σ(t̄ − t)², with the mean t̂ of the training and t̄ of the test data; of columns, the mean.
            let columns = values.columns().into_iter().zip(of_test.columns());
            let scores: Vec<f64> = columns
                .map(|(train, test)| {
                    let squares = |from: f64| test.iter().map(|&t| (t - from) * (t - from)).sum::<f64>();
                    1.0 - squares(train.mean().unwrap_or_default()) / squares(test.mean().unwrap_or_default())
                })
                .collect();
            ("mean", scores.iter().sum::<f64>() / scores.len() as f64)
        }
        _ => return None,
    };
    score.is_finite().then(|| Baseline { name: name.to_owned(), loss: None, score })
}

fn share(hits: impl ExactSizeIterator<Item = bool>) -> f64 {
    let all = hits.len() as f64;
    hits.filter(|&hit| hit).count() as f64 / all
}

/// Logistic regression, or least squares: the network without hidden layers, on the same inputs.
fn linear<A: Scalar>(
    train: &Dataset<A>,
    test: &Dataset<A>,
    card: &ModelCard,
    threads: usize,
) -> Option<Baseline> {
    let (inputs, outputs) = (train.inputs(), card.architecture.outputs());
    if inputs.checked_mul(outputs)? > MOST_WEIGHTS || train.features().is_streamed() {
        return None;
    }
    let mut model = Model::new(Dense::new(inputs, outputs), 0).transform(card.transform.clone());
    let task = Task::new(train);
    let epochs = (STEPS * BATCH).div_ceil(train.len()).min(200);
    // A model that overflows is no baseline.
    Trainer::new(&task).epochs(epochs).batch(BATCH).threads(threads).fit(&mut model).ok()?;
    let result = model.evaluate(test).ok()?;
    let score = result.metrics.headline();
    // A loss is compared with one of its kind.
    let is_comparable = model.card().is_some_and(|linear| linear.loss == card.loss);
    Some(Baseline { name: "linear model".to_owned(), loss: is_comparable.then_some(result.loss), score })
}

#[cfg(test)]
mod tests {
    use chainrule::ndarray::array;

    use super::*;

    #[test]
    fn the_commonest_answer_is_judged_on_the_test_data() {
        let classes = |labels: &[u32]| Target::numbered(labels.to_vec(), 3);
        let found = commonest(&classes(&[2, 1, 1, 0]), &classes(&[1, 0, 2, 2])).unwrap();
        assert_eq!((found.name.as_str(), found.score), ("largest class", 0.25));
        let real = |values| Target::Real { values, names: vec!["y".to_owned()] };
        let found = commonest(&real(array![[1.0], [3.0]]), &real(array![[1.0], [5.0]])).unwrap();
        // The mean of the training data is 2: 1 − (1 + 9)/(4 + 4).
        assert_eq!((found.name.as_str(), found.score), ("mean", -0.25));
    }
}
