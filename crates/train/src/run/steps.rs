use std::ops::ControlFlow;
use std::time::Instant;

use chainrule_datasets::{Batch, Dataset};
use chainrule_layers::Mode;
use chainrule_optim::Optimizer;
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Pool, Scalar, hash, vector};

use crate::metrics::evaluate::{Evaluation, evaluate_together};
use crate::objective::buffers::ShardBuffers;
use crate::objective::sharded::Sharded;
use crate::run::callbacks::{Callback, StepEnd};
use crate::run::culprit::{culprit, culprit_of_all};
use crate::run::epoch::Epoch;
use crate::run::prefetcher::Prefetcher;
use crate::run::process_group::{ProcessGroup, Unreadable, all_read, any};
use crate::run::setup::{History, Level, Plan, Setup, Stop, TrainError};
use crate::run::train_state::{Snapshot, TrainState};
use crate::telemetry::meter::Probe;
use crate::weights::Weights;

/// A run under way.
pub(super) struct Run<'r, A: Scalar> {
    pub(super) setup: &'r Setup<'r, A>,
    pub(super) plan: &'r Plan,
    pub(super) pool: &'r Pool,
    pub(super) probe: Probe<'r>,
    pub(super) callback: &'r mut dyn Callback<A>,
    pub(super) group: &'r mut dyn ProcessGroup<A>,
    pub(super) optimizer: &'r mut dyn Optimizer<A>,
    pub(super) theta: &'r mut [A],
    pub(super) state: &'r mut TrainState<A>,
    /// The statistics of a batch.
    pub(super) observed: Vec<A>,
    /// θ before a step; empty for a network without statistics.
    pub(super) before: Vec<A>,
    /// Training examples on which the network is measured after each epoch.
    pub(super) watched: Option<Dataset<A>>,
    /// The learning rate of the last step.
    pub(super) learning_rate: Option<f64>,
}

impl<A: Scalar> Run<'_, A> {
    /// Epoch after epoch, over batches that begin where the state does.
    pub(super) fn run_to_end(&mut self, batches: &mut Prefetcher<'_, A>) -> Result<History, TrainError> {
        let (setup, plan) = (self.setup, self.plan);
        let (batch, division) = (plan.batch.min(setup.train.len()), self.group.division());
        let mut buffers =
            ShardBuffers::divided(setup.model, batch, division, self.optimizer.wants_curvature());
        let tolerance = plan.tolerance.unwrap_or_default();
        let mut level = Level::after(&self.state.epochs, tolerance);
        let stop = loop {
            if self.is_out_of_patience() {
                break Stop::Patience;
            }
            if plan.tolerance.is_some_and(|tolerance| level.is_reached(tolerance)) {
                break Stop::Tolerance;
            }
            if self.state.epochs.len() >= plan.epochs {
                break Stop::Finished;
            }
            let stopped = self.steps(batches, &mut buffers)?.is_break();
            // After its last batch, an epoch is brought to its end in any case: what was measured in that batch is part of
            // the epoch's record, and of no snapshot.
            if stopped && self.state.batch < batches.count() {
                break Stop::Callback;
            }
            let ended = self.end_epoch()?.is_break();
            let loss = self.state.epochs.last().map_or(f64::INFINITY, |epoch| epoch.train_loss);
            level = level.and(loss, tolerance);
            if ended || stopped {
                break Stop::Callback;
            }
        };
        self.keep();
        let best = plan.patience.and(self.state.best).filter(|_| setup.validation.is_some());
        if best.is_some() {
            self.theta.copy_from_slice(&self.state.best_theta);
            self.state.statistics.clone_from(&self.state.best_statistics);
        }
        Ok(History { epochs: self.state.epochs.clone(), best: best.map(|best| best.epoch), stop })
    }

    /// The number of the epoch under way, from 1.
    fn epoch(&self) -> usize {
        self.state.epochs.len() + 1
    }

    /// The steps that the epoch still has.
    fn steps(
        &mut self,
        batches: &mut Prefetcher<'_, A>,
        buffers: &mut ShardBuffers<A>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let (start, before, count) = (Instant::now(), self.state.seconds, batches.count());
        // Rows in memory can always be read, so that the processes need not ask each other.
        let stream = self.setup.train.features().is_streamed();
        loop {
            let read = batches.next();
            let read = if stream { all_read(self.group, read)? } else { read.map_err(Unreadable::from)? };
            let Some(batch) = read else { break };
            self.learning_rate = self.optimizer.learning_rate();
            let loss = self.step(batch, buffers)?;
            self.state.seconds = before + start.elapsed().as_secs_f64();
            let TrainState { step, batch, seconds, .. } = *self.state;
            let (epoch, learning_rate, theta) = (self.epoch(), self.learning_rate, &*self.theta);
            let end = StepEnd { epoch, step, batch, batches: count, loss, learning_rate, seconds, theta };
            let go_on = self.callback.on_step(&end);
            if any(self.group, go_on.is_break()) {
                return Ok(ControlFlow::Break(()));
            }
            if batch < count {
                self.keep_if_wanted();
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// One step of the optimizer, on one batch; returns its loss before the step.
    fn step(&mut self, batch: &Batch<A>, buffers: &mut ShardBuffers<A>) -> Result<f64, TrainError> {
        let (epoch, Setup { model, loss, .. }) = (self.epoch(), self.setup);
        self.state.batch += 1;
        self.state.step += 1;
        let seed = hash(self.plan.seed, epoch as u64, self.state.batch as u64);
        let (x, target, mode) = (batch.x(), batch.target(), Mode::Train { seed, row: 0 });

        let mut risk = Sharded::new(*model, *loss, &x, &target, mode, buffers, self.pool)
            .weighted(batch.weights())
            .part(self.group.division(), batch.whole())
            .probed(self.probe);
        if !self.observed.is_empty() {
            self.before.copy_from_slice(self.theta);
        }
        risk = risk.watching(&self.before);
        let cost = self.probe.step(|| self.group.step(self.optimizer, &mut risk, self.theta)).as_f64();
        // The pass that a step begins with has seen the statistics, unless it was cut into parts.
        if !risk.watched(&mut self.observed) {
            self.group.observe(&mut risk, &self.before, &mut self.observed);
        }

        if !cost.is_finite() {
            let place = culprit_of_all(self.group, culprit(*model, mode, self.theta, &x));
            return Err(self.diverged(cost, place));
        }
        model.track(&self.observed, &mut self.state.statistics);
        self.state.total += cost * batch.whole() as f64;
        Ok(cost)
    }

    /// What is reported where the loss, or a number at this place, is not finite.
    fn diverged(&self, loss: f64, place: String) -> TrainError {
        let is_standardised = self.setup.transform.is_standardising();
        TrainError::Diverged { epoch: self.epoch(), batch: self.state.batch, loss, place, is_standardised }
    }

    /// Measures what the epoch has come to, and reports it.
    fn end_epoch(&mut self) -> Result<ControlFlow<()>, TrainError> {
        let (epoch, setup) = (self.epoch(), self.setup);
        let Setup { model, loss, encoding, transform, .. } = *setup;
        let weights = self.state.weights(self.theta);
        let mut measure =
            |data| evaluate_together(model, loss, encoding, transform, weights, data, self.group);
        let validation: Option<Evaluation> = setup.validation.map(&mut measure).transpose()?;
        if self.group.division().size > 1 {
            let sums = self.group.gather(&digest(weights).to_le_bytes());
            if let Some(rank) = sums.iter().position(|sum| *sum != sums[0]) {
                return Err(TrainError::Drifted { epoch, rank });
            }
        }
        if !vector::is_finite(self.theta) {
            let place = culprit(model, weights.eval(), self.theta, &Array2::zeros((1, model.inputs())));
            return Err(self.diverged(f64::NAN, place));
        }
        let weights = self.state.weights(self.theta);
        let watched = self.watched.as_ref().and_then(|data| {
            // What overflows has no accuracy, and the steps report it.
            evaluate_together(model, loss, encoding, transform, weights, data, self.group).ok()
        });
        let train_loss = self.state.total / setup.train.len() as f64;
        let validation_loss = validation.as_ref().map(|v| v.loss);
        self.optimizer.observe(validation_loss.unwrap_or(train_loss));
        let report = Epoch {
            epoch,
            step: self.state.step,
            train_loss,
            train_accuracy: watched.as_ref().and_then(|w| w.metrics.accuracy()),
            train_r2: watched.as_ref().and_then(|w| w.metrics.r_squared()),
            validation_loss,
            validation_accuracy: validation.as_ref().and_then(|v| v.metrics.accuracy()),
            validation_r2: validation.as_ref().and_then(|v| v.metrics.r_squared()),
            learning_rate: self.learning_rate,
            seconds: self.state.seconds,
            examples: setup.train.len(),
        };
        let go_on = self.callback.on_epoch(&report, self.theta);
        self.state.end_epoch(report, self.theta);
        if any(self.group, go_on.is_break()) {
            return Ok(ControlFlow::Break(()));
        }
        self.keep_if_wanted();
        Ok(ControlFlow::Continue(()))
    }

    fn is_out_of_patience(&self) -> bool {
        let patience = self.plan.patience.filter(|_| self.setup.validation.is_some());
        patience.is_some_and(|patience| self.state.is_out_of_patience(patience))
    }

    fn keep_if_wanted(&mut self) {
        if self.callback.wants_snapshot() {
            self.keep();
        }
    }

    /// Hands the run to whoever keeps it.
    fn keep(&mut self) {
        let Self { state, optimizer, theta, .. } = self;
        self.callback.on_snapshot(&mut Snapshot { state, optimizer: &mut **optimizer, theta });
    }
}

/// A number that two ranks share if their θ and statistics agree in every bit.
fn digest<A: Scalar>(weights: Weights<'_, A>) -> u64 {
    let numbers = weights.theta.iter().chain(weights.statistics);
    numbers.fold(0, |sum, t| hash(sum, t.as_f64().to_bits(), 0))
}
