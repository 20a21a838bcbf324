//! Several ranks train as one process does.

use std::ops::ControlFlow;

use chainrule_datasets::synthetic::Teacher;
use chainrule_datasets::{Column, Dataset, Encoding, Pipeline, ReadOptions, Target, npy, read, synthetic};
use chainrule_distributed::{Communicator, DataParallel, Threads};
use chainrule_layers::{Dense, Dropout, Layer, Mode, Relu, Sequential, Tanh};
use chainrule_loss::{Loss, SoftmaxCrossEntropy, SquaredError};
use chainrule_optim::{Adam, Descent, Lbfgs, Objective, Optimizer, Schedule, Sgd};
use chainrule_tensor::ndarray::{Array2, s};
use chainrule_tensor::{Init, Pool, Rng};
use chainrule_train::gradcheck::TracksMean;
use chainrule_train::{
    Callback, Division, History, Plan, ProcessGroup, Reduction, Setup, ShardBuffers, Sharded, SingleProcess,
    StepEnd, TrainError, TrainState, TrainingLoop,
};

/// A network with dropout, so that a mask that depends on the rank would show.
fn network(widths: &[usize]) -> Sequential<f64> {
    let (&inputs, above) = widths.split_first().unwrap();
    let (&outputs, hidden) = above.split_last().unwrap();
    let network = hidden.iter().fold(Sequential::input(inputs), |network, &width| {
        network.then(|n| Dense::new(n, width)).then(Tanh::new).then(|n| Dropout::new(n, 0.2))
    });
    network.then(|n| Dense::new(n, outputs))
}

type Make = fn(usize) -> Box<dyn Optimizer<f64>>;

const OPTIMIZERS: [(&str, Make); 3] = [
    ("sgd", |dim| Box::new(Descent::new(Sgd, dim, Schedule::constant(0.1)))),
    ("adam", |dim| Box::new(Descent::new(Adam::default(), dim, Schedule::constant(0.01)))),
    ("lbfgs", |dim| Box::new(Lbfgs::new(dim))),
];

/// What a run comes to: θ, and its history without seconds.
type End = (Vec<f64>, Vec<(f64, Option<f64>, Option<f64>)>);

fn end(history: &History, theta: Vec<f64>) -> End {
    let figures =
        |epoch: &chainrule_train::Epoch| (epoch.train_loss, epoch.validation_loss, epoch.validation_metric());
    (theta, history.epochs.iter().map(figures).collect())
}

/// Trains on classes, or on numbers, with a last batch that is not full.
fn train(
    make: Make,
    batch: usize,
    classes: bool,
    callback: &mut dyn Callback<f64>,
    ranks: &mut dyn ProcessGroup<f64>,
) -> Result<End, TrainError> {
    let data = |seed| -> Dataset<f64> {
        if classes {
            synthetic::moons(300, 0.1, seed)
        } else {
            Teacher { inputs: 3, hidden: 4, outputs: 2, noise: 0.1 }.regression(300, seed)
        }
    };
    let (train, validation) = (data(1), data(2));
    let model = network(&[train.inputs(), 9, train.outputs()]);
    let mut theta = model.layout().init(&mut Rng::new(3));
    let (cross, squared) = (SoftmaxCrossEntropy::default(), SquaredError::default());
    let loss: &dyn Loss<f64> = if classes { &cross } else { &squared };
    let setup = Setup {
        model: &model,
        loss,
        encoding: if classes { Encoding::Index } else { Encoding::Real },
        transform: &Pipeline::new(),
        train: &train,
        validation: Some(&validation),
    };
    let plan = Plan { epochs: 3, batch, seed: 5, ..Plan::default() };
    let mut optimizer = make(theta.len());
    let (pool, mut state) = (Pool::new(1), TrainState::start(&model, &theta));
    let trainer = TrainingLoop::new(&setup, &plan, &pool).callback(callback).group(ranks);
    let history = trainer.run(&mut *optimizer, &mut theta, &mut state)?;
    Ok(end(&history, theta.to_vec()))
}

#[test]
fn over_the_tree_any_number_of_ranks_ends_with_the_bits_of_one_process() {
    for (name, make) in OPTIMIZERS {
        for (batch, classes) in [(40, true), (300, true), (70, false)] {
            let alone = train(make, batch, classes, &mut (), &mut SingleProcess(Reduction::Tree)).unwrap();
            assert!(alone.1[2].0 < alone.1[0].0, "{name}: nothing was learned: {:?}", alone.1);
            for size in [1, 2, 3, 4, 7] {
                let ends = Threads::run(size, |rank| {
                    train(make, batch, classes, &mut (), &mut DataParallel::new(rank, Reduction::Tree))
                        .unwrap()
                });
                assert!(ends.iter().all(|end| *end == alone), "{name}, batches of {batch}, {size} ranks");
            }
        }
    }
}

#[test]
fn by_the_library_all_ranks_agree_and_are_near_one_process() {
    for (batch, bucket) in [(40, 1 << 17), (40, 7), (3, 1000)] {
        let (_, make) = OPTIMIZERS[0];
        let alone = train(make, batch, true, &mut (), &mut SingleProcess(Reduction::Library)).unwrap();
        for size in [1, 2, 4, 5] {
            let ends = Threads::run(size, |rank| {
                let mut ranks = DataParallel::new(rank, Reduction::Library).bucket(bucket);
                train(make, batch, true, &mut (), &mut ranks).unwrap()
            });
            assert!(ends.iter().all(|end| *end == ends[0]));
            let apart = ends[0].0.iter().zip(&alone.0).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-9, "{size} ranks, batches of {batch}, buckets of {bucket}: {apart}");
        }
    }
}

/// Value, gradient, Hessian product, Gauss-Newton product and dense Hessian, in one vector.
fn all_of(objective: &mut dyn Objective<f64>, theta: &[f64]) -> Vec<f64> {
    let dim = theta.len();
    let v: Vec<f64> = (0..dim).map(|i| (i as f64).sin()).collect();
    let mut out = vec![objective.value(theta)];
    let mut vector = vec![0.0; dim];
    out.push(objective.value_and_grad(theta, &mut vector));
    out.extend(&vector);
    objective.hessian_vector(theta, &v, &mut vector);
    out.extend(&vector);
    objective.gauss_newton_vector(theta, &v, &mut vector);
    out.extend(&vector);
    let mut h = Array2::zeros((dim, dim));
    objective.hessian(theta, &mut h);
    out.extend(&h);
    out
}

#[test]
fn value_gradient_and_curvature_are_those_of_the_whole_batch() {
    let (model, loss) = (network(&[4, 5, 3]), SoftmaxCrossEntropy::default());
    let rng = &mut Rng::new(1);
    for rows in [1, 5, 131, 2100] {
        let x = Array2::from_shape_simple_fn((rows, 4), || rng.normal(1.0));
        let target = Array2::from_shape_simple_fn((rows, 1), || rng.below(3) as f64);
        let theta = model.layout().init::<f64>(&mut Rng::new(2));
        let mode = Mode::Train { seed: 5, row: 0 };
        let of = |ranks: &mut dyn FnMut(&mut Sharded<'_, f64>) -> Vec<f64>, division: Division| {
            let own = division.rows(rows);
            let (x, target) = (x.slice(s![own.clone(), ..]), target.slice(s![own, ..]));
            let pool = Pool::new(2);
            let mut buffers = ShardBuffers::divided(&model, rows, division, true);
            let part = Sharded::new(&model, &loss, &x, &target, mode, &mut buffers, &pool);
            ranks(&mut part.part(division, rows))
        };
        let alone = |reduction| {
            let division = ProcessGroup::<f64>::division(&SingleProcess(reduction));
            of(&mut |whole| all_of(whole, &theta), division)
        };
        let (library, tree) = (alone(Reduction::Library), alone(Reduction::Tree));
        let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far(&library, &tree) < 1e-12, "{rows} rows: {}", far(&library, &tree));
        for size in [2, 3, 4] {
            for reduction in [Reduction::Library, Reduction::Tree] {
                let all = Threads::run(size, |rank| {
                    let mut ranks = DataParallel::new(rank, reduction).bucket(11);
                    let division = ProcessGroup::<f64>::division(&ranks);
                    of(&mut |part| all_of(&mut ranks.objective(part), &theta), division)
                });
                assert!(all.iter().all(|one| *one == all[0]), "{rows} rows, {size} ranks, {reduction:?}");
                assert!(far(&all[0], &library) < 1e-12, "{rows} rows, {size} ranks, {reduction:?}");
                assert!(reduction == Reduction::Library || all[0] == tree, "{rows} rows, {size} ranks");
            }
        }
    }
}

/// Pulls the brake on one rank.
struct Brake(bool);

impl Callback<f64> for Brake {
    fn on_step(&mut self, step: &StepEnd<'_, f64>) -> ControlFlow<()> {
        if self.0 && step.step == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_brake_on_one_rank_stops_all() {
    let (_, make) = OPTIMIZERS[1];
    let ends = Threads::run(3, |rank| {
        let mut brake = Brake(Communicator::<f64>::rank(&rank) == 1);
        train(make, 40, true, &mut brake, &mut DataParallel::new(rank, Reduction::Tree)).unwrap()
    });
    assert!(ends.iter().all(|end| end.1.is_empty() && *end == ends[0]));
}

#[test]
fn an_output_that_is_not_finite_on_one_rank_ends_all_and_names_it() {
    let mut x = Array2::from_shape_simple_fn((30, 20), || 0.5);
    x.row_mut(11).fill(f64::MAX);
    let train = Dataset::new("wild", x, Target::real(Array2::<f64>::ones((30, 1)))).unwrap();
    let model = Sequential::input(20)
        .then(|n| Dense::with_init(n, 9, Init::HeUniform))
        .then(Relu::new)
        .then(|n| Dense::new(n, 1));
    let loss = SquaredError::default();
    let errors = Threads::run(3, |rank| {
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Real,
            transform: &Pipeline::new(),
            train: &train,
            validation: None,
        };
        let mut theta = model.layout().init(&mut Rng::new(3));
        let (plan, mut state) = (Plan { batch: 30, ..Plan::default() }, TrainState::start(&model, &theta));
        let (mut sgd, pool) = (OPTIMIZERS[0].1(theta.len()), Pool::new(1));
        let mut ranks = DataParallel::new(rank, Reduction::Library);
        let trainer = TrainingLoop::new(&setup, &plan, &pool).group(&mut ranks);
        trainer.run(&mut *sgd, &mut theta, &mut state).unwrap_err().to_string()
    });
    assert!(errors.iter().all(|error| *error == errors[0]));
    let place = &errors[0];
    assert!(place.contains("in epoch 1, "), "{place}");
    assert!(place.contains("layer 0") && place.contains("on rank "), "{place}");
}

/// Leaves the path at its second step.
#[derive(Debug)]
struct Astray<R>(R, bool);

impl<R: ProcessGroup<f64>> ProcessGroup<f64> for Astray<R> {
    fn division(&self) -> Division {
        self.0.division()
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        self.0.gather(word)
    }

    fn step(&mut self, by: &mut dyn Optimizer<f64>, part: &mut Sharded<'_, f64>, theta: &mut [f64]) -> f64 {
        let loss = self.0.step(by, part, theta);
        theta[0] += if self.1 { 1e-12 } else { 0.0 };
        loss
    }

    fn observe(&mut self, part: &mut Sharded<'_, f64>, theta: &[f64], out: &mut [f64]) {
        self.0.observe(part, theta, out);
    }
}

#[test]
fn a_rank_whose_parameters_drift_is_found_at_the_end_of_the_epoch() {
    let errors = Threads::run(3, |rank| {
        let astray = Communicator::<f64>::rank(&rank) == 2;
        let mut ranks = Astray(DataParallel::new(rank, Reduction::Tree), astray);
        train(OPTIMIZERS[0].1, 40, true, &mut (), &mut ranks).unwrap_err()
    });
    let is_drift = |error: &TrainError| matches!(error, TrainError::Drifted { epoch: 1, rank: 2 });
    assert!(errors.len() == 3 && errors.iter().all(is_drift), "{errors:?}");
}

#[test]
fn statistics_have_the_same_bits_for_any_number_of_ranks() {
    let (train, transform) = (synthetic::moons::<f64>(300, 0.1, 1), Pipeline::new());
    let model = Sequential::input(2)
        .then(TracksMean::new)
        .then(|n| Dense::new(n, 9))
        .then(TracksMean::new)
        .then(Tanh::new)
        .then(|n| Dense::new(n, 2));
    let loss = SoftmaxCrossEntropy::default();
    let run = |group: &mut dyn ProcessGroup<f64>| {
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding: Encoding::Index,
            transform: &transform,
            train: &train,
            validation: Some(&train),
        };
        let plan = Plan { epochs: 2, batch: 70, seed: 5, ..Plan::default() };
        let mut theta = model.layout().init(&mut Rng::new(3));
        let (mut adam, pool) = (OPTIMIZERS[1].1(theta.len()), Pool::new(1));
        let mut state = TrainState::start(&model, &theta);
        let trainer = TrainingLoop::new(&setup, &plan, &pool).group(group);
        let history = trainer.run(&mut *adam, &mut theta, &mut state).unwrap();
        (end(&history, theta.to_vec()), state.statistics)
    };
    let alone = run(&mut SingleProcess(Reduction::Tree));
    assert!(alone.1.len() == 11 && alone.1.iter().all(|mean| *mean != 0.0));
    for size in [1, 2, 3, 5] {
        let all = Threads::run(size, |rank| run(&mut DataParallel::new(rank, Reduction::Tree)));
        assert!(all.iter().all(|one| *one == alone), "{size} ranks");
    }
    // Otherwise they are the same means, added in another order.
    let all = Threads::run(3, |rank| run(&mut DataParallel::new(rank, Reduction::Library)));
    for (mean, expected) in all[0].1.iter().zip(&alone.1) {
        assert!((mean - expected).abs() < 1e-9, "{mean} {expected}");
    }
}

/// Each rank streams a file of its own; that of rank 1 is cut in the second epoch.
#[test]
fn a_file_that_one_rank_can_no_longer_read_ends_all() {
    struct Cut(std::path::PathBuf);
    impl Callback<f64> for Cut {
        fn on_step(&mut self, end: &StepEnd<'_, f64>) -> ControlFlow<()> {
            if end.epoch == 2 && end.batch == 1 {
                std::fs::File::options().write(true).open(&self.0).unwrap().set_len(10_000).unwrap();
            }
            ControlFlow::Continue(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let ends = Threads::run(3, |rank| {
        let own = Communicator::<f64>::rank(&rank);
        let path = folder.path().join(format!("x{own}.npy"));
        npy::write(&path, &Array2::from_shape_fn((1000, 3), |(i, j)| ((i * 7 + j) % 5) as f64 / 3.0))
            .unwrap();
        let options =
            ReadOptions { stream: Some(true), target: Column::Index(0).into(), ..ReadOptions::default() };
        let data = read::<f64>(&path, &options).unwrap().train;
        let model = Dense::new(2, 1);
        let (loss, encoding, transform) = (SquaredError::default(), Encoding::Real, Pipeline::new());
        let mut theta = vec![0.0; 3];
        let setup = Setup {
            model: &model,
            loss: &loss,
            encoding,
            transform: &transform,
            train: &data,
            validation: None,
        };
        let (plan, pool) = (Plan { epochs: 5, batch: 90, ..Plan::default() }, Pool::new(1));
        let mut state = TrainState::start(&model, &theta);
        let mut optimizer = OPTIMIZERS[0].1(3);
        let mut ranks = DataParallel::new(rank, Reduction::Library);
        let mut cut = Cut(path);
        let mut trainer = TrainingLoop::new(&setup, &plan, &pool).group(&mut ranks);
        if own == 1 {
            trainer = trainer.callback(&mut cut);
        }
        let result = trainer.run(&mut *optimizer, &mut theta, &mut state);
        let Err(TrainError::Data(fault)) = result else { panic!("{result:?}") };
        fault.to_string()
    });
    assert!(ends[1].contains("x1.npy"), "{ends:?}");
    assert!(ends[0] == ends[2] && ends[0] == format!("rank 1: {}", ends[1]), "{ends:?}");
}
