//! Curvature products over shards: remembered or not, and what the empirical Fisher matrix is.

use chainrule_layers::{Dense, Layer, Mode, Sequential, Tanh};
use chainrule_loss::SoftmaxCrossEntropy;
use chainrule_optim::Objective;
use chainrule_tensor::ndarray::{Array2, Axis, s};
use chainrule_tensor::{Pool, Rng, vector};
use chainrule_train::{Curvature, Risk, ShardBuffers, Sharded};

const ROWS: usize = 2500;

struct Task {
    model: Sequential<f64>,
    loss: SoftmaxCrossEntropy,
    theta: Vec<f64>,
    x: Array2<f64>,
    target: Array2<f64>,
    v: Vec<f64>,
}

fn task() -> Task {
    let model = Sequential::input(3).then(|n| Dense::new(n, 5)).then(Tanh::new).then(|n| Dense::new(n, 4));
    let rng = &mut Rng::new(7);
    let theta = model.layout().init(rng).to_vec();
    let v = (0..theta.len()).map(|_| rng.normal(1.0)).collect();
    Task {
        model,
        loss: SoftmaxCrossEntropy::default(),
        theta,
        x: Array2::from_shape_simple_fn((ROWS, 3), || rng.normal(1.0)),
        target: Array2::from_shape_simple_fn((ROWS, 1), || rng.below(4) as f64),
        v,
    }
}

#[test]
fn what_is_remembered_changes_no_bit_whatever_was_asked_before() {
    let Task { model, loss, theta, x, target, v } = &task();
    let (pool, dim) = (Pool::new(2), theta.len());
    let elsewhere: Vec<f64> = theta.iter().map(|t| t + 0.5).collect();
    let run = |mut buffers: ShardBuffers<f64>| {
        let mut risk = Sharded::new(model, loss, x, target, Mode::EVAL, &mut buffers, &pool);
        let mut results = Vec::new();
        let kinds = [Curvature::Hessian, Curvature::GaussNewton, Curvature::EmpiricalFisher];
        for first in kinds {
            for second in kinds {
                for (curvature, at) in [(first, theta), (first, theta), (second, theta), (first, &elsewhere)]
                {
                    let mut out = vec![f64::NAN; dim];
                    risk.product(curvature, at, v, &mut out);
                    results.push(out);
                }
                let mut gradient = vec![0.0; dim];
                risk.value_and_grad(theta, &mut gradient);
                risk.hessian_vector(theta, v, &mut gradient);
                results.push(gradient);
                let value = risk.value(&elsewhere);
                let mut out = vec![value; dim];
                risk.hessian_vector(&elsewhere, v, &mut out);
                results.push(out);
            }
        }
        results
    };
    assert_eq!(run(ShardBuffers::remembering(model, ROWS)), run(ShardBuffers::new(model, ROWS)));
}

/// More rows than 64 leaves of 256 have.
#[test]
fn value_and_gradient_of_many_leaves_are_those_of_the_whole() {
    let Task { model, loss, theta, .. } = &task();
    let (rng, rows) = (&mut Rng::new(8), 20_000);
    let x = Array2::from_shape_simple_fn((rows, 3), || rng.normal(1.0));
    let target = Array2::from_shape_simple_fn((rows, 1), || rng.below(4) as f64);
    let (pool, mut buffers) = (Pool::new(2), ShardBuffers::new(model, rows));
    let (mut gradient, mut whole) = (vec![f64::NAN; theta.len()], vec![f64::NAN; theta.len()]);
    let mut sharded = Sharded::new(model, loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
    let mut risk = Risk::new(model, loss, &x, &target);
    let (value, expected) =
        (sharded.value_and_grad(theta, &mut gradient), risk.value_and_grad(theta, &mut whole));
    assert!((value - expected).abs() < 1e-12 * expected, "{value}, not {expected}");
    assert!((sharded.value(theta) - expected).abs() < 1e-12 * expected);
    vector::axpy(-1.0, &whole, &mut gradient);
    assert!(vector::norm_max(&gradient) < 1e-13 * (1.0 + vector::norm_max(&whole)), "{gradient:?}");
}

#[test]
fn a_new_batch_is_not_mistaken_for_the_remembered_one() {
    let Task { model, loss, theta, x, target, v } = &task();
    let (pool, mut buffers) = (Pool::new(1), ShardBuffers::remembering(model, 300));
    let product = |rows: std::ops::Range<usize>, buffers: &mut ShardBuffers<f64>| {
        let (x, target) = (x.slice(s![rows.clone(), ..]), target.slice(s![rows, ..]));
        let mut out = vec![0.0; theta.len()];
        Sharded::new(model, loss, &x, &target, Mode::EVAL, buffers, &pool).hessian_vector(theta, v, &mut out);
        out
    };
    let first = product(0..300, &mut buffers);
    let second = product(300..600, &mut buffers);
    assert_ne!(first, second);
    assert_eq!(second, product(300..600, &mut ShardBuffers::new(model, 300)));
}

#[test]
fn the_empirical_fisher_matrix_is_the_mean_of_the_gradients_outer_products() {
    let Task { model, loss, theta, x, target, v } = &task();
    let (pool, mut buffers) = (Pool::new(2), ShardBuffers::new(model, ROWS));
    let mut fisher = vec![0.0; theta.len()];
    Sharded::new(model, loss, x, target, Mode::EVAL, &mut buffers, &pool).product(
        Curvature::EmpiricalFisher,
        theta,
        v,
        &mut fisher,
    );
    let mut gradient = vec![0.0; theta.len()];
    let mut sum = vec![0.0; theta.len()];
    for n in 0..ROWS {
        let (x, target) = (x.slice(s![n..=n, ..]), target.slice(s![n..=n, ..]));
        Risk::new(model, loss, &x, &target).value_and_grad(theta, &mut gradient);
        vector::axpy(vector::dot(&gradient, v) / ROWS as f64, &gradient, &mut sum);
    }
    vector::axpy(-1.0, &fisher, &mut sum);
    assert!(vector::norm_max(&sum) < 1e-14 * (1.0 + vector::norm_max(&fisher)), "{sum:?}");
    assert!(vector::norm_max(&fisher) > 1e-2);
}

#[test]
fn a_row_of_weight_two_counts_as_the_row_twice_in_every_curvature() {
    let Task { model, loss, theta, x, target, v } = &task();
    let twice: Vec<usize> = [0, 0].into_iter().chain(1..8).collect();
    let (once, twice) = ((0..8).collect::<Vec<_>>(), twice);
    let weights: Vec<f64> = (0..8).map(|row| if row == 0 { 2.0 } else { 1.0 }).collect();
    for curvature in [Curvature::Hessian, Curvature::GaussNewton, Curvature::EmpiricalFisher] {
        let product = |rows: &[usize], weights: Option<&[f64]>| {
            let (x, target) = (x.select(Axis(0), rows), target.select(Axis(0), rows));
            let mut out = vec![0.0; theta.len()];
            Risk::new(model, loss, &x, &target)
                .weighted(weights)
                .accumulate_product(curvature, theta, v, &mut out);
            vector::scale(rows.len() as f64, &mut out);
            out
        };
        let mut difference = product(&twice, None);
        let scale = vector::norm_max(&difference);
        vector::axpy(-1.0, &product(&once, Some(&weights)), &mut difference);
        assert!(vector::norm_max(&difference) < 1e-13 * scale, "{curvature:?}: {difference:?}");
    }
}
