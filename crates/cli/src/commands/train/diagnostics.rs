//! What a report says of a run beyond its figures.

use chainrule::datasets::{Dataset, Label, Parts, Target};
use chainrule::ndarray::ArrayView1;
use chainrule::tensor::{Scalar, rows};
use chainrule::train::{Evaluation, Metrics};
use chainrule_report::diagnostics::{Binary, CLASSES, Diagnostics, Fit, LayerRow, Part};

use super::Train;
use super::importance::{columns, importance};
use super::judged::{Judged, Trained};
use super::outcome::Outcome;
use crate::commands::data::{DEFAULT_TEST, TestPart};
use crate::commands::evaluate;
use crate::commands::stages::{StageRow, stage_names, stage_rows};

/// Examples of a regression whose numbers are kept.
const POINTS: usize = 1000;

/// All of it; `test` is the part that is judged, with the predictions.
pub(super) fn diagnostics<A: Scalar>(
    args: &Train,
    trained: &Trained<'_, A>,
    (parts, has_own_test): (&Parts<A>, bool),
    outcome: &Outcome,
    test: Option<&Judged<'_, A>>,
) -> Diagnostics {
    let columns = columns(&parts.train);
    let architecture = &trained.card.architecture;
    let rows = stage_rows(trained.network, &stage_names(architecture));
    let row = |StageRow { path, words, output, parameters }| LayerRow { path, words, output, parameters };
    let classes = parts.train.class_names();
    let labels = parts.train.target().labels();
    Diagnostics {
        network: rows.into_iter().map(row).collect(),
        input: architecture.input.to_string(),
        parts: figures(args, (parts, has_own_test), outcome),
        classes: if classes.len() > CLASSES { Vec::new() } else { classes.to_vec() },
        labels: if labels.len() > CLASSES { Vec::new() } else { labels.iter().map(positive).collect() },
        importance: test.and_then(|test| importance(trained, test, &columns, args.seed)),
        // Inputs without a name of their own are no columns to list.
        columns: match parts.train.schema() {
            Some(_) => columns.into_iter().map(|(column, _)| column).collect(),
            None => Vec::new(),
        },
        binary: test.and_then(binary),
        regression: test.map_or_else(Vec::new, fits),
    }
}

/// Each part with how it was chosen and what was measured on it.
fn figures<A: Scalar>(
    args: &Train,
    (parts, has_own_test): (&Parts<A>, bool),
    outcome: &Outcome,
) -> Vec<Part> {
    let all = [
        ("training", Some(&parts.train), Some(&outcome.train)),
        ("validation", parts.validation.as_ref(), outcome.validation.as_ref()),
        ("test", parts.test.as_ref(), outcome.test.as_ref()),
    ];
    let part = |(name, data, evaluation): (&str, Option<&Dataset<A>>, Option<&Evaluation>)| {
        let (data, evaluation) = (data?, evaluation?);
        let (rmse, mae, targets) = match &evaluation.metrics {
            Metrics::Regression(metrics) => {
                let targets = evaluate::targets(data.target().columns(), metrics);
                (Some(metrics.rmse()), Some(metrics.mae()), targets)
            }
            _ => (None, None, Vec::new()),
        };
        let counts = counts(data).filter(|counts| counts.len() <= CLASSES);
        Some(Part {
            name: name.to_owned(),
            examples: data.len(),
            origin: origin(args, name, has_own_test, data),
            loss: evaluation.loss,
            accuracy: evaluation.metrics.accuracy(),
            r2: evaluation.metrics.r_squared(),
            rmse,
            mae,
            targets,
            of_class: counts.unwrap_or_default(),
        })
    };
    all.into_iter().filter_map(part).collect()
}

/// A label with the word where it holds.
fn positive(label: &Label) -> String {
    format!("{} = {}", label.name, label.words[1])
}

/// The number of examples of each class, or of those for which each label holds.
fn counts<A: Scalar>(data: &Dataset<A>) -> Option<Vec<usize>> {
    match data.target() {
        Target::MultiLabel { values, .. } => {
            let of = |label: ArrayView1<'_, bool>| label.iter().filter(|&&holds| holds).count();
            Some(values.columns().into_iter().map(of).collect())
        }
        _ => data.class_counts(),
    }
}

/// How a part was chosen.
fn origin<A: Scalar>(args: &Train, name: &str, has_own_test: bool, data: &Dataset<A>) -> String {
    let drawn = |fraction: f64, from: &str| {
        let how = if data.is_split_by_class() { ", each class in proportion" } else { "" };
        format!("{} % of {from}, drawn by seed {}{how}", 100.0 * fraction, args.seed)
    };
    match (name, &args.test) {
        ("validation", _) if args.validation > 0.0 => drawn(args.validation, "the training data"),
        ("validation", _) => "the validation part of the data".to_owned(),
        ("test", Some(TestPart::Fraction(fraction))) => drawn(*fraction, "the data"),
        ("test", Some(TestPart::File(file))) => format!("{}", file.display()),
        ("test", None) if has_own_test => "the test part of the data".to_owned(),
        ("test", None) => drawn(DEFAULT_TEST, "the data"),
        _ => "all other examples".to_owned(),
    }
}

/// The curves of two classes.
fn binary<A: Scalar>(test: &Judged<'_, A>) -> Option<Binary> {
    let (labels, names) = (test.data.labels()?, test.data.class_names());
    let [_, positive] = names else { return None };
    let score = |row: &[A]| row.last().map_or(f64::NAN, |p| p.as_f64());
    let judged = rows::slices(&test.predictions).zip(labels);
    let judged: Vec<(f64, bool)> = judged.map(|(row, &label)| (score(row), label == 1)).collect();
    // A score that is no probability orders examples, but is not what a reliability curve is of.
    let are_probabilities = judged.iter().all(|(score, _)| (0.0..=1.0).contains(score));
    if are_probabilities { Binary::of(positive, &judged) } else { None }
}

/// True and predicted values of each target.
fn fits<A: Scalar>(test: &Judged<'_, A>) -> Vec<Fit> {
    const TARGETS: usize = 4;
    let Target::Real { values, names } = test.data.target() else { return Vec::new() };
    let fit = |(column, name): (usize, &String)| {
        let truths = values.column(column).to_vec();
        let predicted = test.predictions.column(column).to_vec();
        let points = truths.into_iter().zip(predicted).map(|(truth, predicted)| (truth, predicted.as_f64()));
        Fit { target: name.clone(), examples: test.data.len(), points: points.take(POINTS).collect() }
    };
    names.iter().enumerate().take(TARGETS).map(fit).collect()
}
