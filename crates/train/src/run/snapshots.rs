//! The snapshots of a run as files in a folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chainrule_datasets::write_atomic;
use chainrule_tensor::Scalar;

use crate::run::epoch_log::{EPOCH_LOG, EpochLog};
use crate::run::identity::RunIdentity;
use crate::run::snapshot::{Saved, SnapshotError};
use crate::run::train_state::Snapshot;
use crate::tensors::{self, TensorFileError};

/// The snapshots of a run on disk: the two newest, so that one is whole whatever happens to the other.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
    run: RunIdentity,
    log: EpochLog,
}

/// Snapshots kept.
const KEPT: usize = 2;

impl Snapshots {
    /// Snapshots of `run` in `folder`.
    pub fn new(folder: impl Into<PathBuf>, run: RunIdentity) -> Self {
        Self { folder: folder.into(), run, log: EpochLog::default() }
    }

    /// The same in a folder that was moved.
    pub fn move_to(&mut self, folder: impl Into<PathBuf>) {
        self.folder = folder.into();
    }

    /// The log of the epochs of all snapshots, one line of JSON each.
    pub fn log(&self) -> PathBuf {
        self.folder.join(EPOCH_LOG)
    }

    /// Writes a snapshot by temp file, fsync, rename and fsync of the folder; then the oldest go. Those of later steps stay:
    /// they are of another run.
    ///
    /// # Errors
    /// If it cannot be written; those that were there before still are.
    pub fn save<A: Scalar>(&mut self, snapshot: &mut Snapshot<'_, A>) -> Result<PathBuf, SnapshotError> {
        let failed = |path: &Path, source| TensorFileError::Io { path: path.to_owned(), source };
        // In a folder that is there: one that was deleted meanwhile is not made again.
        if !self.folder.is_dir() {
            fs::create_dir(&self.folder).map_err(|source| failed(&self.folder, source))?;
        }
        let log = self.log();
        let mark = self.log.save(&log, &snapshot.state.epochs).map_err(|source| failed(&log, source))?;
        let bytes = snapshot.to_bytes(&self.run, mark);
        let step = snapshot.state.step;
        let path = self.folder.join(format!("step-{step:010}.safetensors"));
        write_atomic(&path, |file| file.write_all(&bytes))?;
        for (_, old) in self.steps().iter().rev().skip_while(|(later, _)| *later > step).skip(KEPT) {
            // One too many does no harm.
            let _ = fs::remove_file(old);
        }
        Ok(path)
    }

    /// The newest whole snapshot of this run whose epochs are in the log, and what is wrong with each newer one. The corrupt ones are put
    /// aside as `….damaged`.
    ///
    /// # Errors
    /// If the log or a snapshot cannot be read, or all whole ones are of another run.
    pub fn newest<A: Scalar>(&self) -> Result<(Option<Saved<A>>, Vec<SnapshotError>), SnapshotError> {
        let (mut faults, mut of_another_run) = (Vec::new(), None);
        let log = self.log();
        let epochs = match fs::read(&log) {
            Ok(epochs) => epochs,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(TensorFileError::Io { path: log, source }.into()),
        };
        for (_, path) in self.steps().iter().rev() {
            // What cannot be read today may be whole.
            let bytes = tensors::read(path)?;
            match Saved::from_bytes(path, &bytes, &self.run) {
                Ok(saved) => match saved.with_log(&epochs) {
                    Ok(saved) => {
                        faults.extend(of_another_run);
                        return Ok((Some(saved), faults));
                    }
                    Err(fault) => faults.push(fault),
                },
                Err(fault) if fault.is_of_another_run() => of_another_run = of_another_run.or(Some(fault)),
                Err(fault) => {
                    let _ = fs::rename(path, path.with_extension("damaged"));
                    faults.push(fault);
                }
            }
        }
        of_another_run.map_or(Ok((None, faults)), Err)
    }

    /// Whether there is a snapshot in a folder, of whatever run and whole or not.
    pub fn are_in(folder: &Path) -> bool {
        !steps(folder).is_empty()
    }

    fn steps(&self) -> Vec<(u64, PathBuf)> {
        steps(&self.folder)
    }
}

/// Step and path of each snapshot in a folder, oldest first.
fn steps(folder: &Path) -> Vec<(u64, PathBuf)> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
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

#[cfg(test)]
mod tests {
    use chainrule_layers::{Dense, Layer};
    use chainrule_optim::{Lbfgs, Objective, Optimizer};

    use super::*;
    use crate::run::epoch::Epoch;
    use crate::run::train_state::TrainState;

    fn model() -> Dense {
        Dense::new(2, 1)
    }

    /// The state of a run after some epochs.
    fn state(epochs: usize) -> TrainState<f32> {
        let epoch = |number| Epoch {
            epoch: number,
            step: number as u64,
            train_loss: 1.0 / number as f64,
            train_accuracy: None,
            train_r2: None,
            validation_loss: None,
            validation_accuracy: None,
            validation_r2: None,
            learning_rate: Some(0.1),
            seconds: 0.5,
            examples: 3,
        };
        let mut state = TrainState::start(&model() as &dyn Layer<f32>, &[0.5; 3]);
        (state.step, state.epochs) = (epochs as u64, (1..=epochs).map(epoch).collect());
        state
    }

    fn save(snapshots: &mut Snapshots, state: &TrainState<f32>) -> PathBuf {
        let optimizer = &mut Lbfgs::new(3).history(1);
        snapshots.save(&mut Snapshot { state, optimizer, theta: &[0.5; 3] }).unwrap()
    }

    fn identity(key: &str, value: Option<&str>) -> RunIdentity {
        let settings = [(key.to_owned(), value.map(str::to_owned))].into();
        RunIdentity { data: 7, settings, ..RunIdentity::default() }
    }

    #[test]
    fn a_snapshot_has_the_same_size_after_any_number_of_epochs() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots::new(folder.path(), RunIdentity::default());
        let size = |path: PathBuf| fs::metadata(path).unwrap().len();
        let small = size(save(&mut snapshots, &state(10)));
        // A million were too many for the header of a file.
        let large = size(save(&mut snapshots, &state(1_000_000)));
        assert!(large < small + 64, "{small} and {large} bytes");
        let (saved, faults) = snapshots.newest::<f32>().unwrap();
        assert!(faults.is_empty());
        let optimizer = &mut Lbfgs::new(3).history(1);
        let back = saved.unwrap().restore(&model(), optimizer, &mut [0.0; 3]).unwrap();
        assert_eq!(back, state(1_000_000));
    }

    #[test]
    fn of_several_runs_in_a_folder_each_finds_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let runs = ["0.1", "0.2"].map(|rate| Snapshots::new(folder.path(), identity("lr", Some(rate))));
        let [mut first, mut second] = runs;
        let old = save(&mut first, &state(9));
        for epochs in 1..5 {
            save(&mut second, &state(epochs));
        }
        assert!(old.exists(), "a snapshot of another run was removed");
        assert_eq!(second.steps().len(), 3);
        let (saved, faults) = second.newest::<f32>().unwrap();
        assert_eq!((saved.unwrap().step(), faults.len()), (4, 1));
        let told = faults[0].to_string();
        assert!(told.contains("with `lr = 0.1`, not with `lr = 0.2`"), "{told}");
        let other = Snapshots::new(folder.path(), identity("lr", None)).newest::<f32>().unwrap_err();
        assert!(matches!(other, SnapshotError::Setting { now, .. } if now == "no lr"));
        // A setting that the snapshot's version did not know is not compared.
        assert!(Snapshots::new(folder.path(), identity("new", Some("1"))).newest::<f32>().is_err());
        let data = RunIdentity { data: 8, ..identity("lr", Some("0.2")) };
        assert!(matches!(
            Snapshots::new(folder.path(), data).newest::<f32>(),
            Err(SnapshotError::Setting { .. } | SnapshotError::Mismatch { .. })
        ));
    }

    #[test]
    fn a_damaged_record_of_epochs_is_no_silent_loss() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots::new(folder.path(), RunIdentity::default());
        save(&mut snapshots, &state(3));
        save(&mut snapshots, &state(6));
        let log = fs::read(snapshots.log()).unwrap();
        let mut damaged = log.clone();
        // In the last line: the older snapshot does not count on it.
        let at = log.len() - 10;
        damaged[at] ^= 1;
        fs::write(snapshots.log(), damaged).unwrap();
        let (saved, faults) = snapshots.newest::<f32>().unwrap();
        assert_eq!(saved.unwrap().step(), 3);
        assert!(faults[0].to_string().contains("epochs.jsonl"), "{}", faults[0]);
        // The newer snapshot is whole.
        assert_eq!(snapshots.steps().len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut snapshots = Snapshots::new(folder.path(), RunIdentity::default());
        save(&mut snapshots, &state(3));
        let log = fs::read(snapshots.log()).unwrap();
        // A folder in its place is there, and is no file.
        fs::remove_file(snapshots.log()).unwrap();
        fs::create_dir(snapshots.log()).unwrap();
        let fault = snapshots.newest::<f32>().unwrap_err();
        assert!(matches!(fault, SnapshotError::File(TensorFileError::Io { .. })), "{fault}");
        fs::remove_dir(snapshots.log()).unwrap();
        fs::write(snapshots.log(), log).unwrap();
        let newer = folder.path().join("step-0000000006.safetensors");
        fs::create_dir(&newer).unwrap();
        let fault = snapshots.newest::<f32>().unwrap_err();
        assert!(fault.to_string().contains("step-0000000006"), "{fault}");
        fs::remove_dir(newer).unwrap();
        assert_eq!(snapshots.newest::<f32>().unwrap().0.unwrap().step(), 3);
        let of_another_type = snapshots.newest::<f64>().unwrap_err();
        assert!(of_another_type.is_of_another_run(), "{of_another_type}");
    }

    /// L-BFGS that saves another number of pairs than it has.
    struct Forged(Lbfgs<f32>);

    impl Optimizer<f32> for Forged {
        fn step(&mut self, objective: &mut dyn Objective<f32>, theta: &mut [f32]) -> f32 {
            self.0.step(objective, theta)
        }

        fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
            self.0.state(&mut |name, values| {
                let mut values = values.to_vec();
                if name == "pairs" {
                    values.fill(1e30);
                }
                visit(name, &mut values);
            });
        }
    }

    #[test]
    fn an_optimizers_memory_out_of_its_range_is_refused() {
        let mut forged = Forged(Lbfgs::new(3).history(1));
        let run = RunIdentity::default();
        let snapshot = &mut Snapshot { state: &state(0), optimizer: &mut forged, theta: &[0.5; 3] };
        let bytes = snapshot.to_bytes(&run, crate::run::epoch_log::EpochMark::default());
        let saved = Saved::<f32>::from_bytes(Path::new("forged"), &bytes, &run).unwrap();
        let optimizer = &mut Lbfgs::new(3).history(1);
        let fault = saved.restore(&model(), optimizer, &mut [0.0; 3]).unwrap_err().to_string();
        assert!(fault.contains("out of range"), "{fault}");
    }
}
