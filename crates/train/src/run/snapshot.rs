use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chainrule_layers::Layer;
use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::run::epoch_log::EpochMark;
use crate::run::identity::{Difference, RunIdentity};
use crate::run::train_state::{Snapshot, TrainState};
use crate::tensors::{self, TensorBytes, TensorFile, TensorFileError};

/// Why a snapshot could not be written, read or resumed from.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file cannot be read, or is no snapshot.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The file could not be put in place.
    #[error(transparent)]
    Write(#[from] chainrule_datasets::Error),
    /// It is a snapshot of another run.
    #[error("{}: {fault}: this is a snapshot of another run", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        fault: String,
    },
    /// It is a snapshot of a run with another setting.
    #[error("{}: this is a snapshot of a run with `{was}`, not with `{now}`", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// The key of the setting.
        key: String,
        /// The setting of the snapshot's run.
        was: String,
        /// That of the run that was to be resumed.
        now: String,
    },
}

impl SnapshotError {
    /// Whether the snapshot is whole, but one of another run.
    pub(crate) fn is_of_another_run(&self) -> bool {
        matches!(self, Self::Mismatch { .. } | Self::Setting { .. })
    }
}

/// A [`Snapshot`] read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved<A> {
    path: PathBuf,
    state: TrainState<A>,
    theta: Vec<A>,
    /// Name and numbers, in the order of the optimizer's walk.
    memory: Vec<(String, Vec<A>)>,
    /// The part of the log of epochs that is still to be read.
    log: Option<EpochMark>,
}

/// What the metadata says.
#[derive(Deserialize)]
#[serde(bound = "")]
struct Label<A> {
    #[serde(alias = "standing")]
    state: TrainState<A>,
    #[serde(flatten)]
    run: RunIdentity,
    /// Snapshots of earlier versions have their epochs in the state.
    log: Option<EpochMark>,
}

/// The same on its way to a file.
#[derive(Serialize)]
#[serde(bound = "")]
struct LabelRef<'a, A> {
    state: &'a TrainState<A>,
    #[serde(flatten)]
    run: &'a RunIdentity,
    log: EpochMark,
}

/// The names of the statistics.
const STATISTICS: &str = "statistics";
const BEST_STATISTICS: &str = "best-statistics";

const LABEL: &str = "chainrule-run";

impl<A: Scalar> Snapshot<'_, A> {
    /// The contents of the file, without the epochs: `log` is the mark of those in the log beside it.
    pub fn to_bytes(&mut self, run: &RunIdentity, log: EpochMark) -> Vec<u8> {
        let label = LabelRef { state: self.state, run, log };
        let label = serde_json::to_string(&label).expect("a state has string keys only");
        let vector = |name: String, values: &[A]| TensorBytes::new(name, vec![values.len()], values);
        let mut vectors =
            vec![vector("best".to_owned(), &self.state.best_theta), vector("theta".to_owned(), self.theta)];
        if !self.state.statistics.is_empty() {
            vectors.push(vector(STATISTICS.to_owned(), &self.state.statistics));
            vectors.push(vector(BEST_STATISTICS.to_owned(), &self.state.best_statistics));
        }
        let mut place = 0;
        self.optimizer.state(&mut |name, values| {
            vectors.push(vector(format!("optimizer.{place}.{name}"), values));
            place += 1;
        });
        vectors.sort_by(|a, b| a.name().cmp(b.name()));
        tensors::to_bytes_with_checksum(&vectors, LABEL, label)
    }
}

impl<A: Scalar> Saved<A> {
    /// Reads the bytes of a snapshot of `run`, the file at `path`, for [`with_log`](Self::with_log) to complete.
    ///
    /// # Errors
    /// If they are torn or changed, or belong to a run with other settings, on other data or in another number type.
    pub fn from_bytes(path: &Path, bytes: &[u8], run: &RunIdentity) -> Result<Self, SnapshotError> {
        let broken = |fault: &str| TensorFileError::format(path, fault);
        let file = TensorFile::parse(path, bytes)?;
        let (Some(text), Some(is_unchanged)) = (file.metadata(LABEL), file.is_unchanged(LABEL)) else {
            return Err(broken("it is no snapshot of a run").into());
        };
        if !is_unchanged {
            return Err(broken("its checksum does not match").into());
        }
        let label: Label<A> =
            serde_json::from_str(text).map_err(|error| TensorFileError::format(path, error))?;
        match run.difference(&label.run) {
            Some(Difference::File(fault)) => {
                return Err(SnapshotError::Mismatch { path: path.to_owned(), fault: fault.to_owned() });
            }
            Some(Difference::Setting { key, was, now }) => {
                return Err(SnapshotError::Setting { path: path.to_owned(), key, was, now });
            }
            None => {}
        }
        if !file.holds::<A>() {
            let fault = "its numbers are of another type than the run's".to_owned();
            return Err(SnapshotError::Mismatch { path: path.to_owned(), fault });
        }
        let mut state = label.state;
        let (mut theta, mut memory) = (Vec::new(), Vec::new());
        for name in file.names() {
            let values = file.values(name)?;
            match name {
                "theta" => theta = values,
                "best" => state.best_theta = values,
                STATISTICS => state.statistics = values,
                BEST_STATISTICS => state.best_statistics = values,
                _ => memory.push((name.to_owned(), values)),
            }
        }
        Ok(Self { path: path.to_owned(), state, theta, memory, log: label.log })
    }

    /// Takes up the epochs from the bytes of the run's log.
    ///
    /// # Errors
    /// If the log is not, or no longer, the one that the snapshot counts on.
    pub fn with_log(mut self, log: &[u8]) -> Result<Self, SnapshotError> {
        if let Some(mark) = self.log.take() {
            self.state.epochs = mark.read(log).ok_or_else(|| {
                TensorFileError::format(
                    &self.path,
                    "the record of its epochs, epochs.jsonl, is not what it was",
                )
            })?;
        }
        Ok(self)
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Puts everything back: θ and the optimizer's memory, and the state for [`TrainingLoop::run`](crate::TrainingLoop::run).
    ///
    /// # Errors
    /// If the run was one of another network or optimizer.
    pub fn restore(
        self,
        model: &dyn Layer<A>,
        optimizer: &mut dyn Optimizer<A>,
        theta: &mut [A],
    ) -> Result<TrainState<A>, SnapshotError> {
        let mismatch =
            |fault: &str| SnapshotError::Mismatch { path: self.path.clone(), fault: fault.to_owned() };
        if self.log.is_some_and(|log| log.epochs() > 0) {
            return Err(mismatch("the record of its epochs was not read"));
        }
        if self.theta.len() != theta.len() || self.state.best_theta.len() != theta.len() {
            return Err(mismatch("it has another number of parameters"));
        }
        let statistics = model.statistics().len();
        let saved = [&self.state.statistics, &self.state.best_statistics];
        if saved.iter().any(|saved| saved.len() != statistics) {
            return Err(mismatch("it has another number of statistics"));
        }
        let memory: HashMap<&str, &[A]> =
            self.memory.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect();
        let (mut place, mut fits) = (0, true);
        optimizer.state(&mut |name, values| {
            match memory.get(format!("optimizer.{place}.{name}").as_str()) {
                Some(saved) if saved.len() == values.len() => values.copy_from_slice(saved),
                _ => fits = false,
            }
            place += 1;
        });
        if !fits || place != memory.len() {
            return Err(mismatch("its optimizer remembers other things"));
        }
        // An optimizer brings what is out of its range back into it.
        let mut place = 0;
        optimizer.state(&mut |name, values| {
            let saved = memory[format!("optimizer.{place}.{name}").as_str()];
            fits &= saved.iter().zip(&*values).all(|(a, b)| a.as_f64().to_bits() == b.as_f64().to_bits());
            place += 1;
        });
        if !fits {
            return Err(mismatch("its optimizer's memory is out of range"));
        }
        theta.copy_from_slice(&self.theta);
        Ok(self.state)
    }
}
