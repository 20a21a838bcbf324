//! Several runs on one page.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::digits::significant;
use crate::html::{cell, figure, note, page, section, table};
use crate::metrics::EpochLine;
use crate::plot::{Mark, Plot};
use crate::run::Run;

/// The page that compares runs, as HTML; each run may have a link to its own page.
pub fn comparison_page(runs: &[(Run, Option<String>)]) -> String {
    let title = if runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", runs.len()) };
    let metric = metric(runs);
    let curve = |title: &str, label: &str, log: bool, of: &dyn Fn(&EpochLine) -> Option<f64>| {
        let mut plot = Plot::new(title, "epoch", label);
        if log {
            plot = plot.log_y();
        }
        let curves: Vec<_> = runs.iter().map(|(run, _)| (&run.name, run.over_epochs(of))).collect();
        let drawn = curves.into_iter().filter(|(_, points)| !points.is_empty());
        let mut drawn = drawn.peekable();
        drawn.peek().is_some().then(|| {
            section(
                title,
                &figure(&drawn.fold(plot, |plot, (name, points)| plot.with(name, Mark::Line, points))),
            )
        })
    };
    let body = html! {
        header { h1 { (title) } }
        main {
            (section("Results", &results(runs, metric)))
            div.pair {
                @for part in [
                    curve("Training loss", "loss", true, &|epoch| Some(epoch.train_loss)),
                    curve("Validation loss", "loss", true, &|epoch| epoch.validation_loss),
                    curve(&format!("Validation {metric}"), metric, false, &|epoch| epoch.validation_metric()),
                ] { @if let Some(part) = part { (part) } }
            }
            (section("Settings that differ", &differences(runs)))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

/// What the runs' test figure is: the same for all, or either.
fn metric(runs: &[(Run, Option<String>)]) -> &'static str {
    let mut metrics = runs.iter().map(|(run, _)| run.results.summary.figures.metric());
    match metrics.next() {
        Some(first) if metrics.all(|other| other == first) => first,
        _ => "accuracy or R²",
    }
}

fn results(runs: &[(Run, Option<String>)], metric: &str) -> Markup {
    let test = format!("test {metric}");
    let head =
        ["run", "data", "layers", &test, "test loss", "training loss", "epochs", "seconds", "examples/s"];
    let rows: Vec<Vec<Markup>> = runs
        .iter()
        .map(|(run, link)| {
            let summary = &run.results.summary;
            let rounded = |value: Option<f64>, digits: usize| match value {
                Some(value) if value.is_finite() => cell(&format!("{value:.digits$}")),
                _ => cell(""),
            };
            let loss = |value: Option<f64>| match value {
                Some(value) if value.is_finite() => cell(&significant(value)),
                _ => cell(""),
            };
            vec![
                html! { @if let Some(link) = link { a href=(link) { (run.name) } } @else { (run.name) } },
                cell(summary.data.as_deref().unwrap_or_default()),
                cell(&summary.layers),
                rounded(summary.figures.test_metric(), 4),
                loss(summary.figures.test_loss()),
                loss(Some(summary.figures.train_loss())),
                cell(&summary.epochs.to_string()),
                rounded(Some(summary.seconds), 2),
                rounded(Some(summary.samples_per_second), 0),
            ]
        })
        .collect();
    table(&head, &rows)
}

/// The settings that are not the same in all runs: one row a setting, one column a run.
fn differences(runs: &[(Run, Option<String>)]) -> Markup {
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, (run, _)) in runs.iter().enumerate() {
        for (key, value) in run.settings.iter() {
            settings.entry(key).or_insert_with(|| vec![""; runs.len()])[place] = value;
        }
    }
    let rows: Vec<Vec<Markup>> = settings
        .iter()
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .map(|(key, values)| std::iter::once(key).chain(values).map(|text| cell(text)).collect())
        .collect();
    if rows.is_empty() {
        return note("All settings are the same.");
    }
    let names = runs.iter().map(|(run, _)| run.name.as_str());
    table(&std::iter::once("setting").chain(names).collect::<Vec<_>>(), &rows)
}
