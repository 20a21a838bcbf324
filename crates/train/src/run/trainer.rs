use std::ops::ControlFlow;
use std::thread;
use std::time::Instant;

use chainrule_datasets::Batches;
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
use crate::run::process_group::{ProcessGroup, SingleProcess, any};
use crate::run::task::{History, Plan, Stop, Task, TrainError};
use crate::run::train_state::{Snapshot, TrainState};

/// Trains `theta` on `task` by `optimizer`, as `plan` says.
///
/// The order of the examples is a function of (seed, epoch), a dropout mask one of (seed, epoch, batch, row, column),
/// and sums run in fixed shards: the same arguments give the same bits, whatever the number of threads in `pool`.
///
/// # Errors
/// If there are no examples, or when the loss becomes NaN or infinite.
pub fn fit<A: Scalar>(
    task: &Task<'_, A>,
    plan: &Plan,
    optimizer: &mut dyn Optimizer<A>,
    theta: &mut [A],
    pool: &Pool,
    callback: &mut dyn Callback<A>,
) -> Result<History, TrainError> {
    let state = TrainState::start(theta);
    resume(task, plan, optimizer, theta, pool, callback, state, &mut SingleProcess::default())
}

/// Goes on with a run from where it stands, as if it had never been interrupted: bit for bit the end of [`fit`].
///
/// `theta` and `optimizer` are those of the [`Snapshot`] that `state` comes from. Several processes train one network where
/// each calls this with the same arguments but for `group`, and for `callback`, which one of them may have for all: a
/// `Break` of any ends the run for all of them.
///
/// # Errors
/// As [`fit`]; and if θ is not the same on all ranks any more.
pub fn resume<A: Scalar>(
    task: &Task<'_, A>,
    plan: &Plan,
    optimizer: &mut dyn Optimizer<A>,
    theta: &mut [A],
    pool: &Pool,
    callback: &mut dyn Callback<A>,
    state: TrainState<A>,
    group: &mut dyn ProcessGroup<A>,
) -> Result<History, TrainError> {
    if plan.batch == 0 {
        return Err(TrainError::ZeroBatch);
    }
    if task.train.is_empty() {
        return Err(TrainError::Empty);
    }
    let batch = plan.batch.min(task.train.len());
    let division = group.division();
    let batches = Batches::new(task.train, task.transform, task.encoding, batch);
    let batches = batches.part(move |batch| division.rows(batch));
    let start = (state.epochs.len() + 1, state.batch);
    thread::scope(|scope| {
        let prefetcher = Prefetcher::new(scope, batches, plan.seed, start, pool.threads());
        // The threads share the products of evaluations, too.
        pool.enter(|| run(task, plan, optimizer, theta, pool, callback, state, prefetcher, group))
    })
}

/// The loop itself, over batches that begin where `state` does.
fn run<A: Scalar>(
    task: &Task<'_, A>,
    plan: &Plan,
    optimizer: &mut dyn Optimizer<A>,
    theta: &mut [A],
    pool: &Pool,
    callback: &mut dyn Callback<A>,
    mut state: TrainState<A>,
    mut prefetcher: Prefetcher<'_, A>,
    group: &mut dyn ProcessGroup<A>,
) -> Result<History, TrainError> {
    let (batch, division) = (plan.batch.min(task.train.len()), group.division());
    let mut buffers = ShardBuffers::divided(task.model, batch, division, optimizer.wants_curvature());
    let unreadable = |fault: chainrule_datasets::Error| TrainError::Data(fault.to_string());
    let patience = plan.patience.filter(|_| task.validation.is_some());
    let stop = loop {
        if patience.is_some_and(|patience| state.is_out_of_patience(patience)) {
            break Stop::Patience;
        }
        if state.epochs.len() >= plan.epochs {
            break Stop::Finished;
        }
        let epoch = state.epochs.len() + 1;
        let start = Instant::now();
        let (count, before) = (prefetcher.count(), state.seconds);
        let mut go_on = ControlFlow::Continue(());
        while let Some(rows) = prefetcher.next().map_err(unreadable)? {
            state.batch += 1;
            state.step += 1;
            let seed = hash(plan.seed, epoch as u64, state.batch as u64);
            let (x, target) = (rows.x(), rows.target());
            let mode = Mode::Train { seed, row: 0 };
            let learning_rate = optimizer.learning_rate();
            let mut risk = Sharded::new(task.model, task.loss, &x, &target, mode, &mut buffers, pool)
                .part(division, rows.whole());
            let loss = group.step(optimizer, &mut risk, theta).as_f64();
            if !loss.is_finite() {
                let place = culprit_of_all(group, culprit(task.model, mode, theta, &x));
                return Err(TrainError::Diverged { epoch, batch: state.batch, loss, place });
            }
            state.total += loss * rows.whole() as f64;
            state.seconds = before + start.elapsed().as_secs_f64();
            let TrainState { step, batch, .. } = state;
            go_on =
                callback.on_step(&StepEnd { epoch, step, batch, batches: count, loss, learning_rate, theta });
            if any(group, go_on.is_break()) {
                go_on = ControlFlow::Break(());
                break;
            }
            if callback.wants_snapshot() {
                callback.on_snapshot(&mut Snapshot { state: &state, optimizer, theta });
            }
        }
        if go_on.is_break() {
            break Stop::Callback;
        }
        let mut measure = |data| {
            evaluate_together(task.model, task.loss, task.encoding, task.transform, theta, data, group)
        };
        let validation: Option<Evaluation> =
            task.validation.map(&mut measure).transpose().map_err(unreadable)?;
        let sums = group.gather(&digest(theta).to_le_bytes());
        if let Some(rank) = sums.iter().position(|sum| *sum != sums[0]) {
            return Err(TrainError::Drifted { epoch, rank });
        }
        if !vector::is_finite(theta) {
            let place = culprit(task.model, Mode::EVAL, theta, &Array2::zeros((1, task.model.inputs())));
            return Err(TrainError::Diverged { epoch, batch: state.batch, loss: f64::NAN, place });
        }
        let train_loss = state.total / task.train.len() as f64;
        let validation_loss = validation.as_ref().map(|v| v.loss);
        optimizer.observe(validation_loss.unwrap_or(train_loss));
        let report = Epoch {
            epoch,
            step: state.step,
            train_loss,
            validation_loss,
            validation_accuracy: validation.as_ref().and_then(|v| v.metrics.accuracy()),
            validation_r2: validation.as_ref().and_then(|v| v.metrics.r_squared()),
            learning_rate: optimizer.learning_rate(),
            seconds: state.seconds,
            examples: task.train.len(),
        };
        let go_on = callback.on_epoch(&report, theta);
        state.end_epoch(report, theta);
        if any(group, go_on.is_break()) {
            break Stop::Callback;
        }
        if callback.wants_snapshot() {
            callback.on_snapshot(&mut Snapshot { state: &state, optimizer, theta });
        }
    };
    callback.on_snapshot(&mut Snapshot { state: &state, optimizer, theta });
    let best = plan.patience.and(state.best).filter(|_| task.validation.is_some());
    if best.is_some() {
        theta.copy_from_slice(&state.best_theta);
    }
    Ok(History { epochs: state.epochs, best: best.map(|best| best.epoch), stop })
}

/// A number that two ranks share if their θ agree in every bit.
fn digest<A: Scalar>(theta: &[A]) -> u64 {
    theta.iter().fold(0, |sum, t| hash(sum, t.as_f64().to_bits(), 0))
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use std::path::Path;

    use chainrule_datasets::{Encoding, Pipeline, synthetic};
    use chainrule_layers::{Dense, Dropout, Layer, Sequential, Tanh};
    use chainrule_loss::SoftmaxCrossEntropy;
    use chainrule_optim::{Adam, Descent, Schedule, Sgd};
    use chainrule_tensor::Rng;

    use super::*;
    use crate::run::snapshot::Saved;

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
        let task = Task {
            model: &model,
            loss: &loss,
            encoding,
            transform,
            train: &train,
            validation: Some(&validation),
        };
        let state = match saved {
            Some(saved) => saved.restore(&mut *optimizer, &mut theta).unwrap(),
            None => TrainState::start(&theta),
        };
        let pool = Pool::new(threads);
        (
            resume(
                &task,
                plan,
                &mut *optimizer,
                &mut theta,
                &pool,
                callback,
                state,
                &mut SingleProcess::default(),
            ),
            theta.to_vec(),
        )
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
            let bytes = snapshot.to_bytes(7);
            self.kept = Some(Saved::from_bytes(Path::new("kept"), &bytes, 7).unwrap());
        }
    }

    #[test]
    fn a_run_broken_off_anywhere_ends_with_the_same_bits() {
        let plan = Plan { epochs: 4, batch: 100, patience: Some(2), seed: 5 };
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
    fn a_batch_of_nothing_is_refused() {
        assert_eq!(run(&Plan { batch: 0, ..Plan::default() }, 0.1, 1).0, Err(TrainError::ZeroBatch));
    }
}
