//! `chainrule report`.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use chainrule::datasets::{unreadable, write_atomic};
use chainrule_report::comparison::{Compared, Outcome};
use chainrule_report::comparison_page;
use chainrule_report::metrics::FailureLine;
use chainrule_report::run::{CONFIG, METRICS, REPORT, RESULTS, Record, Run};
use clap::Args;

use super::overwrite::Overwrite;
use super::train::{LOCK, is_resumable};
use crate::failure::{Failure, errln, outln};

const EXAMPLES: &str = "\
Examples:
  chainrule train moons --out runs/adam
  chainrule train moons --optimizer sgd --out runs/sgd
  chainrule report runs";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Report {
    /// Folders of the runs to compare, or a folder that holds them
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// File to write the page to
    #[arg(long, value_name = "FILE", default_value = "comparison.html")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Report {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.overwrite.check(&self.out)?;
        let (mut runs, mut faults) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for folder in self.runs.iter().flat_map(|path| folders(path)) {
            // A folder that is named twice, or is inside another that is named, is one run.
            if !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())) {
                continue;
            }
            match read(&folder) {
                Ok((record, outcome)) => {
                    if let Outcome::Unfinished(why) = &outcome {
                        errln!("{}: {why}", folder.display());
                    }
                    runs.push(Compared { link: self.link(&folder), folder, record, outcome });
                }
                Err(fault) => faults.push(fault),
            }
        }
        let first = if runs.is_empty() { faults.pop() } else { None };
        for fault in &faults {
            errln!("left out: {fault}");
        }
        if let Some(fault) = first {
            return Err(Failure::input(fault));
        }
        let html = comparison_page(&runs);
        write_atomic(&self.out, |file| file.write_all(html.as_bytes())).map_err(Failure::run)?;
        let what = match runs.len() {
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs compared"),
        };
        outln!("{what} in {}", self.out.display())
    }

    /// The address of a run's own page, as the comparison can link to it.
    fn link(&self, run: &Path) -> Option<String> {
        let page = run.join(REPORT);
        if !page.is_file() {
            return None;
        }
        let here = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let path = match here {
            Some(_) => std::path::absolute(&page).ok()?,
            None => page,
        };
        Some(path.to_string_lossy().replace('\\', "/"))
    }
}

/// The folder itself or, if it is none of a run and holds folders of runs, those, in the order of their names.
fn folders(path: &Path) -> Vec<PathBuf> {
    if is_run(path) {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut inside: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    inside.sort();
    if inside.iter().any(|path| is_run(path)) { inside } else { vec![path.to_owned()] }
}

fn is_run(folder: &Path) -> bool {
    [RESULTS, CONFIG, METRICS].iter().any(|file| folder.join(file).is_file())
}

/// Why a path is no run.
fn no_run(path: &Path) -> String {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) => format!("{shown}: {}", unreadable(path, &error, "")),
        Ok(kind) if kind.is_dir() => format!(
            "{shown}: not a run: it has no {CONFIG}, {METRICS} or {RESULTS}, nor has a folder in it: name the folder that \
             `chainrule train --out` wrote, or one that holds such folders"
        ),
        Ok(_) => format!("{shown}: a file: name the folder of a run, or one that holds runs"),
    }
}

/// A run with what it came to, whether it has ended or not.
fn read(folder: &Path) -> Result<(Record, Outcome), String> {
    if !is_run(folder) {
        return Err(no_run(folder));
    }
    let error = match Run::read(folder) {
        Ok(Run { record, results }) => return Ok((record, Outcome::Ended(Box::new(results)))),
        Err(error) => error,
    };
    // A results file that cannot be read is an error; a missing one means that the run has not ended.
    if folder.join(RESULTS).exists() {
        return Err(error.to_string());
    }
    let record = Record::read(folder).map_err(|_| error.to_string())?;
    let why = unfinished(folder, &record);
    Ok((record, Outcome::Unfinished(why)))
}

/// Why a run has no results.
fn unfinished(folder: &Path, record: &Record) -> String {
    let epochs = match record.epochs_done() {
        0 => "in its first epoch".to_owned(),
        1 => "after 1 epoch".to_owned(),
        epochs => format!("after {epochs} epochs"),
    };
    if let Some(FailureLine { cause, diverged }) = record.failure() {
        let how = if *diverged { "diverged" } else { "failed" };
        return format!("{how} {epochs}: {cause}");
    }
    let lock = File::open(folder.join(LOCK));
    if lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
        return format!("still running, {epochs}");
    }
    let ended = format!("interrupted or killed {epochs}");
    let (run, config) = (folder.display(), folder.join(CONFIG));
    match (is_resumable(folder), config.is_file()) {
        (true, _) => format!("{ended}; `chainrule train --resume {run}` continues it"),
        (false, true) => {
            let config = config.display();
            format!(
                "{ended}, and there is no checkpoint: `chainrule train --config {config}` starts it again"
            )
        }
        (false, false) => format!("{ended}, and there is no checkpoint: start it again"),
    }
}
