//! The results of several runs as a table.

use maud::{Markup, html};

use super::SHORT;
use super::compared::{Compared, Outcome, same_data, same_loss, same_part};
use crate::digits::{duration, four_decimals, grouped, six_digits};
use crate::html::{note, scrolling};
use crate::results::{Evaluation, LossUnits};

/// How a figure is read off a run.
type Read = Box<dyn Fn(&Compared) -> Option<f64>>;

/// The part of the data on which no run is the best: the longer it was fitted, the better it does there.
const TRAINING: &str = "training";

/// A figure of the table: its name, how it is read off a run and written, and which is the best.
struct Figure {
    name: String,
    of: Read,
    text: fn(f64) -> String,
    best: Option<Best>,
    /// The part of the data that it is of, which has to be the same in all runs for one to be the best.
    part: &'static str,
    /// Whether it is compared only where the loss is the same.
    is_loss: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Best {
    Highest,
    Lowest,
}

impl Figure {
    fn value(&self, run: &Compared) -> Option<f64> {
        (self.of)(run).filter(|value| value.is_finite())
    }

    /// The value of the best of several runs, if they can be compared and not all are the same.
    fn best(&self, runs: &[Compared]) -> Option<f64> {
        let best = self.best.filter(|_| self.part != TRAINING)?;
        if !same_part(runs, self.part) || self.is_loss && !same_loss(runs) {
            return None;
        }
        // An unfinished run may become better still.
        let values = || runs.iter().filter(|run| run.summary().is_some()).filter_map(|run| self.value(run));
        let (low, high) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
        (low < high).then_some(if best == Best::Highest { high } else { low })
    }
}

/// All figures, in the order of the table.
fn figures() -> Vec<Figure> {
    let count: fn(f64) -> String = |x| grouped(x.round() as usize);
    let figure = |name: &str, of: Read, text, best, part| Figure {
        name: name.to_owned(),
        of,
        text,
        best,
        part,
        is_loss: name.ends_with("loss"),
    };
    let mut all = Vec::new();
    for part in ["test", "validation", TRAINING] {
        for metric in ["accuracy", "R²"] {
            let of = move |run: &Compared| run.metric_of(part).filter(|_| run.metric() == Some(metric));
            let name = format!("{part} {metric}");
            all.push(figure(&name, Box::new(of), four_decimals, Some(Best::Highest), part));
        }
        let loss = move |run: &Compared| run.loss_of(part);
        all.push(figure(&format!("{part} loss"), Box::new(loss), six_digits, Some(Best::Lowest), part));
        if part == "test" {
            // The mean over several targets is one of different units.
            let errors = |run: &Compared| match run.results()?.test.as_ref()? {
                Evaluation::Regression { rmse, mae, targets, .. } if targets.is_empty() => {
                    Some((*rmse, *mae))
                }
                _ => None,
            };
            let rmse = move |run: &Compared| Some(errors(run)?.0);
            let mae = move |run: &Compared| errors(run)?.1;
            all.push(figure("test RMSE", Box::new(rmse), six_digits, Some(Best::Lowest), part));
            all.push(figure("test MAE", Box::new(mae), six_digits, Some(Best::Lowest), part));
        }
    }
    let best_epoch = |run: &Compared| Some(run.record.best_epoch()?.epoch as f64);
    all.push(figure("best epoch", Box::new(best_epoch), count, None, ""));
    all.push(figure("epochs", Box::new(|run| Some(run.epochs() as f64)), count, None, ""));
    all.push(figure("parameters", Box::new(|run| Some(run.summary()?.parameters as f64)), count, None, ""));
    all.push(figure("time", Box::new(|run| Some(run.summary()?.seconds)), duration, None, ""));
    all.push(figure("examples/s", Box::new(|run| Some(run.summary()?.samples_per_second)), count, None, ""));
    all
}

pub(super) fn results(runs: &[Compared], names: &[String]) -> Markup {
    let figures = figures();
    let known: Vec<_> =
        figures.iter().filter(|figure| runs.iter().any(|run| figure.value(run).is_some())).collect();
    let best: Vec<_> = known.iter().map(|figure| figure.best(runs)).collect();
    let is_best = |at: usize, run: &Compared, value: Option<f64>| {
        value.is_some() && value == best[at] && run.summary().is_some()
    };
    let known_losses: Vec<_> = runs.iter().filter_map(Compared::loss).collect();
    let losses_differ = !same_loss(runs);
    html! {
        (scrolling("Results", &html! {
            table.sortable[runs.len() > 1] {
                thead { tr {
                    th scope="col" { "run" }
                    @for figure in &known {
                        th scope="col" data-high=[(figure.best == Some(Best::Highest)).then_some("1")] { (figure.name) }
                    }
                    @if losses_differ { th.words scope="col" { "loss in" } }
                    th scope="col" { "data" }
                    th.words scope="col" { "network" }
                } }
                tbody {
                    @for (run, name) in runs.iter().zip(names) {
                        tr.unfinished[run.summary().is_none()] {
                            th scope="row" data-value=(name) { (heading(run, name)) }
                            @for (at, figure) in known.iter().enumerate() {
                                @let value = figure.value(run);
                                @let is_best = is_best(at, run, value);
                                td.best[is_best] data-value=(value.map_or_else(String::new, |value| value.to_string())) {
                                    @if let Some(value) = value { ((figure.text)(value)) }
                                    @if is_best { span title="the best of these runs" { " ★" } }
                                }
                            }
                            @if losses_differ { td.words { (run.loss().map(LossUnits::in_words).unwrap_or_default()) } }
                            td { bdi { (run.data()) } }
                            td.words { (network(run.network())) }
                        }
                    }
                }
            }
        }))
        @if best.iter().any(Option::is_some) { (note("★ The best of these runs.")) }
        @if let Some(why) = unmarked(runs, &known) { (note(&why)) }
        @if let (Some(loss), false) = (known_losses.first(), losses_differ) {
            (note(&format!("The losses of the table are {}, mean over the examples.", loss.in_words())))
        }
        @if runs.iter().any(|run| run.summary().is_none() && run.epochs() > 0) {
            (note("Figures of a run that has not ended are those of its last complete epoch, measured during training."))
        }
        @for (run, name) in runs.iter().zip(names) {
            @if let Outcome::Unfinished(why) = &run.outcome { (note(&format!("{name}: {why}"))) }
        }
    }
}

/// The name of a run with its state.
fn heading(run: &Compared, name: &str) -> Markup {
    let is_short = name.chars().count() <= SHORT;
    html! {
        @if let Some(link) = &run.link { a.short[is_short] href=(link) { (name) } }
        @else if is_short { span.short { (name) } } @else { (name) }
        @if let Outcome::Unfinished(why) = &run.outcome { " " span.state { (in_short(why)) } }
    }
}

/// Why no best test or validation figure is marked, where several runs have one.
fn unmarked(runs: &[Compared], known: &[&Figure]) -> Option<String> {
    let has_several = |part: &str| {
        let of_part = |figure: &&&Figure| figure.part == part && figure.best.is_some();
        known
            .iter()
            .filter(of_part)
            .any(|figure| runs.iter().filter(|run| figure.value(run).is_some()).count() > 1)
    };
    let parts: Vec<&str> = ["test", "validation"]
        .into_iter()
        .filter(|part| has_several(part) && !same_part(runs, part))
        .collect();
    let which = parts.join(" or ");
    let why = if same_data(runs) {
        format!("the runs have different {which} parts, so that some of their differences are chance")
    } else {
        "the runs are on different data".to_owned()
    };
    (!parts.is_empty()).then(|| format!("No best {which} figure is marked: {why}."))
}

/// How a run ended, without the cause and the cure.
fn in_short(why: &str) -> &str {
    why.split([':', ';']).next().unwrap_or(why)
}

/// The network in a few words.
fn network(layers: &str) -> String {
    const FEW: usize = 60;
    if layers.chars().count() <= FEW {
        return layers.to_owned();
    }
    layers.chars().take(FEW).collect::<String>() + "…"
}
