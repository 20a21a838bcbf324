//! A network is a function of one flat vector θ, its risk is C(θ), and training is a walk downhill.

use chainrule::prelude::*;

fn main() {
    // y = x·W + b. The network owns no numbers: it says how many there are, and which is which.
    let model = Sequential::<f64>::input(2).then(|n| Dense::new(n, 1));
    for entry in model.layout().entries() {
        println!("θ[{:?}] is {} of shape {:?}", entry.range(), entry.name, entry.shape);
    }
    let mut theta = model.layout().init(&mut Rng::new(1));

    // Examples of the plane y = 3x₀ − 2x₁ + 1, one a row.
    let x = array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
    let target = array![[1.0], [4.0], [-1.0], [2.0]];

    // C(θ) = 1/N Σₙ (f(θ, xₙ) − tₙ)².
    let loss = SquaredError::default();
    let mut risk = Risk::new(&model, &loss, &x, &target);

    // θ ← θ − η·∇C(θ). The gradient has the shape of θ: a step is a line.
    let mut grad = vec![0.0; theta.len()];
    for step in 0..=300 {
        let cost = risk.value_and_grad(&theta, &mut grad);
        if step % 50 == 0 {
            println!("step {step:3}   C = {cost:.2e}   θ = {theta:.4?}");
        }
        theta.iter_mut().zip(&grad).for_each(|(theta, grad)| *theta -= 0.5 * grad);
    }
    assert!(theta.iter().zip([3.0, -2.0, 1.0]).all(|(theta, plane)| (theta - plane).abs() < 1e-6));
}
