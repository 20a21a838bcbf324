//! What a training run shows on stderr.

use std::ops::ControlFlow;

use chainrule::tensor::Scalar;
use chainrule::train::{Callback, Epoch, StepEnd};
use chainrule_report::digits::{ratio, significant};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sparkline::Sparkline;
use super::verbosity::Verbosity;
use crate::failure::errln;
use crate::interrupt::is_interrupted;
use crate::terminal::{Part, Stream, columns, fitted};

/// How often the bar changes, in seconds.
const REFRESH: f64 = 0.1;

/// A bar on a terminal, and a line for each epoch.
pub(crate) struct Progress {
    epochs: usize,
    verbosity: Verbosity,
    /// Steps from one verbose line to the next.
    every: u64,
    bar: ProgressBar,
    losses: Sparkline,
    /// Seconds of the epochs before, and of all steps when the bar last changed.
    before: f64,
    refreshed: f64,
    /// Epoch and batch of the last step.
    pub(crate) at: (usize, usize),
}

impl Progress {
    /// For a run of `epochs` epochs of `batches` batches that has taken `step` steps and logs every `every`-th. Where
    /// stderr is no terminal, there is no bar.
    pub(crate) fn new((verbosity, every): (Verbosity, u64), epochs: usize, batches: u64, step: u64) -> Self {
        let target = if verbosity == Verbosity::Quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let bar = ProgressBar::with_draw_target(Some((epochs as u64).saturating_mul(batches)), target)
            .with_position(step);
        bar.reset_eta();
        let template = match columns(Stream::Stderr) {
            100.. => "{bar:24.cyan/dim} {percent:>3} %  {msg}  {per_sec}  {eta} left",
            75.. => "{percent:>3} %  {msg}  {per_sec}  {eta} left",
            _ => "{percent:>3} %  {msg}  {eta} left",
        };
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        let rate = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            // A terminal that is gone reads nothing.
            let _ = write!(out, "{:.0} steps/s", state.per_sec());
        };
        bar.set_style(style.with_key("per_sec", rate));
        let losses = Sparkline::default();
        Self { epochs, verbosity, every, bar, losses, before: 0.0, refreshed: 0.0, at: (0, 0) }
    }

    /// Prints a warning, however quiet the run is.
    pub(crate) fn warn(&self, message: &str) {
        self.bar.suspend(|| errln!("warning: {message}"));
    }

    fn line(&self, line: &str) {
        self.bar.suspend(|| errln!("{line}"));
    }
}

impl<A: Scalar> Callback<A> for Progress {
    fn on_step(&mut self, end: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.at = (end.epoch, end.batch);
        self.losses.push(end.loss);
        let seconds = self.before + end.seconds;
        if seconds >= self.refreshed + REFRESH {
            self.refreshed = seconds;
            self.bar.set_position(end.step);
            let loss = format!("loss {:<9}", significant(end.loss));
            let parts = vec![Part::new(1, self.losses.to_string()), Part::new(0, loss)];
            // The rest of the line takes 40 columns at most.
            self.bar.set_message(fitted(parts, "  ", columns(Stream::Stderr).saturating_sub(40)));
        }
        if self.verbosity == Verbosity::Verbose && end.step.is_multiple_of(self.every) {
            let StepEnd { epoch, step, batch, batches, loss, .. } = end;
            let loss = significant(*loss);
            self.line(&format!("step {step:>6}   epoch {epoch}, batch {batch}/{batches}   loss {loss}"));
        }
        if is_interrupted() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn on_epoch(&mut self, epoch: &Epoch, _theta: &[A]) -> ControlFlow<()> {
        let Epoch { epoch: number, step, train_loss, seconds, examples, .. } = epoch;
        self.before += seconds;
        // The bar is drawn anew below the line.
        self.bar.set_position(*step);
        let rate = *examples as f64 / seconds;
        let figure = |loss| format!("{:<9}", significant(loss));
        // Where there is validation, it decides.
        let importance = if epoch.validation_loss.is_some() { 2 } else { 1 };
        let mut parts = vec![
            Part::new(0, format!("epoch {number:>0$}/{1}", self.epochs.to_string().len(), self.epochs)),
            Part::new(importance, format!("loss {}", figure(*train_loss))),
        ];
        if let Some(loss) = epoch.validation_loss {
            parts.push(Part::new(1, format!("validation loss {}", figure(loss))));
        }
        if let Some(metric) = epoch.validation_metric() {
            let name = if epoch.validation_accuracy.is_some() { "accuracy" } else { "R²" };
            parts.push(Part::new(3, format!("{name} {:<7}", ratio(metric))));
        }
        parts.push(Part::new(4, format!("{rate:>9.0} examples/s")));
        if self.verbosity > Verbosity::Quiet {
            self.line(fitted(parts, "   ", columns(Stream::Stderr)).trim_end());
        }
        ControlFlow::Continue(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
