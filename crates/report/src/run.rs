//! The folder of a training run.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::metrics::{EpochLine, FailureLine, Line, StepLine};
use crate::results::Results;
use crate::settings::Settings;

/// The settings of a run, in its folder.
pub const CONFIG: &str = "config.toml";
/// The model at the end of a run, or at its best epoch.
pub const LAST_MODEL: &str = "last.safetensors";
/// One line of JSON for each epoch and every N-th step.
pub const METRICS: &str = "metrics.jsonl";
/// The results.
pub const RESULTS: &str = "results.json";
/// The page.
pub const REPORT: &str = "report.html";

/// What a run writes on the way, whether it has ended or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the folder.
    pub name: String,
    /// The lines of its [`METRICS`].
    pub metrics: Vec<Line>,
    /// Its [`CONFIG`].
    pub settings: Settings,
}

/// What a run that has ended left in its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it wrote on the way.
    pub record: Record,
    /// Its [`RESULTS`].
    pub results: Results,
}

/// The epoch of a run that is its best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BestEpoch {
    /// Its number, from 1.
    pub(crate) epoch: usize,
    /// Whether its validation loss is the lowest; else its training loss is.
    pub(crate) is_validated: bool,
}

impl BestEpoch {
    /// Whose loss is the lowest.
    pub(crate) fn loss(self) -> &'static str {
        if self.is_validated { "validation loss" } else { "training loss" }
    }
}

/// Why the folder of a run cannot be read.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file is missing or unreadable.
    #[error("cannot read {}: {source}: give the folder of a run that has ended", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of JSON is not what a run writes.
    #[error("{}, line {line}: {source}: repeat the run, or remove the folder from the report", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// The settings are not TOML.
    #[error("{}, line {line}: {fault}: correct the file", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        fault: String,
    },
}

impl Run {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// If a file is missing, or is not what a run that has ended leaves there.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let results = json(folder.join(RESULTS), None, &text(folder, RESULTS)?)?;
        Ok(Self { record: Record::read(folder)?, results })
    }
}

impl Record {
    /// Reads what a run wrote on the way.
    ///
    /// # Errors
    /// If a file is missing, or is not what a run writes.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let lines = text(folder, METRICS)?;
        // A run that was killed may have left its last line unfinished.
        let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let metrics = whole
            .lines()
            .enumerate()
            .map(|(place, line)| json(folder.join(METRICS), Some(place + 1), line))
            .collect::<Result<_, _>>()?;
        let settings = Settings::parse(&text(folder, CONFIG)?).map_err(|(line, fault)| RunError::Config {
            path: folder.join(CONFIG),
            line,
            fault,
        })?;
        // Of `.` the name of the folder that it is.
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let name = whole.components().next_back().filter(|last| matches!(last, Component::Normal(_)));
        let name = name.map_or_else(
            || folder.display().to_string(),
            |name| name.as_os_str().to_string_lossy().into_owned(),
        );
        Ok(Self { name, metrics, settings })
    }

    /// Why the run ended before its last epoch, if it wrote that down.
    pub fn failure(&self) -> Option<&FailureLine> {
        self.metrics.iter().rev().find_map(|line| match line {
            Line::Failure(failure) => Some(failure),
            Line::Step(_) | Line::Epoch(_) => None,
        })
    }

    /// How many epochs the run has done.
    pub fn epochs_done(&self) -> usize {
        self.epochs().count()
    }

    /// The epochs of the run.
    pub(crate) fn epochs(&self) -> impl Iterator<Item = &EpochLine> {
        self.metrics.iter().filter_map(|line| match line {
            Line::Epoch(epoch) => Some(epoch),
            Line::Step(_) | Line::Failure(_) => None,
        })
    }

    /// The logged steps of the run.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &StepLine> {
        self.metrics.iter().filter_map(|line| match line {
            Line::Step(step) => Some(step),
            Line::Epoch(_) | Line::Failure(_) => None,
        })
    }

    /// The points of a figure over the epochs that have it.
    pub(crate) fn over_epochs(&self, figure: impl Fn(&EpochLine) -> Option<f64>) -> Vec<(f64, f64)> {
        self.epochs().filter_map(|epoch| Some((epoch.epoch as f64, figure(epoch)?))).collect()
    }

    /// The epoch with the lowest validation loss, or training loss where there is no validation part: the one whose parameters the run
    /// keeps in `best.safetensors`. `None` where there are fewer than two to choose from.
    pub(crate) fn best_epoch(&self) -> Option<BestEpoch> {
        let is_validated = self.epochs().any(|epoch| epoch.validation_loss.is_some());
        let loss =
            |epoch: &EpochLine| if is_validated { epoch.validation_loss } else { Some(epoch.train_loss) };
        let losses = || self.epochs().filter_map(|epoch| Some((loss(epoch)?, epoch.epoch)));
        let best = losses().filter(|(loss, _)| loss.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0))?;
        (losses().count() > 1).then_some(BestEpoch { epoch: best.1, is_validated })
    }
}

fn text(folder: &Path, name: &str) -> Result<String, RunError> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|source| RunError::Io { path, source })
}

fn json<T: DeserializeOwned>(path: PathBuf, line: Option<usize>, text: &str) -> Result<T, RunError> {
    serde_json::from_str(text).map_err(|source| {
        let line = line.unwrap_or(source.line());
        RunError::Json { path, line, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(losses: &[(f64, Option<f64>)]) -> Record {
        let line = |(epoch, &(train, validation)): (usize, &(f64, Option<f64>))| {
            let line = serde_json::json!({
                "kind": "epoch", "epoch": epoch, "step": epoch, "train_loss": train, "validation_loss": validation, "seconds": 1.0, "examples": 1
            });
            serde_json::from_value(line).unwrap()
        };
        let metrics = (1..).zip(losses).map(line).collect();
        Record { name: "run".to_owned(), metrics, settings: Settings::default() }
    }

    #[test]
    fn the_best_epoch_is_that_of_the_validation_loss_or_else_of_the_training_loss() {
        let best =
            |losses: &[(f64, Option<f64>)]| record(losses).best_epoch().map(|best| (best.epoch, best.loss()));
        let validated = [(3.0, Some(2.0)), (2.0, Some(1.0)), (1.0, Some(1.5))];
        assert_eq!(best(&validated), Some((2, "validation loss")));
        // Of equal losses the first is kept.
        assert_eq!(best(&[(3.0, None), (1.0, None), (1.0, None), (2.0, None)]), Some((2, "training loss")));
        assert_eq!(best(&[(f64::NAN, None), (1.0, None)]), Some((2, "training loss")));
        assert_eq!(best(&[(1.0, None)]), None);
        assert_eq!(best(&[]), None);
    }
}
