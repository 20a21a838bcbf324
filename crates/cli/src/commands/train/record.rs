//! What a run writes down on the way: a line of JSON and TensorBoard's scalars for each epoch and every N-th step.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use chainrule::tensor::{Layout, Scalar};
use chainrule::train::{Callback, Epoch, EventFile, Meter, StepEnd, TrainError};
use chainrule_report::clock;
use chainrule_report::metrics::{EpochLine, FailureLine, Line, StepLine};

use super::folder::RunFolder;
use crate::failure::{Failure, errln};

/// The records of a run.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    meter: &'a Meter,
    /// The parameters whose gradients are measured.
    names: Vec<String>,
    /// Steps from one line to the next.
    every: u64,
    metrics: File,
    /// How much of the file is whole lines.
    written: u64,
    /// Lines that the disk did not take yet.
    pending: String,
    events: EventFile<File>,
}

impl<'a> Record<'a> {
    /// Opens the records of a run that stands after `step` steps and `epochs` epochs, and cuts off what lies beyond.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub(crate) fn open(
        folder: &RunFolder,
        meter: &'a Meter,
        layout: &Layout,
        every: u64,
        (step, epochs): (u64, usize),
    ) -> Result<Self, Failure> {
        let kept = keep(folder, (step, epochs))?;
        folder.write(&folder.metrics(), &kept)?;
        let failed = |path: &Path, error| Failure::Run(format!("cannot write {}: {error}", path.display()));
        let metrics = OpenOptions::new()
            .append(true)
            .open(folder.metrics())
            .map_err(|error| failed(&folder.metrics(), error))?;
        let (path, is_first) = next_event_file(&folder.path());
        let events = File::create(&path)
            .and_then(|file| EventFile::new(file, clock::now()))
            .and_then(|mut events| {
                // Also after a run that was killed before its first checkpoint.
                if !is_first {
                    events.restart(clock::now(), step + 1)?;
                }
                Ok(events)
            })
            .map_err(|error| failed(&path, error))?;
        let names = layout.entries().iter().map(|entry| entry.name.clone()).collect();
        meter.arm();
        let written = kept.len() as u64;
        Ok(Self { meter, names, every, metrics, written, pending: String::new(), events })
    }

    /// Brings all lines to the disk.
    ///
    /// # Errors
    /// If the disk does not take them; they stay in memory until it does.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.metrics.sync_data()
    }

    /// Writes down what ended the run before its last epoch.
    pub(crate) fn failed(&mut self, error: &TrainError) {
        let diverged = matches!(error, TrainError::Diverged { .. } | TrainError::Validation(_));
        let line = Line::Failure(FailureLine { cause: error.to_string(), diverged });
        self.pending += &serde_json::to_string(&line).expect("a line has string keys");
        self.pending.push('\n');
        // The failure itself is reported; a page that lacks its cause is the lesser evil.
        let _ = self.flush();
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Err(error) = self.metrics.write_all(self.pending.as_bytes()) {
            // Without the torn line a later attempt begins anew.
            self.metrics.set_len(self.written)?;
            return Err(error);
        }
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// The norm of the gradient in each parameter array.
    fn gradient_norm(&self) -> BTreeMap<String, Option<f64>> {
        self.names.iter().cloned().zip(self.meter.gradient().into_iter().map(Some)).collect()
    }

    fn write(&mut self, step: u64, line: &Line, scalars: &[(&str, Option<f64>)]) {
        let norms = self.meter.gradient();
        self.pending += &serde_json::to_string(line).expect("a line has string keys");
        self.pending.push('\n');
        // What fails here is tried again with the next line, and `sync` tells of it.
        let _ = self.flush();
        let tags: Vec<String> = self.names.iter().map(|name| format!("gradient norm/{name}")).collect();
        let known = scalars.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let all = known.chain(tags.iter().map(String::as_str).zip(norms));
        // A picture of the lines: where it has a gap, they have none.
        let _ = self.events.scalars(clock::now(), step, all);
    }
}

impl<A: Scalar> Callback<A> for Record<'_> {
    fn on_step(&mut self, end: &StepEnd<'_, A>) -> ControlFlow<()> {
        let StepEnd { epoch, step, batch, batches, loss, learning_rate, .. } = *end;
        if step.is_multiple_of(self.every) {
            let gradient_norm = self.gradient_norm();
            let line = Line::Step(StepLine { step, epoch, batch, loss, learning_rate, gradient_norm });
            self.write(step, &line, &[("loss/batch", Some(loss)), ("learning rate", learning_rate)]);
        }
        if (step + 1).is_multiple_of(self.every) || batch + 1 >= batches {
            self.meter.arm();
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let line = Line::Epoch(EpochLine {
            epoch: epoch.epoch,
            step: epoch.step,
            train_loss: epoch.train_loss,
            train_accuracy: epoch.train_accuracy,
            train_r2: epoch.train_r2,
            validation_loss: epoch.validation_loss,
            validation_accuracy: epoch.validation_accuracy,
            validation_r2: epoch.validation_r2,
            learning_rate: epoch.learning_rate,
            seconds: epoch.seconds,
            examples: epoch.examples,
            gradient_norm: self.gradient_norm(),
        });
        let scalars = [
            ("loss/train", Some(epoch.train_loss)),
            ("accuracy/train", epoch.train_accuracy),
            ("r2/train", epoch.train_r2),
            ("loss/validation", epoch.validation_loss),
            ("accuracy/validation", epoch.validation_accuracy),
            ("r2/validation", epoch.validation_r2),
            ("examples per second", Some(epoch.examples as f64 / epoch.seconds)),
        ];
        self.write(epoch.step, &line, &scalars);
        ControlFlow::Continue(())
    }
}

/// The lines of a run's metrics up to a step and an epoch. Damaged lines are moved to a file beside it, which a warning names.
fn keep(folder: &RunFolder, (step, epochs): (u64, usize)) -> Result<String, Failure> {
    let path = folder.metrics();
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        read => read.map_err(|error| Failure::Run(format!("cannot read {}: {error}", path.display())))?,
    };
    let (mut kept, mut damaged, mut numbers) = (String::new(), Vec::new(), Vec::new());
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match (str::from_utf8(line), serde_json::from_slice::<Line>(line)) {
            (Ok(text), Ok(read)) => {
                if read.is_before(step, epochs) {
                    kept += text.trim_end_matches('\n');
                    kept.push('\n');
                }
            }
            // A run that was killed left this in the middle of its last line; it will be recorded again.
            _ if !line.ends_with(b"\n") => {}
            _ => {
                damaged.extend_from_slice(line);
                numbers.push((number + 1).to_string());
            }
        }
    }
    if !damaged.is_empty() {
        let aside = path.with_extension("jsonl.damaged");
        let add = || File::options().create(true).append(true).open(&aside)?.write_all(&damaged);
        add().map_err(|error| Failure::Run(format!("cannot write {}: {error}", aside.display())))?;
        let lines = if numbers.len() == 1 { "line" } else { "lines" };
        errln!(
            "warning: {}, {lines} {}: damaged, and moved to {}; the record of the run lacks {}",
            path.display(),
            numbers.join(", "),
            aside.display(),
            if numbers.len() == 1 { "it" } else { "them" }
        );
    }
    Ok(kept)
}

/// The next file of events, and whether it is the first: TensorBoard reads those of a folder in the order of their names.
fn next_event_file(folder: &Path) -> (PathBuf, bool) {
    const STEM: &str = "events.out.tfevents.";
    let is_ours = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(STEM));
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = files.filter(|file| is_ours(&file.file_name())).count();
    (folder.join(format!("{STEM}{:010}.{number:06}.chainrule", clock::now() as u64)), number == 0)
}
