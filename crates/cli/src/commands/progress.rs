//! What a training run shows on stderr, and how Ctrl-C ends it.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chainrule::tensor::Scalar;
use chainrule::train::{Callback, Epoch, StepEnd};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sparkline::Sparkline;
use crate::failure::{Failure, tell};

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

/// How much a run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Warnings and errors.
    Quiet,
    /// A line for each epoch too, and on a terminal a bar.
    Normal,
    /// A line for every N-th step too.
    Verbose,
}

/// What a command line says of it.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Speech {
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = clap::ArgAction::Set)]
    pub(crate) json: bool,
    /// Print warnings and errors only
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = clap::ArgAction::Set)]
    quiet: bool,
    /// Print a line for every logged step too
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = clap::ArgAction::Set, conflicts_with = "quiet")]
    verbose: bool,
}

impl Speech {
    pub(crate) fn volume(self) -> Volume {
        match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        }
    }
}

/// How often the bar's figures change.
const REFRESH: Duration = Duration::from_millis(100);

/// A bar on a terminal, and a line for each epoch.
pub(crate) struct Progress {
    epochs: usize,
    volume: Volume,
    /// Steps from one verbose line to the next.
    every: u64,
    bar: ProgressBar,
    losses: Sparkline,
    refreshed: Instant,
    /// Epoch and batch of the last step.
    pub(crate) at: (usize, usize),
}

impl Progress {
    /// For a run of `epochs` epochs of `batches` batches that stands after `step` steps. Where stderr is no terminal, the
    /// bar is silent.
    pub(crate) fn new(volume: Volume, every: u64, epochs: usize, batches: u64, step: u64) -> Self {
        let target = if volume == Volume::Quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some(epochs as u64 * batches), target).with_position(step);
        bar.reset_eta();
        let template = "{bar:24.cyan/dim} {percent:>3} %  {msg}  {per_sec}  {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        let rate = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            // A terminal that is gone has nothing to be told.
            let _ = write!(out, "{:.0} steps/s", state.per_sec());
        };
        bar.set_style(style.with_key("per_sec", rate));
        let losses = Sparkline::default();
        Self { epochs, volume, every, bar, losses, refreshed: Instant::now(), at: (0, 0) }
    }

    /// Says something that is worth a line at any volume.
    pub(crate) fn warn(&self, message: &str) {
        self.bar.suspend(|| tell!("warning: {message}"));
    }

    fn line(&self, line: &str) {
        self.bar.suspend(|| tell!("{line}"));
    }
}

impl<A: Scalar> Callback<A> for Progress {
    fn on_step(&mut self, end: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.bar.inc(1);
        self.at = (end.epoch, end.batch);
        self.losses.push(end.loss);
        if self.refreshed.elapsed() >= REFRESH {
            self.refreshed = Instant::now();
            self.bar.set_message(format!("{}  loss {:.5}", self.losses, end.loss));
        }
        if self.volume == Volume::Verbose && end.step.is_multiple_of(self.every) {
            let StepEnd { epoch, step, batch, batches, loss, .. } = end;
            self.line(&format!("step {step:>6}   epoch {epoch}, batch {batch}/{batches}   loss {loss:.5}"));
        }
        if is_interrupted() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let Epoch { epoch: number, train_loss, seconds, examples, .. } = epoch;
        let rate = *examples as f64 / seconds;
        let mut line =
            format!("epoch {number:>3}/{}   loss {train_loss:.5}   {rate:.0} examples/s", self.epochs);
        if let (Some(loss), Some(metric)) = (epoch.validation_loss, epoch.validation_metric()) {
            let name = if epoch.validation_accuracy.is_some() { "accuracy" } else { "R²" };
            write!(line, "   validation loss {loss:.5}, {name} {metric:.4}")
                .expect("a string takes every write");
        }
        if self.volume > Volume::Quiet {
            self.line(&line);
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
