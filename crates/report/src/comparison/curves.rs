//! The curves of several runs in one plot each.

use maud::Markup;

use super::compared::{Compared, metric, same_data};
use crate::html::chart;
use crate::metrics::EpochLine;
use crate::plot::{Mark, Plot};
use crate::results::{LossUnits, Summary};

/// Runs whose curves have a colour of their own at most: of more, none can be followed.
const COLOURED: usize = 12;

/// How a figure is read off a run.
type Figure = fn(&Summary) -> Option<f64>;

/// A chart for each figure of the epochs that has curves.
pub(super) fn curves(runs: &[Compared], names: &[String]) -> Vec<Markup> {
    let metric = metric(runs);
    let (styles, which) = styles(runs);
    let (axis, unit) = axis(runs);
    let curve = |title: &str, label: &str, log: bool, of: &dyn Fn(&EpochLine) -> Option<f64>| {
        let plot = Plot::new(title, "epoch", label).with_legend();
        let mut plot = if log { plot.log_y() } else { plot };
        let drawn = runs.iter().zip(names).zip(&styles);
        let drawn = drawn.map(|((run, name), style)| (name, *style, run.record.over_epochs(of)));
        let mut drawn: Vec<_> = drawn.filter(|(.., points)| points.len() > 1).collect();
        // Grey curves lie below the others, and those in the order of the legend.
        drawn.sort_by_key(|(_, style, _)| style.map_or(0, |style| style + 1));
        for (name, style, points) in drawn {
            plot = match style {
                Some(style) => plot.with_style(name, Mark::Line, style, points),
                None => plot.with(name, Mark::Faint, points),
            };
        }
        let remark = [if log { unit } else { "" }, which.as_str()].map(str::trim).join(" ");
        chart(title, &plot, remark.trim())
    };
    [
        curve("Training loss", &axis, true, &|epoch| Some(epoch.train_loss)),
        curve("Validation loss", &axis, true, &|epoch| epoch.validation_loss),
        curve(&format!("Validation {metric}"), metric, false, &|epoch| epoch.validation_metric()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The style of each run, the same in all plots, or `None` for grey; and which runs those are, if any.
fn styles(runs: &[Compared]) -> (Vec<Option<usize>>, String) {
    if runs.len() <= COLOURED {
        return ((0..runs.len()).map(Some).collect(), String::new());
    }
    let figures: [(&str, Figure); 2] = [
        ("test", |summary| summary.figures.test_metric()),
        ("validation", |summary| summary.figures.validation_metric()),
    ];
    let value = |run: &Compared, of: Figure| run.summary().and_then(of).filter(|value| value.is_finite());
    let known = figures.into_iter().find(|(_, of)| runs.iter().any(|run| value(run, *of).is_some()));
    let known = known.filter(|_| same_data(runs));
    let mut order: Vec<usize> = (0..runs.len()).collect();
    let which = match known {
        Some((part, of)) => {
            let key = |run: usize| value(&runs[run], of).unwrap_or(f64::NEG_INFINITY);
            order.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
            format!("The {COLOURED} runs with the highest {part} {}", metric(runs))
        }
        None => format!("The first {COLOURED} runs"),
    };
    let mut styles = vec![None; runs.len()];
    for (style, run) in order.into_iter().take(COLOURED).enumerate() {
        styles[run] = Some(style);
    }
    (styles, format!("{which} are drawn in colour, the other {} in grey.", runs.len() - COLOURED))
}

/// The name of the axis of the losses, with their unit where all runs have the same; and what is to be known where they have not.
fn axis(runs: &[Compared]) -> (String, &'static str) {
    let mut axes: Vec<_> = runs.iter().map(|run| units(run, runs).map(LossUnits::axis)).collect();
    axes.dedup();
    match &axes[..] {
        [Some(axis)] => (axis.clone(), ""),
        [] | [None] => ("loss".to_owned(), ""),
        _ => ("loss".to_owned(), "Each curve is in the unit of the loss of its run."),
    }
}

/// The units of a run's losses: of one without results, those of another on the same data with the same loss.
fn units<'a>(run: &'a Compared, runs: &'a [Compared]) -> Option<&'a LossUnits> {
    let settings =
        |run: &Compared| ["data", "loss"].map(|key| run.record.settings.get(key).map(str::to_owned));
    if run.summary().is_some() {
        return run.loss();
    }
    runs.iter().filter(|other| settings(other) == settings(run)).find_map(Compared::loss)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::compared::Outcome;
    use crate::comparison::compared::tests::{ended, unfinished};
    use crate::metrics::Line;

    #[test]
    fn of_many_runs_the_best_have_a_colour_each_and_the_others_are_grey() {
        let runs: Vec<Compared> =
            (0..20).map(|i| ended(&format!("/runs/{i}"), f64::from(i) / 20.0)).collect();
        let (styles, which) = styles(&runs);
        assert!(styles[..8].iter().all(Option::is_none), "{styles:?}");
        assert_eq!((styles[19], styles[8]), (Some(0), Some(11)));
        assert_eq!(
            which,
            "The 12 runs with the highest test accuracy are drawn in colour, the other 8 in grey."
        );
        let (few, which) = super::styles(&runs[..12]);
        assert!(few.iter().flatten().copied().eq(0..12) && which.is_empty(), "{few:?} {which}");
        // Without a figure in common there is no order among them.
        let killed: Vec<Compared> = (0..13).map(|i| unfinished(&format!("/runs/{i}"))).collect();
        let (styles, which) = super::styles(&killed);
        assert_eq!((styles[0], styles[12]), (Some(0), None));
        assert!(which.starts_with("The first 12 runs"), "{which}");
    }

    #[test]
    fn a_curve_of_one_run_alone_says_which_it_is() {
        let (a, mut b) = (ended("/runs/a", 0.5), ended("/runs/b", 0.6));
        for line in &mut b.record.metrics {
            let Line::Epoch(epoch) = line else { panic!("all lines are of epochs") };
            epoch.validation_loss = Some(0.7);
        }
        let names = ["the first", "the other"].map(str::to_owned);
        let curves = curves(&[a, b], &names);
        let validation = curves[1].clone().into_string();
        assert!(validation.contains(">Validation loss</h2>"), "{validation}");
        // Once in the drawing for a wide place, and once in that for a narrow one.
        assert_eq!(validation.matches(">the other</text>").count(), 2, "{validation}");
        assert_eq!(validation.matches(">the first</text>").count(), 0, "{validation}");
    }

    #[test]
    fn the_axis_of_the_losses_says_their_unit_where_all_have_the_same() {
        let (a, b) = (ended("/runs/a", 0.5), ended("/runs/b", 0.6));
        let killed = unfinished("/runs/c");
        assert_eq!(axis(&[a.clone(), b.clone(), killed]), ("loss in nats".to_owned(), ""));
        let mut other = b;
        let Outcome::Ended(results) = &mut other.outcome else { panic!("it ended") };
        results.loss.as_mut().unwrap().unit_in_training = Some("squared units of the target".to_owned());
        let (label, remark) = axis(&[a, other]);
        assert!(label == "loss" && remark.contains("the unit of the loss of its run"), "{label} {remark}");
        assert_eq!(axis(&[]), ("loss".to_owned(), ""));
    }
}
