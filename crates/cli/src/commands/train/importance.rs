//! How much each column of a table matters: permutation importance.

use std::ops::Range;

use chainrule::datasets::{ColumnKind, Dataset, Target};
use chainrule::ndarray::{Array2, Axis, s};
use chainrule::tensor::{Rng, Scalar, rows};
use chainrule::train::{Metrics, RegressionMetrics, class_of};
use chainrule_report::diagnostics::{Column, Drop, Importance};

use super::judged::{Judged, Trained};
use crate::commands::evaluate::headline;

/// How often each column is shuffled.
const REPEATS: usize = 5;
/// Examples that are used at most, and at least; columns at most.
const EXAMPLES: Range<usize> = 200..2000;
const COLUMNS: usize = 100;
/// Products of weights and numbers that may be spent: some tenths of a second.
const WORK: usize = 2_000_000_000;
/// The stream of random numbers that shuffles.
const STREAM: u64 = 0x0069_6d70_6f72_7461;

/// The columns of a table with the inputs that each becomes; of other data without pictures, the inputs themselves.
pub(super) fn columns<A: Scalar>(data: &Dataset<A>) -> Vec<(Column, Range<usize>)> {
    let numbers = |names: Vec<String>| -> Vec<(Column, Range<usize>)> {
        let number = |(i, name)| (Column { name, kind: "number".to_owned(), inputs: 1 }, i..i + 1);
        names.into_iter().enumerate().map(number).collect()
    };
    let Some(schema) = data.schema() else {
        return if data.image().is_some() { Vec::new() } else { numbers(data.feature_names()) };
    };
    let mut at = 0;
    let column = |feature: &chainrule::datasets::Feature| {
        let own = at..at + feature.kind.inputs();
        at = own.end;
        let kind = match &feature.kind {
            ColumnKind::Number => "number".to_owned(),
            ColumnKind::Category(words) => format!("category of {} words", words.len()),
            ColumnKind::Date { .. } => "date".to_owned(),
        };
        (Column { name: feature.name.clone(), kind, inputs: own.len() }, own)
    };
    schema.features.iter().map(column).collect()
}

/// How much worse the network does on the test examples where a column is shuffled.
pub(super) fn importance<A: Scalar>(
    trained: &Trained<'_, A>,
    test: &Judged<'_, A>,
    columns: &[(Column, Range<usize>)],
    seed: u64,
) -> Option<Importance> {
    let many = columns.len() > COLUMNS || columns.len() < 2;
    if many || test.data.len() < 2 {
        return None;
    }
    let products = trained.network.layout().len().max(1) * columns.len() * REPEATS;
    let examples = (WORK / products).clamp(EXAMPLES.start, EXAMPLES.end).min(test.data.len());
    let data = test.data.select(&(0..examples).collect::<Vec<_>>());
    let whole = test.inputs.slice(s![..examples, ..]).to_owned();
    let unshuffled = quality(&data, &test.predictions.slice(s![..examples, ..]).to_owned());
    // Without R² there is nothing that could fall.
    if unshuffled.is_nan() {
        return None;
    }
    let mut rng = Rng::stream(seed, STREAM);
    let drop = |(column, inputs): &(Column, Range<usize>)| {
        let losses: Vec<f64> = (0..REPEATS)
            .map(|_| {
                let mut order: Vec<usize> = (0..examples).collect();
                rng.shuffle(&mut order);
                let mut shuffled = whole.clone();
                let part = s![.., inputs.clone()];
                shuffled.slice_mut(part).assign(&whole.slice(part).select(Axis(0), &order));
                unshuffled - quality(&data, &trained.predict(&shuffled))
            })
            .collect();
        let mean = losses.iter().sum::<f64>() / REPEATS as f64;
        let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / REPEATS as f64;
        Drop { name: column.name.clone(), mean, deviation: variance.sqrt() }
    };
    Some(Importance {
        metric: if matches!(data.target(), Target::Real { .. }) { "R²" } else { "accuracy" }.to_owned(),
        unshuffled,
        examples,
        repeats: REPEATS,
        columns: columns.iter().map(drop).collect(),
    })
}

/// The accuracy or R² of predictions, NaN where R² is not defined.
fn quality<A: Scalar>(data: &Dataset<A>, predictions: &Array2<A>) -> f64 {
    let half = A::of(0.5);
    let share = |right: &mut dyn Iterator<Item = bool>| {
        right.filter(|right| *right).count() as f64 / data.len().max(1) as f64
    };
    match data.target() {
        Target::Classes { labels, .. } => {
            let is_right = |(row, &truth): (&[A], &u32)| class_of(row) == truth as usize;
            share(&mut rows::slices(predictions).zip(labels).map(is_right))
        }
        Target::MultiLabel { values, .. } => {
            let right = |(row, truth): (&[A], chainrule::ndarray::ArrayView1<'_, bool>)| {
                row.iter().zip(truth).all(|(p, &truth)| (*p > half) == truth)
            };
            share(&mut rows::slices(predictions).zip(values.rows()).map(right))
        }
        Target::Real { values, .. } => {
            let mut metrics = RegressionMetrics::new(values.ncols());
            metrics.add(predictions, values);
            headline(&Metrics::Regression(metrics))
        }
    }
}

#[cfg(test)]
mod tests {
    use chainrule::datasets::Pipeline;
    use chainrule::layers::{Architecture, Layer};
    use chainrule::model::{ModelCard, Output};
    use chainrule::train::Weights;

    use super::*;

    #[test]
    fn a_column_that_the_network_does_not_see_does_not_matter() {
        let x =
            Array2::from_shape_fn((100, 2), |(i, j)| if j == 0 { (i % 7) as f64 } else { (i % 5) as f64 });
        let target = Target::real(x.map_axis(Axis(1), |row| 3.0 * row[0]).insert_axis(Axis(1)));
        let data = Dataset::new("d", x, target).unwrap();
        let architecture = Architecture::parse(2.into(), "dense 1").unwrap();
        let network = architecture.build::<f64>(None);
        let card = ModelCard::new(architecture, Output::Identity, None);
        let theta = vec![3.0, 0.0, 0.0];
        assert_eq!(network.layout().len(), theta.len());
        let weights = Weights { theta: &theta, statistics: &[] };
        let trained = Trained { network: &network, card: &card, weights };
        let judged = Judged::of(&trained, "test", &data);
        let columns = columns(&data);
        let found = importance(&trained, &judged, &columns, 1).unwrap();
        assert_eq!((found.unshuffled, found.columns[1].mean, found.columns[1].deviation), (1.0, 0.0, 0.0));
        // Shuffled against themselves, numbers have a squared difference of twice their variance.
        assert!((found.columns[0].mean - 2.0).abs() < 0.4, "{found:?}");
        assert_eq!(found, importance(&trained, &judged, &columns, 1).unwrap());
        assert_eq!(judged.inputs, data.inputs_through(&Pipeline::new()));
    }
}
