//! Elementwise functions, update rules and rows: time by number of elements, the standard library's beside ours.

use std::hint::black_box;

use chainrule::layers::activation::{self, Activation};
use chainrule::layers::{Dense, Dropout, Layer, Mode, Pointwise, Sequential, Sigmoid, TapeKind};
use chainrule::loss::{Loss, SoftmaxCrossEntropy, SquaredError};
use chainrule::optim::{
    Adagrad, Adam, Descent, Momentum, Objective, Optimizer, RmsProp, Rule, Schedule, Sgd,
};
use chainrule::tensor::ndarray::{Array1, Array2};
use chainrule::tensor::{Accum, Rng, gemm, math::accuracy, rows, simd, simd::Level, vector};
use chainrule::train::{Risk, Workspace};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [10, 100, 4096, 65_536];

type Function = fn(f32) -> f32;

/// Numbers between −4 and 4 in no order.
fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 8191) as f32 / 1023.9 - 4.0).collect()
}

fn functions(c: &mut Criterion) {
    let standard: [(&str, Function); 3] = [("exp", f32::exp), ("exp_m1", f32::exp_m1), ("tanh", f32::tanh)];
    for specimen in accuracy::zoo() {
        let mut group = c.benchmark_group(specimen.name);
        for n in SIZES {
            let (z, mut y) = (numbers(n), vec![0.0; n]);
            group.throughput(Throughput::Elements(n as u64));
            for level in Level::available() {
                group.bench_function(BenchmarkId::new(format!("{level:?}"), n), |b| {
                    b.iter(|| (specimen.ours)(level, black_box(&z), black_box(&mut y)));
                });
            }
            if let Some((_, f)) = standard.iter().find(|(name, _)| *name == specimen.name) {
                group.bench_function(BenchmarkId::new("std", n), |b| {
                    b.iter(|| {
                        black_box(&mut y).iter_mut().zip(black_box(&z)).for_each(|(y, &z)| *y = f(z));
                    });
                });
            }
        }
    }
}

fn activations(c: &mut Criterion) {
    fn bench<F: Activation>(c: &mut Criterion, phi: F) {
        let mut group = c.benchmark_group(format!("slope/{phi:?}"));
        for n in SIZES {
            let x = Array2::from_shape_vec((1, n), numbers(n)).expect("n numbers");
            let (y, mut delta_x) = (x.mapv(|x| phi.value(x)), x.clone());
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::from_parameter(n), |b| {
                b.iter(|| {
                    rows::map(
                        [black_box(&x), &x, &y],
                        &mut delta_x,
                        #[inline(always)]
                        |[delta, x, y], out| *out = delta * phi.slope(x, y),
                    );
                });
            });
        }
    }
    bench(c, activation::Sigmoid);
    bench(c, activation::Tanh);
    bench(c, activation::Relu);
    bench(c, activation::Gelu);
    bench(c, activation::GeluTanh);
    bench(c, activation::Silu);
}

/// A gradient that costs nothing: what is left of a step is the update.
struct Given;

impl Objective<f32> for Given {
    fn dim(&self) -> usize {
        0
    }
    fn value(&mut self, _: &[f32]) -> f32 {
        0.0
    }
    fn value_and_grad(&mut self, _: &[f32], grad: &mut [f32]) -> f32 {
        black_box(grad);
        0.0
    }
}

fn rules(c: &mut Criterion) {
    fn bench<R: Rule<f32>>(c: &mut Criterion, name: &str, rule: impl Fn() -> R) {
        let mut group = c.benchmark_group(format!("rule/{name}"));
        for n in [2410, 65_536, 669_706] {
            let (mut descent, mut theta) = (Descent::new(rule(), n, Schedule::constant(1e-3)), numbers(n));
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::from_parameter(n), |b| {
                b.iter(|| descent.step(&mut Given, black_box(&mut theta)));
            });
        }
    }
    bench(c, "sgd", || Sgd);
    bench(c, "momentum", Momentum::default);
    bench(c, "nesterov", || Momentum { nesterov: true, ..Momentum::default() });
    bench(c, "adagrad", Adagrad::default);
    bench(c, "rmsprop", RmsProp::default);
    bench(c, "adam", Adam::default);

    // The bound of memory: x ← x + αy + βz reads three vectors and writes one.
    let mut group = c.benchmark_group("rule/triad");
    for n in [2410, 65_536, 669_706] {
        let (mut x, y, z) = (numbers(n), numbers(n), numbers(n));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter(|| {
                simd::map([black_box(&y), black_box(&z)], [black_box(&mut x)], |[y, z], [x]| {
                    *x += 0.5 * y + 0.25 * z;
                });
            });
        });
    }
}

fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch of ten classes");
    for n in [1, 32, 512] {
        let y = Array2::from_shape_vec((n, 10), numbers(10 * n)).expect("10 n numbers");
        let class = Array2::from_shape_fn((n, 1), |(i, _)| (i % 10) as f32);
        let mut delta = y.clone();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("softmax cross-entropy", n), |b| {
            b.iter(|| SoftmaxCrossEntropy::new().value_and_delta(black_box(&y), &class, &mut delta));
        });
        group.bench_function(BenchmarkId::new("squared error", n), |b| {
            b.iter(|| SquaredError::default().value_and_delta(black_box(&y), &class, &mut delta));
        });
        let mut sums = Array1::zeros(10);
        group.bench_function(BenchmarkId::new("sum of the rows", n), |b| {
            b.iter(|| rows::add_rows(black_box(&y), &mut sums, Accum::Replace));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("others");
    let (n, width) = (64, 256);
    let x = Array2::from_shape_vec((n, width), numbers(n * width)).expect("n numbers");
    group.throughput(Throughput::Elements((n * width) as u64));
    let (dropout, mut y) = (Dropout::new(width, 0.5), x.clone());
    let mut tape = Layer::<f32>::tape(&dropout, TapeKind::Complete, n);
    group.bench_function("dropout", |b| {
        b.iter(|| dropout.forward(Mode::Train { seed: 1, row: 0 }, &[], black_box(&x), &mut y, &mut tape));
    });
    let sigmoid = Pointwise::with(width, activation::Sigmoid);
    group.bench_function("sigmoid layer", |b| {
        b.iter(|| sigmoid.forward(Mode::EVAL, &[], black_box(&x), &mut y, &mut tape));
    });
    let mut sums = Array1::zeros(width);
    group.bench_function("sum of the rows", |b| {
        b.iter(|| rows::add_rows(black_box(&x), &mut sums, Accum::Replace));
    });
    let (a, b2) = (numbers(n * width), numbers(n * width));
    group.bench_function("dot", |b| b.iter(|| vector::dot(black_box(&a), &b2)));
    group.bench_function("is_finite", |b| b.iter(|| vector::is_finite(black_box(&a))));
}

/// A step's gradient, with sigmoids in their middle and with sigmoids so far out that error signals underflow.
fn saturation(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradient of 784-100-10 sigmoids, batch of 32");
    let model = Sequential::input(784)
        .then(|n| Dense::new(n, 100))
        .then(Sigmoid::new)
        .then(|n| Dense::new(n, 10))
        .then(Sigmoid::new);
    let x = Array2::from_shape_vec((32, 784), numbers(32 * 784)).expect("32·784 numbers");
    let class = Array2::from_shape_fn((32, 1), |(i, _)| (i % 10) as f32);
    let (loss, mut workspace) = (SquaredError::default(), Workspace::new(&model, 32));
    for scale in [1.0, 20.0, 1000.0] {
        let mut theta = model.layout().init::<f32>(&mut Rng::new(1));
        vector::scale(scale, &mut theta);
        let mut grad = theta.clone();
        group.bench_function(BenchmarkId::new("weights times", scale), |b| {
            b.iter(|| {
                Risk::new(&model, &loss, &x, &class)
                    .within(&mut workspace)
                    .value_and_grad(black_box(&theta), &mut grad)
            });
        });
    }
}

/// ∂C/∂W = hᵀ·δ of the same network's first layer, with an ordinary error signal and with one of subnormal numbers.
fn subnormals(c: &mut Criterion) {
    let mut group = c.benchmark_group("product of 784 x 32 by 32 x 100");
    let h = Array2::from_shape_vec((32, 784), numbers(32 * 784)).expect("32·784 numbers");
    let mut grad = Array2::zeros((784, 100));
    for (name, size) in [("ordinary", 1.0), ("subnormal", 1e-40)] {
        let delta = Array2::from_shape_vec((32, 100), numbers(3200)).expect("32·100 numbers") * size;
        group.bench_function(BenchmarkId::new("error signal", name), |b| {
            b.iter(|| gemm(1.0, &black_box(&h).t(), black_box(&delta), 0.0, &mut grad));
        });
    }
}

criterion_group! {
    name = elementwise;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(30))
        .measurement_time(std::time::Duration::from_millis(120))
        .sample_size(15)
        .without_plots();
    targets = functions, activations, rules, batches, saturation, subnormals
}
criterion_main!(elementwise);
