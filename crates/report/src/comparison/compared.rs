//! A run of a comparison, and what several have in common.

use std::path::PathBuf;

use crate::results::{LossUnits, Results, Summary};
use crate::run::Record;

/// A run of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Its folder.
    pub folder: PathBuf,
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
    /// Its results, if it ended.
    pub(super) fn results(&self) -> Option<&Results> {
        match &self.outcome {
            Outcome::Ended(results) => Some(results),
            Outcome::Unfinished(_) => None,
        }
    }

    /// Its summary, if it ended.
    pub(super) fn summary(&self) -> Option<&Summary> {
        self.results().map(|results| &results.summary)
    }

    /// The units of its losses, if it ended and its results say them.
    pub(super) fn loss(&self) -> Option<&LossUnits> {
        self.results()?.loss.as_ref()
    }

    /// `accuracy` or `R²`, whichever it measures.
    pub(super) fn metric(&self) -> Option<&'static str> {
        let of_epochs = || {
            let last = self.record.epochs().last()?;
            let is_accuracy = last.train_accuracy.or(last.validation_accuracy).is_some();
            let is_r2 = last.train_r2.or(last.validation_r2).is_some();
            is_accuracy.then_some("accuracy").or(is_r2.then_some("R²"))
        };
        self.summary().map(|summary| summary.figures.metric()).or_else(of_epochs)
    }

    /// Its accuracy or R² on a part of the data; of an unfinished run that of its last epoch.
    pub(super) fn metric_of(&self, part: &str) -> Option<f64> {
        let figures = self.summary().map(|summary| &summary.figures);
        let last = self.record.epochs().last();
        match (figures, part) {
            (Some(figures), "test") => figures.test_metric(),
            (Some(figures), "validation") => figures.validation_metric(),
            (Some(figures), _) => Some(figures.train_metric()),
            (None, "validation") => last?.validation_metric(),
            (None, "training") => last?.train_metric(),
            (None, _) => None,
        }
    }

    /// Its loss on a part of the data; of an unfinished run that of its last epoch.
    pub(super) fn loss_of(&self, part: &str) -> Option<f64> {
        let figures = self.summary().map(|summary| &summary.figures);
        // The losses of a regression during training may have another unit than those of the others.
        let last = self.record.epochs().last().filter(|_| self.metric() != Some("R²"));
        match (figures, part) {
            (Some(figures), "test") => figures.test_loss(),
            (Some(figures), "validation") => figures.validation_loss(),
            (Some(figures), _) => Some(figures.train_loss()),
            (None, "validation") => last?.validation_loss,
            (None, "training") => Some(last?.train_loss),
            (None, _) => None,
        }
    }

    /// The epochs that it has done.
    pub(super) fn epochs(&self) -> usize {
        self.summary().map_or_else(|| self.record.epochs_done(), |summary| summary.epochs)
    }

    /// What its data are called.
    pub(super) fn data(&self) -> &str {
        let setting = self.record.settings.get("data").unwrap_or_default();
        let of_path = || setting.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
        self.summary().and_then(|summary| summary.data.as_deref()).unwrap_or_else(of_path)
    }

    /// Its network in words.
    pub(super) fn network(&self) -> &str {
        let setting = |key| self.record.settings.get(key);
        let of_settings = || setting("network").or_else(|| setting("layers")).unwrap_or_default();
        self.summary().map_or_else(of_settings, |summary| summary.layers.as_str())
    }

    /// What its part of this name is known by: which data, how many examples of them, and how they were chosen.
    fn part(&self, name: &str) -> Option<Vec<String>> {
        let results = self.results()?;
        let setting = |key: &str| self.record.settings.get(key).unwrap_or_default().to_owned();
        let data = ["data", "target"].map(setting);
        let part = results.diagnostics.parts.iter().find(|part| part.name == name);
        let own = match part {
            Some(part) => vec![part.examples.to_string(), part.origin.clone()],
            None => ["test", "validation", "seed"].map(setting).to_vec(),
        };
        // What is held out for validation depends on what was held out for the test.
        let test = if name == "validation" { self.part("test").unwrap_or_default() } else { Vec::new() };
        Some([&data[..], &[self.data().to_owned()], &own, &test].concat())
    }
}

/// Whether all runs that have ended were judged on the same part of the same data.
pub(super) fn same_part<'a>(runs: impl IntoIterator<Item = &'a Compared>, name: &str) -> bool {
    let mut parts = runs.into_iter().filter_map(|run| run.part(name));
    parts.next().is_none_or(|first| parts.all(|other| other == first))
}

/// Whether all runs that have ended are on data of one name.
pub(super) fn same_data(runs: &[Compared]) -> bool {
    let mut data = runs.iter().filter(|run| run.summary().is_some()).map(Compared::data);
    data.next().is_none_or(|first| data.all(|other| other == first))
}

/// Whether the losses of all runs that have ended can be compared: one loss in one unit.
pub(super) fn same_loss(runs: &[Compared]) -> bool {
    let ended = runs.iter().filter(|run| run.summary().is_some());
    let mut ended = ended.map(|run| run.loss().map(LossUnits::in_words));
    ended.next().is_none_or(|first| ended.all(|other| other == first))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Line;
    use crate::settings::Settings;

    fn record(name: &str) -> Record {
        let epoch = |epoch: u32| -> Line {
            let line = json!({ "kind": "epoch", "epoch": epoch, "step": epoch, "train_loss": 1.0 / f64::from(epoch), "seconds": 1.0, "examples": 9 });
            serde_json::from_value(line).unwrap()
        };
        let settings = Settings::parse("data = \"digits\"\nloss = \"cross-entropy\"\n").unwrap();
        Record { name: name.to_owned(), metrics: (1..4).map(epoch).collect(), settings }
    }

    /// A run that ended with this accuracy.
    pub(in super::super) fn ended(folder: &str, accuracy: f64) -> Compared {
        let results = json!({
            "data": "digits", "layers": "64-10", "parameters": 650, "epochs": 3, "best_epoch": null, "seconds": 1.0,
            "samples_per_second": 9.0, "seed": 0, "train_loss": 0.5, "train_accuracy": accuracy, "test_loss": 0.5,
            "test_accuracy": accuracy, "model": "", "report": "", "run": "",
            "loss": { "name": "cross-entropy", "unit": "nats", "unit_in_training": "nats", "targets": 0 },
            "split": { "data": 0.0, "forward": 0.0, "backward": 0.0, "update": 0.0 }, "communication": null,
            "machine": { "processor": null, "cores": 2, "system": "", "blas": "", "version": "" }, "finished": 0.0, "test": null
        });
        let outcome = Outcome::Ended(Box::new(serde_json::from_value(results).unwrap()));
        Compared { folder: folder.into(), record: record(folder), outcome, link: None }
    }

    /// A run that was killed.
    pub(in super::super) fn unfinished(folder: &str) -> Compared {
        let why = "interrupted or killed after 3 epochs; resume it".to_owned();
        Compared {
            folder: folder.into(),
            record: record(folder),
            outcome: Outcome::Unfinished(why),
            link: None,
        }
    }
}
