//! Several runs on one page.

mod compared;
mod curves;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use crate::digits::{duration, grouped, ratio, readable, six_digits};
use crate::html::{cell, note, page, section, table};
use crate::results::{LossUnits, Summary};

use compared::{metric, same_data, same_loss};
use curves::curves;
use names::distinguished;

pub use compared::{Compared, Outcome};

/// Letters of a name or setting that is not broken at most.
const SHORT: usize = 20;

/// The page that compares runs, as HTML.
pub fn comparison_page(runs: &[Compared]) -> String {
    let title = if runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", runs.len()) };
    let folders: Vec<_> = runs.iter().map(|run| run.folder.as_path()).collect();
    let names = distinguished(&folders);
    let curves = curves(runs, &names);
    let body = html! {
        header { h1 { (title) } }
        main {
            (section("Results", &results(runs, &names)))
            @if !curves.is_empty() { div.pair { @for curve in curves { (curve) } } }
            (section("Settings that differ", &differences(runs, &names)))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

/// A figure of the table: its name, how it is read off a run and written, and whether more of it is better, where one is.
struct Figure {
    name: String,
    of: fn(&Summary) -> Option<f64>,
    text: fn(f64) -> String,
    best: Option<Best>,
    /// Whether it is compared only where the unit is the same.
    is_loss: bool,
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
        if !same_data(runs) || self.is_loss && !same_loss(runs) {
            return None;
        }
        let values = || runs.iter().filter_map(|run| self.value(run));
        let (low, high) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
        (low < high).then_some(if best == Best::Highest { high } else { low })
    }
}

fn results(runs: &[Compared], names: &[String]) -> Markup {
    let metric = metric(runs);
    let count: fn(f64) -> String = |x| grouped(x.round() as usize);
    let figure = |name: &str, of, text, best| Figure {
        name: name.to_owned(),
        of,
        text,
        best,
        is_loss: name.ends_with("loss"),
    };
    let figures = [
        figure(&format!("test {metric}"), |run| run.figures.test_metric(), ratio, Some(Best::Highest)),
        figure("test loss", |run| run.figures.test_loss(), six_digits, Some(Best::Lowest)),
        figure(
            &format!("validation {metric}"),
            |run| run.figures.validation_metric(),
            ratio,
            Some(Best::Highest),
        ),
        figure("training loss", |run| Some(run.figures.train_loss()), six_digits, None),
        figure("epochs", |run| Some(run.epochs as f64), count, None),
        figure("parameters", |run| Some(run.parameters as f64), count, None),
        figure("time", |run| Some(run.seconds), duration, None),
        figure("examples/s", |run| Some(run.samples_per_second), count, None),
    ];
    let known: Vec<_> =
        figures.iter().filter(|figure| runs.iter().any(|run| figure.value(run).is_some())).collect();
    let best: Vec<_> = known.iter().map(|figure| figure.best(runs)).collect();
    let is_best = |at: usize, value: Option<f64>| value.is_some() && value == best[at];
    let known_losses: Vec<_> = runs.iter().filter_map(Compared::loss).collect();
    let losses_differ = !same_loss(runs);
    html! {
        div.scroll tabindex="0" {
            table.sortable[runs.len() > 1] {
                thead { tr {
                    th scope="col" { "run" }
                    @for figure in &known { th scope="col" { (figure.name) } }
                    @if losses_differ { th.words scope="col" { "loss in" } }
                    th scope="col" { "data" }
                    th.words scope="col" { "network" }
                } }
                tbody {
                    @for (run, name) in runs.iter().zip(names) {
                        tr.unfinished[run.summary().is_none()] {
                            th scope="row" data-value=(name) {
                                @let is_short = name.chars().count() <= SHORT;
                                @if let Some(link) = &run.link { a.short[is_short] href=(link) { (name) } }
                                @else if is_short { span.short { (name) } } @else { (name) }
                                @if let Outcome::Unfinished(why) = &run.outcome { " " span.state { (in_short(why)) } }
                            }
                            @for (at, figure) in known.iter().enumerate() {
                                @let value = figure.value(run);
                                td.best[is_best(at, value)] data-value=(value.map_or_else(String::new, |value| value.to_string())) {
                                    @if let Some(value) = value { ((figure.text)(value)) }
                                    @if is_best(at, value) { span title="the best of these runs" { " ★" } }
                                }
                            }
                            @if losses_differ { td.words { (run.loss().map(LossUnits::in_words).unwrap_or_default()) } }
                            @match &run.outcome {
                                Outcome::Ended(results) => {
                                    td { (results.summary.data.as_deref().unwrap_or_default()) }
                                    td.words { (network(&results.summary)) }
                                }
                                Outcome::Unfinished(_) => {
                                    td { (run.record.settings.get("data").unwrap_or_default()) }
                                    td.words {}
                                }
                            }
                        }
                    }
                }
            }
        }
        @if best.iter().any(Option::is_some) { (note("★ The best of these runs.")) }
        @if let (Some(loss), false) = (known_losses.first(), losses_differ) {
            (note(&format!("The losses of the table are {}, mean over the examples.", loss.in_words())))
        }
        @for (run, name) in runs.iter().zip(names) {
            @if let Outcome::Unfinished(why) = &run.outcome { (note(&format!("{name}: {why}"))) }
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
fn differences(runs: &[Compared], names: &[String]) -> Markup {
    let mut settings: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        for (key, value) in run.record.settings.iter() {
            settings.entry(key).or_insert_with(|| vec![""; runs.len()])[place] = value;
        }
    }
    let rows: Vec<Vec<Markup>> = settings
        .iter()
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .map(|(key, values)| {
            std::iter::once(cell(key)).chain(told_apart(values).iter().map(|text| setting(text))).collect()
        })
        .collect();
    if rows.is_empty() {
        return note("All settings are the same.");
    }
    let names = names.iter().map(String::as_str);
    let table = table(&std::iter::once("setting").chain(names).collect::<Vec<_>>(), &rows);
    html! { div.settings { (table) } }
}

/// A setting as a cell, wide enough for a long one to be read.
fn setting(text: &str) -> Markup {
    html! { @if text.chars().count() > SHORT { span.long { (text) } } @else { (text) } }
}

/// The values with as many digits as anyone reads, unless two of them then look the same.
fn told_apart(values: &[&str]) -> Vec<String> {
    let short: Vec<String> = values.iter().map(|value| readable(value)).collect();
    let all: BTreeSet<_> = values.iter().collect();
    if short.iter().collect::<BTreeSet<_>>().len() == all.len() {
        return short;
    }
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::compared::tests::{ended, unfinished};
    use super::*;
    use crate::results::Figures;

    #[test]
    fn a_run_is_called_by_what_tells_it_apart_with_its_state_beside_it() {
        let page = comparison_page(&[ended("/a/run", 0.5), unfinished("/b/run")]);
        assert!(
            page.contains(r#"<th scope="row" data-value="a/run"><span class="short">a/run</span></th>"#),
            "{page}"
        );
        let state = r#"data-value="b/run"><span class="short">b/run</span> <span class="state">interrupted or killed after 3 epochs</span></th>"#;
        assert!(page.contains(state), "{page}");
        assert!(page.contains("b/run: interrupted or killed after 3 epochs; resume it"));
    }

    #[test]
    fn settings_have_as_many_digits_as_tell_them_apart() {
        let [long, other] = ["0.0010438413361169101", "0.0010438413361169999"];
        assert_eq!(told_apart(&[long, "0.01"]), ["0.00104384", "0.01"]);
        assert_eq!(told_apart(&[long, other]), [long, other]);
        assert_eq!(told_apart(&[long, long, "conv 8 3"]), ["0.00104384", "0.00104384", "conv 8 3"]);
    }

    #[test]
    fn losses_of_different_units_are_not_ranked_and_each_says_its_own() {
        let (a, mut b) = (ended("/a", 0.5), ended("/b", 0.5));
        let Outcome::Ended(results) = &mut b.outcome else { panic!("it ended") };
        let Figures::Classification { test_loss, .. } = &mut results.summary.figures else {
            panic!("of classes")
        };
        *test_loss = Some(0.25);
        let same = comparison_page(&[a.clone(), b.clone()]);
        assert!(same.contains("0.25") && same.contains('★'), "{same}");
        assert!(
            same.contains("The losses of the table are cross-entropy in nats") && !same.contains("loss in<")
        );
        let Outcome::Ended(results) = &mut b.outcome else { panic!("it ended") };
        let other =
            LossUnits { name: "squared-error".to_owned(), unit: None, unit_in_training: None, targets: 0 };
        results.loss = Some(other);
        let page = comparison_page(&[a, b]);
        assert!(!page.contains('★') && page.contains(">loss in</th>"), "{page}");
        assert!(
            page.contains(">squared-error</td>") && page.contains(">cross-entropy in nats</td>"),
            "{page}"
        );
    }
}
