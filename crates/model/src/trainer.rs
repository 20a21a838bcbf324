use std::fmt;
use std::ops::ControlFlow;

use chainrule_datasets::{Augmentation, Dataset, Pipeline, Scaling, Target};
use chainrule_layers::Layer;
use chainrule_loss::LossSpec;
use chainrule_optim::{Clip, DescentSpec, Optimizer, RuleSpec, ScheduleKind};
use chainrule_tensor::{Layout, Pool, Scalar, available_threads};
use chainrule_train::{
    Callback, Epoch, History, Plan, Setup, StepEnd, Tolerance, TrainState, TrainingLoop, Weights,
};

use crate::fit_error::FitError;
use crate::model::Model;
use crate::output::Output;
use crate::recipe::Recipe;
use crate::target_scaling::TargetScaling;
use crate::task::Task;

/// Trains a [`Model`] on a [`Task`].
///
/// | Method | Default | Meaning |
/// |---|---|---|
/// | `epochs` | as many as make 3,000 steps, from 10 to 200 | the most passes over the examples |
/// | `batch` | 32 | examples a step |
/// | `optimizer` | Adam | the update rule |
/// | `schedule` | one cycle | how η changes over the run |
/// | `learning_rate` | the usual one of the rule under the schedule: 0.01 at the top of Adam's one cycle, else 0.001 of Adam | η |
/// | `weight_decay` | that of the rule or, where it has none, 1.5 / examples | λ, on weights and not on biases |
/// | `clip` | none | how gradients are clipped |
/// | `patience` | none | epochs without a better validation loss before the run ends; the best parameters return |
/// | `tolerance` | none | by how much the training loss must fall for the run to go on |
/// | `augment` | none | how training images are varied |
/// | `seed` | 0 | of the shuffling, of dropout and of augmentation |
/// | `threads` | all | how many share the work; the result has the same bits for any number |
///
/// The first training of a model brings its inputs to one scale: to shares of full brightness if they are pixels, otherwise to mean 0
/// and variance 1, unless [`Model::transform`] says otherwise. Numbers to be predicted are brought to mean 0 and variance 1 while the
/// network learns them, and the losses in the [`History`] are those of the scaled ones.
///
/// ```
/// use chainrule_datasets::synthetic;
/// use chainrule_layers::{Dense, Sequential, Tanh};
/// use chainrule_model::{Model, Task, Trainer};
/// use chainrule_optim::{RuleKind, ScheduleKind};
///
/// let (train, test) = (synthetic::moons::<f32>(400, 0.1, 1), synthetic::moons(100, 0.1, 2));
/// let network = Sequential::input(2).then(|n| Dense::new(n, 16)).then(Tanh::new).then(|n| Dense::new(n, 2));
/// let mut model = Model::new(network, 1);
/// let task = Task::new(&train);
/// let history = Trainer::new(&task)
///     .epochs(40)
///     .optimizer(RuleKind::Adam)
///     .learning_rate(0.02)
///     .schedule(ScheduleKind::Cosine)
///     .on_epoch(|epoch| println!("{}: {:.4}", epoch.epoch, epoch.train_loss))
///     .fit(&mut model)?;
/// assert!(history.epochs.len() <= 40);
/// assert!(model.evaluate(&test)?.metrics.accuracy() > Some(0.95));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<'a, A: Scalar> {
    task: &'a Task<'a, A>,
    epochs: Option<usize>,
    plan: Plan,
    rule: RuleSpec,
    learning_rate: Option<f64>,
    schedule: Option<ScheduleKind>,
    weight_decay: Option<f64>,
    clip: Option<Clip>,
    make: Option<Box<MakeOptimizer<'a, A>>>,
    threads: usize,
    watch: Watch<'a, A>,
}

/// From the layout of the parameters and the steps of the run to an optimizer.
type MakeOptimizer<'a, A> = dyn FnOnce(&Layout, u64) -> Box<dyn Optimizer<A>> + 'a;

impl<'a, A: Scalar> Trainer<'a, A> {
    /// With all defaults.
    pub fn new(task: &'a Task<'a, A>) -> Self {
        let usual = Recipe::usual(task.train.len());
        Self {
            task,
            epochs: None,
            plan: Plan { batch: usual.batch, ..Plan::default() },
            rule: usual.rule.spec(),
            learning_rate: None,
            schedule: None,
            weight_decay: None,
            clip: None,
            make: None,
            threads: available_threads(),
            watch: Watch { on_step: None, on_epoch: None },
        }
    }

    /// At most so many passes over the examples.
    #[must_use]
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs: Some(epochs), ..self }
    }

    /// So many examples a step; at least the number of examples means all of them.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.plan.batch = batch;
        self
    }

    /// Steps by this rule: `Momentum`'s parameters, [`RuleKind::Sgd`](chainrule_optim::RuleKind), ….
    #[must_use]
    pub fn optimizer(self, rule: impl Into<RuleSpec>) -> Self {
        Self { rule: rule.into(), ..self }
    }

    /// Steps by any optimizer, made from the layout of the parameters and the number of steps of the run: one of your own, or L-BFGS.
    /// Learning rate, schedule, decay and clipping are then its own.
    #[must_use]
    pub fn optimizer_with(self, make: impl FnOnce(&Layout, u64) -> Box<dyn Optimizer<A>> + 'a) -> Self {
        Self { make: Some(Box::new(make)), ..self }
    }

    /// With this learning rate.
    #[must_use]
    pub fn learning_rate(self, rate: f64) -> Self {
        Self { learning_rate: Some(rate), ..self }
    }

    /// With a learning rate that changes over the run.
    #[must_use]
    pub fn schedule(self, schedule: ScheduleKind) -> Self {
        Self { schedule: Some(schedule), ..self }
    }

    /// With this decay of the weights.
    #[must_use]
    pub fn weight_decay(self, decay: f64) -> Self {
        Self { weight_decay: Some(decay), ..self }
    }

    /// With gradients that are clipped.
    #[must_use]
    pub fn clip(self, clip: Clip) -> Self {
        Self { clip: Some(clip), ..self }
    }

    /// Ends after so many epochs without a better validation loss, and returns the best parameters.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.plan.patience = Some(epochs);
        self
    }

    /// Ends before the last epoch as `tolerance` says. Under a schedule that falls, as one cycle does, there is no need of it.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.plan.tolerance = Some(tolerance);
        self
    }

    /// Varies the training images in each epoch; the examples are images of a known [shape](Dataset::with_image).
    ///
    /// ```
    /// use chainrule_datasets::digits;
    /// use chainrule_layers::{Dense, Relu, Sequential};
    /// use chainrule_model::{Model, Task, Trainer};
    ///
    /// let train = digits::<f32>().train;
    /// let network = Sequential::input(64).then(|n| Dense::new(n, 32)).then(Relu::new).then(|n| Dense::new(n, 10));
    /// let mut model = Model::new(network, 1);
    /// let task = Task::new(&train);
    /// let trainer = Trainer::new(&task).epochs(3).augment("rotate 10, scale 10".parse()?);
    /// trainer.fit(&mut model)?;
    /// assert!(model.evaluate(&train)?.metrics.accuracy() > Some(0.8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn augment(mut self, augmentation: Augmentation) -> Self {
        self.plan.augment = augmentation;
        self
    }

    /// From another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// On so many threads.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Calls `look` after each epoch; it may return `ControlFlow::Break(())` to end the run.
    #[must_use]
    pub fn on_epoch<V: Verdict>(mut self, mut look: impl FnMut(&Epoch) -> V + 'a) -> Self {
        self.watch.on_epoch = Some(Box::new(move |epoch| look(epoch).into_flow()));
        self
    }

    /// Calls `look` after each step, likewise.
    #[must_use]
    pub fn on_step<V: Verdict>(mut self, mut look: impl FnMut(&StepEnd<'_, A>) -> V + 'a) -> Self {
        self.watch.on_step = Some(Box::new(move |step| look(step).into_flow()));
        self
    }

    /// Trains `model` from where it is.
    ///
    /// # Errors
    /// If the network does not fit the task, the learning rate is not above 0, the examples cannot be augmented, or the loss becomes
    /// NaN or infinite. The model is then what it was before.
    pub fn fit(self, model: &mut Model<A>) -> Result<History, FitError> {
        let Self { task, rule, learning_rate, mut plan, mut watch, .. } = self;
        if let Some(rate) = learning_rate.filter(|rate| rate.is_nan() || *rate <= 0.0 || rate.is_infinite()) {
            return Err(FitError::Rate(rate));
        }
        for (what, value, is_right) in [
            ("weight decay", self.weight_decay, (|x| x >= 0.0) as fn(f64) -> bool),
            ("clip", self.clip.map(|(Clip::Norm(most) | Clip::Value(most))| most), |x| x > 0.0),
        ] {
            if let Some(value) = value.filter(|value| !(value.is_finite() && is_right(*value))) {
                return Err(FitError::Setting { what, value });
            }
        }
        let (train, encoding) = (task.train, task.encoding()?);
        check(model.network(), task)?;
        let by_loss = Output::from(task.loss.output());
        let output = if model.is_output_chosen { model.output } else { by_loss };
        let transform = match &model.transform {
            Some(transform) => transform.clone(),
            None => usual_transform(train)?,
        };
        let scaling = TargetScaling::of(model.network(), output, train);
        if !scaling.is_resolved::<A>() {
            return Err(FitError::Resolution(A::NAME));
        }
        let scaled = scaling.scaled(train)?;
        let validation = task.validation.map(|data| scaling.scaled(data)).transpose()?;

        let usual = Recipe::usual(train.len());
        plan.epochs = self.epochs.unwrap_or_else(|| Recipe::epochs(train.len(), plan.batch));
        let per_epoch = train.len().div_ceil(plan.batch.clamp(1, train.len().max(1)));
        let steps = (plan.epochs as u64).saturating_mul(per_epoch as u64);
        let layout = model.network().layout();
        let mut optimizer = if let Some(make) = self.make {
            make(layout, steps)
        } else {
            let schedule = self.schedule.unwrap_or(usual.schedule);
            let rate = learning_rate.unwrap_or_else(|| rule.rate_under(schedule));
            let own = Some(rule.weight_decay()).filter(|decay| *decay > 0.0);
            let weight_decay = self.weight_decay.or(own).or(Some(usual.weight_decay));
            let clip = self.clip;
            let schedule = Some(schedule.over(rate, steps));
            Box::new(DescentSpec { rule, schedule, weight_decay, clip }.build::<A>(layout))
        };
        let mut theta = model.theta.clone();
        if model.is_trained {
            theta.copy_from_slice(&scaling.unfolded(layout, &model.theta));
        }
        let mut state = TrainState::from_weights(Weights { theta: &theta, statistics: &model.statistics });
        let setup = Setup {
            model: model.network(),
            loss: &*task.loss,
            encoding,
            transform: &transform,
            train: &scaled,
            validation: validation.as_ref(),
        };
        let pool = Pool::new(self.threads.max(1));
        let run = TrainingLoop::new(&setup, &plan, &pool).callback(&mut watch);
        let history = run.run(&mut *optimizer, &mut theta, &mut state)?;

        let theta = scaling.folded(layout, &theta);
        model.theta.copy_from_slice(&theta);
        model.is_trained = true;
        model.statistics = state.statistics;
        model.transform = Some(transform);
        model.output = output;
        model.loss = LossSpec::of(&*task.loss);
        model.classes = train.target().classes().to_vec();
        model.labels = train.target().labels().to_vec();
        model.targets = train.target().columns().to_vec();
        model.input = train.input();
        Ok(history)
    }
}

impl<A: Scalar> Model<A> {
    /// Trains on all examples with the defaults of [`Trainer`].
    ///
    /// # Errors
    /// As [`Trainer::fit`].
    pub fn fit(&mut self, train: &Dataset<A>) -> Result<History, FitError> {
        Trainer::new(&Task::new(train)).fit(self)
    }
}

impl<A: Scalar> fmt::Debug for Trainer<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer").field("task", self.task).field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// What brings the inputs of `train` to one scale: pixels to shares of full brightness, other numbers to mean 0 and variance 1.
///
/// # Errors
/// If a streamed file can no longer be read.
pub fn usual_transform<A: Scalar>(train: &Dataset<A>) -> Result<Pipeline, chainrule_datasets::Error> {
    let transform = train.pixel_scaling();
    if train.full_scale().is_some() {
        return Ok(transform);
    }
    transform.then_fit(Scaling::Standardise, train)
}

/// Checks that the network fits the examples, and the validation examples the others.
fn check<A: Scalar>(network: &dyn Layer<A>, task: &Task<'_, A>) -> Result<(), FitError> {
    let train = task.train;
    if network.inputs() != train.inputs() {
        return Err(FitError::Inputs { takes: network.inputs(), given: train.inputs() });
    }
    if network.outputs() != train.outputs() {
        return Err(FitError::Outputs { gives: network.outputs(), wanted: train.outputs() });
    }
    let about = |data: &Dataset<A>| {
        let kind = match data.target() {
            Target::Classes { .. } => "classes",
            Target::Real { .. } => "numbers to predict",
            Target::MultiLabel { .. } => "labels",
        };
        format!("{} inputs and {} {kind}", data.inputs(), data.outputs())
    };
    let Some(validation) = task.validation else { return Ok(()) };
    let (here, there) = (about(train), about(validation));
    if here != there {
        return Err(FitError::Validation { here, there });
    }
    let named = |data: &Dataset<A>| format!("the classes {}", data.target().classes().join(", "));
    if train.target().classes() != validation.target().classes() {
        return Err(FitError::Validation { here: named(train), there: named(validation) });
    }
    Ok(())
}

/// Whether a run goes on: nothing means yes.
pub trait Verdict {
    /// As a control flow.
    fn into_flow(self) -> ControlFlow<()>;
}

impl Verdict for () {
    fn into_flow(self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Verdict for ControlFlow<()> {
    fn into_flow(self) -> ControlFlow<()> {
        self
    }
}

type OnStep<'a, A> = dyn FnMut(&StepEnd<'_, A>) -> ControlFlow<()> + 'a;
type OnEpoch<'a> = dyn FnMut(&Epoch) -> ControlFlow<()> + 'a;

/// The closures that watch a run.
struct Watch<'a, A> {
    on_step: Option<Box<OnStep<'a, A>>>,
    on_epoch: Option<Box<OnEpoch<'a>>>,
}

impl<A: Scalar> Callback<A> for Watch<'_, A> {
    fn on_step(&mut self, step: &StepEnd<'_, A>) -> ControlFlow<()> {
        self.on_step.as_mut().map_or(ControlFlow::Continue(()), |look| look(step))
    }

    fn on_epoch(&mut self, epoch: &Epoch, _: &[A]) -> ControlFlow<()> {
        self.on_epoch.as_mut().map_or(ControlFlow::Continue(()), |look| look(epoch))
    }
}
