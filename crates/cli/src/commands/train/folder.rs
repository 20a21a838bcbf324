//! The folder of a run: where each of its files lies, and that no two processes write there.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chainrule::datasets::{sweep_temporaries, write_atomic};
use chainrule::train::Snapshots;
use chainrule_report::clock;
use chainrule_report::run::{CONFIG, LAST_MODEL, METRICS, REPORT, RESULTS};

use super::folder_handle::FolderHandle;
use crate::failure::{Failure, errln};

/// The file that a process holds a lock on as long as its run is under way.
pub(crate) const LOCK: &str = ".lock";

/// The file of the model with the lowest validation loss.
pub(crate) const BEST_MODEL: &str = "best.safetensors";

/// The folder of a run's snapshots in its own.
const SNAPSHOTS: &str = "checkpoints";

/// Whether the run in a folder can be resumed: it has its settings and a snapshot.
pub(crate) fn is_resumable(run: &Path) -> bool {
    run.join(CONFIG).is_file() && Snapshots::are_in(&run.join(SNAPSHOTS))
}

/// The folder of a run that is under way; it is locked until the value is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct RunFolder {
    /// Where it was when the run began.
    path: PathBuf,
    handle: FolderHandle,
    _lock: File,
}

impl RunFolder {
    /// Makes the folder of a new run: the one asked for, or the next free `runs/DATA-DATE`.
    ///
    /// # Errors
    /// If it cannot be made, or holds a run already: an older run is never written over.
    pub(crate) fn create(out: Option<&Path>, data: &str) -> Result<Self, Failure> {
        let path = match out {
            Some(path) => {
                fs::create_dir_all(path).map_err(|error| cannot("--out", path, &error))?;
                path.to_owned()
            }
            None => next_free(data)?,
        };
        let folder = Self::lock(path)?;
        let files = [
            folder.config(),
            folder.last(),
            folder.best(),
            folder.metrics(),
            folder.results(),
            folder.report(),
        ];
        if let Some(old) = files.into_iter().find(|file| file.exists()) {
            let resume = if is_resumable(&folder.path()) {
                format!("continue that run (--resume {}), or ", folder.path().display())
            } else {
                String::new()
            };
            return Err(Failure::Input(format!(
                "{} exists already: {resume}choose another folder (--out)",
                old.display()
            )));
        }
        folder.put_aside_snapshots()?;
        Ok(folder)
    }

    /// Renames the folder of another run's snapshots, which this run must neither continue from nor remove.
    fn put_aside_snapshots(&self) -> Result<(), Failure> {
        let old = self.snapshots();
        if fs::read_dir(&old).is_ok_and(|mut files| files.next().is_some()) {
            let aside = (1_u32..).map(|number| old.with_extension(number.to_string()));
            let aside = aside.into_iter().find(|path| !path.exists()).expect("there is a free number");
            fs::rename(&old, &aside)
                .map_err(|error| cannot("the checkpoints of another run", &old, &error))?;
            errln!("warning: the checkpoints of another run are now in {}", aside.display());
        }
        Ok(())
    }

    /// Takes up the folder of a run that was interrupted.
    ///
    /// # Errors
    /// If there is none, or the run is still going on.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = Self::lock(path.to_owned())?;
        sweep_temporaries(&folder.snapshots());
        Ok(folder)
    }

    fn lock(path: PathBuf) -> Result<Self, Failure> {
        let handle = FolderHandle::open(&path);
        // Nobody's file of this name is emptied.
        let open = File::options().create(true).append(true).open(path.join(LOCK));
        let lock = open.map_err(|error| cannot("the run's folder", &path, &error))?;
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => Err(Failure::Input(format!(
                "another process is training in {}: wait for it, or choose another folder",
                path.display()
            ))),
            // A file system without locks has none to respect.
            Err(fs::TryLockError::Error(_)) | Ok(()) => {
                // What a killed process was writing, perhaps before there were settings to resume.
                sweep_temporaries(&path);
                Ok(Self { path, handle, _lock: lock })
            }
        }
    }

    /// Writes one of the folder's files.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        self.check().map_err(Failure::Run)?;
        debug_assert!(path.starts_with(self.path()));
        write_atomic(path, |file| file.write_all(text.as_bytes())).map_err(Failure::run)
    }

    /// Where the folder is now, also if it was moved while the run was going on.
    pub(crate) fn path(&self) -> PathBuf {
        self.handle.path(&self.path).unwrap_or_else(|| self.path.clone())
    }

    /// Checks that the folder still exists, and that no other one took its place.
    ///
    /// # Errors
    /// If it was deleted.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_there = self.handle.path(&self.path).is_some();
        is_there.then_some(()).ok_or_else(|| {
            format!("the run's folder {} was deleted while the run was going on", self.path.display())
        })
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join(CONFIG)
    }

    pub(crate) fn last(&self) -> PathBuf {
        self.path().join(LAST_MODEL)
    }

    pub(crate) fn best(&self) -> PathBuf {
        self.path().join(BEST_MODEL)
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.path().join(METRICS)
    }

    pub(crate) fn results(&self) -> PathBuf {
        self.path().join(RESULTS)
    }

    pub(crate) fn report(&self) -> PathBuf {
        self.path().join(REPORT)
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.path().join(SNAPSHOTS)
    }
}

/// Makes the first of `runs/DATA-DATE`, `runs/DATA-DATE-2`, … that is not there yet.
fn next_free(data: &str) -> Result<PathBuf, Failure> {
    let runs = Path::new("runs");
    fs::create_dir_all(runs).map_err(|error| cannot("the folder of runs", runs, &error))?;
    let stem = format!("{data}-{}", clock::date(clock::now()));
    for number in 1_u32.. {
        let name = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
        let path = runs.join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot("the folder of the run", &path, &error)),
        }
    }
    unreachable!("a day has fewer runs than there are numbers")
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{what} {}: {error}", path.display()))
}
