//! Several runs on one page.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::digits::{duration, grouped, significant};
use crate::html::{cell, chart, note, page, section, table};
use crate::metrics::EpochLine;
use crate::plot::{Mark, Plot};
use crate::results::{Results, Summary};
use crate::run::Record;

/// A run of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What it wrote on the way.
    pub record: Record,
    /// What it came to.
    pub outcome: Outcome,
    /// Address of its own page.
    pub link: Option<String>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It ended.
    Ended(Box<Results>),
    /// It has no results, for this reason.
    Unfinished(String),
}

impl Compared {
    fn summary(&self) -> Option<&Summary> {
        match &self.outcome {
            Outcome::Ended(results) => Some(&results.summary),
            Outcome::Unfinished(_) => None,
        }
    }

    fn name(&self) -> &str {
        &self.record.name
    }
}

/// The page that compares runs, as HTML.
pub fn comparison_page(runs: &[Compared]) -> String {
    let title = if runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", runs.len()) };
    let metric = metric(runs);
    let curve = |title: &str, label: &str, log: bool, of: &dyn Fn(&EpochLine) -> Option<f64>| {
        let plot = Plot::new(title, "epoch", label);
        let plot = if log { plot.log_y() } else { plot };
        let curves = runs.iter().map(|run| (run.name(), run.record.over_epochs(of)));
        let drawn = curves.filter(|(_, points)| points.len() > 1);
        chart(title, &drawn.fold(plot, |plot, (name, points)| plot.with(name, Mark::Line, points)), "")
    };
    let curves = [
        curve("Training loss", "loss", true, &|epoch| Some(epoch.train_loss)),
        curve("Validation loss", "loss", true, &|epoch| epoch.validation_loss),
        curve(&format!("Validation {metric}"), metric, false, &|epoch| epoch.validation_metric()),
    ];
    let body = html! {
        header { h1 { (title) } }
        main {
            (section("Results", &results(runs, metric)))
            @if curves.iter().any(Option::is_some) { div.pair { @for curve in curves.into_iter().flatten() { (curve) } } }
            (section("Settings that differ", &differences(runs)))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

/// What the runs' test figure is: the same for all, or either.
fn metric(runs: &[Compared]) -> &'static str {
    let mut metrics = runs.iter().filter_map(Compared::summary).map(|summary| summary.figures.metric());
    match metrics.next() {
        Some(first) if metrics.all(|other| other == first) => first,
        _ => "accuracy or R²",
    }
}

/// A figure of the table: its name, how it is read off a run and written, and whether more of it is better, where one is.
struct Figure {
    name: String,
    of: fn(&Summary) -> Option<f64>,
    text: fn(f64) -> String,
    best: Option<Best>,
}

#[derive(Clone, Copy, PartialEq)]
enum Best {
    Highest,
    Lowest,
}

impl Figure {
    fn value(&self, run: &Compared) -> Option<f64> {
        run.summary().and_then(self.of).filter(|value| value.is_finite())
    }

    /// The value of the best of several runs on the same data, if not all are the same.
    fn best(&self, runs: &[Compared]) -> Option<f64> {
        let best = self.best?;
        let mut data = runs.iter().filter_map(Compared::summary).map(|summary| &summary.data);
        let first = data.next()?;
        if data.any(|other| other != first) {
            return None;
        }
        let values = || runs.iter().filter_map(|run| self.value(run));
        let (low, high) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
        (low < high).then_some(if best == Best::Highest { high } else { low })
    }
}

fn results(runs: &[Compared], metric: &str) -> Markup {
    let ratio: fn(f64) -> String = |x| format!("{x:.4}");
    let count: fn(f64) -> String = |x| grouped(x.round() as usize);
    let figure = |name: &str, of, text, best| Figure { name: name.to_owned(), of, text, best };
    let figures = [
        figure(&format!("test {metric}"), |run| run.figures.test_metric(), ratio, Some(Best::Highest)),
        figure("test loss", |run| run.figures.test_loss(), significant, Some(Best::Lowest)),
        figure(
            &format!("validation {metric}"),
            |run| run.figures.validation_metric(),
            ratio,
            Some(Best::Highest),
        ),
        figure("training loss", |run| Some(run.figures.train_loss()), significant, None),
        figure("epochs", |run| Some(run.epochs as f64), count, None),
        figure("parameters", |run| Some(run.parameters as f64), count, None),
        figure("time", |run| Some(run.seconds), duration, None),
        figure("examples/s", |run| Some(run.samples_per_second), count, None),
    ];
    let known: Vec<_> =
        figures.iter().filter(|figure| runs.iter().any(|run| figure.value(run).is_some())).collect();
    let best: Vec<_> = known.iter().map(|figure| figure.best(runs)).collect();
    let is_best = |at: usize, value: Option<f64>| value.is_some() && value == best[at];
    html! {
        div.scroll tabindex="0" {
            table.sortable[runs.len() > 1] {
                thead { tr {
                    th scope="col" { "run" }
                    @for figure in &known { th scope="col" { (figure.name) } }
                    th scope="col" { "data" }
                    th.words scope="col" { "network" }
                } }
                tbody {
                    @for run in runs {
                        tr.unfinished[run.summary().is_none()] {
                            th scope="row" { @if let Some(link) = &run.link { a href=(link) { (run.name()) } } @else { (run.name()) } }
                            @for (at, figure) in known.iter().enumerate() {
                                @let value = figure.value(run);
                                td.best[is_best(at, value)] data-value=(value.map_or_else(String::new, |value| value.to_string())) {
                                    @if let Some(value) = value { ((figure.text)(value)) }
                                    @if is_best(at, value) { span title="the best of these runs" { " ★" } }
                                }
                            }
                            @match &run.outcome {
                                Outcome::Ended(results) => {
                                    td { (results.summary.data.as_deref().unwrap_or_default()) }
                                    td.words { (network(&results.summary)) }
                                }
                                Outcome::Unfinished(why) => { td {} td.words { (in_short(why)) } }
                            }
                        }
                    }
                }
            }
        }
        @if best.iter().any(Option::is_some) { (note("★ The best of these runs.")) }
        @for run in runs {
            @if let Outcome::Unfinished(why) = &run.outcome { (note(&format!("{}: {why}", run.name()))) }
        }
    }
}

/// How a run ended, without the cause and the cure.
fn in_short(why: &str) -> &str {
    why.split([':', ';']).next().unwrap_or(why)
}

/// The network in a few words.
fn network(summary: &Summary) -> String {
    const FEW: usize = 60;
    if summary.layers.chars().count() <= FEW {
        return summary.layers.clone();
    }
    summary.layers.chars().take(FEW).collect::<String>() + "…"
}

/// The settings that are not the same in all runs: one row a setting, one column a run.
fn differences(runs: &[Compared]) -> Markup {
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        for (key, value) in run.record.settings.iter() {
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
    let names = runs.iter().map(Compared::name);
    table(&std::iter::once("setting").chain(names).collect::<Vec<_>>(), &rows)
}
