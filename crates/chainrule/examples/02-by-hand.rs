//! Back-propagation by hand through a network of two layers, checked by differences and by the library.

use chainrule::prelude::*;
use chainrule::tensor::{difference, math::sigmoid};

const INPUTS: usize = 2;
const HIDDEN: usize = 3;

/// The forward pass: h = g(x·W), o = g(h·V).
fn forward(theta: &[f64], x: &Array2<f64>) -> [Array2<f64>; 2] {
    let [w, v] = weights(theta);
    let h = x.dot(&w).mapv(sigmoid);
    let o = h.dot(&v).mapv(sigmoid);
    [h, o]
}

/// W and V, which lie one after the other in θ.
fn weights(theta: &[f64]) -> [Array2<f64>; 2] {
    let (w, v) = theta.split_at(INPUTS * HIDDEN);
    let matrix =
        |rows, flat: &[f64]| Array2::from_shape_vec((rows, flat.len() / rows), flat.to_vec()).unwrap();
    [matrix(INPUTS, w), matrix(HIDDEN, v)]
}

/// C = Σ(o − y)².
fn cost(theta: &[f64], x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    let [_, o] = forward(theta, x);
    (o - y).mapv(|e| e * e).sum()
}

/// ∇C(θ): the error signals δ go back through the layers, each with the slope g' = g(1 − g) of its units.
fn gradient(theta: &[f64], x: &Array2<f64>, y: &Array2<f64>) -> Vec<f64> {
    let [h, o] = forward(theta, x);
    let [_, v] = weights(theta);
    let delta_o = 2.0 * (&o - y) * &o * (1.0 - &o); //          δₒ = 2(o − y)·o(1 − o)
    let delta_h = delta_o.dot(&v.t()) * &h * (1.0 - &h); //     δₕ = δₒ·Vᵀ·h(1 − h)
    let (grad_w, grad_v) = (x.t().dot(&delta_h), h.t().dot(&delta_o));
    grad_w.iter().chain(&grad_v).copied().collect()
}

fn main() {
    let (x, y) = (array![[0.8, -0.3]], array![[1.0, 0.0]]);
    let theta = [0.2, -0.4, 0.1, 0.5, 0.3, -0.6, 0.7, -0.1, 0.4, 0.2, -0.5, 0.6];
    let grad = gradient(&theta, &x, &y);
    for (i, &exact) in grad.iter().enumerate() {
        let difference = difference::derivative(|e| {
            let mut moved = theta;
            moved[i] += e;
            cost(&moved, &x, &y)
        });
        println!("∂C/∂θ[{i:2}]   by hand {exact:+.12}   by differences {difference:+.12}");
        assert!((exact - difference).abs() < 1e-10);
    }

    // The same network in the library, whose layers have biases too: here they are 0.
    let model = Sequential::input(INPUTS)
        .then(|n| Dense::new(n, HIDDEN))
        .then(Sigmoid::new)
        .then(|n| Dense::new(n, 2))
        .then(Sigmoid::new);
    let (mut full, mut taken) = (vec![0.0; model.layout().len()], 0);
    let mut places = Vec::new();
    for entry in model.layout().entries().iter().filter(|entry| entry.is_weight()) {
        places.extend(entry.range());
        full[entry.range()].copy_from_slice(&theta[taken..taken + entry.size()]);
        taken += entry.size();
    }
    let (loss, mut theirs) = (SquaredError::default(), vec![0.0; full.len()]);
    Risk::new(&model, &loss, &x, &y).value_and_grad(&full, &mut theirs);
    assert!(places.iter().zip(&grad).all(|(&place, by_hand)| (theirs[place] - by_hand).abs() < 1e-14));
    println!("the library's gradient is the same");
}
