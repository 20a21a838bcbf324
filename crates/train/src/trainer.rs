use std::time::Instant;

use chainrule_datasets::{Batches, Dataset, Encoding, Pipeline};
use chainrule_layers::{Layer, Mode, Tape};
use chainrule_loss::Loss;
use chainrule_optim::Optimizer;
use chainrule_tensor::ndarray::{Array2, ArrayRef2};
use chainrule_tensor::{Pool, Scalar, hash, vector};
use thiserror::Error;

use crate::{Callback, Epoch, Evaluation, Lanes, Sharded, StepEnd, evaluate};

/// How a run goes.
///
/// | Field | Default | Meaning |
/// |---|---|---|
/// | `epochs` | 10 | passes over the training data |
/// | `batch` | 32 | examples a step; at least the number of examples means full batches |
/// | `patience` | none | epochs without a better validation loss before the run ends and the best parameters return |
/// | `seed` | 0 | of the shuffling and of dropout |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Passes over the training data.
    pub epochs: usize,
    /// Examples a step.
    pub batch: usize,
    /// Epochs to wait for a better validation loss.
    pub patience: Option<usize>,
    /// The seed of the shuffling and of dropout.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { epochs: 10, batch: 32, patience: None, seed: 0 }
    }
}

/// What is trained on what.
#[derive(Debug, Clone, Copy)]
pub struct Experiment<'a, A: Scalar> {
    /// The network.
    pub model: &'a dyn Layer<A>,
    /// The loss of its output.
    pub loss: &'a dyn Loss<A>,
    /// How a target is handed to the loss.
    pub encoding: Encoding,
    /// What the input goes through before the first layer.
    pub transform: &'a Pipeline,
    /// The training data.
    pub train: &'a Dataset<A>,
    /// The validation data, if any.
    pub validation: Option<&'a Dataset<A>>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// All epochs were done.
    Finished,
    /// The validation loss had not improved for `patience` epochs.
    Patience,
    /// A callback said so.
    Callback,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The complete epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch whose parameters were kept, where early stopping chose one.
    pub best: Option<usize>,
    /// Why the run ended.
    pub stop: Stop,
}

/// Why a run could not go on.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There is nothing to train on.
    #[error("the training data is empty")]
    Empty,
    /// The batch size was 0.
    #[error("a batch of 0 examples: the batch size is at least 1")]
    ZeroBatch,
    /// The loss or a parameter is NaN or infinite.
    #[error(
        "the loss became {loss} in epoch {epoch}, batch {batch}: {place} is not finite; lower the learning rate, clip the gradient, or standardise the input"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The batch, from 1.
        batch: usize,
        /// The loss.
        loss: f64,
        /// The first place that holds a number that is not finite.
        place: String,
    },
}

/// Trains `theta` on `task` by `optimizer`, as `plan` says.
///
/// The order of the examples is a function of (seed, epoch), a dropout mask one of (seed, epoch, batch, row, column),
/// and sums run in fixed shards: the same arguments give the same bits, whatever the number of threads in `pool`.
///
/// # Errors
/// If there are no examples, or when the loss becomes NaN or infinite.
pub fn fit<A: Scalar>(
    task: &Experiment<'_, A>,
    plan: &Plan,
    optimizer: &mut dyn Optimizer<A>,
    theta: &mut [A],
    pool: &Pool,
    callback: &mut dyn Callback<A>,
) -> Result<History, TrainError> {
    if plan.batch == 0 {
        return Err(TrainError::ZeroBatch);
    }
    if task.train.is_empty() {
        return Err(TrainError::Empty);
    }
    let batch = plan.batch.min(task.train.len());
    let mut batches = Batches::new(task.train, task.transform, task.encoding, batch);
    let mut lanes = if optimizer.wants_curvature() {
        Lanes::remembering(task.model, batch)
    } else {
        Lanes::new(task.model, batch)
    };
    let mut history = History { epochs: Vec::with_capacity(plan.epochs), best: None, stop: Stop::Finished };
    let mut keeper = plan.patience.map(|patience| Keeper::new(patience, theta));

    for epoch in 1..=plan.epochs {
        let start = Instant::now();
        batches.shuffle(plan.seed, epoch as u64);
        let (count, mut total, mut step) = (batches.count(), 0.0, 0);
        let mut stopped = false;
        while let Some(rows) = batches.next_batch() {
            step += 1;
            let seed = hash(plan.seed, epoch as u64, step as u64);
            let (x, target) = (rows.x(), rows.target());
            let mode = Mode::Train { seed, row: 0 };
            let mut risk = Sharded::new(task.model, task.loss, &x, &target, mode, &mut lanes, pool);
            let loss = pool.enter(|| optimizer.step(&mut risk, theta)).as_f64();
            if !loss.is_finite() {
                let place = culprit(task.model, mode, theta, &x);
                return Err(TrainError::Diverged { epoch, batch: step, loss, place });
            }
            total += loss * x.nrows() as f64;
            let end = StepEnd { epoch, batch: step, batches: count, loss, theta };
            if callback.on_step(&end).is_break() {
                stopped = true;
                break;
            }
        }
        if stopped {
            history.stop = Stop::Callback;
            break;
        }
        let seconds = start.elapsed().as_secs_f64();
        let validation: Option<Evaluation> = task
            .validation
            .map(|data| evaluate(task.model, task.loss, task.encoding, task.transform, theta, data));
        if !vector::is_finite(theta) {
            let place = culprit(task.model, Mode::Eval, theta, &Array2::zeros((1, task.model.inputs())));
            return Err(TrainError::Diverged { epoch, batch: step, loss: f64::NAN, place });
        }
        let validation_loss = validation.as_ref().map(|v| v.loss);
        optimizer.observe(validation_loss.unwrap_or(total / task.train.len() as f64));
        let report = Epoch {
            epoch,
            train_loss: total / task.train.len() as f64,
            validation_loss,
            validation_score: validation.as_ref().map(Evaluation::score),
            learning_rate: optimizer.learning_rate(),
            seconds,
            examples: task.train.len(),
        };
        let go_on = callback.on_epoch(&report, theta);
        history.epochs.push(report);
        if go_on.is_break() {
            history.stop = Stop::Callback;
            break;
        }
        if let (Some(keeper), Some(loss)) = (&mut keeper, validation_loss)
            && keeper.is_out_of_patience(epoch, loss, theta)
        {
            history.stop = Stop::Patience;
            break;
        }
    }
    if let Some(keeper) = keeper.filter(|keeper| keeper.epoch > 0) {
        theta.copy_from_slice(&keeper.theta);
        history.best = Some(keeper.epoch);
    }
    Ok(history)
}

/// Early stopping: the best parameters so far.
struct Keeper<A> {
    patience: usize,
    theta: Vec<A>,
    loss: f64,
    /// The epoch of the best; 0 before there is one.
    epoch: usize,
}

impl<A: Scalar> Keeper<A> {
    fn new(patience: usize, theta: &[A]) -> Self {
        Self { patience, theta: theta.to_vec(), loss: f64::INFINITY, epoch: 0 }
    }

    fn is_out_of_patience(&mut self, epoch: usize, loss: f64, theta: &[A]) -> bool {
        if loss < self.loss {
            (self.loss, self.epoch) = (loss, epoch);
            self.theta.copy_from_slice(theta);
        }
        epoch - self.epoch >= self.patience
    }
}

/// The first place of the network that holds a number that is not finite: a parameter, the input, or a layer's output.
fn culprit<A: Scalar>(model: &dyn Layer<A>, mode: Mode, theta: &[A], x: &ArrayRef2<A>) -> String {
    let bad = |entry: &&chainrule_tensor::Entry| !vector::is_finite(&theta[entry.range()]);
    if let Some(entry) = model.layout().entries().iter().find(bad) {
        return format!("the parameter {}", entry.name);
    }
    if !x.iter().all(|x| x.is_finite()) {
        return "the input".to_owned();
    }
    let (mut x, mut offset) = (x.to_owned(), 0);
    for (place, layer) in model.stages().iter().enumerate() {
        let end = offset + layer.layout().len();
        let mut y = Array2::zeros((x.nrows(), layer.outputs()));
        let tape: &mut Tape<A> = &mut layer.tape(x.nrows());
        layer.forward(mode.inside(place), &theta[offset..end], &x, &mut y, tape);
        if !y.iter().all(|y| y.is_finite()) {
            return format!("the output of layer {place}, {layer:?},");
        }
        (x, offset) = (y, end);
    }
    "the loss of a finite output".to_owned()
}

#[cfg(test)]
mod tests {
    use chainrule_datasets::synthetic;
    use chainrule_layers::Sequential;
    use chainrule_loss::SoftmaxCrossEntropy;
    use chainrule_optim::{Adam, Descent, Schedule, Sgd};
    use chainrule_tensor::Rng;

    use super::*;
    use crate::{Activation, Architecture};

    fn network() -> Sequential<f32> {
        Architecture::perceptron(&[2, 16, 2], Activation::Tanh, 0.1).build(None)
    }

    fn run(plan: &Plan, rate: f64, threads: usize) -> (Result<History, TrainError>, Vec<f32>) {
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
        let task = Experiment {
            model: &model,
            loss: &loss,
            encoding,
            transform,
            train: &train,
            validation: Some(&validation),
        };
        let result = fit(&task, plan, &mut *optimizer, &mut theta, &Pool::new(threads), &mut ());
        (result, theta)
    }

    #[test]
    fn moons_are_learned_with_the_same_bits_for_any_number_of_threads() {
        let plan = Plan { epochs: 20, batch: 600, ..Plan::default() };
        let (history, theta) = run(&plan, 0.05, 1);
        let last = history.unwrap().epochs.pop().unwrap();
        assert!(last.validation_score.unwrap() > 0.85, "{last:?}");
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
