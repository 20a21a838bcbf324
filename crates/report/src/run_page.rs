//! The page of one run.

mod curves;
mod data;
mod judged;
mod network;
mod spent;

use maud::{Markup, html};

use crate::clock;
use crate::digits::{duration, grouped, ratio, six_digits};
use crate::gallery::Gallery;
use crate::html::{facts, page, section};
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
        }
        main {
            @if let Some(parts) = parts(results) { (parts) }
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
    let layers = run.results.diagnostics.network.iter().filter(|layer| layer.parameters > 0).count();
    if summary.layers.chars().count() <= FEW || layers == 0 {
        format!("{data} · {}", summary.layers)
    } else {
        format!("{data} · {layers} layers with {} parameters", grouped(summary.parameters))
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
        if let Some(value) = value.filter(|value| value.is_finite()) {
            put(&format!("{part} {metric}"), ratio(value), None);
        }
    }
    let unit = run.results.loss.as_ref().and_then(|loss| loss.unit.as_deref());
    if let Some(value) = figures.test_loss().filter(|value| value.is_finite()) {
        put("test loss", six_digits(value), unit);
    }
    if figures.train_loss().is_finite() {
        put("training loss", six_digits(figures.train_loss()), unit);
    }
    let best = run.record.best_epoch().map(|best| format!("lowest {}: epoch {}", best.loss(), best.epoch));
    put("epochs", grouped(summary.epochs), best.as_deref());
    put("parameters", grouped(summary.parameters), None);
    put("training time", duration(summary.seconds), None);
    lines
}
