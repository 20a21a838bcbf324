//! All that watches a run, as one.

use std::ops::ControlFlow;

use chainrule::tensor::Scalar;
use chainrule::train::{Callback, Epoch, Snapshot, StepEnd};

use super::checkpointer::Checkpointer;
use super::progress::Progress;
use super::record::Record;
use crate::interrupt::is_interrupted;

/// The records, the checkpointer of snapshots and the terminal, which has the last word.
pub(crate) struct Watch<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) checkpointer: Checkpointer<'a>,
    pub(crate) progress: Progress,
    /// Whether a run that cannot be saved ends: one whose other processes nobody watches.
    pub(crate) ends_unsaved: bool,
    /// Why it ended so.
    pub(crate) unsaved: Option<String>,
}

/// What watches a run on the ranks that neither print nor write.
pub(crate) struct Silent;

impl<A: Scalar> Callback<A> for Silent {
    fn on_step(&mut self, _: &StepEnd<'_, A>) -> ControlFlow<()> {
        if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl<A: Scalar> Callback<A> for Watch<'_> {
    fn on_step(&mut self, end: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.record.on_step(end)?;
        self.checkpointer.on_step(end)?;
        if self.unsaved.is_some() {
            return ControlFlow::Break(());
        }
        self.progress.on_step(end)
    }

    fn on_epoch(&mut self, epoch: &Epoch, theta: &[A]) -> ControlFlow<()> {
        self.record.on_epoch(epoch, theta)?;
        self.checkpointer.on_epoch(epoch, theta)?;
        self.progress.on_epoch(epoch, theta)
    }

    fn wants_snapshot(&mut self) -> bool {
        Callback::<A>::wants_snapshot(&mut self.checkpointer)
    }

    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, A>) {
        // No snapshot is ahead of the records: what a resumed run does again, it also records again.
        match self.record.sync() {
            Ok(()) => self.checkpointer.on_snapshot(snapshot),
            Err(error) => {
                self.checkpointer.cannot_save(format!("cannot write the run's metrics.jsonl: {error}"));
            }
        }
        if let Some(fault) = self.checkpointer.fault() {
            if self.ends_unsaved {
                self.unsaved = Some(fault.to_owned());
            } else {
                self.progress.warn(&format!("{fault}: the run goes on, and so does its last checkpoint"));
            }
        }
    }
}
