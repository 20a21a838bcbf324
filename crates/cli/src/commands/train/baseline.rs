//! What the simplest predictions reach on the test data: a network that does no better has learnt nothing.

use std::collections::BTreeMap;

use chainrule::datasets::{Dataset, Parts, Target};
use chainrule::layers::Dense;
use chainrule::model::{Model, ModelCard, Task, Trainer};
use chainrule::tensor::Scalar;
use chainrule::train::Metrics;
use chainrule_report::results::{Baseline, BaselineMetric};

/// The most weights of the linear model, and products of a weight and an input in all of its steps: a second or less.
const MOST_WEIGHTS: usize = 50_000;
const MOST_PRODUCTS: usize = 1_000_000_000;
/// Its steps and the examples of each: those of the usual recipe, for any number of examples.
const STEPS: usize = 3_000;
const BATCH: usize = 32;

/// The commonest answer of the training data and, where it is trained in a second, a linear model; none without test data, and
/// nothing to learn of a target that is constant.
pub(super) fn baselines<A: Scalar>(
    parts: &Parts<A>,
    card: &ModelCard,
    threads: usize,
    is_constant: bool,
) -> Vec<Baseline> {
    let Some(test) = &parts.test else { return Vec::new() };
    let usual = commonest(parts.train.target(), test.target());
    let linear = if is_constant { None } else { linear(&parts.train, test, card, threads) };
    usual.into_iter().chain(linear).collect()
}

/// Says so where the targets are the same numbers in all training examples.
pub(super) fn constant(train: &Target) -> Option<String> {
    let Target::Real { values, names } = train else { return None };
    let first = values.outer_iter().next()?;
    let is_constant = values.outer_iter().all(|row| row == first);
    let each = names.iter().zip(first).map(|(name, value)| format!("{name} is {value}"));
    let each = each.collect::<Vec<_>>().join(" and ");
    is_constant.then(|| format!("{each} in all training examples: there is nothing to predict"))
}

/// The accuracy of the largest class or, of labels, of the commonest combination; the R² of the mean.
fn commonest(train: &Target, test: &Target) -> Option<Baseline> {
    let (name, metric) = match (train, test) {
        (Target::Classes { labels, names }, Target::Classes { labels: of_test, .. }) => {
            let mut counts = vec![0_usize; names.len()];
            for &label in labels {
                counts[label as usize] += 1;
            }
            // Of equals the first.
            let largest = (0..counts.len()).rev().max_by_key(|&class| counts[class])?;
            (
                "largest class",
                BaselineMetric::Accuracy(share(of_test.iter().map(|&label| label as usize == largest))),
            )
        }
        (Target::MultiLabel { values, .. }, Target::MultiLabel { values: of_test, .. }) => {
            let mut counts: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
            values.outer_iter().for_each(|row| *counts.entry(row.to_vec()).or_default() += 1);
            let (usual, _) = counts.iter().rev().max_by_key(|&(_, &count)| count)?;
            let is_usual = of_test.outer_iter().map(|row| row.iter().eq(usual));
            ("usual labels", BaselineMetric::Accuracy(share(is_usual)))
        }
        (Target::Real { values, .. }, Target::Real { values: of_test, .. }) => {
            // R² = 1 − Σ(t̂ − t)² / Σ(t̄ − t)², with the mean t̂ of the training and t̄ of the test data; of columns, the mean.
            let columns = values.columns().into_iter().zip(of_test.columns());
            let r_squared: Vec<f64> = columns
                .map(|(train, test)| {
                    let squares = |from: f64| test.iter().map(|&t| (t - from) * (t - from)).sum::<f64>();
                    1.0 - squares(train.mean().unwrap_or_default()) / squares(test.mean().unwrap_or_default())
                })
                .collect();
            ("mean", BaselineMetric::R2(r_squared.iter().sum::<f64>() / r_squared.len() as f64))
        }
        _ => return None,
    };
    metric.value().is_finite().then(|| Baseline { name: name.to_owned(), loss: None, metric })
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
    if epochs.checked_mul(train.len())?.checked_mul(inputs * outputs)? > MOST_PRODUCTS {
        return None;
    }
    // A model that overflows is no baseline.
    Trainer::new(&task).epochs(epochs).batch(BATCH).threads(threads).fit(&mut model).ok()?;
    let result = model.evaluate(test).ok()?;
    let metric = match &result.metrics {
        Metrics::Regression(_) => BaselineMetric::R2(result.metrics.r_squared()?),
        metrics => BaselineMetric::Accuracy(metrics.headline()),
    };
    // A loss is compared with one of its kind.
    let is_comparable = model.card().is_some_and(|linear| linear.loss == card.loss);
    Some(Baseline { name: "linear model".to_owned(), loss: is_comparable.then_some(result.loss), metric })
}

#[cfg(test)]
mod tests {
    use chainrule::ndarray::array;

    use super::*;

    #[test]
    fn the_commonest_answer_is_judged_on_the_test_data() {
        let classes = |labels: &[u32]| Target::numbered(labels.to_vec(), 3);
        let found = commonest(&classes(&[2, 1, 1, 0]), &classes(&[1, 0, 2, 2])).unwrap();
        assert_eq!((found.name.as_str(), found.metric), ("largest class", BaselineMetric::Accuracy(0.25)));
        let real = |values| Target::Real { values, names: vec!["y".to_owned()] };
        let found = commonest(&real(array![[1.0], [3.0]]), &real(array![[1.0], [5.0]])).unwrap();
        // The mean of the training data is 2: 1 − (1 + 9)/(4 + 4).
        assert_eq!((found.name.as_str(), found.metric), ("mean", BaselineMetric::R2(-0.25)));
    }

    #[test]
    fn a_constant_target_is_nothing_to_predict() {
        let real = |values| Target::Real { values, names: vec!["y".to_owned()] };
        assert_eq!(
            constant(&real(array![[2.5], [2.5]])).unwrap(),
            "y is 2.5 in all training examples: there is nothing to predict"
        );
        assert_eq!(constant(&real(array![[2.5], [2.0]])), None);
        assert_eq!(constant(&Target::numbered(vec![0, 0], 1)), None);
    }
}
