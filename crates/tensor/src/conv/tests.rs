use std::cell::Cell;

use super::{Axis, Convolution, Onto};
use crate::kernel::Kernel;
use crate::pool::Pool;
use crate::rng::{Rng, hash};
use crate::scalar::{Accum, Scalar};

thread_local! {
    /// Whether this thread takes the way of a linked BLAS.
    pub(super) static UNFOLDED: Cell<bool> = const { Cell::new(false) };
}

/// A convolution with its pictures and weights, and the sums that define it.
struct Case<A> {
    of: Convolution,
    axes: [Axis; 2],
    channels: [usize; 2],
    groups: usize,
    pictures: usize,
    x: Vec<A>,
    w: Vec<A>,
    bias: Vec<A>,
    delta: Vec<A>,
}

fn numbers<A: Scalar>(n: usize, salt: u64) -> Vec<A> {
    (0..n).map(|i| A::of((hash(salt, i as u64, 7) % 2001) as f64 / 1000.0 - 1.0)).collect()
}

fn axis(rng: &mut Rng) -> Axis {
    let mut up_to = |n: usize| 1 + rng.below(n);
    let (kernel, stride, dilation, before) = (up_to(4), up_to(3), up_to(3), up_to(4) - 1);
    let reach = (kernel - 1) * dilation;
    let inputs = up_to(9).max((reach + 1).saturating_sub(2 * before));
    let outputs = (inputs + 2 * before - reach - 1) / stride + 1;
    Axis { inputs, outputs, kernel, stride, dilation, before }
}

impl<A: Scalar> Case<A> {
    fn draw(seed: u64) -> Self {
        let rng = &mut Rng::stream(seed, 0);
        let axes = [axis(rng), axis(rng)];
        let groups = [1, 1, 2, 3, 20][rng.below(5)];
        let (inputs, outputs) = match groups {
            20 => (20, 20),
            _ => (groups * (1 + rng.below(20)), groups * (1 + rng.below(20))),
        };
        Self::new(axes, [inputs, outputs], groups, 1 + rng.below(4), seed)
    }

    fn new(axes: [Axis; 2], channels: [usize; 2], groups: usize, pictures: usize, seed: u64) -> Self {
        let of = Convolution::new(axes, channels, groups);
        let x = numbers(pictures * of.input_size(), seed);
        let (w, bias) = (numbers(of.weights(), seed + 1), numbers(channels[1], seed + 2));
        let delta = numbers(pictures * of.output_size(), seed + 3);
        Self { of, axes, channels, groups, pictures, x, w, bias, delta }
    }

    /// Calls `term` with the places of y, x and W that meet in a term of a sum, in the order of the sums; x is `None` in the
    /// border.
    fn terms(&self, mut term: impl FnMut(usize, Option<usize>, usize)) {
        let ([height, width], [inputs, outputs]) = (self.axes, self.channels);
        let (c_group, n_group) = (inputs / self.groups, outputs / self.groups);
        for picture in 0..self.pictures {
            for oy in 0..height.outputs {
                for ox in 0..width.outputs {
                    for n in 0..outputs {
                        let y = ((picture * height.outputs + oy) * width.outputs + ox) * outputs + n;
                        for i in 0..height.kernel {
                            for j in 0..width.kernel {
                                for c in 0..c_group {
                                    let channel = n / n_group * c_group + c;
                                    let x = height.input(oy, i).zip(width.input(ox, j)).map(|(iy, ix)| {
                                        ((picture * height.inputs + iy) * width.inputs + ix) * inputs
                                            + channel
                                    });
                                    let w = ((i * width.kernel + j) * c_group + c) * outputs + n;
                                    term(y, x, w);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// y, ∂C/∂x and ∂C/∂W by the definition, in `f64`.
    fn defined(&self) -> [Vec<f64>; 3] {
        let wide = |of: &[A]| of.iter().map(|x| x.as_f64()).collect::<Vec<f64>>();
        let (x, w, delta) = (wide(&self.x), wide(&self.w), wide(&self.delta));
        let bias = wide(&self.bias);
        let mut y: Vec<f64> = (0..delta.len()).map(|i| bias[i % bias.len()]).collect();
        let (mut delta_x, mut grad) = (vec![0.0; x.len()], vec![0.0; w.len()]);
        self.terms(|o, i, k| {
            if let Some(i) = i {
                y[o] += x[i] * w[k];
                delta_x[i] += delta[o] * w[k];
                grad[k] += x[i] * delta[o];
            }
        });
        [y, delta_x, grad]
    }

    fn computed(&self, threads: usize) -> [Vec<A>; 3] {
        let mut y = vec![A::nan(); self.delta.len()];
        let (mut delta_x, mut grad) = (vec![A::nan(); self.x.len()], vec![A::nan(); self.w.len()]);
        let mut pass = || {
            self.of.forward(&self.x, &self.w, Onto::Bias(&self.bias), &mut y, None);
            self.of.backward_input(&self.delta, &self.w, Onto::Nothing, &mut delta_x, None);
            self.of.backward_weight(&self.x, &self.delta, &mut grad, Accum::Replace);
        };
        if threads > 1 {
            Pool::new(threads).enter(pass);
        } else {
            pass();
        }
        [y, delta_x, grad]
    }

    /// The largest error of any number, against the size of what it is a sum of.
    #[track_caller]
    fn check(&self, name: &str) {
        let most = 1.0 + (self.of.depth().max(self.pictures * self.of.output_size())) as f64;
        let bar = 4.0 * A::epsilon().as_f64() * most;
        for (what, (computed, defined)) in
            ["y", "∂C/∂x", "∂C/∂W"].iter().zip(self.computed(1).iter().zip(&self.defined()))
        {
            for (i, (c, d)) in computed.iter().zip(defined).enumerate() {
                let error = (c.as_f64() - d).abs();
                assert!(error <= bar, "{name}, {what}[{i}]: {c} is not {d}, {:?}", self.of);
            }
        }
    }
}

#[test]
fn all_three_passes_are_the_sums_that_define_them() {
    for seed in 0..400 {
        Case::<f32>::draw(seed).check("tiles");
        Case::<f64>::draw(seed).check("tiles");
        UNFOLDED.set(true);
        Case::<f32>::draw(seed).check("unfolded");
        Case::<f64>::draw(seed).check("unfolded");
        UNFOLDED.set(false);
    }
}

#[test]
fn by_tiles_each_output_is_one_chain_over_its_window() {
    if Kernel::usual() != Kernel::Tiles {
        return; // OpenBLAS promises no such thing.
    }
    for seed in 0..100 {
        let case = Case::<f32>::draw(seed);
        if case.of.is_depthwise() {
            continue; // Rounds each product: no fused multiply-add is enabled there.
        }
        let mut y = vec![0.0_f32; case.delta.len()];
        case.terms(|o, i, k| y[o] = i.map_or(0.0, |i| case.x[i]).mul_add(case.w[k], y[o]));
        for (i, y) in y.iter_mut().enumerate() {
            *y += case.bias[i % case.bias.len()];
        }
        assert_eq!(case.computed(1)[0], y, "{:?}", case.of);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let axis = |n, k, s, d, b| Axis {
        inputs: n,
        outputs: (n + 2 * b - (k - 1) * d - 1) / s + 1,
        kernel: k,
        stride: s,
        dilation: d,
        before: b,
    };
    for (axes, channels, groups) in [
        ([axis(14, 3, 1, 1, 1); 2], [16, 33], 1),
        ([axis(15, 3, 2, 1, 1); 2], [8, 16], 1),
        ([axis(12, 3, 1, 2, 2), axis(9, 2, 1, 1, 0)], [12, 24], 3),
        ([axis(16, 3, 2, 1, 1); 2], [48, 48], 48),
        ([Axis::LONE, axis(60, 5, 1, 1, 0)], [40, 700], 1),
    ] {
        for pictures in [1, 3, 20] {
            let case = Case::<f32>::new(axes, channels, groups, pictures, 5);
            let alone = case.computed(1);
            for threads in [2, 3, 8] {
                assert!(case.computed(threads) == alone, "{pictures} pictures, {:?}", case.of);
            }
        }
    }
}

#[test]
fn the_gradient_of_a_bias_is_the_sum_over_positions() {
    for seed in 0..40 {
        let case = Case::<f64>::draw(seed);
        for (is_transposed, delta, features) in
            [(false, &case.delta, case.channels[1]), (true, &case.x, case.channels[0])]
        {
            let mut grad = vec![1.0; features];
            case.of.backward_bias(delta, is_transposed, &mut grad, Accum::Add);
            for (n, grad) in grad.iter().enumerate() {
                let sum: f64 = delta.iter().skip(n).step_by(features).sum();
                assert!((grad - 1.0 - sum).abs() < 1e-11);
            }
        }
    }
}

#[test]
fn results_are_added_to_what_is_there() {
    for seed in 0..60 {
        let case = Case::<f64>::draw(seed);
        let [mut y, mut delta_x, mut grad] = case.computed(1);
        let before = case.computed(1);
        case.of.forward(&case.x, &case.w, Onto::Itself, &mut y, None);
        case.of.backward_input(&case.delta, &case.w, Onto::Itself, &mut delta_x, None);
        case.of.backward_weight(&case.x, &case.delta, &mut grad, Accum::Add);
        for (i, (after, before)) in y.iter().zip(&before[0]).enumerate() {
            let bias = case.bias[i % case.bias.len()];
            assert!((after - (2.0 * before - bias)).abs() < 1e-11);
        }
        for (after, before) in [(&delta_x, &before[1]), (&grad, &before[2])] {
            assert!(after.iter().zip(before).all(|(after, before)| (after - 2.0 * before).abs() < 1e-11));
        }
    }
}
