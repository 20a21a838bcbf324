//! A training loop of your own: θ moved by hand against the gradient of a risk, then by an optimizer.

use chainrule::prelude::*;

fn main() {
    let network = Sequential::input(1).then(|n| Dense::new(n, 16)).then(Tanh::new).then(|n| Dense::new(n, 1));
    let mut theta = network.layout().init::<f64>(&mut Rng::new(1));
    let x = Array2::from_shape_fn((64, 1), |(i, _)| i as f64 / 32.0 - 1.0);
    let target = x.mapv(|x| (3.0 * x).sin());
    let loss = SquaredError::mean();
    let mut risk = Risk::new(&network, &loss, &x, &target);

    let mut grad = vec![0.0; theta.len()];
    let start = risk.value(&theta);
    for _ in 0..500 {
        risk.value_and_grad(&theta, &mut grad);
        theta.iter_mut().zip(&grad).for_each(|(t, g)| *t -= 0.1 * g);
    }
    let by_hand = risk.value(&theta);

    let mut descent = Descent::new(Adam::default(), theta.len(), Schedule::constant(0.01));
    for _ in 0..500 {
        descent.step(&mut risk, &mut theta);
    }
    let by_adam = risk.value(&theta);
    println!("{start:.4}, by hand {by_hand:.4}, by Adam {by_adam:.6}");
    assert!(by_hand < start / 2.0 && by_adam < by_hand / 2.0);
}
