//! A network with a layer that measures something beside θ.

use std::ops::ControlFlow;
use std::path::Path;

use chainrule_datasets::{Dataset, Encoding, Pipeline, synthetic};
use chainrule_layers::{Dense, Layer, Sequential, Tanh};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_optim::{Adam, Descent, Schedule};
use chainrule_tensor::ndarray::Axis;
use chainrule_tensor::{Pool, Rng};
use chainrule_train::check::TracksMean;
use chainrule_train::{
    Callback, Plan, Reduction, Saved, SingleProcess, Snapshot, StepEnd, Task, TrainState, Trainer, Weights,
    evaluate,
};

fn network() -> Sequential<f64> {
    Sequential::input(2)
        .then(TracksMean::new)
        .then(|n| Dense::new(n, 5))
        .then(Tanh::new)
        .then(TracksMean::new)
        .then(|n| Dense::new(n, 2))
}

/// Breaks off after some steps, and keeps what it is given then.
struct Break {
    after: u64,
    kept: Option<Saved<f64>>,
}

impl Callback<f64> for Break {
    fn on_step(&mut self, step: &StepEnd<'_, f64>) -> ControlFlow<()> {
        if step.step == self.after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_snapshot(&mut self, snapshot: &mut Snapshot<'_, f64>) {
        let bytes = snapshot.to_bytes(7);
        self.kept = Some(Saved::from_bytes(Path::new("kept"), &bytes, 7).unwrap());
    }
}

/// θ and the state after a run over batches of `batch` of 2500 examples.
fn run(
    batch: usize,
    threads: usize,
    reduction: Reduction,
    callback: &mut dyn Callback<f64>,
    saved: Option<Saved<f64>>,
) -> (Vec<f64>, TrainState<f64>) {
    let (train, validation) = (moons(1), moons(2));
    let (model, loss, transform) = (network(), SoftmaxCrossEntropy::default(), Pipeline::new());
    let task = Task {
        model: &model,
        loss: &loss,
        encoding: Encoding::Index,
        transform: &transform,
        train: &train,
        validation: Some(&validation),
    };
    let plan = Plan { epochs: 2, batch, patience: Some(5), seed: 3 };
    let mut theta = model.layout().init(&mut Rng::new(4));
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.01));
    let mut state = match saved {
        Some(saved) => saved.restore(&model, &mut adam, &mut theta).unwrap(),
        None => TrainState::start(&model, &theta),
    };
    let (pool, mut group) = (Pool::new(threads), SingleProcess(reduction));
    let trainer = Trainer::new(&task, &plan, &pool).callback(callback).group(&mut group);
    trainer.run(&mut adam, &mut theta, &mut state).unwrap();
    (theta.to_vec(), state)
}

fn moons(seed: u64) -> Dataset<f64> {
    synthetic::moons(2500, 0.1, seed)
}

#[test]
fn a_step_tracks_the_mean_of_its_batch_and_evaluation_subtracts_it() {
    let data = moons(1);
    let mut callback = Break { after: 1, kept: None };
    let (_, state) = run(2500, 1, Reduction::Library, &mut callback, None);
    let mut x = chainrule_tensor::ndarray::Array2::zeros(data.features().dim());
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        data.features().row(i, row.as_slice_mut().unwrap());
    }
    let mean = x.mean_axis(Axis(0)).unwrap();
    for (tracked, mean) in state.statistics.iter().zip(&mean) {
        assert!((tracked - TracksMean::MOMENTUM * mean).abs() < 1e-12, "{tracked} {mean}");
    }
    assert!(mean.iter().all(|mean| mean.abs() > 0.1));
    // A network that only subtracts the mean: its cross-entropy with and without.
    let (model, loss) = (TracksMean::new(2), SoftmaxCrossEntropy::default());
    let loss_with = |statistics: &[f64]| {
        let weights = Weights { theta: &[], statistics };
        evaluate(&model, &loss, Encoding::Index, &Pipeline::new(), weights, &data).unwrap().loss
    };
    assert!((loss_with(&[0.5, -0.25]) - loss_with(&[0.75, 0.0])).abs() < 1e-12);
    assert!((loss_with(&[0.5, -0.25]) - loss_with(&[0.0, 0.0])).abs() > 1e-3);
}

#[test]
fn statistics_have_the_same_bits_for_any_number_of_threads() {
    // One shard, many shards, and the leaves of a tree.
    for (batch, reduction) in [
        (100, Reduction::Library),
        (2500, Reduction::Library),
        (100, Reduction::Tree),
        (2500, Reduction::Tree),
    ] {
        let of = |threads| {
            let (theta, state) = run(batch, threads, reduction, &mut (), None);
            (theta, state.statistics)
        };
        let one = of(1);
        assert_eq!(one.1.len(), 7);
        assert!(one.1.iter().all(|mean| *mean != 0.0), "{one:?}");
        assert_eq!((of(2), of(3)), (one.clone(), one), "batches of {batch}, {reduction:?}");
    }
}

#[test]
fn a_run_broken_off_anywhere_ends_with_the_same_statistics() {
    let bits = |(theta, state): (Vec<f64>, TrainState<f64>)| {
        (theta, state.statistics, state.best_statistics, state.best)
    };
    let whole = bits(run(500, 1, Reduction::Library, &mut (), None));
    for after in 1..10 {
        let mut callback = Break { after, kept: None };
        run(500, 1, Reduction::Library, &mut callback, None);
        assert_eq!(
            bits(run(500, 1, Reduction::Library, &mut (), callback.kept)),
            whole,
            "after step {after}"
        );
    }
}
