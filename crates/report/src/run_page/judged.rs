//! How the network does on the test data.

use maud::{Markup, html};

use crate::diagnostics::{Binary, Fit};
use crate::digits::{grouped, ratio, six_digits};
use crate::html::{cell, chart, named_head, note, section, table};
use crate::plot::{Mark, Plot};
use crate::results::{Class, Evaluation, Results, TargetFigures};

/// Beyond this many classes a confusion matrix is no picture any more.
const CLASSES: usize = 30;

/// The sections of the kind of task.
pub(super) fn judged(results: &Results) -> Vec<Markup> {
    let pair = |parts: Vec<Markup>| html! { div.pair { @for part in parts { (part) } } };
    let mut sections = Vec::new();
    match &results.test {
        Some(Evaluation::Classification { classes, confusion, .. }) => sections.push(pair(vec![
            section("Confusion matrix", &matrix(classes, confusion)),
            section("Each class", &each("class", classes)),
        ])),
        Some(Evaluation::MultiLabel { labels, .. }) => {
            let body = html! {
                (each("label", labels))
                (note("Accuracy is the fraction of examples of which every label is predicted right."))
            };
            sections.push(section("Each label", &body));
        }
        Some(Evaluation::Regression { targets, .. }) if !targets.is_empty() => {
            let drawn = results.diagnostics.regression.len();
            let body = html! {
                (each_target(targets))
                (note("R² of the run is the mean over the targets."))
                @if (1..targets.len()).contains(&drawn) { (note(&format!("The charts are those of the first {drawn} targets."))) }
            };
            sections.push(section("Each target", &body));
        }
        _ => {}
    }
    if let Some(binary) = &results.diagnostics.binary {
        sections.push(html! { div.trio { @for part in two_classes(binary) { (part) } } });
    }
    let several = results.diagnostics.regression.len() > 1;
    sections.extend(results.diagnostics.regression.iter().map(|fit| pair(of_target(fit, several))));
    sections
}

fn two_classes(binary: &Binary) -> Vec<Markup> {
    let diagonal = [(0.0, 0.0), (1.0, 1.0)];
    let roc = Plot::new("ROC curve", "false positive rate", "true positive rate")
        .with("chance", Mark::Guide, diagonal)
        .with("true positive rate", Mark::Line, binary.roc.iter().copied());
    let level = [(0.0, binary.prevalence), (1.0, binary.prevalence)];
    let precision = Plot::new("Precision and recall", "recall", "precision")
        .with("chance", Mark::Guide, level)
        .with("precision", Mark::Line, binary.precision_recall.iter().copied());
    let observed = binary.reliability.iter().map(|&(predicted, observed, _)| (predicted, observed));
    let reliability = Plot::new("Reliability", "mean predicted probability", "fraction of the class")
        .with("calibrated", Mark::Guide, diagonal)
        .with("fraction of the class", Mark::Line, observed);
    let Binary { positive, examples, .. } = binary;
    let counts: Vec<String> = binary.reliability.iter().map(|bin| bin.2.to_string()).collect();
    [
        chart(
            "ROC curve",
            &roc,
            &format!("Area under the curve {:.4}. Class {positive}, {} test examples.", binary.auc, grouped(*examples)),
        ),
        chart(
            "Precision and recall",
            &precision,
            &format!("Average precision {:.4}. The dashed line is chance: the {:.1} % of the examples that are {positive}.",
                binary.average_precision, 100.0 * binary.prevalence),
        ),
        chart(
            "Reliability",
            &reliability,
            &format!(
                "How often {positive} is true where its probability is so high, in tenths with {} examples. On the diagonal the \
                 probabilities are what they say. Brier score {:.4}.",
                counts.join(", "),
                binary.brier
            ),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_target(fit: &Fit, several: bool) -> Vec<Markup> {
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
            .with("test example", Mark::Dots, fit.points.iter().copied());
    let residuals = Plot::new("Residuals", &format!("predicted {name}"), "predicted − true")
        .with("0", Mark::Guide, [(least, 0.0), (most, 0.0)])
        .with(
            "test example",
            Mark::Dots,
            fit.points.iter().map(|(truth, predicted)| (*predicted, predicted - truth)),
        );
    let heading = |what: &str| if several { format!("{what}, {name}") } else { what.to_owned() };
    let which = if fit.points.len() < fit.examples {
        format!(" The first {} of {} test examples.", grouped(fit.points.len()), grouped(fit.examples))
    } else {
        format!(" {} test examples.", grouped(fit.examples))
    };
    [
        chart(
            &heading("Predicted against true"),
            &predicted,
            &format!("RMSE {}, MAE {}, in the unit of {name}.{which}", six_digits(rmse), six_digits(mae)),
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

fn each_target(targets: &[TargetFigures]) -> Markup {
    let row = |TargetFigures { name, r2, rmse, mae }: &TargetFigures| {
        let mae = mae.map(six_digits).unwrap_or_default();
        vec![cell(name), cell(&ratio(*r2)), cell(&six_digits(*rmse)), cell(&mae)]
    };
    table(&["target", "R²", "RMSE", "MAE"], &targets.iter().map(row).collect::<Vec<_>>())
}

fn each(what: &str, classes: &[Class]) -> Markup {
    let rows: Vec<Vec<Markup>> = classes
        .iter()
        .map(|Class { name, figures }| {
            let ratios = [figures.precision, figures.recall, figures.f1].map(|figure| cell(&ratio(figure)));
            [&[cell(name)], &ratios[..], &[cell(&figures.support.to_string())]].concat()
        })
        .collect();
    table(&[what, "precision", "recall", "F1", "examples"], &rows)
}

fn matrix(classes: &[Class], confusion: &[Vec<u64>]) -> Markup {
    if classes.len() > CLASSES {
        return note(
            "There are too many classes for a matrix: `chainrule evaluate --json` prints all numbers.",
        );
    }
    // Of many classes the heads of the columns are as narrow as the cells, which no long name is.
    let is_numbered = classes.len() > 8 && classes.iter().any(|class| class.name.chars().count() > 4);
    let head = |at: usize, name: &str| if is_numbered { (at + 1).to_string() } else { name.to_owned() };
    html! {
        input #counts type="radio" name="matrix" checked;
        label.switch for="counts" { "examples" }
        input #shares type="radio" name="matrix";
        label.switch for="shares" { "% of the true class" }
        div.scroll tabindex="0" {
            table.matrix {
                thead { tr { td {} @for (at, class) in classes.iter().enumerate() {
                    (named_head(&class.name, &head(at, &class.name)))
                } } }
                tbody {
                    @for (truth, (class, row)) in classes.iter().zip(confusion).enumerate() {
                        tr {
                            th scope="row" title=(class.name) { @if is_numbered { (truth + 1) " " } (class.name) }
                            @for (prediction, &count) in row.iter().enumerate() {
                                td.cell.hit[prediction == truth].miss[prediction != truth]
                                    style=(tint(count, row)) data-share=(percent(count, row)) { @if count > 0 { (count) } }
                            }
                        }
                    }
                }
            }
        }
        (note("True class by row, predicted class by column, on the test data."))
        @if is_numbered { (note("The columns are numbered as the rows.")) }
    }
}

/// The share of a count in its row as a property of CSS. The root makes rare confusions visible.
fn tint(count: u64, row: &[u64]) -> String {
    format!("--share:{:.3}", 0.75 * share(count, row).sqrt())
}

fn share(count: u64, row: &[u64]) -> f64 {
    count as f64 / row.iter().sum::<u64>().max(1) as f64
}

/// The share of a count in its row, per cent; nothing where there is none.
fn percent(count: u64, row: &[u64]) -> String {
    match 100.0 * share(count, row) {
        0.0 => String::new(),
        share if share < 9.95 => format!("{share:.1}"),
        share => format!("{share:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::ClassFigures;

    #[test]
    fn the_columns_of_many_long_names_are_numbers_with_the_names_as_titles() {
        let score = ClassFigures { precision: 1.0, recall: 1.0, f1: 1.0, support: 1 };
        let of = |name: &str, classes: usize| {
            let classes: Vec<_> =
                (0..classes).map(|i| Class { name: format!("{name}{i}"), figures: score }).collect();
            matrix(&classes, &vec![vec![1; classes.len()]; classes.len()]).into_string()
        };
        let long = of("a long name ", 9);
        assert!(
            long.contains("title=\"a long name 8\">9</th>") && long.contains(">9 a long name 8</th>"),
            "{long}"
        );
        for page in [of("a long name ", 8), of("c", 9)] {
            assert!(!page.contains("numbered") && !page.contains(">8</th>"), "{page}");
        }
    }
}
