//! Where an interrupted run continues.

use std::fs;
use std::path::Path;

use chainrule::datasets::Dataset;
use chainrule::tensor::Scalar;
use chainrule::train::{RunIdentity, SAMPLED_ROWS, Saved, SnapshotError, Snapshots};

use super::Train;
use super::folder::RunFolder;
use super::settings::is_edited;
use crate::failure::{Failure, errln};
use crate::processes::Processes;

/// The key of a snapshot for the names in the data, which are no setting.
pub(super) const NAMES: &str = "names";

/// The newest snapshot of an interrupted run, which the first process reads for all; `None` if the run starts from its
/// beginning.
///
/// # Errors
/// If its settings or its data are no longer those of the run, or a snapshot cannot be read.
pub(super) fn resumed<A: Scalar>(
    folder: Option<&RunFolder>,
    (run, data): (&RunIdentity, &Dataset<A>),
    args: &Train,
    processes: &Processes,
) -> Result<Option<Saved<A>>, Failure> {
    let read = || newest(folder.expect("the first process has the folder"), (run, data), args);
    if processes.size() == 1 {
        return read();
    }
    let mut log = None;
    let bytes = processes.broadcast(|| {
        let Some(saved) = read()? else { return Ok(Vec::new()) };
        log = folder.map(|folder| Snapshots::new(folder.snapshots(), run.clone()).log());
        fs::read(Saved::<A>::path(&saved)).map_err(Failure::input)
    })?;
    let lines =
        processes.broadcast(|| log.map_or(Ok(Vec::new()), |path| fs::read(path).map_err(Failure::input)))?;
    let parse = || {
        Saved::from_bytes(Path::new("the snapshot of rank 0"), &bytes, run)
            .and_then(|saved| saved.with_log(&lines))
    };
    processes.agree((!bytes.is_empty()).then(parse).transpose().map_err(Failure::input))
}

/// The newest snapshot in the folder of a run.
fn newest<A: Scalar>(
    folder: &RunFolder,
    (run, data): (&RunIdentity, &Dataset<A>),
    args: &Train,
) -> Result<Option<Saved<A>>, Failure> {
    let config = folder.config();
    let text = fs::read_to_string(&config).unwrap_or_default();
    let (newest, faults) =
        Snapshots::new(folder.snapshots(), run.clone()).newest::<A>().map_err(|fault| match fault {
            SnapshotError::Setting { path, key, was, now } if key == NAMES => {
                let names = |line: &str| line.trim_start_matches("names = ").to_owned();
                Failure::Input(format!(
                    "{}: the data have the columns and classes {}, and the run began with {}: give it its own data, or start a new run \
                     with --config",
                    path.display(),
                    names(&now),
                    names(&was)
                ))
            }
            SnapshotError::Setting { path, key, was, now } => {
                let line = text.lines().position(|line| {
                    let line = line.trim_start_matches("# ");
                    line.strip_prefix(key.as_str()).is_some_and(|rest| rest.trim_start().starts_with('='))
                });
                Failure::Input(format!(
                    "{}, line {}: `{now}`, but {} is a snapshot of a run with `{was}`: restore the line, or start a new run with \
                     --config",
                    config.display(),
                    line.map_or(0, |line| line + 1),
                    path.display()
                ))
            }
            fault => Failure::input(fault),
        })?;
    if newest.is_none() {
        if let Some(fault) = faults.first() {
            return Err(Failure::Input(format!(
                "{fault}; no checkpoint of the run is left: start a new one with --config {}",
                config.display()
            )));
        }
        let path = folder.path();
        errln!("warning: there is no checkpoint in {}: the run starts from its beginning", path.display());
    }
    for fault in faults {
        errln!("warning: {fault}; the checkpoint before it is used");
    }
    if is_edited(&text) {
        let edited = format!("{} was changed after the run wrote it", config.display());
        if newest.is_none() {
            return Err(Failure::Input(format!(
                "{edited}, and there is no checkpoint that shows what the run began with: start a new run with --config {}",
                config.display()
            )));
        }
        // Other settings would have been refused.
        errln!("warning: {edited}: the run continues with epochs = {}", args.passes());
    }
    if newest.is_some() && run.rows.is_none() && data.features().is_streamed() {
        let rows = data.len();
        errln!(
            "warning: {SAMPLED_ROWS} of the {rows} streamed rows were compared with those the run began with"
        );
    }
    Ok(newest)
}
