use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use chainrule_datasets::{Dataset, Features, Target, write_atomic};
use chainrule_layers::Layer;
use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;
use crc::{CRC_64_XZ, Crc, Table};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::run::train_state::{Snapshot, TrainState};
use crate::tensors::{self, TensorBytes, TensorFile, TensorFileError, little_endian};

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
}

/// A [`Snapshot`] read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved<A> {
    path: PathBuf,
    state: TrainState<A>,
    theta: Vec<A>,
    /// Name and numbers, in the order of the optimizer's walk.
    memory: Vec<(String, Vec<A>)>,
}

/// What the metadata says.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Label<A> {
    #[serde(alias = "standing")]
    state: TrainState<A>,
    /// The [`fingerprint`] of the training data.
    data: u64,
}

/// The names of the statistics.
const STATISTICS: &str = "statistics";
const BEST_STATISTICS: &str = "best-statistics";

const LABEL: &str = "chainrule-run";
const CHECKSUM: &str = "checksum";
const CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

impl<A: Scalar> Snapshot<'_, A> {
    /// The contents of the file; `data` is the [`fingerprint`] of the training data.
    pub fn to_bytes(&mut self, data: u64) -> Vec<u8> {
        let label = Label { state: self.state.clone(), data };
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
        let sum = checksum(&label, vectors.iter().map(|vector| (vector.name(), vector.bytes())));
        let metadata =
            HashMap::from([(LABEL.to_owned(), label), (CHECKSUM.to_owned(), format!("{sum:016x}"))]);
        tensors::to_bytes(&vectors, metadata)
    }
}

/// CRC-64/XZ over the label and then name and numbers of each vector, sorted by name.
fn checksum<'a>(label: &str, vectors: impl Iterator<Item = (&'a str, &'a [u8])>) -> u64 {
    let mut digest = CRC.digest();
    digest.update(label.as_bytes());
    for (name, bytes) in vectors {
        digest.update(name.as_bytes());
        digest.update(bytes);
    }
    digest.finalize()
}

impl<A: Scalar> Saved<A> {
    /// Reads the bytes of a snapshot, the file at `path`, of a run on data with the fingerprint `data`.
    ///
    /// # Errors
    /// If they are torn or changed, or belong to a run on other data or in another number type.
    pub fn from_bytes(path: &Path, bytes: &[u8], data: u64) -> Result<Self, SnapshotError> {
        let broken = |fault: &str| TensorFileError::format(path, fault);
        let file = TensorFile::parse(path, bytes)?;
        let (Some(text), Some(sum)) = (file.metadata(LABEL), file.metadata(CHECKSUM)) else {
            return Err(broken("it is no snapshot of a run").into());
        };
        let vectors = file.names();
        let found = checksum(text, vectors.iter().map(|name| (*name, file.bytes(name).unwrap_or_default())));
        if format!("{found:016x}") != *sum {
            return Err(broken("its checksum does not match").into());
        }
        let label: Label<A> =
            serde_json::from_str(text).map_err(|error| TensorFileError::format(path, error))?;
        if label.data != data {
            let fault = "the training data is not what it was when the run began".to_owned();
            return Err(SnapshotError::Mismatch { path: path.to_owned(), fault });
        }
        if !file.holds::<A>() {
            return Err(broken("its numbers are of another type than the run's").into());
        }
        let mut state = label.state;
        let (mut theta, mut memory) = (Vec::new(), Vec::new());
        for name in vectors {
            let values = file.values(name)?;
            match name {
                "theta" => theta = values,
                "best" => state.best_theta = values,
                STATISTICS => state.statistics = values,
                BEST_STATISTICS => state.best_statistics = values,
                _ => memory.push((name.to_owned(), values)),
            }
        }
        Ok(Self { path: path.to_owned(), state, theta, memory })
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Puts everything back: θ and the optimizer's memory, and the state for [`Trainer::run`](crate::Trainer::run).
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
        theta.copy_from_slice(&self.theta);
        Ok(self.state)
    }
}

/// Rows of a file that its fingerprint has at most.
const STORED_ROWS: usize = 1_024;

/// CRC-64/XZ of a data set's numbers: what a resumed run knows its data by.
pub fn fingerprint<A: Scalar>(data: &Dataset<A>) -> u64 {
    let mut digest = CRC.digest();
    let (examples, inputs) = data.features().dim();
    digest.update(&(examples as u64).to_le_bytes());
    digest.update(&(inputs as u64).to_le_bytes());
    match data.features() {
        Features::Bytes(x) => {
            for row in x.outer_iter() {
                digest.update(row.as_slice().expect("rows lie in one piece"));
            }
        }
        features => {
            // Of rows that stay in a file, evenly spaced ones must do: to read all takes as long as to train on them.
            let stored = matches!(features, Features::FileRows(_));
            let stride = if stored { examples.div_ceil(STORED_ROWS).max(1) } else { 1 };
            let mut row = vec![A::zero(); inputs];
            for i in (0..examples).step_by(stride) {
                features.row(i, &mut row);
                digest.update(&little_endian(&row));
            }
        }
    }
    match data.target() {
        Target::Classes { labels, .. } => labels.iter().for_each(|label| digest.update(&label.to_le_bytes())),
        Target::Real { values, .. } => {
            digest.update(&little_endian(&values.iter().map(|&x| A::of(x)).collect::<Vec<A>>()));
        }
    }
    digest.finalize()
}

/// The snapshots of a run on disk: the two newest, so that one is whole whatever happens to the other.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
    data: u64,
}

/// Snapshots kept.
const KEPT: usize = 2;

impl Snapshots {
    /// Snapshots in `folder` of a run on training data with the fingerprint `data`.
    pub fn new(folder: impl Into<PathBuf>, data: u64) -> Self {
        Self { folder: folder.into(), data }
    }

    /// Writes a snapshot by temp file, fsync, rename and fsync of the folder; then the oldest go.
    ///
    /// # Errors
    /// If it cannot be written; those that were there before still are.
    pub fn save<A: Scalar>(&self, snapshot: &mut Snapshot<'_, A>) -> Result<PathBuf, SnapshotError> {
        let bytes = snapshot.to_bytes(self.data);
        let failed = |source| TensorFileError::Io { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(format!("step-{:010}.safetensors", snapshot.state.step));
        write_atomic(&path, |file| file.write_all(&bytes))?;
        for (_, old) in self.steps().iter().rev().skip(KEPT) {
            // One too many does no harm.
            let _ = fs::remove_file(old);
        }
        Ok(path)
    }

    /// The newest snapshot that is whole, and what is wrong with each newer one. Those are put aside as `….damaged`.
    ///
    /// # Errors
    /// If the newest whole one is of a run on other data.
    pub fn newest<A: Scalar>(&self) -> Result<(Option<Saved<A>>, Vec<SnapshotError>), SnapshotError> {
        let mut faults = Vec::new();
        for (_, path) in self.steps().iter().rev() {
            let saved = tensors::read(path)
                .map_err(SnapshotError::from)
                .and_then(|bytes| Saved::from_bytes(path, &bytes, self.data));
            match saved {
                Ok(saved) => return Ok((Some(saved), faults)),
                Err(fault @ SnapshotError::Mismatch { .. }) => return Err(fault),
                Err(fault) => {
                    if matches!(fault, SnapshotError::File(TensorFileError::Format { .. })) {
                        let _ = fs::rename(path, path.with_extension("damaged"));
                    }
                    faults.push(fault);
                }
            }
        }
        Ok((None, faults))
    }

    /// Step and path of each snapshot, oldest first.
    fn steps(&self) -> Vec<(u64, PathBuf)> {
        let Ok(files) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut steps: Vec<(u64, PathBuf)> = files
            .filter_map(|file| {
                let path = file.ok()?.path();
                let name = path.file_name()?.to_str()?;
                let step = name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok()?;
                Some((step, path))
            })
            .collect();
        steps.sort();
        steps
    }
}
