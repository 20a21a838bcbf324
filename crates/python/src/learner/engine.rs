//! A network that learns by scikit-learn's rules.

use std::ops::Range;
use std::sync::Arc;

use chainrule::datasets::{Dataset, Features, Label, Pipeline, Target};
use chainrule::layers::{Architecture, Layer, Sequential, is_random};
use chainrule::model::{FitError, Output, encoding, predict};
use chainrule::ndarray::Array2;
use chainrule::optim::{Decay, Descent, Lbfgs, Optimizer, Penalised, Penalty, Schedule};
use chainrule::tensor::{Aligned, Pool, Rng, Scalar, hash, math, rows};
use chainrule::train::{Plan, Setup, TrainError, TrainState, TrainingLoop, Weights};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::memory::{load, save, value};
use super::score::Weighted;
use super::settings::{Decline, Design, FitPlan, LossName, Method, Standardize, Watched};
use super::watch::{Asked, Best, Counted, Scoring, Verdict, Watch};
use crate::scale::Scale;
use crate::signals::Signals;
use crate::threads::{shared, worth_a_step};

/// Why a call of `fit` failed.
#[derive(Debug, Error)]
pub(super) enum EngineError {
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Data(#[from] chainrule::datasets::Error),
    #[error(transparent)]
    Fit(#[from] FitError),
    /// scikit-learn's words for it, and the place.
    #[error(
        "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed. ({0})"
    )]
    Diverged(TrainError),
    #[error(transparent)]
    Train(TrainError),
}

impl From<TrainError> for EngineError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Diverged { .. } | TrainError::Validation(_) => Self::Diverged(error),
            other => Self::Train(other),
        }
    }
}

/// What has come of all calls so far, but for the numbers of the network and of its optimizer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    calls: u64,
    pub(super) input: Option<Scale>,
    target: Option<Scale>,
    rate: Option<f64>,
    /// What `top` is the best of.
    watched: Option<Watched>,
    top: Option<f64>,
    waited: usize,
    seen: u64,
}

/// Examples as they come from Python.
pub(super) struct Examples<A> {
    pub(super) x: Array2<A>,
    pub(super) target: Target,
    pub(super) weights: Option<Vec<f64>>,
}

/// How a call went.
pub(super) struct Outcome {
    pub(super) losses: Vec<f64>,
    pub(super) scores: Vec<f64>,
    pub(super) top: Option<f64>,
    pub(super) verdict: Verdict,
    pub(super) steps: u64,
}

pub(super) struct Engine<A: Scalar> {
    pub(super) design: Design,
    pub(super) architecture: Architecture,
    network: Sequential<A>,
    pub(super) theta: Aligned<A>,
    pub(super) statistics: Vec<A>,
    /// What the optimizer remembers, in the order in which it visits it.
    pub(super) memory: Vec<Vec<A>>,
    pub(super) progress: Progress,
}

impl<A: Scalar> Engine<A> {
    /// Before it has learned anything.
    pub(super) fn new(design: Design) -> Result<Self, EngineError> {
        let architecture = design.architecture().map_err(EngineError::Settings)?;
        let network = architecture.build::<A>(None);
        let theta = Layer::<A>::layout(&network).init(&mut Rng::new(design.seed));
        let statistics = Layer::<A>::statistics(&network).init(&mut Rng::new(0)).to_vec();
        let (memory, progress) = (Vec::new(), Progress::default());
        Ok(Self { design, architecture, network, theta, statistics, memory, progress })
    }

    /// As it was when its parts were read.
    pub(super) fn restored(
        design: Design,
        progress: Progress,
        theta: &[A],
        statistics: Vec<A>,
        memory: Vec<Vec<A>>,
    ) -> Result<Self, EngineError> {
        let mut engine = Self::new(design)?;
        let lengths = (engine.theta.len(), engine.statistics.len());
        if lengths != (theta.len(), statistics.len()) {
            let (here, there) = (lengths.0, theta.len());
            return Err(EngineError::Settings(format!(
                "a state of {there} parameters for a network of {here}"
            )));
        }
        engine.theta.copy_from_slice(theta);
        Ok(Self { statistics, memory, progress, ..engine })
    }

    /// The scale of the inputs: that of the first examples, by `measure`, where the design wants one.
    pub(super) fn input_scale(&self, measure: impl FnOnce() -> Scale) -> Option<Scale> {
        if self.progress.calls > 0 {
            return self.progress.input.clone();
        }
        match self.design.standardize {
            Standardize::Always => Some(measure()),
            Standardize::Auto => Some(measure()).filter(|scale| !scale.is_near_one()),
            Standardize::Never => None,
        }
    }

    /// The scale of the targets of a squared error, likewise.
    fn target_scale(&self, examples: &Examples<A>) -> Option<Scale> {
        if self.progress.calls > 0 {
            return self.progress.target.clone();
        }
        match (&examples.target, self.design.loss, self.design.standardize) {
            (_, _, Standardize::Never) => None,
            (Target::Real { values, .. }, LossName::Squared, _) => {
                Some(Scale::of(&values.view(), examples.weights.as_deref()))
            }
            _ => None,
        }
    }

    /// Learns from examples, whose inputs have gone through `input`, as `plan` says. On an error the engine is what it was.
    pub(super) fn fit(
        &mut self,
        examples: Examples<A>,
        validation: Option<Examples<A>>,
        input: Option<Scale>,
        plan: &FitPlan,
        signals: &mut Signals,
    ) -> Result<Outcome, EngineError> {
        let mut progress = self.progress.clone();
        progress.input = input;
        progress.target = self.target_scale(&examples);
        let plain = Pipeline::new();
        let rows = examples.x.nrows().max(1);
        let mean_weight = examples.weights.as_ref().map_or(1.0, |w| w.iter().sum::<f64>() / w.len() as f64);
        let train = dataset(examples, progress.target.as_ref())?;
        let validation_weights = validation.as_ref().and_then(|part| part.weights.clone());
        let validation = validation.map(|part| dataset(part, progress.target.as_ref())).transpose()?;
        let loss = self.design.loss.build::<A>();
        let encoding = encoding(loss.target(), train.target()).ok_or(FitError::LossOfClasses)?;
        let setup = Setup {
            model: &self.network,
            loss: &*loss,
            encoding,
            transform: &plain,
            train: &train,
            validation: validation.as_ref(),
        };
        // L-BFGS takes all rows, in one order: batch normalisation shards by the order of the rows.
        let is_whole = matches!(plan.method, Method::Lbfgs);
        let batch = if is_whole { rows } else { plan.batch.clamp(1, rows) };
        // scikit-learn divides α by the sum of the weights of a batch.
        let lambda = plan.alpha / (batch as f64 * mean_weight);
        let seed =
            if progress.calls == 0 { self.design.seed } else { hash(self.design.seed, progress.calls, 0) };
        let whole =
            Plan { epochs: plan.epochs, batch, seed, shuffle: plan.shuffle && !is_whole, ..Plan::default() };

        let asked = Arc::new(Asked::default());
        let penalty = Penalty::on_weights(lambda, Layer::<A>::layout(&self.network));
        let weighted = validation.as_ref().zip(validation_weights);
        let weighted = weighted.map(|(data, weights)| Weighted::new(data, encoding, weights));
        let scoring = Scoring::of(self.design.loss, weighted.is_some());
        let mut watch = Watch::new(plan, penalty, signals, Arc::clone(&asked), scoring);
        if progress.watched.replace(plan.watched) == Some(plan.watched) {
            let (theta, statistics) = (self.theta.to_vec(), self.statistics.clone());
            watch.go_on(progress.top, progress.waited, Best { theta, statistics });
        }
        let mut memory = if plan.incremental { self.memory.clone() } else { Vec::new() };
        let mut rate = progress.rate.filter(|_| plan.incremental).unwrap_or(plan.rate);
        let mut theta = self.theta.clone();
        let mut state = TrainState::from_weights(Weights { theta: &theta, statistics: &self.statistics });
        let pool = Pool::new(worth_a_step(plan.threads, batch, &self.architecture));
        let first_seen = progress.seen;
        let steps = (plan.epochs as u64).saturating_mul(rows.div_ceil(batch) as u64);
        let mut optimizer = self.optimizer(plan, rate, lambda, steps, &asked)?;
        load(&mut *optimizer, &memory);
        loop {
            TrainingLoop::new(&setup, &whole, &pool).callback(&mut watch).run(
                &mut *optimizer,
                &mut theta,
                &mut state,
            )?;
            memory = save(&mut *optimizer);
            progress.seen = first_seen + (state.epochs.len() * rows) as u64;
            if let Method::Lbfgs = plan.method
                && let Some(last) = watch.losses.last_mut()
            {
                *last = value(&mut *optimizer).unwrap_or(*last);
            }
            if let Some(part) = &weighted {
                let weights = Weights { theta: &theta, statistics: &state.statistics };
                let (validation_loss, score) = part.measure(&self.network, &*loss, weights);
                let score = Some(score).filter(|_| self.design.loss != LossName::Poisson);
                watch.judge(Some(validation_loss), score);
                watch.keep(&theta, &state.statistics);
            }
            let is_last = state.epochs.len() >= plan.epochs;
            match (watch.verdict, plan.decline) {
                (Verdict::Running, _) if is_last || weighted.is_none() => break,
                (Verdict::Running, _) => continue,
                (Verdict::OtherRate, Decline::Invscaling(power)) => {
                    rate = plan.rate / ((progress.seen + 1) as f64).powf(power);
                }
                (Verdict::OtherRate, _) if rate > LEAST_RATE => (rate, watch.waited) = (rate / 5.0, 0),
                (Verdict::OtherRate, _) => {
                    watch.verdict = Verdict::Converged;
                    break;
                }
                _ => break,
            }
            watch.verdict = Verdict::Running;
            if is_last {
                break;
            }
            optimizer = self.optimizer(plan, rate, lambda, steps, &asked)?;
            load(&mut *optimizer, &memory);
        }

        let Watch { losses, scores, top, waited, verdict, best, .. } = watch;
        self.theta = theta;
        self.statistics = state.statistics;
        if let (Some(best), true) = (best, plan.watched != Watched::TrainingLoss) {
            self.theta.copy_from_slice(&best.theta);
            self.statistics = best.statistics;
        }
        (progress.rate, progress.top, progress.waited) = (Some(rate), top, waited);
        progress.calls += 1;
        (self.memory, self.progress) = (memory, progress);
        Ok(Outcome { losses, scores, top, verdict, steps: state.step })
    }

    fn optimizer(
        &self,
        plan: &FitPlan,
        rate: f64,
        lambda: f64,
        steps: u64,
        asked: &Arc<Asked>,
    ) -> Result<Box<dyn Optimizer<A>>, EngineError> {
        let layout = Layer::<A>::layout(&self.network);
        let Method::Rule(rule) = &plan.method else {
            let lbfgs = Lbfgs::new(layout.len()).full_batch(!is_random::<A>(&self.network));
            let counted = Counted::new(lbfgs, Arc::clone(asked));
            return Ok(Box::new(Penalised::new(counted, Penalty::on_weights(lambda, layout))));
        };
        let schedule = match plan.schedule().map_err(EngineError::Settings)? {
            Some(kind) => kind.over(rate, steps),
            None => Schedule::constant(rate),
        };
        let own = (rule.weight_decay() > 0.0).then(|| Decay::on_weights(rule.weight_decay(), layout));
        let rule = (Decay::on_weights(lambda, layout), rule.build::<A>(own));
        Ok(Box::new(Descent::new(rule, layout.len(), schedule).along(layout)))
    }

    /// The outputs for the rows of x, which have gone through the scale, in `f64`: probabilities, or numbers in the units of the targets.
    pub(super) fn predict(&self, x: &Array2<A>, threads: usize) -> Array2<f64> {
        let plain = Pipeline::new();
        let work = || predict(&self.network, Output::Identity, &plain, self.weights(), x);
        let mut y = shared(threads, x.nrows(), self.theta.len(), work).mapv(A::as_f64);
        match self.design.loss {
            LossName::Softmax => {
                let mut p = vec![0.0; y.ncols()];
                for row in rows::slices_mut(&mut y) {
                    rows::softmax(row, &mut p);
                    row.copy_from_slice(&p);
                }
            }
            LossName::Logistic => y.mapv_inplace(math::sigmoid),
            LossName::Poisson => y.mapv_inplace(f64::exp),
            LossName::Squared => {
                if let Some(scale) = &self.progress.target {
                    scale.invert(&mut y);
                }
            }
        }
        y
    }

    fn weights(&self) -> Weights<'_, A> {
        Weights { theta: &self.theta, statistics: &self.statistics }
    }

    /// W and b of each layer of a perceptron, which act on raw inputs and give outputs in the units of the targets; `None` for other
    /// networks.
    pub(super) fn coefficients(&self) -> Option<Vec<(Array2<f64>, Vec<f64>)>> {
        self.architecture.widths()?;
        let mut layers = Vec::new();
        for pair in Layer::<A>::layout(&self.network).entries().chunks(2) {
            let [w, b] = pair else { return None };
            let shape = (w.shape[0], *w.shape.get(1)?);
            let numbers =
                |range: Range<usize>| self.theta[range].iter().map(|x: &A| x.as_f64()).collect::<Vec<f64>>();
            layers.push((Array2::from_shape_vec(shape, numbers(w.range())).ok()?, numbers(b.range())));
        }
        if let (Some(scale), Some((w, b))) = (&self.progress.input, layers.first_mut()) {
            for (mut row, (mean, deviation)) in w.rows_mut().into_iter().zip(scale.columns()) {
                row.mapv_inplace(|w| w / deviation);
                row.iter().zip(&mut *b).for_each(|(w, b)| *b -= mean * w);
            }
        }
        if let (Some(scale), Some((w, b))) = (&self.progress.target, layers.last_mut()) {
            for (mut column, (_, deviation)) in w.columns_mut().into_iter().zip(scale.columns()) {
                column.mapv_inplace(|w| w * deviation);
            }
            for (b, (mean, deviation)) in b.iter_mut().zip(scale.columns()) {
                *b = *b * deviation + mean;
            }
        }
        Some(layers)
    }
}

/// Below this rate, scikit-learn's adaptive rate no longer falls.
const LEAST_RATE: f64 = 1e-6;

fn dataset<A: Scalar>(examples: Examples<A>, scale: Option<&Scale>) -> Result<Dataset<A>, EngineError> {
    let Examples { x, mut target, weights } = examples;
    if let (Some(scale), Target::Real { values, .. }) = (scale, &mut target) {
        *values = scale.apply(&values.view());
    }
    let data = Dataset::new("X", Features::Real(x), target)?;
    Ok(match weights {
        Some(weights) => data.with_weights(&weights)?,
        None => data,
    })
}

/// Labels called `0`, `1`, ….
pub(super) fn labels(values: Array2<bool>) -> Target {
    let label = |i: usize| Label { name: i.to_string(), words: ["0".to_owned(), "1".to_owned()] };
    Target::MultiLabel { labels: (0..values.ncols()).map(label).collect(), values }
}
