use std::ops::ControlFlow;

use chainrule_tensor::Scalar;

use crate::run::epoch::Epoch;
use crate::run::train_state::Snapshot;

/// One step of an epoch, as it ends.
#[derive(Debug, Clone, Copy)]
pub struct StepEnd<'a, A> {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The number of the step, counted over all epochs from 1.
    pub step: u64,
    /// The number of the batch in the epoch, from 1.
    pub batch: usize,
    /// How many batches the epoch has.
    pub batches: usize,
    /// The batch's loss before the step.
    pub loss: f64,
    /// The rate of the step; `None` where the method chooses its own.
    pub learning_rate: Option<f64>,
    /// The seconds that the steps of the epoch have taken so far.
    pub seconds: f64,
    /// The parameters after the step.
    pub theta: &'a [A],
}

/// What watches a training run: progress bars, logs, checkpoints, a hand on the brake.
///
/// `ControlFlow::Break` ends the run after the current batch or epoch, in good order.
///
/// ```
/// use std::ops::ControlFlow;
/// use chainrule_train::{Callback, Epoch};
///
/// /// Ends the run at a loss that is good enough.
/// struct GoodEnough(f64);
///
/// impl Callback<f32> for GoodEnough {
///     fn on_epoch(&mut self, epoch: &Epoch, _theta: &[f32]) -> ControlFlow<()> {
///         if epoch.train_loss < self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
/// ```
pub trait Callback<A: Scalar> {
    /// After each step.
    fn on_step(&mut self, step: &StepEnd<'_, A>) -> ControlFlow<()> {
        let _ = step;
        ControlFlow::Continue(())
    }

    /// After each epoch, with the parameters at its end.
    fn on_epoch(&mut self, epoch: &Epoch, theta: &[A]) -> ControlFlow<()> {
        let _ = (epoch, theta);
        ControlFlow::Continue(())
    }

    /// Whether a [`Snapshot`] is wanted now. Asked after each step and each epoch that went on.
    fn wants_snapshot(&mut self) -> bool {
        false
    }

    /// All that the rest of the run depends on: where it was wanted and, in any case, where the run ends.
    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, A>) {
        let _ = snapshot;
    }
}

/// No callback.
impl<A: Scalar> Callback<A> for () {}
