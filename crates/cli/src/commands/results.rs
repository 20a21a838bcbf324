//! What a training run came to.

use std::fmt::Write as _;

use chainrule::model::ModelCard;
use chainrule::train::{Evaluation, History, Split};
use serde_json::{Value, json};

use super::evaluate;
use super::report::machine;
use super::run::{clock, folder::RunFolder};

/// The figures of a run.
pub(crate) struct Results {
    /// Whether the score is an accuracy; else it is an R².
    pub(crate) classes: bool,
    pub(crate) train: Evaluation,
    pub(crate) validation: Option<Evaluation>,
    pub(crate) test: Option<Evaluation>,
    pub(crate) history: History,
    /// Where the time of this process's steps went, and the seconds it spent on epochs in all.
    pub(crate) split: Split,
    pub(crate) in_epochs: f64,
    /// What went between the ranks, if there are several.
    pub(crate) communication: Value,
}

impl Results {
    /// The parts of the data and what was measured on each.
    fn parts(&self) -> impl Iterator<Item = (&'static str, &Evaluation)> {
        let parts = [
            ("train", Some(&self.train)),
            ("validation", self.validation.as_ref()),
            ("test", self.test.as_ref()),
        ];
        parts.into_iter().filter_map(|(name, evaluation)| Some((name, evaluation?)))
    }

    fn seconds(&self) -> f64 {
        self.history.epochs.iter().map(|epoch| epoch.seconds).sum()
    }

    fn examples_per_second(&self) -> f64 {
        let seen: usize = self.history.epochs.iter().map(|epoch| epoch.examples).sum();
        seen as f64 / self.seconds().max(f64::MIN_POSITIVE)
    }

    /// All that `results.json` keeps.
    pub(crate) fn in_full(
        &self,
        card: &ModelCard,
        parameters: usize,
        folder: &RunFolder,
        examples: usize,
    ) -> Value {
        let mut report = self.as_json(card, parameters, folder);
        let Split { forward, backward, update } = self.split;
        let [forward, backward, update] = [forward, backward, update].map(|part| part.as_secs_f64());
        let data = (self.in_epochs - forward - backward - update).max(0.0);
        report["split"] = json!({ "data": data, "forward": forward, "backward": backward, "update": update });
        report["communication"] = self.communication.clone();
        report["machine"] = machine();
        report["finished"] = json!(clock::now());
        report["test"] =
            json!(self.test.as_ref().map(|test| evaluate::as_json(&card.classes, examples, test)));
        report
    }

    /// One object: what `--json` prints.
    pub(crate) fn as_json(&self, card: &ModelCard, parameters: usize, folder: &RunFolder) -> Value {
        let score = if self.classes { "accuracy" } else { "r2" };
        let mut report = json!({
            "data": card.data,
            "layers": card.architecture.to_string(),
            "parameters": parameters,
            "epochs": self.history.epochs.len(),
            "seconds": self.seconds(),
            "samples_per_second": self.examples_per_second(),
            "test_loss": null,
            "best_epoch": self.history.best,
            "seed": card.seed,
            "model": folder.last().display().to_string(),
            "report": folder.report().display().to_string(),
            "run": folder.path().display().to_string(),
        });
        report[format!("test_{score}")] = Value::Null;
        for (part, evaluation) in self.parts() {
            report[format!("{part}_loss")] = json!(evaluation.loss);
            report[format!("{part}_{score}")] = json!(evaluation.metrics.headline());
        }
        report
    }

    /// A table, and where everything lies.
    pub(crate) fn table(&self, folder: &RunFolder) -> String {
        let mut text =
            format!("{:<10}  {:>9}  {:>8}\n", "", "loss", if self.classes { "accuracy" } else { "R²" });
        for (part, evaluation) in self.parts() {
            let name = if part == "train" { "training" } else { part };
            put(
                &mut text,
                format_args!(
                    "{name:<10}  {:>9.5}  {:>8.4}\n",
                    evaluation.loss,
                    evaluation.metrics.headline()
                ),
            );
        }
        let rate = self.examples_per_second();
        put(&mut text, format_args!("\ntime        {:.2} s, {rate:.0} examples/s\n", self.seconds()));
        put(&mut text, format_args!("model       {}\n", folder.last().display()));
        let headline = match &self.test {
            Some(test) if self.classes => format!("test accuracy {:.2} %", 100.0 * test.metrics.headline()),
            Some(test) => format!("test R² {:.4}", test.metrics.headline()),
            None => format!("training loss {:.5}", self.train.loss),
        };
        put(&mut text, format_args!("{headline}; the report is {}\n", folder.report().display()));
        text
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes every write");
}
