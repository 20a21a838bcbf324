//! The points that were found, one line of JSON each, after a line of the settings that they depend on.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use chainrule::curvature::SurveyPoint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;

/// A point, with the fraction of the examples that the network misclassifies there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) point: SurveyPoint,
    pub(super) error: f64,
}

/// The file of the points.
#[derive(Debug)]
pub(super) struct Store {
    file: File,
    found: Vec<Record>,
}

impl Store {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// If it was started with other settings, has a corrupt line, or cannot be written.
    pub(super) fn open(path: PathBuf, settings: &Value) -> Result<Self, Failure> {
        let found = read(&path, settings)?;
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(Failure::run)?;
        if found.is_none() {
            writeln!(file, "{settings}").map_err(Failure::run)?;
        }
        Ok(Self { file, found: found.unwrap_or_default() })
    }

    /// The points in the order of their numbers.
    pub(super) fn found(&self) -> &[Record] {
        &self.found
    }

    /// Adds a point; it is on the disk when this returns.
    ///
    /// # Errors
    /// If it has numbers that are not finite, which JSON has not, or cannot be written.
    pub(super) fn add(&mut self, record: Record) -> Result<(), Failure> {
        let line = serde_json::to_string(&record).expect("a record has string keys");
        if serde_json::from_str::<Record>(&line).is_err() {
            return Err(Failure::Run(
                "the network overflows on these data, so that a point has no numbers: scale the data, or choose another seed".to_owned(),
            ));
        }
        writeln!(self.file, "{line}").and_then(|()| self.file.sync_data()).map_err(Failure::run)?;
        self.found.push(record);
        Ok(())
    }
}

/// The points of a file that was started with the same settings; `None` if there is no such file, or an empty one.
fn read(path: &Path, settings: &Value) -> Result<Option<Vec<Record>>, Failure> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| {
            Failure::Input(format!("{}: {error}: choose another --out, or delete the file", path.display()))
        })?,
    };
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return Ok(None) };
    if serde_json::from_str::<Value>(first).ok().as_ref() != Some(settings) {
        return Err(Failure::Input(format!(
            "{}: started with other settings: choose another --out, or delete the file",
            path.display()
        )));
    }
    let points = (2..).zip(lines).map(|(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            let path = path.display();
            Failure::Input(format!(
                "{path}, line {number}: corrupt ({error}): delete it and the lines after it"
            ))
        })
    });
    points.collect::<Result<_, _>>().map(Some)
}
