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
    fn results(&self) -> Option<&Results> {
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
}

/// What the runs' test figure is: the same for all, or either.
pub(super) fn metric(runs: &[Compared]) -> &'static str {
    let mut metrics = runs.iter().filter_map(Compared::summary).map(|summary| summary.figures.metric());
    match metrics.next() {
        Some(first) if metrics.all(|other| other == first) => first,
        _ => "accuracy or R²",
    }
}

/// Whether all runs that have ended are on the same data.
pub(super) fn same_data(runs: &[Compared]) -> bool {
    let mut data = runs.iter().filter_map(Compared::summary).map(|summary| &summary.data);
    data.next().is_none_or(|first| data.all(|other| other == first))
}

/// Whether the losses of all runs that have ended can be compared: one loss in one unit.
pub(super) fn same_loss(runs: &[Compared]) -> bool {
    let ended = runs.iter().filter(|run| run.summary().is_some());
    let mut ended = ended.map(|run| run.loss().map(|loss| (&loss.name, &loss.unit)));
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
