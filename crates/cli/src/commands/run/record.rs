//! What a run writes down on the way: a line of JSON and TensorBoard's scalars for each epoch and every N-th step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use chainrule::tensor::{Layout, Scalar};
use chainrule::train::{Callback, Epoch, EventFile, Meter, StepEnd};
use serde_json::{Map, Value, json};

use super::clock;
use super::folder::RunFolder;
use crate::failure::Failure;

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
        let kept: Vec<String> = fs::read_to_string(folder.metrics())
            .unwrap_or_default()
            .lines()
            .filter(|line| is_before(line, step, epochs))
            .map(|line| format!("{line}\n"))
            .collect();
        let kept = kept.concat();
        folder.write(&folder.metrics(), &kept)?;
        let failed = |path: &Path, error| Failure::Run(format!("cannot write {}: {error}", path.display()));
        let metrics = OpenOptions::new()
            .append(true)
            .open(folder.metrics())
            .map_err(|error| failed(&folder.metrics(), error))?;
        let path = next_event_file(folder.path());
        let events = File::create(&path)
            .and_then(|file| EventFile::new(file, clock::now()))
            .and_then(|mut events| {
                if step > 0 {
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

    fn write(&mut self, step: u64, mut line: Value, scalars: &[(&str, Option<f64>)]) {
        let norms = self.meter.gradient();
        let by_name = self.names.iter().cloned().zip(norms.iter().map(|&norm| json!(norm)));
        line["gradient_norm"] = by_name.collect::<Map<_, _>>().into();
        self.pending += &line.to_string();
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
            let line = json!({
                "kind": "step", "step": step, "epoch": epoch, "batch": batch, "loss": loss,
                "learning_rate": learning_rate,
            });
            self.write(step, line, &[("loss/batch", Some(loss)), ("learning rate", learning_rate)]);
        }
        if (step + 1).is_multiple_of(self.every) || batch + 1 >= batches {
            self.meter.arm();
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let mut line = serde_json::to_value(epoch).expect("an epoch has string keys only");
        line["kind"] = json!("epoch");
        let scalars = [
            ("loss/train", Some(epoch.train_loss)),
            ("loss/validation", epoch.validation_loss),
            ("accuracy/validation", epoch.validation_accuracy),
            ("r2/validation", epoch.validation_r2),
            ("examples per second", Some(epoch.examples as f64 / epoch.seconds)),
        ];
        self.write(epoch.step, line, &scalars);
        ControlFlow::Continue(())
    }
}

/// Whether a line was written before the run stood there. A torn one was not.
fn is_before(line: &str, step: u64, epochs: usize) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
    let number = |key: &str| line[key].as_u64().unwrap_or(u64::MAX);
    match line["kind"].as_str() {
        Some("step") => number("step") <= step,
        Some("epoch") => number("epoch") <= epochs as u64,
        _ => false,
    }
}

/// TensorBoard reads a folder's event files in the order of their names.
fn next_event_file(folder: &Path) -> std::path::PathBuf {
    const STEM: &str = "events.out.tfevents.";
    let is_ours = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(STEM));
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = files.filter(|file| is_ours(&file.file_name())).count();
    folder.join(format!("{STEM}{:010}.{number:06}.chainrule", clock::now() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_snapshot_and_torn_ones_are_cut_off() {
        let epoch = r#"{"kind":"epoch","epoch":2,"step":90}"#;
        assert!(is_before(epoch, 90, 2) && !is_before(epoch, 90, 1));
        let step = r#"{"kind":"step","epoch":3,"step":100}"#;
        assert!(is_before(step, 100, 2) && !is_before(step, 99, 2));
        assert!(!is_before(&step[..20], 100, 2) && !is_before("", 100, 2));
    }
}
