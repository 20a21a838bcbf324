//! What curvature costs: a Hessian product beside a gradient, and the dense Hessian of a small network.
//!
//! `cargo run --release -p chainrule-benches --bin curvature` prints one JSON object; benches/peers/curvature.py does
//! the same work in PyTorch. Times are the shortest of several rounds.

use chainrule::layers::{Architecture, activation};
use std::time::Instant;

use chainrule::ndarray::Array2;
use chainrule::prelude::*;
use chainrule::train::{ShardBuffers, Sharded};
use clap::Parser;
use serde_json::{Value, json};

/// Time gradients, Hessian products and a dense Hessian.
#[derive(Debug, Parser)]
struct Args {
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Rounds, of which the fastest counts
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Examples of the dense Hessian
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    examples: usize,
}

fn main() {
    let args = Args::parse();
    let products: Vec<Value> =
        [(&[784, 256, 10][..], 64), (&[784, 512, 512, 10], 256), (&[100, 25, 10], 1000)]
            .map(|(widths, rows)| product(widths, rows, &args))
            .to_vec();
    let report = json!({ "threads": args.threads, "products": products, "dense": dense(&args) });
    println!("{report}");
}

/// The shortest time of a call, in seconds.
fn fastest(rounds: usize, mut call: impl FnMut()) -> f64 {
    let time = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        call();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(|_| time(&mut call)).fold(f64::INFINITY, f64::min)
}

fn data<A: Scalar>(rows: usize, widths: &[usize]) -> (Array2<A>, Array2<A>) {
    let rng = &mut Rng::new(1);
    let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
    let x = Array2::from_shape_simple_fn((rows, inputs), || rng.uniform(0.0, 1.0));
    (x, Array2::from_shape_simple_fn((rows, 1), || A::of(rng.below(outputs) as f64)))
}

/// A gradient, a Hessian product anywhere, and one where the gradient was taken, on one batch in `f32`.
fn product(widths: &[usize], rows: usize, args: &Args) -> Value {
    let model = Architecture::perceptron(widths, activation::Tanh, 0.0).build::<f32>(None);
    let (loss, pool) = (SoftmaxCrossEntropy::default(), Pool::new(args.threads));
    let (x, target) = data(rows, widths);
    let theta = model.layout().init::<f32>(&mut Rng::new(2));
    let (v, mut out) = (theta.clone(), theta.clone());
    let mut plain = ShardBuffers::new(&model, rows);
    let mut remembering = ShardBuffers::remembering(&model, rows);
    let calls = 20;
    let rounds = 4 * args.rounds;
    let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut plain, &pool);
    let gradient = fastest(rounds, || {
        for _ in 0..calls {
            risk.value_and_grad(&theta, &mut out);
        }
    });
    let anywhere = fastest(rounds, || (0..calls).for_each(|_| risk.hessian_vector(&theta, &v, &mut out)));
    let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut remembering, &pool);
    risk.value_and_grad(&theta, &mut out);
    let there = fastest(rounds, || (0..calls).for_each(|_| risk.hessian_vector(&theta, &v, &mut out)));
    json!({
        "widths": widths, "rows": rows, "gradient_us": 1e6 * gradient / f64::from(calls),
        "product_in_gradients": anywhere / gradient, "remembered_product_in_gradients": there / gradient,
    })
}

/// The dense Hessian of 100-25-10, by blocks of examples and column after column, in `f64`.
fn dense(args: &Args) -> Value {
    let widths = [100, 25, 10];
    let model = Architecture::perceptron(&widths, activation::Tanh, 0.0).build::<f64>(None);
    let (loss, pool) = (SoftmaxCrossEntropy::default(), Pool::new(args.threads));
    let (x, target) = data(args.examples, &widths);
    let theta = model.layout().init::<f64>(&mut Rng::new(2));
    let mut buffers = ShardBuffers::remembering(&model, args.examples);
    let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
    let mut h = Array2::zeros((theta.len(), theta.len()));
    let blocks = fastest(args.rounds, || risk.hessian(&theta, &mut h));
    // Columns take long: a fiftieth of them tells what all take.
    let (mut v, mut out) = (vec![0.0; theta.len()], theta.clone());
    risk.value_and_grad(&theta, &mut out);
    let some = theta.len() / 50;
    let columns = fastest(1, || {
        for i in 0..some {
            v[i] = 1.0;
            risk.hessian_vector(&theta, &v, &mut out);
            v[i] = 0.0;
        }
    });
    json!({
        "widths": widths, "examples": args.examples, "parameters": theta.len(), "blocks_s": blocks,
        "columns_s": columns * theta.len() as f64 / some as f64,
    })
}
