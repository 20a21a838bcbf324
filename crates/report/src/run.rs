//! The folder of a training run that has ended.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::metrics::{EpochLine, Line, StepLine};
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

/// What a run left in its folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Name of the folder.
    pub name: String,
    /// Its [`RESULTS`].
    pub results: Results,
    /// The lines of its [`METRICS`].
    pub metrics: Vec<Line>,
    /// Its [`CONFIG`].
    pub settings: Settings,
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
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|source| RunError::Io { path, source })
        };
        let results = json(folder.join(RESULTS), None, &text(RESULTS)?)?;
        let metrics = text(METRICS)?
            .lines()
            .enumerate()
            .map(|(place, line)| json(folder.join(METRICS), Some(place + 1), line))
            .collect::<Result<_, _>>()?;
        let settings = Settings::parse(&text(CONFIG)?).map_err(|(line, fault)| RunError::Config {
            path: folder.join(CONFIG),
            line,
            fault,
        })?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| folder.display().to_string());
        Ok(Self { name, results, metrics, settings })
    }

    /// The epochs of the run.
    pub(crate) fn epochs(&self) -> impl Iterator<Item = &EpochLine> {
        self.metrics.iter().filter_map(|line| match line {
            Line::Epoch(epoch) => Some(epoch),
            Line::Step(_) => None,
        })
    }

    /// The logged steps of the run.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &StepLine> {
        self.metrics.iter().filter_map(|line| match line {
            Line::Step(step) => Some(step),
            Line::Epoch(_) => None,
        })
    }

    /// The points of a figure over the epochs that have it.
    pub(crate) fn over_epochs(&self, figure: impl Fn(&EpochLine) -> Option<f64>) -> Vec<(f64, f64)> {
        self.epochs().filter_map(|epoch| Some((epoch.epoch as f64, figure(epoch)?))).collect()
    }
}

fn json<T: DeserializeOwned>(path: PathBuf, line: Option<usize>, text: &str) -> Result<T, RunError> {
    serde_json::from_str(text).map_err(|source| {
        let line = line.unwrap_or(source.line());
        RunError::Json { path, line, source }
    })
}
