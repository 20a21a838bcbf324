//! What ends a run: scikit-learn's rules, Ctrl-C, a callback.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chainrule::ndarray::ArrayRef2;
use chainrule::optim::{Objective, Optimizer, Penalty};
use chainrule::tensor::{Scalar, vector};
use chainrule::train::{Callback, Epoch, Snapshot, StepEnd};

use super::settings::{Decline, FitPlan, LossName, Method, Watched};
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

/// Where the score of an epoch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scoring {
    /// The report of the epoch.
    Report,
    /// The loss of the report alone: its R² would be that of ln μ.
    LossOnly,
    /// What [`Watch::judge`] is given, between two runs of one epoch each.
    Given,
}

impl Scoring {
    pub(super) fn of(loss: LossName, is_weighted: bool) -> Self {
        match loss {
            _ if is_weighted => Self::Given,
            LossName::Poisson => Self::LossOnly,
            _ => Self::Report,
        }
    }
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
    scoring: Scoring,
    /// The loss of the last epoch, until it is judged.
    unjudged: Option<f64>,
    /// Of the step before, for L-BFGS.
    before: Option<f64>,
}

impl<'a, A: Scalar> Watch<'a, A> {
    pub(super) fn new(
        plan: &'a FitPlan,
        penalty: Penalty,
        signals: &'a mut Signals,
        asked: Arc<Asked>,
        scoring: Scoring,
    ) -> Self {
        Self {
            plan,
            penalty,
            signals,
            asked,
            scoring,
            unjudged: None,
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

    /// Goes on from where an earlier call ended: the run ends on the best epoch of all calls, as in scikit-learn.
    pub(super) fn go_on(&mut self, top: Option<f64>, waited: usize, best: Best<A>) {
        (self.top, self.waited) = (top, waited);
        self.best = Some(best).filter(|_| top.is_some() && self.plan.watched != Watched::TrainingLoss);
    }

    /// Judges the last epoch by its validation loss and score; does nothing if it has been judged.
    pub(super) fn judge(&mut self, validation_loss: Option<f64>, score: Option<f64>) {
        let Some(loss) = self.unjudged.take() else { return };
        self.scores.extend(score);
        let number = self.losses.len();
        if self.signals.ends(number, loss, score) && self.verdict == Verdict::Running {
            self.verdict = Verdict::Ended;
        }
        if matches!(self.plan.method, Method::Rule(_)) && self.verdict == Verdict::Running {
            let validation_loss = validation_loss.unwrap_or(f64::INFINITY);
            self.compare(match self.plan.watched {
                Watched::TrainingLoss => -loss,
                Watched::ValidationScore => score.unwrap_or(-validation_loss),
                Watched::ValidationLoss => -validation_loss,
            });
        }
    }

    /// Keeps the network if the epoch that was judged is the best one.
    pub(super) fn keep(&mut self, theta: &[A], statistics: &[A]) {
        if std::mem::take(&mut self.wants_best) {
            self.best = Some(Best { theta: theta.to_vec(), statistics: statistics.to_vec() });
        }
    }

    /// Counts the epochs without an improvement by `tol`, as `MLPClassifier` does, or without any.
    fn compare(&mut self, watched: f64) {
        let (plan, top) = (self.plan, self.top.unwrap_or(f64::NEG_INFINITY));
        let improves = if plan.patience.is_some() { watched > top } else { watched >= top + plan.tol };
        self.waited = if improves { 0 } else { self.waited + 1 };
        if watched > top {
            self.top = Some(watched);
            self.wants_best = plan.watched != Watched::TrainingLoss;
        }
        let is_over = match plan.patience {
            Some(patience) => self.waited >= patience,
            None => plan.n_iter_no_change.is_some_and(|allowed| self.waited > allowed),
        };
        if is_over {
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
        self.unjudged = Some(loss);
        match self.scoring {
            Scoring::Report => self.judge(epoch.validation_loss, epoch.validation_metric()),
            Scoring::LossOnly => self.judge(epoch.validation_loss, None),
            Scoring::Given => return ControlFlow::Break(()),
        }
        self.flow()
    }

    fn wants_snapshot(&mut self) -> bool {
        self.wants_best
    }

    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, A>) {
        self.keep(snapshot.theta, &snapshot.state.statistics);
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
