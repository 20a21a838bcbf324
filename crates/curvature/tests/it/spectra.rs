//! Spectra from products against the spectra of dense matrices.

use std::ops::ControlFlow;

use chainrule_curvature::{
    Density, DiagonalBlock, Hessian, Krylov, Lanczos, Operator, OverData, dense, eigh, hutch_pp, hutchinson,
};
use chainrule_layers::{Dense, Layer, Mode, Sequential, Tanh};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_optim::Objective;
use chainrule_tensor::ndarray::{Array1, Array2, s};
use chainrule_tensor::{Pool, Rng, vector};
use chainrule_train::gradcheck::TracksMean;
use chainrule_train::{Curvature, ShardBuffers, Sharded};

const ROWS: usize = 300;

/// A small network with its data: 73 parameters.
struct Task {
    model: Sequential<f64>,
    loss: SoftmaxCrossEntropy,
    theta: Vec<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
    pool: Pool,
    buffers: ShardBuffers<f64>,
}

impl Task {
    fn new() -> Self {
        let model = Sequential::input(4)
            .then(|n| Dense::new(n, 6))
            .then(Tanh::new)
            .then(|n| Dense::new(n, 5))
            .then(Tanh::new)
            .then(|n| Dense::new(n, 2));
        let rng = &mut Rng::new(3);
        Self {
            theta: model.layout().init(rng).to_vec(),
            loss: SoftmaxCrossEntropy::default(),
            x: Array2::from_shape_simple_fn((ROWS, 4), || rng.normal(1.0)),
            target: Array2::from_shape_simple_fn((ROWS, 1), || rng.below(2) as f64),
            pool: Pool::new(1),
            buffers: ShardBuffers::remembering(&model, ROWS),
            model,
        }
    }

    fn risk(&mut self) -> (Sharded<'_, f64>, &[f64]) {
        let Self { model, loss, theta, x, target, pool, buffers } = self;
        (Sharded::new(model, loss, x, target, Mode::EVAL, buffers, pool), theta)
    }
}

fn quietly() -> impl FnMut(usize, f64) -> ControlFlow<()> {
    |_, _| ControlFlow::Continue(())
}

#[test]
fn lanczos_finds_both_ends_of_a_networks_hessian() {
    let mut task = Task::new();
    let (mut risk, theta) = task.risk();
    let mut h = Array2::zeros((theta.len(), theta.len()));
    risk.hessian(theta, &mut h);
    let exact = eigh(&h);
    let lanczos = Lanczos { top: 6, bottom: 5, tolerance: 1e-10, ..Lanczos::default() };
    let ends = lanczos.run(&mut Hessian::at(&mut risk, theta), &mut quietly());
    assert!(ends.converged);
    let n = theta.len();
    for (i, pair) in ends.top.iter().enumerate() {
        assert!((pair.value - exact.values[n - 1 - i]).abs() < 1e-10, "{i}");
        assert!(pair.residual < 1e-9);
        // A vector's error is its residual over the gap to the next value.
        let overlap = vector::dot(&pair.vector, &exact.vectors.row(n - 1 - i).to_vec()).abs();
        assert!((overlap - 1.0).abs() < 1e-8, "{i}: {overlap}");
    }
    for (i, pair) in ends.bottom.iter().enumerate() {
        assert!((pair.value - exact.values[i]).abs() < 1e-10, "{i}");
    }
}

#[test]
fn lanczos_restarts_where_the_room_does_not_suffice_and_finds_multiple_eigenvalues() {
    // 400 values of which the top one is threefold: a single Krylov space holds one vector of the three.
    let mut values = Array1::linspace(-1.0, 1.0, 400);
    values.slice_mut(s![397..]).fill(1.5);
    let mut matrix = Array2::from_diag(&values);
    let lanczos = Lanczos { top: 4, bottom: 2, tolerance: 1e-9, products: 5000, seed: 4 };
    let mut restarts = 0;
    let ends = lanczos.run(&mut matrix, &mut |_, _| {
        restarts += 1;
        ControlFlow::Continue(())
    });
    assert!(ends.converged && restarts > 1, "{restarts}");
    let found: Vec<f64> = ends.top.iter().map(|pair| pair.value).collect();
    assert!(found.iter().zip([1.5, 1.5, 1.5, values[396]]).all(|(a, b)| (a - b).abs() < 1e-7), "{found:?}");
    assert!((ends.bottom[1].value - values[1]).abs() < 1e-7);
}

#[test]
fn a_search_that_is_stopped_says_so() {
    let mut matrix = Array2::from_diag(&Array1::linspace(0.0, 1.0, 500));
    let ends = Lanczos { tolerance: 1e-12, ..Lanczos::default() }
        .run::<f64>(&mut matrix, &mut |_, _| ControlFlow::Break(()));
    assert!(!ends.converged && ends.products < 100);
    assert!(ends.top[0].residual > 1e-12);
}

#[test]
fn a_whole_krylov_space_has_the_whole_spectrum() {
    let mut task = Task::new();
    let (mut risk, theta) = task.risk();
    let mut h = Array2::zeros((theta.len(), theta.len()));
    risk.hessian(theta, &mut h);
    let start: Vec<f64> = (0..theta.len()).map(|i| 1.0 + i as f64).collect();
    let space = Krylov::from(&mut Hessian::at(&mut risk, theta), &start, theta.len());
    let (found, exact) = (eigh(&space.projected).values, eigh(&h).values);
    // A multiple eigenvalue, such as softmax's 0, is there at least once.
    let is_in = |value: &f64, list: &[f64]| list.iter().any(|x| (x - value).abs() < 1e-10);
    assert!(exact.iter().all(|value| is_in(value, &found)) && found.iter().all(|value| is_in(value, &exact)));
}

#[test]
fn the_operators_are_the_matrices_they_say() {
    let mut task = Task::new();
    let layout = task.model.layout().clone();
    let (mut risk, theta) = task.risk();
    let h = dense(&mut OverData::at(&mut risk, theta, Curvature::Hessian));
    let layer = layout.entries()[2].range();
    let block = dense(&mut DiagonalBlock::of(Hessian::at(&mut risk, theta), layer.clone()));
    assert_eq!(block, h.slice(s![layer.clone(), layer]));
    // G and F are positive semi-definite, H is not, and the three differ.
    let g = dense(&mut OverData::at(&mut risk, theta, Curvature::GaussNewton));
    let f = dense(&mut OverData::at(&mut risk, theta, Curvature::EmpiricalFisher));
    let lowest = |matrix: &Array2<f64>| eigh(matrix).values[0];
    assert!(lowest(&g) > -1e-14 && lowest(&f) > -1e-14 && lowest(&h) < -1e-3);
    assert!(g != f);
}

#[test]
fn traces_lie_within_their_error_bars() {
    let mut task = Task::new();
    let (mut risk, theta) = task.risk();
    let mut operator = OverData::at(&mut risk, theta, Curvature::GaussNewton);
    let exact = dense(&mut operator).diag().sum();
    let plain = hutchinson(&mut operator, 200, 1);
    let better = hutch_pp(&mut operator, 60, 1);
    assert!((plain.value - exact).abs() < 4.0 * plain.error, "{plain:?} {exact}");
    assert!((better.value - exact).abs() < 4.0 * better.error, "{better:?} {exact}");
    // With a third of the products, for a spectrum of a few large values.
    assert!(better.error < plain.error / 3.0, "{better:?} {plain:?}");
    assert_eq!((plain.products, better.products), (200, 60));
}

#[test]
fn hutchinsons_error_bar_is_the_deviation_of_its_estimates() {
    let mut task = Task::new();
    let (mut risk, theta) = task.risk();
    let mut h = dense(&mut Hessian::at(&mut risk, theta));
    let estimates: Vec<_> = (0..200).map(|seed| hutchinson::<f64>(&mut h, 30, seed)).collect();
    let mean = estimates.iter().map(|e| e.value).sum::<f64>() / 200.0;
    let deviation = (estimates.iter().map(|e| (e.value - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
    let bar = estimates.iter().map(|e| e.error).sum::<f64>() / 200.0;
    assert!((deviation / bar - 1.0).abs() < 0.2, "{deviation} and {bar}");
}

#[test]
fn quadrature_gives_the_density_of_the_dense_spectrum() {
    let mut task = Task::new();
    let (mut risk, theta) = task.risk();
    let mut operator = Hessian::at(&mut risk, theta);
    let exact = Density::of_values(&eigh(&dense(&mut operator)).values);
    let estimate = Density::estimate(&mut operator, 40, 40, 5);
    let mass: f64 = estimate.weights.iter().sum();
    assert!((mass - 1.0).abs() < 1e-12);
    let bar = hutchinson(&mut operator, 40, 6).error / exact.nodes.len() as f64;
    assert!((estimate.mean() - exact.mean()).abs() < 4.0 * bar, "{} {} {bar}", estimate.mean(), exact.mean());
    for t in [-0.05, -0.01, 0.01, 0.05, 0.1] {
        assert!(
            (estimate.below(t) - exact.below(t)).abs() < 0.05,
            "{t}: {} {}",
            estimate.below(t),
            exact.below(t)
        );
    }
    let sigma = 0.05;
    for t in [-0.1, 0.0, 0.1, 0.3] {
        let (a, b) = (estimate.smoothed(t, sigma), exact.smoothed(t, sigma));
        assert!((a - b).abs() < 0.05 * exact.smoothed(0.0, sigma), "{t}: {a} {b}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_for_any_number_of_threads() {
    let with = |threads: usize| {
        let mut task = Task { pool: Pool::new(threads), ..Task::new() };
        let (mut risk, theta) = task.risk();
        let mut hessian = Hessian::at(&mut risk, theta);
        let ends = Lanczos { top: 3, ..Lanczos::default() }.run(&mut hessian, &mut quietly());
        (ends, hutch_pp(&mut hessian, 12, 2), Density::estimate(&mut hessian, 2, 10, 3))
    };
    assert_eq!(with(1), with(2));
}

#[test]
fn f32_spectra_are_right_to_the_digits_of_f32() {
    let values = Array1::linspace(-1.0, 3.0, 60);
    let mut matrix = Array2::from_diag(&values.mapv(|x: f64| x as f32));
    let ends = Lanczos::default().run(&mut matrix, &mut quietly());
    assert!(ends.converged && (ends.top[0].value - 3.0).abs() < 1e-5);
    assert_eq!(Operator::<f32>::dim(&matrix), 60);
}

#[test]
fn an_operator_over_data_uses_the_statistics_of_the_network() {
    let top = |network: Sequential<f64>| {
        network.then(|n| Dense::new(n, 3)).then(Tanh::new).then(|n| Dense::new(n, 2))
    };
    let (centred, plain) = (top(Sequential::input(4).then(TracksMean::new)), top(Sequential::input(4)));
    let task = Task::new();
    let (theta, mean) = (plain.layout().init(&mut Rng::new(6)).to_vec(), [0.5, -1.0, 2.0, 0.25]);
    let shifted = &task.x - &chainrule_tensor::ndarray::arr1(&mean);
    for curvature in [Curvature::Hessian, Curvature::GaussNewton, Curvature::EmpiricalFisher] {
        let matrix = |model: &Sequential<f64>, mode, x: &Array2<f64>| {
            let mut buffers = ShardBuffers::remembering(model, ROWS);
            let mut risk = Sharded::new(model, &task.loss, x, &task.target, mode, &mut buffers, &task.pool);
            dense(&mut OverData::at(&mut risk, &theta, curvature))
        };
        let ours = matrix(&centred, Mode::Eval { statistics: &mean }, &task.x);
        assert_eq!(ours, matrix(&plain, Mode::EVAL, &shifted), "{curvature:?}");
        assert_ne!(ours, matrix(&plain, Mode::EVAL, &task.x), "{curvature:?}");
    }
}
