//! The page of one run.

use maud::{Markup, html};

use crate::clock;
use crate::digits::significant;
use crate::gallery::Gallery;
use crate::html::{cell, facts, figure, note, page, section, table};
use crate::plot::{Mark, Plot};
use crate::results::{Class, Evaluation, TargetFigures};
use crate::run::Run;

/// Beyond this many classes a confusion matrix is no picture any more.
const CLASSES: usize = 30;

/// The page of a run as HTML.
pub fn run_page(run: &Run, gallery: &Gallery) -> String {
    let summary = &run.results.summary;
    let title = format!("{} · {}", summary.data.as_deref().unwrap_or("unknown data"), summary.layers);
    let body = html! {
        header {
            h1 { (title) }
            p { (run.name) " · " (clock::date_and_time(run.results.finished)) }
            @if let Some(text) = &run.results.taken_for { p { "Data: " (text) } }
            @if let Some(words) = &run.results.augment { p { "Augmentation: " (words) } }
            dl.figures {
                @for (name, value) in headline(run) { div { dt { (name) } dd { (value) } } }
            }
        }
        main {
            div.pair { (curves(run)) }
            @match &run.results.test {
                Some(Evaluation::Classification { classes, confusion, .. }) => {
                    div.pair {
                        (section("Confusion matrix", &matrix(classes, confusion)))
                        (section("Each class", &each("class", classes)))
                    }
                }
                Some(Evaluation::MultiLabel { labels, .. }) => {
                    (section("Each label", &each("label", labels)))
                    (note("Accuracy is the fraction of examples of which every label is predicted right."))
                }
                Some(Evaluation::Regression { targets, .. }) if !targets.is_empty() => {
                    (section("Each target", &each_target(targets)))
                    (note("R² of the run is the mean over the targets."))
                }
                _ => {}
            }
            (gallery.markup())
            (section("Configuration", &facts(run.settings.iter())))
            (section("Machine", &machine(run)))
        }
    };
    page(&format!("{title} · chainrule"), &body)
}

/// The figures at the top of the page.
fn headline(run: &Run) -> Vec<(String, String)> {
    let summary = &run.results.summary;
    let figures = &summary.figures;
    let mut lines = Vec::new();
    if let Some(value) = figures.test_metric() {
        lines.push((format!("test {}", figures.metric()), format!("{value:.4}")));
    }
    if let Some(value) = figures.test_loss() {
        lines.push(("test loss".to_owned(), significant(value)));
    }
    if figures.train_loss().is_finite() {
        lines.push(("training loss".to_owned(), significant(figures.train_loss())));
    }
    lines.push(("epochs".to_owned(), summary.epochs.to_string()));
    lines.push(("parameters".to_owned(), summary.parameters.to_string()));
    lines.push(("training time".to_owned(), format!("{:.2} s", summary.seconds)));
    lines
}

fn curves(run: &Run) -> Markup {
    let metric = run.results.summary.figures.metric();
    let mut loss = Plot::new("Loss", "epoch", "loss").log_y().with(
        "training, mean of the batches",
        Mark::Line,
        run.over_epochs(|epoch| Some(epoch.train_loss)),
    );
    let validation = run.over_epochs(|epoch| epoch.validation_loss);
    let second = if validation.is_empty() {
        note("This run has no validation data: --validation 0.1 holds out a tenth of the training data.")
    } else {
        loss = loss.with("validation", Mark::Line, validation);
        let points = run.over_epochs(crate::metrics::EpochLine::validation_metric);
        figure(&Plot::new(&format!("Validation {metric}"), "epoch", metric).with(metric, Mark::Line, points))
    };
    html! {
        (section("Loss", &figure(&loss)))
        (section(if metric == "R²" { "R²" } else { "Accuracy" }, &second))
        (section("Gradient norms", &gradients(run)))
        (section("Loss of single batches", &batches(run)))
        (section("Learning rate", &learning_rate(run)))
        (section("Where the time went", &time(run)))
    }
}

fn learning_rate(run: &Run) -> Markup {
    let mut rate: Vec<(f64, f64)> =
        run.steps().filter_map(|step| Some((step.step as f64, step.learning_rate?))).collect();
    if rate.len() < 2 {
        rate = run.epochs().filter_map(|epoch| Some((epoch.step as f64, epoch.learning_rate?))).collect();
    }
    if rate.is_empty() {
        return note("This optimizer has no learning rate: it chooses the length of each step itself.");
    }
    figure(&Plot::new("Learning rate", "step", "η").with("η", Mark::Line, rate))
}

fn batches(run: &Run) -> Markup {
    let points: Vec<(f64, f64)> = run.steps().map(|step| (step.step as f64, step.loss)).collect();
    if points.is_empty() {
        return note("No step of this run was logged: --log-every N logs every N-th step.");
    }
    figure(&Plot::new("Loss of single batches", "step", "loss").log_y().with("batch", Mark::Dots, points))
}

fn gradients(run: &Run) -> Markup {
    let names: Vec<&String> = run.epochs().take(1).flat_map(|epoch| epoch.gradient_norm.keys()).collect();
    if names.is_empty() {
        return note("This run has no epoch.");
    }
    let mut plot = Plot::new("Gradient norms", "epoch", "‖∂C/∂p‖").log_y();
    for name in names {
        let points = run.over_epochs(|epoch| epoch.gradient_norm.get(name).copied().flatten());
        plot = plot.with(name, Mark::Line, points);
    }
    html! {
        (figure(&plot))
        (note("Gradient of the last batch of each epoch, for each parameter array, before clipping."))
    }
}

fn each_target(targets: &[TargetFigures]) -> Markup {
    let row = |TargetFigures { name, r2, rmse }: &TargetFigures| {
        vec![cell(name), cell(&format!("{r2:.4}")), cell(&significant(*rmse))]
    };
    table(&["target", "R²", "RMSE"], &targets.iter().map(row).collect::<Vec<_>>())
}

fn each(what: &str, classes: &[Class]) -> Markup {
    let rows: Vec<Vec<Markup>> = classes
        .iter()
        .map(|Class { name, score }| {
            let ratios = [score.precision, score.recall, score.f1].map(|ratio| cell(&format!("{ratio:.4}")));
            [&[cell(name)], &ratios[..], &[cell(&score.support.to_string())]].concat()
        })
        .collect();
    table(&[what, "precision", "recall", "F1", "examples"], &rows)
}

fn matrix(classes: &[Class], confusion: &[Vec<u64>]) -> Markup {
    if classes.len() > CLASSES {
        return note(
            "There are too many classes for a matrix: `chainrule evaluate --json` prints all numbers.",
        );
    }
    html! {
        div.scroll tabindex="0" {
            table.matrix {
                thead { tr { td {} @for class in classes { th scope="col" { (class.name) } } } }
                tbody {
                    @for (truth, (class, row)) in classes.iter().zip(confusion).enumerate() {
                        tr {
                            th scope="row" { (class.name) }
                            @for (prediction, &count) in row.iter().enumerate() {
                                td.cell.hit[prediction == truth].miss[prediction != truth]
                                    style=(tint(count, row)) { @if count > 0 { (count) } }
                            }
                        }
                    }
                }
            }
        }
        (note("True class by row, predicted class by column, on the test data."))
    }
}

/// The share of a count in its row as a property of CSS. The root makes rare confusions visible.
fn tint(count: u64, row: &[u64]) -> String {
    let total = row.iter().sum::<u64>().max(1) as f64;
    format!("--share:{:.3}", 0.75 * (count as f64 / total).sqrt())
}

/// Instead of times, also of a run that was resumed after its last step.
const NO_STEP: &str = "The process that ended the run took no step.";

fn time(run: &Run) -> Markup {
    let split = run.results.split;
    let parts = [
        ("data", "data, records, snapshots", split.data),
        ("forward", "forward", split.forward),
        ("backward", "loss and backward", split.backward),
        ("update", "update", split.update),
    ];
    let total: f64 = parts.iter().map(|part| part.2).sum();
    if total <= 0.0 {
        return note(NO_STEP);
    }
    html! {
        div.bar role="img" aria-label="shares of the time" {
            @for (class, _, seconds) in parts {
                span class=(class) style=(format!("width:{:.2}%", 100.0 * seconds / total)) {}
            }
        }
        ul.key {
            @for (class, name, seconds) in parts {
                li {
                    i class=(class) {}
                    (format!("{name} {seconds:.2} s, {:.0} %", 100.0 * seconds / total))
                }
            }
        }
        (note("Steps of the process that ended the run, without validation."))
    }
}

fn machine(run: &Run) -> Markup {
    let machine = &run.results.machine;
    let cores = machine.cores.to_string();
    let known = [
        ("processor", machine.processor.as_deref()),
        ("cores", Some(cores.as_str())),
        ("system", Some(&machine.system)),
        ("BLAS", Some(&machine.blas)),
        ("version", Some(&machine.version)),
    ];
    facts(known.into_iter().filter_map(|(name, value)| Some((name, value?))))
}
