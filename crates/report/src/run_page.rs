//! The page of one run.

mod classes;
mod curves;
mod data;
mod judged;
mod network;
mod spent;

use maud::{Markup, html};

use crate::clock;
use crate::digits::{duration, four_decimals, grouped, six_digits};
use crate::gallery::Gallery;
use crate::html::{facts, page, section};
use crate::metrics::EpochLine;
use crate::results::{LossUnits, without_r2};
use crate::run::Run;

use curves::curves;
use data::{balance, columns, importance, parts};
use judged::judged;
use network::network;
use spent::{machine, time};

/// The page of a run as HTML.
pub fn run_page(run: &Run, gallery: &Gallery) -> String {
    let title = title(run);
    let (results, record, curves) = (&run.results, &run.record, curves(run));
    let body = html! {
        header {
            h1 { (title) }
            p { (record.name) " · " (clock::date_and_time(results.finished)) }
            @if let Some(text) = &results.taken_for { p { "Data: " (text) } }
            @if let Some(words) = &results.augment { p { "Augmentation: " (words) } }
            dl.figures {
                @for (name, value) in headline(run) { div { dt { (name) } dd { (value) } } }
            }
            p.note { (model(run)) }
            @if let Some(epochs) = results.resumed {
                p.note { "The run was resumed after " (counted(epochs)) "." }
            }
        }
        main {
            @if let Some(parts) = parts(results, !curves.is_empty()) { (parts) }
            @if !curves.is_empty() { div.pair { @for chart in curves { (chart) } } }
            @for part in judged(results) { (part) }
            @if let Some(importance) = importance(results) { (importance) }
            @else if let Some(columns) = columns(results) { (columns) }
            @if let Some(balance) = balance(results) { (balance) }
            (gallery.markup())
            @if let Some(network) = network(results) { (network) }
            (section("Where the time went", &time(results)))
            (section("Configuration", &facts(record.settings.iter())))
            (section("Machine", &machine(results)))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

/// The data, and the network where it is said in a few words: a table has the layers of others.
fn title(run: &Run) -> String {
    const FEW: usize = 32;
    let summary = &run.results.summary;
    let data = summary.data.as_deref().unwrap_or("unknown data");
    let layers = run.results.diagnostics.network.len();
    if summary.layers.chars().count() <= FEW || layers == 0 {
        format!("{data} · {}", summary.layers)
    } else {
        format!("{data} · network of {layers} layers, {} parameters", grouped(summary.parameters))
    }
}

/// The figures at the top of the page.
fn headline(run: &Run) -> Vec<(String, Markup)> {
    let summary = &run.results.summary;
    let figures = &summary.figures;
    let mut lines: Vec<(String, Markup)> = Vec::new();
    let mut put = |name: &str, value: String, small: Option<&str>| {
        lines.push((name.to_owned(), html! { (value) @if let Some(small) = small { small { (small) } } }));
    };
    let metric = figures.metric();
    for (part, value) in [
        ("test", figures.test_metric()),
        ("validation", figures.validation_metric()),
        ("training", Some(figures.train_metric())),
    ] {
        let examples = run.results.diagnostics.parts.iter().find(|known| known.name == part);
        let examples = examples.map(|part| part.examples).filter(|_| metric == "R²");
        match (value.filter(|value| value.is_finite()), examples) {
            (Some(value), _) => put(&format!("{part} {metric}"), four_decimals(value), None),
            (None, Some(examples)) => {
                put(&format!("{part} {metric}"), four_decimals(f64::NAN), Some(without_r2(examples)));
            }
            (None, None) => {}
        }
    }
    let unit = run.results.loss.as_ref().and_then(|loss| loss.unit.as_deref());
    for (part, value) in [
        ("test", figures.test_loss()),
        ("validation", figures.validation_loss()),
        ("training", Some(figures.train_loss())),
    ] {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            put(&format!("{part} loss"), six_digits(value), unit);
        }
    }
    let best = run.record.best_epoch().map(|best| format!("lowest {}: epoch {}", best.loss(), best.epoch));
    put("epochs", grouped(summary.epochs), best.as_deref());
    put("parameters", grouped(summary.parameters), None);
    put("training time", duration(summary.seconds), None);
    lines
}

/// Of which epoch the figures are, and how the run came there.
fn model(run: &Run) -> String {
    let summary = &run.results.summary;
    let (epochs, settings) = (summary.epochs, &run.record.settings);
    let best =
        run.record.best_epoch().and_then(|best| run.record.epochs().find(|epoch| epoch.epoch == best.epoch));
    let mut parts = vec![match (summary.best_epoch, best) {
        (Some(best), _) => format!(
            "All figures are those of the best epoch, {best}, whose parameters were restored at the end (last.safetensors)."
        ),
        (None, Some(best)) if best.epoch != epochs => format!(
            "All figures are those of the last epoch, {epochs} (last.safetensors). The best epoch, {} (best.safetensors), had {}.",
            best.epoch,
            figures_of(run, best)
        ),
        (None, _) if epochs > 1 => format!("All figures are those of the last epoch, {epochs}."),
        (None, _) => String::new(),
    }];
    let number = |key: &str| settings.get(key).and_then(|value| value.parse::<usize>().ok());
    if let (Some(patience), Some(asked)) = (number("patience"), number("epochs"))
        && epochs < asked
    {
        parts.push(format!(
            "The run stopped early after epoch {epochs} of {asked}: no lower validation loss for {}.",
            counted(patience)
        ));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn counted(epochs: usize) -> String {
    if epochs == 1 { "1 epoch".to_owned() } else { format!("{} epochs", grouped(epochs)) }
}

/// The validation figures of an epoch, or its training loss where there is no validation part.
fn figures_of(run: &Run, epoch: &EpochLine) -> String {
    let unit = run.results.loss.as_ref().and_then(|loss| loss.unit_in_training.as_deref());
    let unit = unit.filter(|_| run.results.loss.as_ref().is_some_and(LossUnits::is_standardised));
    let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    let metric = run.results.summary.figures.metric();
    match (epoch.validation_loss, epoch.validation_metric()) {
        (Some(loss), Some(value)) => {
            format!(
                "validation loss {}{unit} and validation {metric} {}",
                six_digits(loss),
                four_decimals(value)
            )
        }
        (Some(loss), None) => format!("validation loss {}{unit}", six_digits(loss)),
        (None, _) => format!("training loss {}{unit}, mean of its batches", six_digits(epoch.train_loss)),
    }
}
