//! The curves of several runs in one plot for each figure and unit.

use maud::Markup;

use super::compared::{Compared, same_part};
use crate::html::chart;
use crate::metrics::EpochLine;
use crate::plot::{Mark, Plot};
use crate::results::LossUnits;

/// Runs whose curves have a colour of their own at most: of more, none can be followed.
const COLOURED: usize = 12;
/// Grey runs that are named below a chart at most.
const NAMED: usize = 24;

/// A figure of the epochs: what its chart is called and its axis says, and whether that is logarithmic.
struct Figure<'a> {
    title: &'a str,
    axis: &'a str,
    is_log: bool,
    of: fn(&EpochLine) -> Option<f64>,
}

/// A chart for each figure of the epochs that has curves, and for each of its units.
pub(super) fn curves(runs: &[Compared], names: &[String]) -> Vec<Markup> {
    let styles = styles(runs);
    let units: Vec<Option<LossUnits>> = runs.iter().map(|run| units(run, runs)).collect();
    let mut charts = Vec::new();
    let losses =
        distinct(units.iter().map(|units| units.as_ref().map(|units| (units.in_training(), units.axis()))));
    for (title, of) in [
        ("Training loss", (|epoch| Some(epoch.train_loss)) as fn(&EpochLine) -> _),
        ("Validation loss", |epoch| epoch.validation_loss),
    ] {
        for loss in &losses {
            let title = match loss {
                Some((words, _)) if losses.len() > 1 => format!("{title}, {words}"),
                _ => title.to_owned(),
            };
            let axis = loss.as_ref().map_or("loss", |(_, axis)| axis.as_str());
            let is_own = |run: usize| {
                units[run].as_ref().map(LossUnits::in_training) == loss.as_ref().map(|loss| loss.0.clone())
            };
            let figure = Figure { title: &title, axis, is_log: true, of };
            charts.extend(figure.chart(runs, names, &styles, &is_own));
        }
    }
    for metric in ["accuracy", "R²"] {
        let is_own = |run: usize| runs[run].metric() == Some(metric);
        let (title, of) = (format!("Validation {metric}"), EpochLine::validation_metric);
        let figure = Figure { title: &title, axis: metric, is_log: false, of };
        charts.extend(figure.chart(runs, names, &styles, &is_own));
    }
    charts
}

impl Figure<'_> {
    fn chart(
        &self,
        runs: &[Compared],
        names: &[String],
        styles: &[Option<usize>],
        is_own: &dyn Fn(usize) -> bool,
    ) -> Option<Markup> {
        let plot = Plot::new(self.title, "epoch", self.axis).with_legend();
        let mut plot = if self.is_log { plot.log_y() } else { plot };
        let points = |run: usize| runs[run].record.over_epochs(self.of);
        let mut drawn: Vec<usize> =
            (0..runs.len()).filter(|&run| is_own(run) && points(run).len() > 1).collect();
        // Grey curves lie below the others, and those in the order of the legend.
        drawn.sort_by_key(|&run| styles[run].map_or(0, |style| style + 1));
        let mut is_ringed = false;
        for &run in &drawn {
            let name = &names[run];
            plot = match styles[run] {
                Some(style) => plot.with_style(name, Mark::Line, style, points(run)),
                None => plot.with(name, Mark::Faint, points(run)),
            };
            if let (Some(best), Some(_)) = (runs[run].record.best_epoch(), styles[run]) {
                plot = plot.ringed(best.epoch as f64);
                is_ringed = true;
            }
        }
        let grey: Vec<&str> =
            drawn.iter().filter(|&&run| styles[run].is_none()).map(|&run| names[run].as_str()).collect();
        let rings = if is_ringed { "A ring marks the best epoch of a run." } else { "" };
        chart(self.title, &plot, format!("{rings} {}", remark(runs, &drawn, &grey)).trim())
    }
}

/// The values, each once, in the order of their first places.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// Whether a run has a curve.
fn has_curve(run: &Compared) -> bool {
    run.record.epochs_done() > 1
}

/// Runs whose curves share charts: those with a curve and with this metric.
fn group(runs: &[Compared], metric: Option<&str>) -> Vec<usize> {
    (0..runs.len()).filter(|&run| has_curve(&runs[run]) && runs[run].metric() == metric).collect()
}

/// By which test or validation figure the runs of a group are ordered, if they were measured on the same part of the same data.
fn order(runs: &[Compared], group: &[usize]) -> Option<&'static str> {
    let own = || group.iter().map(|&run| &runs[run]);
    let is_known = |part: &&str| own().any(|run| run.summary().is_some() && run.metric_of(part).is_some());
    ["test", "validation"].into_iter().find(is_known).filter(|part| same_part(own(), part))
}

/// The style of each run, the same in all plots, or `None` for grey and for a run without a curve.
fn styles(runs: &[Compared]) -> Vec<Option<usize>> {
    let mut styles = vec![None; runs.len()];
    for metric in [Some("accuracy"), Some("R²"), None] {
        let mut drawn = group(runs, metric);
        if let (true, Some(part)) = (drawn.len() > COLOURED, order(runs, &drawn)) {
            let key = |run: usize| {
                runs[run].metric_of(part).filter(|value| value.is_finite()).unwrap_or(f64::NEG_INFINITY)
            };
            drawn.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        }
        for (style, run) in drawn.into_iter().take(COLOURED).enumerate() {
            styles[run] = Some(style);
        }
    }
    styles
}

/// Which of the runs like those of a chart have a colour, and what the grey ones of the chart are called.
fn remark(runs: &[Compared], drawn: &[usize], grey: &[&str]) -> String {
    let metric = drawn.first().and_then(|&run| runs[run].metric());
    let group = group(runs, metric);
    if group.len() <= COLOURED {
        return String::new();
    }
    let which = match (order(runs, &group), metric) {
        (Some(part), Some(metric)) => format!("The {COLOURED} runs with the highest {part} {metric}"),
        _ => format!("The first {COLOURED} runs"),
    };
    let named = if grey.is_empty() {
        String::new()
    } else {
        format!(": {}", grey[..grey.len().min(NAMED)].join(", "))
    };
    let more = match grey.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more, whose names are under the mouse"),
    };
    format!("{which} are drawn in colour, the other {} in grey{named}{more}.", group.len() - COLOURED)
}

/// The units of a run's losses: of one without results, those of another on the same data with the same loss or, of classes, those that
/// the loss always has.
fn units(run: &Compared, runs: &[Compared]) -> Option<LossUnits> {
    const KEYS: [&str; 5] = ["data", "target", "loss", "label-smoothing", "class-weight"];
    let settings = |run: &Compared| KEYS.map(|key| run.record.settings.get(key).map(str::to_owned));
    if run.summary().is_some() {
        return run.loss().cloned();
    }
    let like_it = runs.iter().filter(|other| settings(other) == settings(run)).find_map(Compared::loss);
    let [_, _, loss, smoothing, weights] = settings(run);
    like_it.cloned().or_else(|| LossUnits::of_settings(&loss?, smoothing.as_deref(), weights.is_some()))
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
        let remark = |runs: &[Compared]| super::remark(runs, &[0], &["0", "1"]);
        let (styles, which) = (super::styles(&runs), remark(&runs));
        assert!(styles[..8].iter().all(Option::is_none), "{styles:?}");
        assert_eq!((styles[19], styles[8]), (Some(0), Some(11)));
        assert_eq!(
            which,
            "The 12 runs with the highest test accuracy are drawn in colour, the other 8 in grey: 0, 1."
        );
        let (few, which) = (super::styles(&runs[..12]), remark(&runs[..12]));
        assert!(few.iter().flatten().copied().eq(0..12) && which.is_empty(), "{few:?} {which}");
        // Without a figure in common there is no order among them.
        let mut killed: Vec<Compared> = (0..14).map(|i| unfinished(&format!("/runs/{i}"))).collect();
        // One without a curve needs no colour.
        killed[0].record.metrics.truncate(1);
        let (styles, which) = (super::styles(&killed), remark(&killed));
        assert_eq!((styles[0], styles[1], styles[13]), (None, Some(0), None));
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
    fn each_unit_of_the_losses_has_a_chart() {
        let (a, b) = (ended("/runs/a", 0.5), ended("/runs/b", 0.6));
        let mut killed = unfinished("/runs/c");
        let titles = |runs: &[Compared]| -> Vec<String> {
            let names: Vec<String> = runs.iter().map(|run| run.record.name.clone()).collect();
            let title = |chart: &Markup| {
                chart
                    .clone()
                    .into_string()
                    .split("<h2>")
                    .nth(1)
                    .unwrap()
                    .split("</h2>")
                    .next()
                    .unwrap()
                    .to_owned()
            };
            curves(runs, &names).iter().map(title).collect()
        };
        assert_eq!(titles(&[a.clone(), b.clone(), killed.clone()]), ["Training loss"]);
        // Of other data, its settings say what its loss is.
        killed.record.settings =
            crate::settings::Settings::parse("data = \"moons\"\nloss = \"cross-entropy\"\n").unwrap();
        assert_eq!(titles(&[a.clone(), killed]), ["Training loss"]);
        let mut other = b;
        let Outcome::Ended(results) = &mut other.outcome else { panic!("it ended") };
        results.loss.as_mut().unwrap().unit_in_training = Some("squared units of the target".to_owned());
        assert_eq!(
            titles(&[a, other]),
            [
                "Training loss, cross-entropy in nats",
                "Training loss, cross-entropy in squared units of the target"
            ]
        );
    }
}
