//! What a training run shows on stderr, and how Ctrl-C ends it.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use chainrule::tensor::Scalar;
use chainrule::train::{Callback, Epoch, StepEnd};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks a run to end after its batch; a second one ends the program at once.
pub(crate) fn catch_interrupts() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(Failure::Interrupted(String::new()).code().into());
        }
    })
    .map_err(Failure::run)
}

/// Whether Ctrl-C was pressed since then.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// A bar on a terminal, and a line for each epoch.
pub(crate) struct Progress {
    epochs: usize,
    bar: ProgressBar,
    /// Where an interrupt hit.
    pub(crate) interrupted: Option<(usize, usize)>,
}

impl Progress {
    /// For a run of `epochs` epochs of `batches` batches. Where stderr is no terminal, the bar is silent.
    pub(crate) fn new(epochs: usize, batches: u64) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(epochs as u64 * batches),
            ProgressDrawTarget::stderr_with_hz(10),
        );
        let template = "{bar:32.cyan/dim} {percent:>3} %   {msg}{elapsed} of {duration}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is well formed"));
        Self { epochs, bar, interrupted: None }
    }
}

impl<A: Scalar> Callback<A> for Progress {
    fn on_step(&mut self, step: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.bar.inc(1);
        if is_interrupted() {
            self.interrupted = Some((step.epoch, step.batch));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let Epoch { epoch: number, train_loss, seconds, examples, .. } = epoch;
        let rate = *examples as f64 / seconds;
        let mut line =
            format!("epoch {number:>3}/{}   loss {train_loss:.5}   {rate:.0} examples/s", self.epochs);
        if let (Some(loss), Some(score)) = (epoch.validation_loss, epoch.validation_score) {
            write!(line, "   validation loss {loss:.5}, score {score:.4}")
                .expect("a string takes every write");
        }
        self.bar.suspend(|| eprintln!("{line}"));
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
