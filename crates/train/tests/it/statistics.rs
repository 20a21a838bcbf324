//! A network with a layer that measures something beside θ.

use std::ops::ControlFlow;
use std::path::Path;

use chainrule_datasets::{Dataset, Encoding, Pipeline, synthetic};
use chainrule_layers::{BatchNorm, Dense, Layer, Mode, Sequential, Tanh};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_optim::{Adam, Descent, Objective, Schedule};
use chainrule_tensor::ndarray::{Array2, ArrayRef2, Axis};
use chainrule_tensor::{Pool, Rng};
use chainrule_train::gradcheck::TracksMean;
use chainrule_train::{
    Callback, Curvature, EpochMark, Plan, Reduction, Risk, RunIdentity, Saved, Setup, ShardBuffers, Sharded,
    SingleProcess, Snapshot, StepEnd, TrainError, TrainState, TrainingLoop, Weights, Workspace, evaluate,
    measure_statistics,
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
        let (run, (mark, log)) = (RunIdentity::default(), EpochMark::of(&snapshot.state.epochs));
        let bytes = snapshot.to_bytes(&run, mark);
        let saved = Saved::from_bytes(Path::new("kept"), &bytes, &run).unwrap();
        self.kept = Some(saved.with_log(&log).unwrap());
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
    let setup = Setup {
        model: &model,
        loss: &loss,
        encoding: Encoding::Index,
        transform: &transform,
        train: &train,
        validation: Some(&validation),
    };
    let plan = Plan { epochs: 2, batch, patience: Some(5), seed: 3, ..Plan::default() };
    let mut theta = model.layout().init(&mut Rng::new(4));
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.01));
    let mut state = match saved {
        Some(saved) => saved.restore(&model, &mut adam, &mut theta).unwrap(),
        None => TrainState::start(&model, &theta),
    };
    let (pool, mut group) = (Pool::new(threads), SingleProcess(reduction));
    let trainer = TrainingLoop::new(&setup, &plan, &pool).callback(callback).group(&mut group);
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
    let mut x = Array2::zeros(data.features().dim());
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

/// C, ∇C, H·v, G·v and the dense H, by shards; then C and ∇C in one pass.
fn all_of(
    model: &Sequential<f64>,
    mode: Mode<'_, f64>,
    (theta, v): (&[f64], &[f64]),
    (x, target): (&ArrayRef2<f64>, &ArrayRef2<f64>),
) -> [Vec<f64>; 6] {
    let (loss, pool) = (SoftmaxCrossEntropy::default(), Pool::new(1));
    let mut buffers = ShardBuffers::new(model, x.nrows());
    let mut risk = Sharded::new(model, &loss, x, target, mode, &mut buffers, &pool);
    let mut out = [(); 4].map(|()| vec![0.0; theta.len()]);
    let value = risk.value_and_grad(theta, &mut out[0]);
    risk.hessian_vector(theta, v, &mut out[1]);
    risk.product(Curvature::GaussNewton, theta, v, &mut out[2]);
    let mut h = Array2::zeros((theta.len(), theta.len()));
    risk.hessian(theta, &mut h);
    let mut workspace = Workspace::new(model, x.nrows());
    let whole = Risk::new(model, &loss, x, target)
        .mode(mode)
        .within(&mut workspace)
        .value_and_grad(theta, &mut out[3]);
    let [gradient, product, gauss_newton, gradient_whole] = out;
    [vec![value, whole], gradient, product, gauss_newton, gradient_whole, h.into_raw_vec_and_offset().0]
}

#[test]
fn a_risk_and_its_curvature_use_the_statistics() {
    let top = |network: Sequential<f64>| {
        network.then(|n| Dense::new(n, 5)).then(Tanh::new).then(|n| Dense::new(n, 2))
    };
    let (centred, plain) = (top(Sequential::input(2).then(TracksMean::new)), top(Sequential::input(2)));
    let rng = &mut Rng::new(5);
    let theta = plain.layout().init(rng).to_vec();
    let v: Vec<f64> = theta.iter().map(|_| rng.normal(1.0)).collect();
    let mean = [0.5, -1.5];
    // One shard, and many.
    for rows in [20, 1100] {
        let x = Array2::from_shape_simple_fn((rows, 2), || rng.normal(1.0));
        let target = Array2::from_shape_simple_fn((rows, 1), || rng.below(2) as f64);
        let shifted = &x - &chainrule_tensor::ndarray::arr1(&mean);
        let mode = Weights { theta: &theta, statistics: &mean }.eval();
        let ours = all_of(&centred, mode, (&theta, &v), (&x, &target));
        assert_eq!(ours, all_of(&plain, Mode::EVAL, (&theta, &v), (&shifted, &target)), "{rows} rows");
        assert_ne!(ours, all_of(&plain, Mode::EVAL, (&theta, &v), (&x, &target)), "{rows} rows");
    }
}

/// A layer that by itself would take no statistics for zeros.
fn risk_of_a_forgetful_caller(statistics: &[f64]) {
    let (model, loss, x) = (TracksMean::new(2), SoftmaxCrossEntropy::default(), Array2::ones((3, 2)));
    let target = Array2::zeros((3, 1));
    Risk::new(&model, &loss, &x, &target).mode(Mode::Eval { statistics }).value(&[]);
}

#[test]
#[should_panic(expected = "eval: 0 statistics for a network with 2")]
fn a_risk_without_the_statistics_of_its_network_is_refused() {
    risk_of_a_forgetful_caller(&[]);
}

#[test]
#[should_panic(expected = "eval: 3 statistics for a network with 2")]
fn a_risk_with_too_many_statistics_is_refused() {
    risk_of_a_forgetful_caller(&[0.0; 3]);
}

#[test]
#[should_panic(expected = "eval: 0 statistics for a network with 2")]
fn a_sharded_risk_without_the_statistics_of_its_network_is_refused() {
    let (model, loss, x) = (TracksMean::new(2), SoftmaxCrossEntropy::default(), Array2::ones((3, 2)));
    let (mut buffers, pool, target) = (ShardBuffers::new(&model, 3), Pool::new(1), Array2::zeros((3, 1)));
    Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool).value(&[]);
}

#[test]
#[should_panic(expected = "eval: 0 statistics for a network with 2")]
fn an_evaluation_without_the_statistics_of_its_network_is_refused() {
    let (model, loss) = (TracksMean::new(2), SoftmaxCrossEntropy::default());
    let _ = evaluate(&model, &loss, Encoding::Index, &Pipeline::new(), &[], &moons(1));
}

fn normalised() -> Sequential<f64> {
    Sequential::input(2)
        .then(|n| Dense::new(n, 6))
        .then(BatchNorm::new)
        .then(Tanh::new)
        .then(|n| Dense::new(n, 2))
}

/// θ and the statistics of a network with batch normalisation after two epochs over `examples`.
fn run_normalised(
    examples: usize,
    batch: usize,
    threads: usize,
    reduction: Reduction,
) -> Result<(Vec<f64>, Vec<f64>), TrainError> {
    let (train, model, loss) =
        (synthetic::moons(examples, 0.1, 1), normalised(), SoftmaxCrossEntropy::default());
    let transform = Pipeline::new();
    let setup = Setup {
        model: &model,
        loss: &loss,
        encoding: Encoding::Index,
        transform: &transform,
        train: &train,
        validation: None,
    };
    let plan = Plan { epochs: 2, batch, seed: 3, ..Plan::default() };
    let mut theta = model.layout().init(&mut Rng::new(4));
    let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.01));
    let mut state = TrainState::start(&model, &theta);
    let (pool, mut group) = (Pool::new(threads), SingleProcess(reduction));
    TrainingLoop::new(&setup, &plan, &pool).group(&mut group).run(&mut adam, &mut theta, &mut state)?;
    Ok((theta.to_vec(), state.statistics))
}

#[test]
fn batch_normalisation_has_the_same_bits_for_any_number_of_threads() {
    for (batch, reduction) in [(100, Reduction::Library), (2500, Reduction::Library), (100, Reduction::Tree)]
    {
        let of = |threads| run_normalised(2500, batch, threads, reduction).unwrap();
        let one = of(1);
        let steps = 2 * 2500_usize.div_ceil(batch);
        assert_eq!(one.1.last(), Some(&(steps as f64)));
        assert_eq!((of(2), of(3)), (one.clone(), one), "batches of {batch}, {reduction:?}");
    }
}

#[test]
fn a_last_batch_of_one_example_is_refused_before_the_first_step() {
    let error = run_normalised(101, 20, 1, Reduction::Library).unwrap_err().to_string();
    assert!(
        error.starts_with("layer 1, batch-norm, takes 2 examples or more at once in training, but the last batch of an epoch has 1: choose another batch size"),
        "{error}"
    );
    assert!(run_normalised(102, 20, 1, Reduction::Library).is_ok());
}

#[test]
fn a_step_keeps_the_statistics_that_a_pass_at_its_start_would_give() {
    // One full batch, one step: the running mean is a tenth of that of the first pass.
    let (train, model) = (synthetic::moons(300, 0.1, 1), normalised());
    let theta = model.layout().init::<f64>(&mut Rng::new(4));
    let precise = measure_statistics(&model, &theta, &Pipeline::new(), &train, 300, 0).unwrap();
    let tracked = {
        let (loss, transform) = (SoftmaxCrossEntropy::default(), Pipeline::new());
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Index,
            transform: &transform,
            train: &train,
            validation: None,
        };
        let plan = Plan { epochs: 1, batch: 300, seed: 3, ..Plan::default() };
        let (mut moved, mut state) = (theta.clone(), TrainState::start(&model, &theta));
        let mut adam = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.01));
        TrainingLoop::new(&setup, &plan, &Pool::new(1)).run(&mut adam, &mut moved, &mut state).unwrap();
        state.statistics
    };
    for c in 0..6 {
        assert!((tracked[c] - 0.1 * precise[c]).abs() < 1e-12, "{tracked:?} {precise:?}");
        assert!((tracked[6 + c] - 0.9 - 0.1 * precise[6 + c]).abs() < 1e-12, "{tracked:?} {precise:?}");
    }
    assert_eq!((tracked[12], precise[12]), (1.0, 1.0));
}
