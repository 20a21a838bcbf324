use std::thread;

use chainrule_datasets::Batches;
use chainrule_optim::Optimizer;
use chainrule_tensor::{Pool, Scalar};

use crate::run::callbacks::Callback;
use crate::run::prefetcher::Prefetcher;
use crate::run::process_group::{ProcessGroup, SingleProcess};
use crate::run::setup::{History, Plan, Setup, TrainError};
use crate::run::steps::Run;
use crate::run::train_state::TrainState;
use crate::telemetry::meter::{Meter, Probe};

/// Trains a network: the loop over epochs and batches.
///
/// The order of the examples is a function of (seed, epoch), an augmented image one of (seed, epoch, example), a dropout mask one
/// of (seed, epoch, batch, row, column), and sums run in fixed shards: the same arguments give the same bits, whatever the number of threads in the pool.
///
/// ```
/// use chainrule_datasets::{Encoding, Pipeline, synthetic};
/// use chainrule_layers::{Dense, Layer};
/// use chainrule_loss::SoftmaxCrossEntropy;
/// use chainrule_optim::{Adam, Descent, Schedule};
/// use chainrule_tensor::{Pool, Rng};
/// use chainrule_train::{Plan, Setup, TrainState, TrainingLoop};
///
/// let (train, model) = (synthetic::moons::<f32>(200, 0.1, 1), Dense::new(2, 2));
/// let setup = Setup {
///     model: &model,
///     loss: &SoftmaxCrossEntropy::default(),
///     encoding: Encoding::Index,
///     transform: &Pipeline::new(),
///     train: &train,
///     validation: None,
/// };
/// let mut theta = Layer::<f32>::layout(&model).init(&mut Rng::new(1));
/// let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.05));
/// let mut state = TrainState::start(&model, &theta);
/// let pool = Pool::new(1);
/// let history = TrainingLoop::new(&setup, &Plan::default(), &pool).run(&mut adam, &mut theta, &mut state)?;
/// assert_eq!(history.epochs.len(), 10);
/// assert!(history.epochs[9].train_loss < history.epochs[0].train_loss);
/// # Ok::<(), chainrule_train::TrainError>(())
/// ```
pub struct TrainingLoop<'a, A: Scalar> {
    setup: &'a Setup<'a, A>,
    plan: &'a Plan,
    pool: &'a Pool,
    callback: Option<&'a mut dyn Callback<A>>,
    group: Option<&'a mut dyn ProcessGroup<A>>,
    probe: Probe<'a>,
    watched: usize,
}

impl<A: Scalar> std::fmt::Debug for TrainingLoop<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingLoop")
            .field("setup", self.setup)
            .field("plan", self.plan)
            .finish_non_exhaustive()
    }
}

impl<'a, A: Scalar> TrainingLoop<'a, A> {
    /// Training on `setup` as `plan` says, on the threads of `pool`.
    pub fn new(setup: &'a Setup<'a, A>, plan: &'a Plan, pool: &'a Pool) -> Self {
        Self { setup, plan, pool, callback: None, group: None, probe: Probe::default(), watched: 0 }
    }

    /// The same, watched by `callback`.
    #[must_use]
    pub fn callback(self, callback: &'a mut dyn Callback<A>) -> Self {
        Self { callback: Some(callback), ..self }
    }

    /// The same as one of several processes that train one network: each of them runs it, with the same arguments but for
    /// `group` and the callback. A `Break` of any of them ends the run for all.
    #[must_use]
    pub fn group(self, group: &'a mut dyn ProcessGroup<A>) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The same, measured by `meter`.
    #[must_use]
    pub fn meter(self, meter: &'a Meter) -> Self {
        Self { probe: meter.probe(), ..self }
    }

    /// The same with the accuracy, or R², of the network after each epoch on so many training examples, evenly spaced; the training is
    /// the same.
    #[must_use]
    pub fn watching(self, examples: usize) -> Self {
        Self { watched: examples, ..self }
    }

    /// Trains `theta` by `optimizer`, from `state` to the end of the plan.
    ///
    /// A run whose θ, optimizer and state come from a [`Snapshot`](crate::Snapshot) goes on as if it had never been interrupted: bit for bit.
    ///
    /// # Errors
    /// If there are no examples, or they cannot be augmented or can no longer be read; if a batch has fewer rows than a layer takes;
    /// when the loss becomes NaN or infinite; or if θ is not the
    /// same on all ranks any more.
    pub fn run(
        self,
        optimizer: &mut dyn Optimizer<A>,
        theta: &mut [A],
        state: &mut TrainState<A>,
    ) -> Result<History, TrainError> {
        let Self { setup, plan, pool, watched, .. } = self;
        if plan.batch == 0 {
            return Err(TrainError::ZeroBatch);
        }
        if setup.train.is_empty() {
            return Err(TrainError::Empty);
        }
        let (mut nobody, mut alone) = ((), SingleProcess::default());
        let callback = self.callback.unwrap_or(&mut nobody);
        let group = self.group.unwrap_or(&mut alone);
        let batch = plan.batch.min(setup.train.len());
        let division = group.division();
        plan.check_rows(setup.model, setup.train.len(), division)?;
        let batches = Batches::new(setup.train, setup.transform, setup.encoding, batch);
        let batches = if plan.shuffle { batches } else { batches.in_order() };
        let batches = batches.augmented(&plan.augment).map_err(TrainError::Augment)?;
        let batches = batches.part(move |batch| division.rows(batch));
        let start = (state.epochs.len() + 1, state.batch);
        let all = setup.train.len();
        let spaced: Vec<usize> = (0..watched.min(all)).map(|i| i * all / watched.min(all)).collect();
        let watched = (watched > 0).then(|| setup.train.select(&spaced));
        let probe = self.probe;
        thread::scope(|scope| {
            let mut prefetcher = Prefetcher::new(scope, batches, plan.seed, start, pool.threads());
            // The threads share the products of evaluations, too.
            pool.enter(|| {
                let observed = state.statistics.clone();
                let before = if observed.is_empty() { Vec::new() } else { theta.to_vec() };
                let mut run = Run {
                    setup,
                    plan,
                    pool,
                    probe,
                    callback,
                    group,
                    optimizer,
                    theta,
                    state,
                    observed,
                    before,
                    watched,
                    learning_rate: None,
                };
                run.run_to_end(&mut prefetcher)
            })
        })
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use chainrule_datasets::{Encoding, Pipeline, synthetic};
    use chainrule_layers::{Dense, Dropout, Layer, Sequential, Tanh};
    use chainrule_loss::SoftmaxCrossEntropy;
    use chainrule_optim::{Adam, Descent, Schedule, Sgd};
    use chainrule_tensor::Rng;

    use super::*;
    use crate::metrics::evaluate::evaluate;
    use crate::run::callbacks::StepEnd;
    use crate::run::epoch::Epoch;
    use crate::run::epoch_log::EpochMark;
    use crate::run::identity::RunIdentity;
    use crate::run::setup::Stop;
    use crate::run::snapshot::Saved;
    use crate::run::train_state::Snapshot;

    fn network() -> Sequential<f32> {
        Sequential::input(2)
            .then(|n| Dense::new(n, 16))
            .then(Tanh::new)
            .then(|n| Dropout::new(n, 0.1))
            .then(|n| Dense::new(n, 2))
    }

    fn run(plan: &Plan, rate: f64, threads: usize) -> (Result<History, TrainError>, Vec<f32>) {
        run_with(plan, rate, threads, &mut (), None)
    }

    fn run_with(
        plan: &Plan,
        rate: f64,
        threads: usize,
        callback: &mut dyn Callback<f32>,
        saved: Option<Saved<f32>>,
    ) -> (Result<History, TrainError>, Vec<f32>) {
        let (model, loss) = (network(), SoftmaxCrossEntropy::default());
        let (train, validation) = (synthetic::moons(600, 0.1, 1), synthetic::moons(100, 0.1, 2));
        let mut theta = model.layout().init(&mut Rng::new(3));
        let schedule = Schedule::constant(rate);
        let mut optimizer: Box<dyn Optimizer<f32>> = if rate > 1.0 {
            Box::new(Descent::new(Sgd, theta.len(), schedule))
        } else {
            Box::new(Descent::new(Adam::default(), theta.len(), schedule))
        };
        let transform = &Pipeline::new();
        let encoding = Encoding::Index;
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding,
            transform,
            train: &train,
            validation: Some(&validation),
        };
        let mut state = match saved {
            Some(saved) => saved.restore(&model, &mut *optimizer, &mut theta).unwrap(),
            None => TrainState::start(&model, &theta),
        };
        let pool = Pool::new(threads);
        let trainer = TrainingLoop::new(&setup, plan, &pool).callback(callback);
        (trainer.run(&mut *optimizer, &mut theta, &mut state), theta.to_vec())
    }

    #[test]
    fn moons_are_learned_with_the_same_bits_for_any_number_of_threads() {
        let plan = Plan { epochs: 20, batch: 600, ..Plan::default() };
        let (history, theta) = run(&plan, 0.05, 1);
        let last = history.unwrap().epochs.pop().unwrap();
        assert!(last.validation_accuracy.unwrap() > 0.85, "{last:?}");
        for threads in [2, 3] {
            assert_eq!(run(&plan, 0.05, threads).1, theta);
        }
    }

    #[test]
    fn watched_examples_have_an_accuracy_and_change_nothing() {
        let (model, loss) = (network(), SoftmaxCrossEntropy::default());
        let train = synthetic::moons(600, 0.1, 1);
        let transform = &Pipeline::new();
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Index,
            transform,
            train: &train,
            validation: None,
        };
        let plan = Plan { epochs: 15, ..Plan::default() };
        let run = |examples: usize| {
            let mut theta = model.layout().init(&mut Rng::new(3));
            let mut optimizer = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.05));
            let mut state = TrainState::start(&model, &theta);
            let pool = Pool::new(1);
            let trainer = TrainingLoop::new(&setup, &plan, &pool).watching(examples);
            let history = trainer.run(&mut optimizer, &mut theta, &mut state).unwrap();
            (history, theta.to_vec())
        };
        let ((plain, theta), (watched, same)) = (run(0), run(1000));
        assert_eq!(theta, same);
        assert!(plain.epochs.iter().all(|epoch| epoch.train_accuracy.is_none()));
        let last = watched.epochs.last().unwrap();
        let whole = evaluate(&model, &loss, Encoding::Index, transform, &theta, &train).unwrap();
        assert_eq!((last.train_accuracy, last.train_r2), (whole.metrics.accuracy(), None));
        assert!(last.train_accuracy.unwrap() > 0.85, "{last:?}");
        assert!(run(7).0.epochs[0].train_accuracy.is_some_and(|accuracy| (7.0 * accuracy).fract() == 0.0));
    }

    #[test]
    fn the_learning_rate_of_an_epoch_is_that_of_its_last_step() {
        let (model, loss) = (network(), SoftmaxCrossEntropy::default());
        let train = synthetic::moons(600, 0.1, 1);
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Index,
            transform: &Pipeline::new(),
            train: &train,
            validation: None,
        };
        let mut theta = model.layout().init(&mut Rng::new(3));
        // Two epochs of six steps each have the same rate.
        let mut optimizer = Descent::new(Sgd, theta.len(), Schedule::step(0.1, 12, 0.5));
        let mut state = TrainState::start(&model, &theta);
        let (plan, pool) = (Plan { epochs: 5, batch: 100, ..Plan::default() }, Pool::new(1));
        let history = TrainingLoop::new(&setup, &plan, &pool).run(&mut optimizer, &mut theta, &mut state);
        let rates: Vec<_> = history.unwrap().epochs.iter().filter_map(|epoch| epoch.learning_rate).collect();
        assert_eq!(rates, [0.1, 0.1, 0.05, 0.05, 0.025]);
    }

    #[test]
    fn early_stopping_brings_the_best_epoch_back() {
        let plan = Plan { epochs: 500, patience: Some(3), ..Plan::default() };
        let (history, _) = run(&plan, 0.05, 1);
        let history = history.unwrap();
        let loss = |epoch: &Epoch| epoch.validation_loss.unwrap();
        let best = history.epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
        assert_eq!((history.stop, history.best), (Stop::Patience, Some(best.epoch)));
        assert_eq!(history.epochs.len(), best.epoch + 3);
    }

    /// Breaks off after some steps, and keeps what it is given then.
    struct Break {
        after: u64,
        kept: Option<Saved<f32>>,
    }

    impl Callback<f32> for Break {
        fn on_step(&mut self, step: &StepEnd<'_, f32>) -> ControlFlow<()> {
            if step.step == self.after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, f32>) {
            let (run, (mark, log)) = (RunIdentity::default(), EpochMark::of(&snapshot.state.epochs));
            let bytes = snapshot.to_bytes(&run, mark);
            let saved = Saved::from_bytes(Path::new("kept"), &bytes, &run).unwrap();
            self.kept = Some(saved.with_log(&log).unwrap());
        }
    }

    #[test]
    fn a_run_broken_off_anywhere_ends_with_the_same_bits() {
        let plan = Plan { epochs: 4, batch: 100, patience: Some(2), seed: 5, ..Plan::default() };
        let (history, theta) = run(&plan, 0.05, 1);
        for after in 1..24 {
            let mut callback = Break { after, kept: None };
            run_with(&plan, 0.05, 1, &mut callback, None).0.unwrap();
            let (resumed, end) = run_with(&plan, 0.05, 1, &mut (), callback.kept);
            assert_eq!(end, theta, "after step {after}");
            let (resumed, history) = (resumed.unwrap(), history.as_ref().unwrap());
            assert_eq!((resumed.best, resumed.stop), (history.best, history.stop));
            let losses = |history: &History| -> Vec<_> {
                history.epochs.iter().map(|epoch| (epoch.train_loss, epoch.validation_loss)).collect()
            };
            assert_eq!(losses(&resumed), losses(history));
        }
    }

    #[test]
    fn divergence_names_the_epoch_the_batch_and_the_place() {
        let (result, _) = run(&Plan::default(), 1e38, 1);
        let Err(TrainError::Diverged { epoch: 1, batch, place, .. }) = result else { panic!("{result:?}") };
        assert!(batch > 0 && !place.is_empty());
    }

    #[test]
    fn a_table_cannot_be_augmented() {
        let (result, _) = run(&Plan { augment: "flip".parse().unwrap(), ..Plan::default() }, 0.1, 1);
        assert!(matches!(result, Err(TrainError::Augment(_))), "{result:?}");
    }

    #[test]
    fn a_batch_of_nothing_is_refused() {
        let (result, _) = run(&Plan { batch: 0, ..Plan::default() }, 0.1, 1);
        assert!(matches!(result, Err(TrainError::ZeroBatch)));
    }
}
