//! What changed from epoch to epoch and from step to step.

use std::collections::BTreeMap;

use maud::Markup;

use crate::digits::grouped;
use crate::html::chart;
use crate::metrics::{EpochLine, watched};
use crate::plot::{Mark, Plot};
use crate::results::LossUnits;
use crate::run::{BestEpoch, Record, Run};

/// Parameters whose gradients are drawn at most: of more curves, none can be followed.
const GRADIENTS: usize = 8;
/// Single batches that are drawn at least: of fewer dots, nothing can be seen.
const BATCHES: usize = 5;

/// A chart for each figure that has two points or more.
pub(super) fn curves(run: &Run) -> Vec<Markup> {
    let record = &run.record;
    let metric = run.results.summary.figures.metric();
    let best = record.best_epoch();
    let marked = |plot: Plot| match best {
        Some(best) => {
            plot.marked(best.epoch as f64, &format!("lowest {}, epoch {}", best.loss(), best.epoch))
        }
        None => plot,
    };
    let axis = run.results.loss.as_ref().map_or_else(|| "loss".to_owned(), LossUnits::axis);
    let train = record.over_epochs(|epoch| Some(epoch.train_loss));
    let mut loss = Plot::new("Loss", "epoch", &axis).log_y().with_legend().with(
        "training, mean of the batches",
        Mark::Line,
        train,
    );
    let validation = record.over_epochs(|epoch| epoch.validation_loss);
    if !validation.is_empty() {
        loss = loss.with("validation", Mark::Line, validation);
    }
    let heading = if metric == "R²" { "R²" } else { "Accuracy" };
    let mut figure = Plot::new(heading, "epoch", metric).with_legend();
    for (name, of) in [
        ("training", EpochLine::train_metric as fn(&EpochLine) -> _),
        ("validation", EpochLine::validation_metric),
    ] {
        let points = record.over_epochs(of);
        if !points.is_empty() {
            figure = figure.with(name, Mark::Line, points);
        }
    }
    let (gradients, which) = gradients(run);
    [
        chart("Loss", &marked(loss), &remark_of_loss(run, best)),
        chart(heading, &marked(figure), &watched_remark(run)),
        chart("Gradient norms", &gradients, &which),
        batches(record, &axis),
        learning_rate(record),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// On how many examples the curve of the training part is measured.
fn watched_remark(run: &Run) -> String {
    let examples = run.results.diagnostics.parts.iter().find(|part| part.name == "training");
    match examples.map(|part| (watched(part.examples), part.examples)) {
        Some((some, all)) if some < all => format!(
            "After each epoch; of the training part on {} of its {} examples, while the figures above are of all of them.",
            grouped(some),
            grouped(all)
        ),
        _ => "After each epoch.".to_owned(),
    }
}

/// In which unit the curves of the loss are, where the results have another, and which model is that of the marked epoch.
fn remark_of_loss(run: &Run, best: Option<BestEpoch>) -> String {
    let standardised = run.results.loss.as_ref().filter(|loss| loss.is_standardised()).map(|loss| {
        let (target, its) = if loss.targets > 1 { ("targets", "their") } else { ("target", "its") };
        format!(
            "The network is trained on the standardised {target} (mean 0, standard deviation 1), so the curves are in {its} standard \
             deviations; the losses in the figures above and in the tables are in {}.",
            loss.unit.as_deref().unwrap_or("another unit")
        )
    });
    let models = best.map(|_| match run.results.summary.best_epoch {
        Some(_) => "last.safetensors is the model of the marked epoch.",
        None => "best.safetensors is the model of the marked epoch, last.safetensors that of the last one.",
    });
    standardised.into_iter().chain(models.map(str::to_owned)).collect::<Vec<_>>().join(" ")
}

/// The learning rate of all steps that are known, unless it is the same all the time, or there is none.
fn learning_rate(record: &Record) -> Option<Markup> {
    let of_steps = record.steps().map(|line| (line.step, line.learning_rate));
    let of_epochs = record.epochs().map(|line| (line.step, line.learning_rate));
    let known: BTreeMap<u64, f64> =
        of_steps.chain(of_epochs).filter_map(|(step, rate)| Some((step, rate?))).collect();
    let first = *known.values().next()?;
    if known.values().all(|rate| *rate == first) {
        return None;
    }
    let rate = known.into_iter().map(|(step, rate)| (step as f64, rate));
    let plot = Plot::new("Learning rate", "step", "learning rate η").with("η", Mark::Line, rate);
    chart("Learning rate", &plot, "")
}

/// The losses of the logged steps, where they say more than the curve of the epochs.
fn batches(record: &Record, axis: &str) -> Option<Markup> {
    let points: Vec<_> = record.steps().map(|step| (step.step as f64, step.loss)).collect();
    if points.len() < BATCHES || points.len() <= record.epochs_done() {
        return None;
    }
    let plot = Plot::new("Loss of single batches", "step", axis).log_y().with("batch", Mark::Dots, points);
    chart("Loss of single batches", &plot, "Each before its step.")
}

/// The gradient norms of the weights with the names of their layers, and what the plot shows in a sentence.
fn gradients(run: &Run) -> (Plot, String) {
    let record = &run.record;
    let words: BTreeMap<&str, &str> = run
        .results
        .diagnostics
        .network
        .iter()
        .map(|layer| (layer.path.as_str(), layer.words.as_str()))
        .collect();
    let first = record.epochs().next();
    let all: Vec<&String> =
        in_order(first.into_iter().flat_map(|epoch| epoch.gradient_norm.keys()).collect());
    let weights: Vec<&String> = all.iter().copied().filter(|name| name.ends_with("weight")).collect();
    let shown = if all.len() <= GRADIENTS || weights.is_empty() { &all } else { &weights };
    let last = shown.len().saturating_sub(1);
    let few: Vec<&String> = if shown.len() <= GRADIENTS {
        shown.clone()
    } else {
        (0..GRADIENTS).map(|i| shown[i * last / (GRADIENTS - 1)]).collect()
    };
    let mut plot = Plot::new("Gradient norms", "epoch", "‖∂C/∂p‖").log_y();
    let (mut zero, mut gaps) = (Vec::new(), Vec::new());
    for name in &few {
        let points = record.over_epochs(|epoch| epoch.gradient_norm.get(*name).copied().flatten());
        let (path, parameter) = name.rsplit_once('.').unwrap_or(("", name));
        let kind = words.get(path).and_then(|words| words.split(' ').next());
        let named = kind.map_or_else(|| (*name).clone(), |kind| format!("{path} {kind}, {parameter}"));
        // A logarithmic axis has no place for them.
        match points.iter().filter(|point| point.1 == 0.0).count() {
            0 => {}
            zeros if zeros == points.len() => {
                zero.push(named);
                continue;
            }
            _ => gaps.push(named.clone()),
        }
        plot = plot.with(&named, Mark::Line, points);
    }
    let which = if few.len() < all.len() {
        format!("{} of {} parameter arrays; metrics.jsonl has all of them", few.len(), all.len())
    } else {
        "each parameter array".to_owned()
    };
    let zeros = [(zero, "all epochs"), (gaps, "some epochs, which its curve leaves out")];
    let zeros = zeros.into_iter().filter(|(names, _)| !names.is_empty());
    let zeros = zeros.map(|(names, when)| format!("0 in {when}: {}.", names.join("; ")));
    let remark = format!("Gradient of the last batch of each epoch, before clipping: {which}.");
    let remark = std::iter::once(remark).chain(zeros).collect::<Vec<_>>().join(" ");
    (plot, remark)
}

/// Names of parameters in the order of the network: numbers by their size.
fn in_order(mut names: Vec<&String>) -> Vec<&String> {
    let key = |name: &str| -> Vec<(usize, String)> {
        name.split('.').map(|part| (part.parse().unwrap_or(usize::MAX), part.to_owned())).collect()
    };
    names.sort_by_cached_key(|name| {
        // A weight is named before the bias beside it.
        let (path, own) = name.rsplit_once('.').unwrap_or(("", name));
        (key(path), own != "weight", own.to_owned())
    });
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Line;
    use crate::settings::Settings;

    /// A run of so many epochs of 4 steps, with a line each `every` steps, and a learning rate that rises and falls.
    fn record(epochs: u64, every: u64) -> Record {
        let rate = |step: u64| (step as f64 / 10.0).sin() + 2.0;
        let line = |step: u64| -> Vec<Line> {
            let of_step = json!({ "kind": "step", "step": step, "epoch": step / 4 + 1, "batch": step % 4, "loss": 1.0, "learning_rate": rate(step) });
            let of_epoch = json!({
                "kind": "epoch", "epoch": step / 4, "step": step, "train_loss": 1.0, "learning_rate": rate(step), "seconds": 1.0, "examples": 9
            });
            let lines = [(step.is_multiple_of(every), of_step), (step.is_multiple_of(4), of_epoch)];
            lines
                .into_iter()
                .filter(|(is_written, _)| *is_written)
                .map(|(_, line)| serde_json::from_value(line).unwrap())
                .collect()
        };
        let metrics = (1..=4 * epochs).flat_map(line).collect();
        Record { name: "run".to_owned(), metrics, settings: Settings::default() }
    }

    /// The points of a chart, as its script has them.
    fn points(chart: &Markup) -> Vec<(f64, f64)> {
        let page = chart.clone().into_string();
        let numbers = page.split_once("data-numbers=\"").unwrap().1.split_once('"').unwrap().0;
        let numbers: serde_json::Value = serde_json::from_str(&numbers.replace("&quot;", "\"")).unwrap();
        serde_json::from_value(numbers["series"][0]["points"].clone()).unwrap()
    }

    #[test]
    fn the_learning_rate_is_that_of_the_epochs_and_of_the_logged_steps() {
        let steps = |record: &Record| -> Vec<f64> {
            points(&learning_rate(record).unwrap()).into_iter().map(|(step, _)| step).collect()
        };
        assert_eq!(steps(&record(5, 10)), [4.0, 8.0, 10.0, 12.0, 16.0, 20.0]);
        assert_eq!(steps(&record(2, 100)), [4.0, 8.0]);
        assert!(learning_rate(&record(1, 100)).is_none_or(|chart| points(&chart).len() > 1));
    }

    #[test]
    fn single_batches_are_drawn_where_they_say_more_than_the_epochs() {
        let drawn = |epochs, every| batches(&record(epochs, every), "loss").map(|chart| points(&chart).len());
        assert_eq!(drawn(10, 10), None, "four dots");
        assert_eq!(drawn(50, 10), None, "twenty dots beside fifty epochs");
        assert_eq!(drawn(2, 1), Some(8));
        assert_eq!(drawn(5, 2), Some(10));
    }
}
