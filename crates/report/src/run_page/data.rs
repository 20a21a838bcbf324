//! The parts of the data, their classes, and the columns of a table.

use maud::{Markup, html};

use crate::diagnostics::Part;
use crate::digits::{four_decimals, grouped, six_digits};
use crate::html::{bar, breakable, note, scrolling, section};
use crate::results::{Evaluation, Results, without_r2};

/// Bars of a chart that are drawn at most.
const BARS: usize = 40;

/// A figure of a part: its name, where it is, and how it is written.
type Figure = (&'static str, fn(&Part) -> Option<f64>, fn(f64) -> String);

/// Examples, origin and figures of each part; `has_curves` says whether there are curves that could be explained.
pub(super) fn parts(results: &Results, has_curves: bool) -> Option<Markup> {
    let parts = &results.diagnostics.parts;
    if parts.is_empty() {
        return None;
    }
    let figures: [Figure; 5] = [
        ("accuracy", |part| part.accuracy, four_decimals),
        ("R²", |part| part.r2, four_decimals),
        ("RMSE", |part| part.rmse, six_digits),
        ("MAE", |part| part.mae, six_digits),
        ("loss", |part| Some(part.loss), six_digits),
    ];
    let metric = results.summary.figures.metric();
    // Errors of targets in different units have no mean.
    let several = results.loss.as_ref().is_some_and(|loss| loss.targets > 1);
    let is_known = |name: &str, of: fn(&Part) -> Option<f64>| {
        name == metric
            || parts.iter().any(|part| of(part).is_some()) && !(several && ["RMSE", "MAE"].contains(&name))
    };
    let known: Vec<_> = figures.iter().filter(|(name, of, _)| is_known(name, *of)).collect();
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let undefined: Vec<String> = parts
        .iter()
        .filter(|part| metric == "R²" && part.r2.is_none())
        .map(|part| format!("{}: {}", part.name, without_r2(part.examples)))
        .collect();
    let body = html! {
        (scrolling("Parts of the data", &html! {
            table {
                thead { tr {
                    th scope="col" { "part" }
                    th scope="col" { "examples" }
                    @for (name, ..) in &known { th scope="col" { (name) } }
                } }
                tbody {
                    @for part in parts {
                        tr {
                            th scope="row" { (part.name) }
                            td { (grouped(part.examples)) }
                            @for (name, of, text) in &known {
                                td {
                                    @if let Some(value) = of(part).filter(|value| value.is_finite()) { (text(value)) }
                                    @else if *name == metric { (four_decimals(f64::NAN)) }
                                }
                            }
                        }
                    }
                    @for baseline in &results.baselines {
                        tr.baseline {
                            th scope="row" { (baseline.name) ", test" }
                            td { @if let Some(test) = part("test") { (grouped(test.examples)) } }
                            @for (name, ..) in &known {
                                td {
                                    @if *name == metric { (four_decimals(baseline.metric.value())) }
                                    @else if let ("loss", Some(loss)) = (*name, baseline.loss) { (six_digits(loss)) }
                                }
                            }
                        }
                    }
                }
            }
        }))
        ul.origins {
            @for part in parts.iter().filter(|part| part.name != "training") { li { (part.name) ": " (part.origin) } }
        }
        @if !undefined.is_empty() { (note(&format!("– R² is not defined. {}.", undefined.join("; ")))) }
        @if let Some(units) = units(results) { (note(&units)) }
        @if part("test").is_none() {
            (note(&match part("validation") {
                Some(_) => "There is no test part: the sections below that judge the model use the validation part, which early \
                            stopping and the choice of the settings may have seen.".to_owned(),
                None => "There is no test part and no validation part, so nothing says how well the model does on new examples: \
                         --test 0.2 holds out a fifth of the data.".to_owned(),
            }))
        }
        @if part("validation").is_none() && has_curves {
            (note("There is no validation part, so the curves are those of the training part alone, and the best epoch is the one with the \
                   lowest training loss: --validation 0.1 holds out a tenth of it."))
        }
    };
    Some(section("Parts of the data", &body))
}

/// What the loss is, and the unit of each figure.
fn units(results: &Results) -> Option<String> {
    let loss = results.loss.as_ref()?;
    let errors = match loss.targets {
        0 => "",
        1 => " RMSE and MAE are in the unit of the target.",
        _ => {
            " Where the units of the targets differ, the one with the largest numbers decides the loss. R² is the mean over the targets."
        }
    };
    Some(format!("The loss is {}, mean over the examples.{errors}", loss.in_words()))
}

/// The examples of each class in each part, or those for which each label holds.
pub(super) fn balance(results: &Results) -> Option<Markup> {
    let diagnostics = &results.diagnostics;
    let (classes, labels) = (&diagnostics.classes, &diagnostics.labels);
    let names = if labels.is_empty() { classes } else { labels };
    let counted: Vec<&Part> =
        diagnostics.parts.iter().filter(|part| part.of_class.len() == names.len()).collect();
    let first = counted.first().filter(|_| classes.len() > 1 || !labels.is_empty())?;
    let largest = first.of_class.iter().max().copied().unwrap_or(0).max(1);
    // The bar of a class is measured by the largest class, that of a label by the whole part.
    let (heading, what, whole) = if labels.is_empty() {
        ("Class balance", "class", largest)
    } else {
        ("Label balance", "label", first.examples.max(1))
    };
    // The rarest are the ones to know of.
    let mut order: Vec<usize> = (0..names.len()).collect();
    if names.len() > BARS {
        order.sort_by_key(|&class| first.of_class[class]);
        order.truncate(BARS);
    }
    let body = html! {
        (scrolling("Examples of each class", &html! {
            table {
                thead { tr {
                    th scope="col" { (what) }
                    @for (place, part) in counted.iter().enumerate() {
                        @if place == 0 { th.words scope="col" colspan="2" { (part.name) } } @else { th scope="col" { (part.name) } }
                    }
                } }
                tbody {
                    @for &class in &order {
                        tr {
                            th scope="row" { (breakable(&names[class])) }
                            @for (place, part) in counted.iter().enumerate() {
                                @let (count, all) = (part.of_class[class], part.examples.max(1));
                                @let text = format!("{} ({:.1} %)", grouped(count), 100.0 * count as f64 / all as f64);
                                @if place == 0 { (bar(count as f64 / whole as f64, &text)) }
                                @else if labels.is_empty() { td { (grouped(count)) } }
                                @else { td { (text) } }
                            }
                        }
                    }
                }
            }
        }))
        @if names.len() > BARS {
            (note(&format!("The {BARS} rarest of {}, by the training part.", names.len())))
        }
        @if !labels.is_empty() { (note("Examples for which the label holds, and their share of the part.")) }
    };
    Some(section(heading, &body))
}

/// The columns of a table, where nothing was measured of them.
pub(super) fn columns(results: &Results) -> Option<Markup> {
    let columns = &results.diagnostics.columns;
    if columns.is_empty() {
        return None;
    }
    let body = html! {
        (scrolling("Columns", &html! {
            table {
                thead { tr { th scope="col" { "column" } th.words scope="col" { "kind" } th scope="col" { "inputs" } } }
                tbody {
                    @for column in columns.iter().take(BARS) {
                        tr { th scope="row" { (breakable(&column.name)) } td.words { (column.kind) } td { (column.inputs) } }
                    }
                }
            }
        }))
        @if matches!(results.judged().1, Some(Evaluation::Regression { r2, .. }) if r2.is_nan()) {
            (note("Their importance is not measured, because R² is not defined."))
        }
        @if columns.len() > BARS { (note(&format!("The first {BARS} of {} columns.", grouped(columns.len())))) }
    };
    Some(section("Columns", &body))
}

/// How much each column matters, the most important first.
pub(super) fn importance(results: &Results) -> Option<Markup> {
    let importance = results.diagnostics.importance.as_ref()?;
    let kind = |name: &str| {
        let found = results.diagnostics.columns.iter().find(|column| column.name == name);
        found.map_or("", |column| column.kind.as_str())
    };
    let mut order: Vec<_> = importance.columns.iter().collect();
    order.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let largest = order.first().map_or(0.0, |first| first.mean).max(f64::MIN_POSITIVE);
    let body = html! {
        (scrolling("Importance of the columns", &html! {
            table {
                thead { tr {
                    th scope="col" { "column" }
                    th.words scope="col" colspan="2" { "loss of " (importance.metric) }
                    th.words scope="col" { "kind" }
                } }
                tbody {
                    @for column in order.iter().take(BARS) {
                        tr {
                            th scope="row" { (breakable(&column.name)) }
                            (bar(column.mean / largest, &format!("{} ± {}", four_decimals(column.mean), four_decimals(column.deviation))))
                            td.kind { (kind(&column.name)) }
                        }
                    }
                }
            }
        }))
        (note(&format!(
            "Permutation importance: how much the {} of {} falls where the cells of one column are shuffled among {} {} examples, \
             mean and standard deviation of {} times{}.",
            importance.metric,
            four_decimals(importance.unshuffled),
            grouped(importance.examples),
            results.judged().0,
            importance.repeats,
            if order.len() > BARS { format!("; the first {BARS} of {} columns", order.len()) } else { String::new() },
        )))
    };
    Some(section("Importance of the columns", &body))
}
