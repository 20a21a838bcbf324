//! Frozen parameters stay where they are, under every kind of optimizer.

use chainrule_layers::{Dense, Layer, Mode, Sequential, Tanh};
use chainrule_loss::SquaredError;
use chainrule_optim::{Adam, Decay, Descent, Lbfgs, Objective, Optimizer, Schedule};
use chainrule_tensor::{Pool, Rng, ndarray::Array2};
use chainrule_train::{Curvature, Quantity, ShardBuffers, Sharded};

fn network() -> Sequential<f64> {
    let layers = Sequential::input(4).then(|n| Dense::new(n, 3)).then(Tanh::new).then(|n| Dense::new(n, 2));
    layers.freeze("0.*").freeze("2.bias")
}

fn data() -> (Array2<f64>, Array2<f64>) {
    let rng = &mut Rng::new(3);
    (
        Array2::from_shape_simple_fn((30, 4), || rng.normal(1.0)),
        Array2::from_shape_simple_fn((30, 2), || rng.normal(1.0)),
    )
}

#[test]
fn no_optimizer_moves_what_is_frozen() {
    let (model, (x, target)) = (network(), data());
    let frozen: Vec<_> = model.layout().frozen().collect();
    assert_eq!(frozen.iter().map(ExactSizeIterator::len).sum::<usize>(), 4 * 3 + 3 + 2);
    let dim = model.layout().len();
    let decayed = (Adam::default(), Decay::on_weights(0.1, model.layout()));
    let optimizers: [Box<dyn Optimizer<f64>>; 2] =
        [Box::new(Descent::new(decayed, dim, Schedule::constant(0.1))), Box::new(Lbfgs::new(dim))];
    for mut optimizer in optimizers {
        let start = model.layout().init::<f64>(&mut Rng::new(1)).to_vec();
        let (mut theta, pool) = (start.clone(), Pool::new(1));
        let (loss, mut buffers) = (SquaredError::default(), ShardBuffers::new(&model, 30));
        let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
        let before = risk.value(&theta);
        for _ in 0..10 {
            optimizer.step(&mut risk, &mut theta);
        }
        assert!(risk.value(&theta) < before);
        for window in &frozen {
            assert_eq!(theta[window.clone()], start[window.clone()]);
        }
    }
}

#[test]
fn the_hessian_is_that_of_the_rest() {
    let (model, (x, target)) = (network(), data());
    let theta = model.layout().init::<f64>(&mut Rng::new(1)).to_vec();
    let (loss, pool) = (SquaredError::default(), Pool::new(1));
    let (dim, v) = (theta.len(), vec![1.0; theta.len()]);
    let mut buffers = ShardBuffers::remembering(&model, 30);
    let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
    let mut h = Array2::zeros((dim, dim));
    risk.hessian(&theta, &mut h);
    let mut hv = vec![0.0; dim];
    risk.sum(Quantity::Product(Curvature::Hessian, &v), &theta, &mut hv);
    for (row, &hv) in h.outer_iter().zip(&hv) {
        assert!((row.sum() - hv).abs() < 1e-10, "{} is not {hv}", row.sum());
    }
    for window in model.layout().frozen() {
        assert!(hv[window].iter().all(|&hv| hv == 0.0));
    }
    assert!(hv.iter().any(|&hv| hv.abs() > 1e-3));
}
