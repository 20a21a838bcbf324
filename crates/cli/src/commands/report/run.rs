//! The page of one run.

use std::fmt::Write as _;

use chainrule_report::plot::{Mark, Plot};
use serde_json::Value;

use super::page::{escaped, facts, note, page, section, table};
use crate::commands::run::clock;

/// What a run left behind, as its page and comparisons read it.
pub(crate) struct Story {
    /// The folder's name.
    pub(crate) name: String,
    /// `results.json`.
    pub(crate) results: Value,
    /// The lines of `metrics.jsonl`.
    pub(crate) lines: Vec<Value>,
    /// `config.toml`.
    pub(crate) settings: String,
}

impl Story {
    /// The points of one figure over the epochs or, for `kind` "step", over the logged steps.
    pub(super) fn curve(&self, kind: &str, figure: &str) -> Vec<(f64, f64)> {
        let at = if kind == "epoch" { "epoch" } else { "step" };
        let of_kind = self.lines.iter().filter(|line| line["kind"] == kind);
        of_kind.filter_map(|line| Some((line[at].as_f64()?, number(line, figure)?))).collect()
    }

    /// A figure of the results, rounded.
    pub(super) fn figure(&self, key: &str, digits: usize) -> Option<String> {
        self.results[key].as_f64().map(|value| format!("{value:.digits$}"))
    }

    pub(super) fn score(&self) -> (&'static str, &'static str) {
        if self.results["test"]["confusion"].is_array() { ("accuracy", "accuracy") } else { ("r2", "R²") }
    }

    fn text(&self, key: &str) -> String {
        match &self.results[key] {
            Value::Null => "unknown".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// A figure of a line, by its name or by the path `gradient_norm/NAME`.
fn number(line: &Value, figure: &str) -> Option<f64> {
    if figure == "validation" {
        // Runs of earlier versions have one name for both.
        let names = ["validation_accuracy", "validation_r2", "validation"];
        return names.iter().find_map(|name| line[name].as_f64());
    }
    if figure == "validation" {
        // Runs of earlier versions have one name for both.
        let names = ["validation_accuracy", "validation_r2", "validation_score"];
        return names.iter().find_map(|name| line[name].as_f64());
    }
    match figure.split_once('/') {
        Some((group, name)) => line[group][name].as_f64(),
        None => line[figure].as_f64(),
    }
}

/// The page, with pictures of examples and weights that were made elsewhere.
pub(crate) fn run_page(story: &Story, pictures: &str) -> String {
    let (key, score) = story.score();
    let figures = [
        (format!("test {score}"), story.figure(&format!("test_{key}"), 4)),
        ("test loss".to_owned(), story.figure("test_loss", 5)),
        ("training loss".to_owned(), story.figure("train_loss", 5)),
        ("epochs".to_owned(), Some(story.text("epochs"))),
        ("parameters".to_owned(), Some(story.text("parameters"))),
        ("training time".to_owned(), story.figure("seconds", 2).map(|seconds| format!("{seconds} s"))),
    ];
    let figure = |(name, value): &(String, Option<String>)| {
        let value = value.as_ref()?;
        Some(format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), escaped(value)))
    };
    let figures: String = figures.iter().filter_map(figure).collect();
    let finished = story.results["finished"].as_f64().map(clock::date_and_time).unwrap_or_default();
    let title = format!("{} · {}", story.text("data"), story.text("layers"));
    let body = format!(
        "<header>\n<h1>{}</h1>\n<p>{} · {finished}</p>\n<dl class=\"figures\">\n{figures}</dl>\n</header>\n<main>\n{}{}{pictures}{}</main>\n",
        escaped(&title),
        escaped(&story.name),
        curves(story),
        classes(story),
        circumstances(story),
    );
    page(&format!("{title} · chainrule"), &body)
}

fn curves(story: &Story) -> String {
    let (_, score) = story.score();
    let mut loss = Plot::new("Loss", "epoch", "loss").log_y().with(
        "training, mean of the batches",
        Mark::Line,
        story.curve("epoch", "train_loss"),
    );
    let held_out = story.curve("epoch", "validation_loss");
    let mut second = note("No part of the data was held out to watch: --validation 0.1 adds its curve.");
    if !held_out.is_empty() {
        loss = loss.with("validation", Mark::Line, held_out);
        let watched = story.curve("epoch", "validation");
        second = Plot::new(&format!("Validation {score}"), "epoch", score)
            .with(score, Mark::Line, watched)
            .to_svg();
    }
    let mut rate = story.curve("step", "learning_rate");
    if rate.len() < 2 {
        let ends = story.lines.iter().filter(|line| line["kind"] == "epoch");
        rate =
            ends.filter_map(|line| Some((line["step"].as_f64()?, line["learning_rate"].as_f64()?))).collect();
    }
    let rate = if rate.is_empty() {
        note("The method chooses the length of its steps itself.")
    } else {
        Plot::new("Learning rate", "step", "η").with("η", Mark::Line, rate).to_svg()
    };
    let sections = [
        section("Loss", &loss.to_svg()),
        section(if score == "R²" { "R²" } else { "Accuracy" }, &second),
        section("Gradient norms", &gradients(story)),
        section("Loss of single batches", &batches(story)),
        section("Learning rate", &rate),
        section("Where the time went", &time(story)),
    ];
    format!("<div class=\"pair\">\n{}</div>\n", sections.concat())
}

fn batches(story: &Story) -> String {
    let points = story.curve("step", "loss");
    if points.is_empty() {
        return note("The run was shorter than one step of its log: --log-every N makes it finer.");
    }
    Plot::new("Loss of single batches", "step", "loss").log_y().with("batch", Mark::Dots, points).to_svg()
}

fn gradients(story: &Story) -> String {
    let Some(line) = story.lines.iter().find(|line| line["kind"] == "epoch") else { return String::new() };
    let names = line["gradient_norm"].as_object().into_iter().flat_map(|norms| norms.keys());
    let mut plot = Plot::new("Gradient norms", "epoch", "‖∂C/∂p‖").log_y();
    for name in names {
        plot = plot.with(name, Mark::Line, story.curve("epoch", &format!("gradient_norm/{name}")));
    }
    let how = note(
        "Of the last batch of each epoch, for each parameter: the optimizer's own gradient, before clipping.",
    );
    format!("{}{how}", plot.to_svg())
}

fn classes(story: &Story) -> String {
    let test = &story.results["test"];
    let (Some(counts), Some(classes)) = (test["confusion"].as_array(), test["classes"].as_array()) else {
        return String::new();
    };
    let names: Vec<String> =
        classes.iter().map(|class| escaped(class["name"].as_str().unwrap_or_default())).collect();
    let ratio = |class: &Value, figure: &str| {
        class["score"][figure].as_f64().map(|value| format!("{value:.4}")).unwrap_or_default()
    };
    let rows: Vec<Vec<String>> = names
        .iter()
        .zip(classes)
        .map(|(name, class)| {
            let figures = ["precision", "recall", "f1"].map(|figure| ratio(class, figure));
            [std::slice::from_ref(name), &figures[..], &[class["score"]["support"].to_string()]].concat()
        })
        .collect();
    let scores = table(&["class", "precision", "recall", "F1", "examples"], &rows);
    // Wider than this it is no picture any more, and `evaluate --json` has the numbers.
    let matrix = if names.len() > 30 {
        note("There are too many classes for a matrix: `chainrule evaluate --json` has the numbers.")
    } else {
        matrix(&names, counts)
    };
    format!(
        "<div class=\"pair\">\n{}{}</div>\n",
        section("Confusion matrix", &matrix),
        section("Each class", &scores)
    )
}

fn matrix(names: &[String], counts: &[Value]) -> String {
    let rows: Vec<Vec<u64>> = counts
        .iter()
        .map(|row| row.as_array().into_iter().flatten().filter_map(Value::as_u64).collect())
        .collect();
    let mut html =
        String::from("<div class=\"scroll\" tabindex=\"0\"><table class=\"matrix\">\n<thead><tr><td></td>");
    for name in names {
        put(&mut html, format_args!("<th scope=\"col\">{name}</th>"));
    }
    html += "</tr></thead>\n<tbody>\n";
    for (truth, (name, row)) in names.iter().zip(&rows).enumerate() {
        let total = row.iter().sum::<u64>().max(1) as f64;
        put(&mut html, format_args!("<tr><th scope=\"row\">{name}</th>"));
        for (guess, &count) in row.iter().enumerate() {
            let kind = if guess == truth { "hit" } else { "miss" };
            // The root lets rare confusions be seen.
            let share = 0.75 * (count as f64 / total).sqrt();
            let shown = if count == 0 { String::new() } else { count.to_string() };
            put(
                &mut html,
                format_args!("<td class=\"cell {kind}\" style=\"--share:{share:.3}\">{shown}</td>"),
            );
        }
        html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
    html + &note("True class by row, predicted class by column, on the test data.")
}

fn time(story: &Story) -> String {
    let split = &story.results["split"];
    let parts = [
        ("data", "data, records, snapshots", split["data"].as_f64()),
        ("forward", "forward", split["forward"].as_f64()),
        ("backward", "loss and backward", split["backward"].as_f64()),
        ("update", "update", split["update"].as_f64()),
    ];
    let total: f64 = parts.iter().filter_map(|part| part.2).sum();
    if total <= 0.0 {
        return String::new();
    }
    let (mut bar, mut key) = (String::new(), String::new());
    for (class, name, seconds) in parts {
        let (seconds, share) = (seconds.unwrap_or(0.0), 100.0 * seconds.unwrap_or(0.0) / total);
        put(&mut bar, format_args!("<span class=\"{class}\" style=\"width:{share:.2}%\"></span>"));
        put(
            &mut key,
            format_args!("<li><i class=\"{class}\"></i>{name} {seconds:.2} s, {share:.0} %</li>\n"),
        );
    }
    let how = note("In the steps of the process that ended the run. Validation is not part of it.");
    format!(
        "<div class=\"bar\" role=\"img\" aria-label=\"shares of the time\">{bar}</div>\n<ul class=\"key\">\n{key}</ul>\n{how}"
    )
}

fn circumstances(story: &Story) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let set = story.settings.lines().filter(|line| !line.starts_with('#'));
    let set: Vec<(&str, String)> = set
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, value)| (key, value.trim_matches('"').to_owned()))
        .collect();
    let machine = story.results["machine"].as_object();
    let machine: Vec<(&str, String)> = machine
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.as_str(), plain(value)))
        .collect();
    format!("{}{}", section("Configuration", &facts(&set)), section("Machine", &facts(&machine)))
}

fn put(html: &mut String, part: std::fmt::Arguments<'_>) {
    html.write_fmt(part).expect("a string takes every write");
}
