//! The bare products of a step whose layers are not all dense: each layer's three, on matrices of their own.
//!
//! Of a convolution these are the products with the matrix of its windows, `(batch · positions, terms of a sum)`, as if that
//! matrix were there for nothing. The usual kernel computes them, shared by the threads.

use chainrule::layers::{Layer, Station, leaves};
use chainrule::ndarray::Array2;
use chainrule::tensor::{Pool, Rng, gemm, rows};

use crate::workload::Workload;

/// The sizes of a layer's product on the way up: `(m, k)` by `(k, n)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows: positions of all examples.
    pub m: usize,
    /// Terms of each sum.
    pub k: usize,
    /// Outputs at a position.
    pub n: usize,
}

impl Sizes {
    /// Those of each layer of `workload` that has weights, bottom first.
    pub fn of(workload: &Workload) -> Vec<Self> {
        let network = workload.architecture.build::<f32>(None);
        let of_leaf = |leaf: Station<'_, f32>| {
            let weight = leaf.layer.layout().entries().iter().find(|entry| entry.is_weight())?;
            let n = *weight.shape.last()?;
            let m = workload.batch * leaf.layer.output_shape().positions();
            Some(Self { m, k: weight.size() / n, n })
        };
        leaves(Station::network(&network as &dyn Layer<f32>)).into_iter().filter_map(of_leaf).collect()
    }
}

/// One layer's matrices.
#[derive(Debug)]
struct Matrices {
    x: Array2<f32>,
    weight: Array2<f32>,
    y: Array2<f32>,
    delta_x: Array2<f32>,
    grad: Array2<f32>,
}

/// The products of one step, ready to be repeated.
#[derive(Debug)]
pub struct Separate {
    layers: Vec<Matrices>,
    forward_only: bool,
    pool: Pool,
}

impl Separate {
    /// The products of `workload` on `threads` threads.
    pub fn new(workload: &Workload, threads: usize) -> Self {
        let mut rng = Rng::new(2);
        let layers = Sizes::of(workload).into_iter().map(|Sizes { m, k, n }| Matrices {
            x: random(m, k, 1.0, &mut rng),
            weight: random(k, n, (1.0 / k as f64).sqrt(), &mut rng),
            y: rows::zeros(m, n),
            delta_x: rows::zeros(m, k),
            grad: rows::zeros(k, n),
        });
        Self { layers: layers.collect(), forward_only: workload.forward_only, pool: Pool::new(threads) }
    }

    /// The products of `steps` steps.
    pub fn run(&mut self, steps: usize) {
        let Self { layers, forward_only, pool } = self;
        pool.enter(|| {
            for _ in 0..steps {
                for layer in layers.iter_mut() {
                    gemm(1.0, &layer.x, &layer.weight, 0.0, &mut layer.y);
                }
                for (l, layer) in layers.iter_mut().enumerate().rev().filter(|_| !*forward_only) {
                    gemm(1.0, &layer.x.t(), &layer.y, 0.0, &mut layer.grad);
                    if l > 0 {
                        gemm(1.0, &layer.y, &layer.weight.t(), 0.0, &mut layer.delta_x);
                    }
                }
            }
        });
    }
}

/// Numbers from N(0, `deviation`²).
pub(crate) fn random(m: usize, n: usize, deviation: f64, rng: &mut Rng) -> Array2<f32> {
    let mut matrix = rows::zeros(m, n);
    matrix.map_inplace(|x| *x = rng.normal(deviation));
    matrix
}
