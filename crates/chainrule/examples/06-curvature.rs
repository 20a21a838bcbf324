//! Second derivatives: products with the Hessian, the ends of its spectrum, and the way off a saddle.

use std::ops::ControlFlow;

use chainrule::curvature::{Hessian, Lanczos, Newton};
use chainrule::datasets::synthetic;
use chainrule::prelude::*;
use chainrule::tensor::difference;

fn main() {
    let data = synthetic::moons::<f64>(200, 0.1, 1);
    let (x, class) = (data.inputs_through(&Pipeline::new()), data.labels().expect("moons are classes"));
    let model = Sequential::input(2).then(|n| Dense::new(n, 4)).then(Tanh::new).then(|n| Dense::new(n, 2));
    let dim = model.layout().len();
    let loss = SoftmaxCrossEntropy::default();
    let mut risk = Risk::new(&model, &loss, &x, class);

    // Near 0 all units are alike, and little tells them which way to go: ∇C is small, and C curves both ways.
    let mut rng = Rng::new(1);
    let start: Vec<f64> = (0..dim).map(|_| rng.normal(1e-3)).collect();

    // ∇²C(θ)·v costs about two gradients and no matrix. It is d/dε ∇C(θ + ε·v).
    let v: Vec<f64> = (0..dim).map(|_| rng.normal(1.0)).collect();
    let mut product = vec![0.0; dim];
    risk.hessian_vector(&start, &v, &mut product);
    let by_differences = difference::derivative_of_vector(dim, |e, grad| {
        let moved: Vec<f64> = start.iter().zip(&v).map(|(theta, v)| theta + e * v).collect();
        risk.value_and_grad(&moved, grad);
    });
    let error = difference::relative_error(&product, &by_differences);
    println!("∇²C·v and differences of ∇C agree to {error:.0e}");
    assert!(error < 1e-9);

    // Lanczos' method finds the ends of the spectrum by such products alone.
    let mut hessian = Hessian::at(&mut risk, &start);
    let ends = Lanczos::default().run(&mut hessian, &mut |_, _| ControlFlow::Continue(()));
    let (top, bottom) = (ends.top[0].value, ends.bottom[0].value);
    println!("eigenvalues from {bottom:.4} to {top:.4}: a saddle is near");
    assert!(bottom < 0.0 && top > 0.0);

    // Along small negative eigenvalues gradient descent is slow. Dividing by |λ| is not.
    let mut descent = Descent::new(Sgd, dim, Schedule::constant(0.5));
    let mut saddle_free = Newton::saddle_free(dim);
    let mut walk = |name: &str, optimizer: &mut dyn Optimizer<f64>| {
        let mut theta = start.clone();
        for _ in 0..20 {
            optimizer.step(&mut risk, &mut theta);
        }
        let cost = risk.value(&theta);
        println!("after 20 steps of {name:<19} C = {cost:.2e}");
        cost
    };
    let (slow, fast) = (walk("gradient descent", &mut descent), walk("saddle-free Newton", &mut saddle_free));
    assert!(fast < 0.1 * slow);
}
