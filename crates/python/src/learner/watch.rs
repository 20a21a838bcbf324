//! What ends a run: scikit-learn's rules, Ctrl-C, a callback.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chainrule::ndarray::ArrayRef2;
use chainrule::optim::{Objective, Optimizer, Penalty};
use chainrule::tensor::{Scalar, vector};
use chainrule::train::{Callback, Epoch, Snapshot, StepEnd};

use super::settings::{Decline, FitPlan, Method, Watched};
use crate::signals::Signals;

/// Where a run of epochs has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Running,
    /// No improvement by `tol` any more, or for L-BFGS a gradient below it.
    Converged,
    /// A signal, or an exception of the callback.
    Interrupted,
    /// The callback ended it.
    Ended,
    /// The next epochs want another rate.
    OtherRate,
}

/// What L-BFGS has asked for so far.
#[derive(Debug, Default)]
pub(super) struct Asked {
    evaluations: AtomicU64,
    /// The bits of the largest component of the last gradient.
    gradient: AtomicU64,
}

/// The best epoch, by what is watched on the validation part.
pub(super) struct Best<A> {
    pub(super) theta: Vec<A>,
    pub(super) statistics: Vec<A>,
}

/// Watches a run.
pub(super) struct Watch<'a, A> {
    plan: &'a FitPlan,
    penalty: Penalty,
    signals: &'a mut Signals,
    asked: Arc<Asked>,
    pub(super) verdict: Verdict,
    /// The loss of each epoch, with the penalty, and the score on the validation part.
    pub(super) losses: Vec<f64>,
    pub(super) scores: Vec<f64>,
    /// The best of what is watched, higher being better, and the epochs without a better one.
    pub(super) top: Option<f64>,
    pub(super) waited: usize,
    pub(super) best: Option<Best<A>>,
    wants_best: bool,
    /// Of the step before, for L-BFGS.
    before: Option<f64>,
}

impl<'a, A: Scalar> Watch<'a, A> {
    pub(super) fn new(
        plan: &'a FitPlan,
        penalty: Penalty,
        signals: &'a mut Signals,
        asked: Arc<Asked>,
    ) -> Self {
        Self {
            plan,
            penalty,
            signals,
            asked,
            verdict: Verdict::Running,
            losses: Vec::new(),
            scores: Vec::new(),
            top: None,
            waited: 0,
            best: None,
            wants_best: false,
            before: None,
        }
    }

    /// Counts the epochs without an improvement by `tol`, as `MLPClassifier` does.
    fn compare(&mut self, watched: f64) {
        let top = self.top.unwrap_or(f64::NEG_INFINITY);
        self.waited = if watched >= top + self.plan.tol { 0 } else { self.waited + 1 };
        if watched > top {
            self.top = Some(watched);
            self.wants_best = self.plan.watched != Watched::TrainingLoss;
        }
        if self.plan.patience.is_some_and(|patience| self.waited > patience) {
            let lowers = self.plan.decline == Decline::Adaptive && self.plan.schedule.is_none();
            self.verdict = if lowers { Verdict::OtherRate } else { Verdict::Converged };
        } else if matches!(self.plan.decline, Decline::Invscaling(_)) && self.plan.schedule.is_none() {
            self.verdict = Verdict::OtherRate;
        }
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.verdict == Verdict::Running { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// The limits of scipy's L-BFGS-B: the gradient, the relative fall of the loss, the evaluations.
    fn compare_step(&mut self, loss: f64) {
        const LEAST_FALL: f64 = 1e7 * f64::EPSILON;
        let gradient = f64::from_bits(self.asked.gradient.load(Ordering::Relaxed));
        let is_level = self
            .before
            .is_some_and(|before: f64| before - loss <= LEAST_FALL * before.abs().max(loss.abs()).max(1.0));
        self.before = Some(loss);
        if gradient <= self.plan.tol || is_level {
            self.verdict = Verdict::Converged;
        } else if self.asked.evaluations.load(Ordering::Relaxed) >= self.plan.max_fun {
            self.verdict = Verdict::Ended;
        }
    }
}

impl<A: Scalar> Callback<A> for Watch<'_, A> {
    fn on_step(&mut self, step: &StepEnd<'_, A>) -> ControlFlow<()> {
        if self.signals.interrupted() {
            self.verdict = Verdict::Interrupted;
        } else if matches!(self.plan.method, Method::Lbfgs) {
            self.compare_step(step.loss);
        }
        self.flow()
    }

    fn on_epoch(&mut self, epoch: &Epoch, theta: &[A]) -> ControlFlow<()> {
        let is_descent = matches!(self.plan.method, Method::Rule(_));
        // L-BFGS sees the penalty in its loss already.
        let penalty = if is_descent { self.penalty.value(theta) } else { 0.0 };
        let loss = epoch.train_loss + penalty;
        self.losses.push(loss);
        let score = epoch.validation_metric();
        self.scores.extend(score);
        let number = self.losses.len();
        if self.signals.ends(number, loss, score) && self.verdict == Verdict::Running {
            self.verdict = Verdict::Ended;
        }
        if is_descent && self.verdict == Verdict::Running {
            let validation_loss = epoch.validation_loss.unwrap_or(f64::INFINITY);
            self.compare(match self.plan.watched {
                Watched::TrainingLoss => -loss,
                Watched::ValidationScore => score.unwrap_or(-validation_loss),
                Watched::ValidationLoss => -validation_loss,
            });
        }
        self.flow()
    }

    fn wants_snapshot(&mut self) -> bool {
        self.wants_best
    }

    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, A>) {
        if std::mem::take(&mut self.wants_best) {
            let (theta, statistics) = (snapshot.theta.to_vec(), snapshot.state.statistics.clone());
            self.best = Some(Best { theta, statistics });
        }
    }
}

/// An optimizer whose evaluations are counted.
pub(super) struct Counted<O> {
    optimizer: O,
    asked: Arc<Asked>,
}

impl<O> Counted<O> {
    pub(super) fn new(optimizer: O, asked: Arc<Asked>) -> Self {
        Self { optimizer, asked }
    }
}

impl<A: Scalar, O: Optimizer<A>> Optimizer<A> for Counted<O> {
    fn step(&mut self, objective: &mut dyn Objective<A>, theta: &mut [A]) -> A {
        self.optimizer.step(&mut Counting { objective, asked: &self.asked }, theta)
    }

    fn state(&mut self, visit: &mut dyn FnMut(&str, &mut [A])) {
        self.optimizer.state(visit);
    }

    fn wants_curvature(&self) -> bool {
        self.optimizer.wants_curvature()
    }

    fn learning_rate(&self) -> Option<f64> {
        self.optimizer.learning_rate()
    }

    fn observe(&mut self, loss: f64) {
        self.optimizer.observe(loss);
    }
}

struct Counting<'a, A> {
    objective: &'a mut dyn Objective<A>,
    asked: &'a Asked,
}

impl<A: Scalar> Objective<A> for Counting<'_, A> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.objective.value(theta)
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let value = self.objective.value_and_grad(theta, grad);
        self.asked.evaluations.fetch_add(1, Ordering::Relaxed);
        self.asked.gradient.store(vector::norm_max(grad).as_f64().to_bits(), Ordering::Relaxed);
        value
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        self.objective.hessian_vector(theta, v, hv);
    }

    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.objective.gauss_newton_vector(theta, v, gv);
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        self.objective.hessian(theta, h);
    }
}
