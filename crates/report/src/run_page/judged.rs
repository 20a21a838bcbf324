//! How the network does on the test data or, without those, on the validation data.

use maud::{Markup, html};

use crate::diagnostics::{Binary, Fit, Part};
use crate::digits::{four_decimals, grouped, six_digits};
use crate::gallery::EXPLAIN;
use crate::html::{cell, chart, note, scrolling, section};
use crate::plot::{Mark, Plot};
use crate::results::{Evaluation, Results, TargetFigures};

use super::classes::{each, of_classes};

/// The sections of the kind of task.
pub(super) fn judged(results: &Results) -> Vec<Markup> {
    let pair = |parts: Vec<Markup>| html! { div.pair { @for part in parts { (part) } } };
    let (part, evaluation) = results.judged();
    let mut sections = Vec::new();
    match evaluation {
        Some(Evaluation::Classification { classes, confusion, confusion_pairs, .. }) => {
            sections.extend(of_classes(classes, confusion, confusion_pairs, part));
        }
        Some(Evaluation::MultiLabel { labels, .. }) => {
            let body = html! {
                (each("label", labels, &[]))
                (note("Accuracy is the fraction of examples of which every label is predicted right."))
            };
            sections.push(section("Each label", &body));
        }
        Some(Evaluation::Regression { targets, .. }) if !targets.is_empty() => {
            let drawn = results.diagnostics.regression.len();
            let body = html! {
                (each_target(targets, part, &results.diagnostics.parts))
                (note("RMSE and MAE are in the unit of the target."))
                @if (1..targets.len()).contains(&drawn) { (note(&format!("The charts are those of the first {drawn} targets."))) }
            };
            sections.push(section("Each target", &body));
        }
        _ => {}
    }
    if let Some(binary) = &results.diagnostics.binary {
        sections.push(html! { div.trio { @for chart in two_classes(binary, part) { (chart) } } });
    }
    let several = results.diagnostics.regression.len() > 1;
    sections.extend(results.diagnostics.regression.iter().map(|fit| pair(of_target(fit, several, part))));
    sections
}

fn two_classes(binary: &Binary, part: &str) -> Vec<Markup> {
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    let roc = Plot::new("ROC curve", "false positive rate", "true positive rate")
        .with("chance", Mark::Guide, diagonal)
        .with("true positive rate", Mark::Line, binary.roc.iter().copied());
    let level = [(0.0, binary.prevalence), (1.0, binary.prevalence)];
    let precision = Plot::new("Precision and recall", "recall", "precision")
        .with("chance", Mark::Guide, level)
        .with("precision", Mark::Steps, binary.precision_recall.iter().copied());
    let observed = binary.reliability.iter().map(|&(predicted, observed, n)| (predicted, observed, n));
    let reliability = Plot::new("Reliability", "mean predicted probability", "fraction of the class")
        .with("calibrated", Mark::Guide, diagonal)
        .counted("fraction of the class", observed);
    let Binary { positive, examples, .. } = binary;
    let counts: Vec<String> = binary.reliability.iter().map(|bin| grouped(bin.2)).collect();
    [
        chart(
            "ROC curve",
            &roc,
            &format!("Area under the curve {:.4}. Class {positive}, {} {part} examples.", binary.auc, grouped(*examples)),
        ),
        chart(
            "Precision and recall",
            &precision,
            &format!(
                "Average precision {:.4}, the area under the steps. The dashed line is chance: the {:.1} % of the examples that are \
                 {positive}.",
                binary.average_precision,
                100.0 * binary.prevalence
            ),
        ),
        chart(
            "Reliability",
            &reliability,
            &format!(
                "How often {positive} is true where its probability is so high, in tenths with {} examples; the area of a dot is their \
                 number. On the diagonal the probabilities are what they say. Brier score {:.4}.",
                counts.join(", "),
                binary.brier
            ),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_target(fit: &Fit, several: bool, part: &str) -> Vec<Markup> {
    let (rmse, mae) = fit.errors();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        fit.points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)))
    };
    let (low, high) = bounds(|point| point.0);
    let (least, most) = bounds(|point| point.1);
    let name = &fit.target;
    let predicted =
        Plot::new("Predicted against true", &format!("true {name}"), &format!("predicted {name}"))
            .with("equal", Mark::Guide, [(low, low), (high, high)])
            .numbered(fit.points.iter().copied());
    let residuals = Plot::new("Residuals", &format!("predicted {name}"), "predicted − true")
        .with("0", Mark::Guide, [(least, 0.0), (most, 0.0)])
        .numbered(fit.points.iter().map(|(truth, predicted)| (*predicted, predicted - truth)));
    let heading = |what: &str| if several { format!("{what}, {name}") } else { what.to_owned() };
    let which = if fit.points.len() < fit.examples {
        format!(" The first {} of {} {part} examples.", grouped(fit.points.len()), grouped(fit.examples))
    } else {
        format!(" {} {part} examples.", grouped(fit.examples))
    };
    let explained = if part == "test" { format!(" {EXPLAIN}") } else { String::new() };
    [
        chart(
            &heading("Predicted against true"),
            &predicted,
            &format!(
                "RMSE {}, MAE {}, in the unit of {name}.{which}{explained}",
                six_digits(rmse),
                six_digits(mae)
            ),
        ),
        chart(
            &heading("Residuals"),
            &residuals,
            "What a good fit leaves is a cloud around 0 that is equally wide everywhere.",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// R², RMSE and MAE of each target on each part, or of the judged part alone where a file of an earlier version has no others.
fn each_target(targets: &[TargetFigures], judged: &str, parts: &[Part]) -> Markup {
    let rows = targets.iter().enumerate().flat_map(|(at, of_judged)| {
        let of_parts = parts.iter().filter_map(move |part| Some((part.name.as_str(), part.targets.get(at)?)));
        let mut rows: Vec<_> = of_parts.collect();
        if rows.is_empty() {
            rows.push((judged, of_judged));
        }
        rows
    });
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "target" }
                th.words scope="col" { "part" }
                @for figure in ["R²", "RMSE", "MAE"] { th scope="col" { (figure) } }
            } }
            tbody {
                @for (part, TargetFigures { name, r2, rmse, mae }) in rows {
                    tr {
                        th scope="row" { (cell(name)) }
                        td.kind { (part) }
                        td { (four_decimals(*r2)) }
                        td { (six_digits(*rmse)) }
                        td { (mae.map(six_digits).unwrap_or_default()) }
                    }
                }
            }
        }
    };
    scrolling("Each target", &table)
}
