//! What a run keeps: the snapshots it can go on from, its best model and its last.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use chainrule::model::{Checkpoint, ModelCard};
use chainrule::tensor::Scalar;
use chainrule::train::{Callback, Epoch, Snapshot, Snapshots, StepEnd, Weights};

use super::folder::RunFolder;
use chainrule::model::TargetScaling;

/// Without `--checkpoint-every` a run is saved at the end of an epoch, where the last time is so long ago: a kill then
/// loses seconds, and saving takes no part worth speaking of.
const PAUSE: Duration = Duration::from_secs(10);

/// Saves a run when it is due.
#[derive(Debug)]
pub(crate) struct Checkpointer<'a> {
    folder: &'a RunFolder,
    card: &'a ModelCard,
    scaling: &'a TargetScaling,
    snapshots: Snapshots,
    every: Option<u64>,
    last: Instant,
    due: bool,
    /// The epoch whose θ lies in the best model's file.
    best: usize,
    /// What went wrong at the last attempt.
    fault: Option<String>,
}

impl<'a> Checkpointer<'a> {
    pub(crate) fn new(
        folder: &'a RunFolder,
        card: &'a ModelCard,
        scaling: &'a TargetScaling,
        snapshots: Snapshots,
        every: Option<u64>,
    ) -> Self {
        let last = Instant::now();
        Self { folder, card, scaling, snapshots, every, last, due: false, best: 0, fault: None }
    }

    /// The folder of the run.
    pub(crate) fn folder(&self) -> &'a RunFolder {
        self.folder
    }

    /// What went wrong at the last attempt to save, if it failed.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Takes note of a reason not to save.
    pub(crate) fn cannot_save(&mut self, fault: String) {
        self.fault = Some(fault);
    }

    /// Writes θ as a model of its own, which predicts in the units of the data.
    pub(crate) fn save_model<A: Scalar>(
        &self,
        path: &Path,
        weights: Weights<'_, A>,
    ) -> Result<(), Box<dyn Error>> {
        self.folder.check()?;
        let theta = self.scaling.folded(&self.card.architecture.layout::<A>(), weights.theta);
        Checkpoint { card: self.card.clone(), theta, statistics: weights.statistics.to_vec() }.save(path)?;
        Ok(())
    }

    fn save<A: Scalar>(&mut self, snapshot: &mut Snapshot<'_, A>) -> Result<(), Box<dyn Error>> {
        self.folder.check()?;
        self.snapshots.move_to(self.folder.snapshots());
        self.snapshots.save(snapshot)?;
        self.save_model(&self.folder.last(), snapshot.state.weights(snapshot.theta))?;
        let best = snapshot.state.best.map_or(0, |best| best.epoch);
        if best != self.best {
            self.save_model(&self.folder.best(), snapshot.state.best_weights())?;
            self.best = best;
        }
        Ok(())
    }
}

impl<A: Scalar> Callback<A> for Checkpointer<'_> {
    fn on_step(&mut self, step: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.due |= self.every.is_some_and(|every| step.step.is_multiple_of(every));
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, _: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        self.due |= self.every.is_none() && self.last.elapsed() >= PAUSE;
        ControlFlow::Continue(())
    }

    fn wants_snapshot(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }

    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, A>) {
        self.fault = self.save(snapshot).err().map(|error| error.to_string());
        self.last = Instant::now();
    }
}
