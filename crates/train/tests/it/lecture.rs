//! The lecture's formulas, computed literally with scalar loops as on the slides, against the engine.
//!
//! h is the hidden vector, o the output, y the one-hot target, g the sigmoid; W^(l) goes from layer l − 1 to layer l
//! and W^(l, j, i) from unit j to unit i. `docs/notation.md` maps each formula to its line of code.
#![allow(clippy::needless_range_loop, reason = "the slides write the indices out, and so does this file")]

use chainrule_layers::activation::{self, Activation};
use chainrule_layers::{Dense, Layer, Mode, Point, Sequential, Sigmoid};
use chainrule_loss::{Loss, SquaredError};
use chainrule_optim::{Descent, Objective, Optimizer, Schedule, Sgd};
use chainrule_tensor::ndarray::{Array2, array};
use chainrule_tensor::{Rng, difference};
use chainrule_train::{Risk, Workspace};

fn g(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// A network of sigmoid layers with its parameters as the slides write them: `weight[l][j][i]` and `bias[l][i]`.
struct Net {
    model: Sequential<f64>,
    theta: Vec<f64>,
    weight: Vec<Vec<Vec<f64>>>,
    bias: Vec<Vec<f64>>,
}

impl Net {
    fn new(widths: &[usize], seed: u64) -> Self {
        let mut model = Sequential::input(widths[0]);
        for &width in &widths[1..] {
            model = model.then(|n| Dense::new(n, width)).then(Sigmoid::new);
        }
        let mut rng = Rng::new(seed);
        let theta: Vec<f64> = (0..model.layout().len()).map(|_| rng.normal(0.8)).collect();
        let (mut weight, mut bias, mut rest) = (Vec::new(), Vec::new(), theta.as_slice());
        for pair in widths.windows(2) {
            let (w, after) = rest.split_at(pair[0] * pair[1]);
            let (b, after) = after.split_at(pair[1]);
            weight.push(w.chunks(pair[1]).map(<[f64]>::to_vec).collect());
            bias.push(b.to_vec());
            rest = after;
        }
        Self { model, theta, weight, bias }
    }

    /// hidA: the activation of every layer, the input first, by the slides' loop a_i = g(Σⱼ W_ji·a_j + b_i).
    fn activations(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let mut all = vec![x.to_vec()];
        for (w, b) in self.weight.iter().zip(&self.bias) {
            let below = &all[all.len() - 1];
            let mut above = vec![0.0; b.len()];
            for i in 0..b.len() {
                let mut z = b[i];
                for j in 0..below.len() {
                    z += w[j][i] * below[j];
                }
                above[i] = g(z);
            }
            all.push(above);
        }
        all
    }

    /// C and ∂C/∂θ by the engine.
    fn engine(&self, x: &[f64], y: &[f64]) -> (f64, Vec<f64>) {
        let row = |values: &[f64]| Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
        let (x, y, loss) = (row(x), row(y), SquaredError::default());
        let mut workspace = Workspace::new(&self.model, 1);
        let mut grad = vec![f64::NAN; self.theta.len()];
        let mut risk = Risk::new(&self.model, &loss, &x, &y, Mode::EVAL, &mut workspace);
        (risk.value_and_grad(&self.theta, &mut grad), grad)
    }

    /// hidA₁, hidA₂, … and hidB₁, hidB₂, … of the hidden layers, as the engine leaves them on its tape.
    fn hidden(&self, x: &[f64], y: &[f64]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let row = |values: &[f64]| Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
        let (model, x, target) = (&self.model, row(x), row(y));
        let (mut o, mut delta) = (Array2::zeros(target.dim()), Array2::zeros(target.dim()));
        let mut tape = model.tape(1);
        model.forward(Mode::EVAL, &self.theta, &x, &mut o, &mut tape);
        SquaredError::default().value_and_delta(&o, &target, &mut delta);
        model.backward(Point { theta: &self.theta, x: &x, y: &o }, &delta, None, None, &mut tape);
        // Dense and sigmoid layers take turns; h belongs to the sigmoids, at every second place.
        let (up, down) = tape.arrays.split_at(tape.arrays.len() / 2);
        let of_sigmoids =
            |arrays: &[Array2<f64>]| arrays.iter().skip(1).step_by(2).map(|h| h.row(0).to_vec()).collect();
        (of_sigmoids(up), of_sigmoids(down))
    }

    /// The engine's ∂C/∂W^(l) as `[j][i]`, and ∂C/∂b^(l).
    fn window(&self, grad: &[f64], l: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let entries = self.model.layout().entries();
        let (w, b) = (&entries[2 * l], &entries[2 * l + 1]);
        (grad[w.range()].chunks(w.shape[1]).map(<[f64]>::to_vec).collect(), grad[b.range()].to_vec())
    }
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * a.abs().max(b.abs()), "{a} and {b} differ");
}

const X: [f64; 3] = [0.7, -1.2, 0.4];
const Y: [f64; 2] = [0.0, 1.0];

#[test]
fn the_derivative_of_the_sigmoid_is_g_times_one_minus_g() {
    for z in [-3.0, -0.5, 0.0, 1.7] {
        close(activation::Sigmoid.value(z), g(z));
        close(activation::Sigmoid.slope(z, g(z)), g(z) * (1.0 - g(z)));
        assert!((difference::derivative(|e| g(z + e)) - g(z) * (1.0 - g(z))).abs() < 1e-11);
    }
}

#[test]
fn the_cost_is_the_sum_of_squared_differences() {
    let net = Net::new(&[3, 4, 2], 1);
    let o = net.activations(&X).pop().unwrap();
    let mut cost = 0.0;
    for i in 0..2 {
        cost += (o[i] - Y[i]) * (o[i] - Y[i]);
    }
    close(net.engine(&X, &Y).0, cost);
}

#[test]
fn an_output_weight_has_the_slides_derivative() {
    // ∂C/∂W^(2, j, i) = 2·h_j·g(·)·(1 − g(·))·(o_i − y_i)
    let net = Net::new(&[3, 4, 2], 2);
    let activations = net.activations(&X);
    let (h, o) = (&activations[1], &activations[2]);
    let (engine, engine_bias) = net.window(&net.engine(&X, &Y).1, 1);
    for i in 0..2 {
        let mut z = net.bias[1][i];
        for j in 0..4 {
            z += net.weight[1][j][i] * h[j];
        }
        for j in 0..4 {
            close(engine[j][i], 2.0 * h[j] * g(z) * (1.0 - g(z)) * (o[i] - Y[i]));
        }
        // A bias is a weight from a unit that is always 1.
        close(engine_bias[i], 2.0 * g(z) * (1.0 - g(z)) * (o[i] - Y[i]));
    }
}

#[test]
fn the_vectorised_form_is_an_outer_product() {
    // ∂C/∂W = h·(o·(1 − o)·2(o − y))ᵀ
    let net = Net::new(&[3, 4, 2], 3);
    let activations = net.activations(&X);
    let h = Array2::from_shape_vec((4, 1), activations[1].clone()).unwrap();
    let o = Array2::from_shape_vec((2, 1), activations[2].clone()).unwrap();
    let y = array![[Y[0]], [Y[1]]];
    let outer = h.dot(&(&o * (1.0 - &o) * 2.0 * (&o - &y)).t());
    let (engine, _) = net.window(&net.engine(&X, &Y).1, 1);
    for ((j, i), expected) in outer.indexed_iter() {
        close(engine[j][i], *expected);
    }
}

#[test]
fn a_hidden_weight_sums_over_the_outputs_it_reaches() {
    // ∂C/∂h_i = Σ_k W^(2, i, k)·o_k(1 − o_k)·2(o_k − y_k), then ∂C/∂W^(1, j, i) = x_j·h_i(1 − h_i)·∂C/∂h_i
    let net = Net::new(&[3, 4, 2], 4);
    let activations = net.activations(&X);
    let (h, o) = (&activations[1], &activations[2]);
    let (engine, _) = net.window(&net.engine(&X, &Y).1, 0);
    let (_, signals) = net.hidden(&X, &Y);
    for i in 0..4 {
        let mut signal = 0.0;
        for k in 0..2 {
            signal += net.weight[1][i][k] * o[k] * (1.0 - o[k]) * 2.0 * (o[k] - Y[k]);
        }
        close(signals[0][i], signal);
        for j in 0..3 {
            close(engine[j][i], X[j] * h[i] * (1.0 - h[i]) * signal);
        }
    }
}

#[test]
fn four_hidden_layers_by_the_recursion_of_hid_a_and_hid_b() {
    // hidA goes up: hidA_l = g(W^(l)ᵀ·hidA_{l−1}); hidB comes down: hidB_{l−1} = W^(l)·(hidA_l·(1 − hidA_l)·hidB_l),
    // from hidB_L = 2(o − y); and ∂C/∂W^(l) = hidA_{l−1}·(hidA_l·(1 − hidA_l)·hidB_l)ᵀ.
    let net = Net::new(&[3, 5, 4, 6, 3, 2], 5);
    let hid_a = net.activations(&X);
    let (_, grad) = net.engine(&X, &Y);
    let (up, down) = net.hidden(&X, &Y);
    let mut hid_b: Vec<f64> = (0..2).map(|k| 2.0 * (hid_a[5][k] - Y[k])).collect();
    for l in (0..5).rev() {
        let (below, above) = (&hid_a[l], &hid_a[l + 1]);
        let (engine, engine_bias) = net.window(&grad, l);
        let mut next = vec![0.0; below.len()];
        for i in 0..above.len() {
            let signal = above[i] * (1.0 - above[i]) * hid_b[i];
            close(engine_bias[i], signal);
            for j in 0..below.len() {
                close(engine[j][i], below[j] * signal);
                next[j] += net.weight[l][j][i] * signal;
            }
        }
        hid_b = next;
        if l > 0 {
            for j in 0..below.len() {
                close(up[l - 1][j], below[j]);
                close(down[l - 1][j], hid_b[j]);
            }
        }
    }
}

const XS: [[f64; 3]; 3] = [X, [-0.3, 0.9, 1.1], [1.5, 0.2, -0.6]];
const YS: [[f64; 2]; 3] = [Y, [1.0, 0.0], [0.0, 1.0]];

#[test]
fn the_risk_and_its_gradient_are_means_over_the_examples() {
    // C(θ) = 1/N Σₙ C(oₙ, yₙ)
    let net = Net::new(&[3, 4, 2], 6);
    let (x, y, loss) = (Array2::from(XS.to_vec()), Array2::from(YS.to_vec()), SquaredError::default());
    let mut workspace = Workspace::new(&net.model, 3);
    let mut grad = vec![f64::NAN; net.theta.len()];
    let mut risk = Risk::new(&net.model, &loss, &x, &y, Mode::EVAL, &mut workspace);
    let cost = risk.value_and_grad(&net.theta, &mut grad);
    let (mut sum, mut sums) = (0.0, vec![0.0; grad.len()]);
    for n in 0..3 {
        let (cost, grad) = net.engine(&XS[n], &YS[n]);
        sum += cost;
        for i in 0..grad.len() {
            sums[i] += grad[i];
        }
    }
    close(cost, sum / 3.0);
    for i in 0..grad.len() {
        // Where examples cancel, what is left has the error of the terms.
        assert!((grad[i] - sums[i] / 3.0).abs() < 1e-15);
    }
}

#[test]
fn a_step_goes_down_the_gradient() {
    // W ← W − η ∂C/∂W
    let (net, eta) = (Net::new(&[3, 4, 2], 7), 0.3);
    let (_, grad) = net.engine(&X, &Y);
    let (x, y, loss) = (array![X], array![Y], SquaredError::default());
    let mut workspace = Workspace::new(&net.model, 1);
    let mut risk = Risk::new(&net.model, &loss, &x, &y, Mode::EVAL, &mut workspace);
    let mut theta = net.theta.clone();
    Descent::new(Sgd, theta.len(), Schedule::constant(eta)).step(&mut risk, &mut theta);
    for i in 0..theta.len() {
        close(theta[i], net.theta[i] - eta * grad[i]);
    }
}
