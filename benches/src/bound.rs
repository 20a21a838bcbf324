//! The bare products of a training step: what no implementation on this machine can beat.
//!
//! A step of a dense network is hₗ = hₗ₋₁·Wₗ upwards, ∂Wₗ = hₗ₋₁ᵀ·δₗ for each layer and δₗ₋₁ = δₗ·Wₗᵀ for all but the
//! first downwards. Here stand these products and nothing else: no bias, no activation, no loss, no update. Each is
//! computed by the kernel that was the fastest for its shape when the bound was made.
//!
//! On several threads, hₗ and δₗ are cut by rows: a thread runs all layers on its rows without waiting for another. Then
//! the threads share out the rows of each ∂Wₗ. So there are two joins in a step. A batch with fewer rows than threads
//! is cut by columns of Wₗ instead, with a join after each layer; its backward pass stays on one thread.
//!
//! Of a network with other layers than dense ones, the products stand apart: see [`Separate`].

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chainrule::ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2, Axis, Slice};
use chainrule::tensor::kernel::{Kernel, gemm_with};
use chainrule::tensor::{Pool, Rng, rows};

use crate::clock;
use crate::separate::{Separate, random};
use crate::workload::{Batches, Data, Workload};

/// The products of one step, ready to be repeated.
#[derive(Debug)]
pub enum Bound<'a> {
    /// Of a perceptron.
    Chain(Box<Chain<'a>>),
    /// Of another network.
    Separate(Separate),
}

impl<'a> Bound<'a> {
    /// The products of `workload` on `threads` threads; this takes the time to try the kernels.
    pub fn new(workload: &Workload, data: &'a Data, threads: usize) -> Self {
        match workload.architecture.widths() {
            Some(widths) => Bound::Chain(Box::new(Chain::new(workload, &widths, data, threads))),
            None => Bound::Separate(Separate::new(workload, threads)),
        }
    }

    /// The products of `steps` steps.
    pub fn run(&mut self, steps: usize) {
        match self {
            Bound::Chain(chain) => chain.run(steps),
            Bound::Separate(separate) => separate.run(steps),
        }
    }
}

/// The products of a perceptron.
pub struct Chain<'a> {
    batches: Batches<'a>,
    forward_only: bool,
    pool: Pool,
    layers: Vec<Products>,
    /// h₁ … h_L.
    h: Vec<Array2<f32>>,
    /// δ₁ … δ_L.
    delta: Vec<Array2<f32>>,
    /// ∂W₁ … ∂W_L.
    grad: Vec<Array2<f32>>,
}

/// Wₗ and the kernels of its three products.
#[derive(Debug)]
struct Products {
    weight: Array2<f32>,
    up: Kernel,
    gradient: Kernel,
    down: Kernel,
}

/// How a product's operands lie in memory.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A·B.
    Plain,
    /// Aᵀ·B.
    LeftTransposed,
    /// A·Bᵀ.
    RightTransposed,
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("layers", &self.layers).finish_non_exhaustive()
    }
}

impl<'a> Chain<'a> {
    fn new(workload: &Workload, widths: &[usize], data: &'a Data, threads: usize) -> Self {
        let mut rng = Rng::new(2);
        let batch = workload.batch;
        let by_columns = batch < threads;
        // What one thread has of each product.
        let rows = batch.div_ceil(threads);
        let share = |outputs: usize| if by_columns { outputs.div_ceil(threads) } else { outputs };
        let layers = widths.windows(2).map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let backward =
                |m, k, n, form| if workload.forward_only { Kernel::usual() } else { fastest(m, k, n, form) };
            Products {
                // Variances stay: the numbers are ordinary ones.
                weight: random(inputs, outputs, (1.0 / inputs as f64).sqrt(), &mut rng),
                up: fastest(rows, inputs, share(outputs), Form::Plain),
                gradient: backward(inputs.div_ceil(threads), batch, outputs, Form::LeftTransposed),
                down: backward(rows, outputs, inputs, Form::RightTransposed),
            }
        });
        let layers = layers.collect();
        let hidden = || widths[1..].iter().map(|&width| rows::zeros(batch, width)).collect();
        let mut delta: Vec<Array2<f32>> = if workload.forward_only { Vec::new() } else { hidden() };
        if let Some(top) = delta.last_mut() {
            *top = random(batch, top.ncols(), 1.0, &mut rng);
        }
        let grad = |pair: &[usize]| rows::zeros(pair[0], pair[1]);
        let grad = if workload.forward_only { Vec::new() } else { widths.windows(2).map(grad).collect() };
        let (h, pool, forward_only) = (hidden(), Pool::new(threads), workload.forward_only);
        Self { batches: data.batches(), forward_only, pool, layers, h, delta, grad }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            let (x, _) = self.batches.next().expect("there is a batch");
            if self.pool.threads() == 1 {
                self.up(&x);
                self.down(&x);
            } else if x.nrows() < self.pool.threads() {
                self.up_by_columns(&x);
                self.down(&x);
            } else {
                self.by_rows(&x);
                self.gradients_by_rows(&x);
            }
        }
    }

    fn up(&mut self, x: &ArrayRef2<f32>) {
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, above) = self.h.split_at_mut(l);
            product(layer.up, below.last().map_or(x, |h| h), &layer.weight, &mut above[0]);
        }
    }

    fn down(&mut self, x: &ArrayRef2<f32>) {
        if self.forward_only {
            return;
        }
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let (below, above) = self.delta.split_at_mut(l);
            let h = self.h[..l].last().map_or(x, |h| h);
            product(layer.gradient, &h.t(), &above[0], &mut self.grad[l]);
            if let Some(below) = below.last_mut() {
                product(layer.down, &above[0], &layer.weight.t(), below);
            }
        }
    }

    fn up_by_columns(&mut self, x: &ArrayRef2<f32>) {
        let threads = self.pool.threads();
        for (l, layer) in self.layers.iter().enumerate() {
            let (below, above) = self.h.split_at_mut(l);
            let columns = above[0].ncols().div_ceil(threads);
            let weights = layer.weight.axis_chunks_iter(Axis(1), columns);
            let parts: Vec<_> =
                weights.zip(above[0].axis_chunks_iter_mut(Axis(1), columns)).map(Mutex::new).collect();
            self.pool.run(parts.len(), &|i| {
                let mut part = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
                let (weight, h) = &mut *part;
                product(layer.up, below.last().map_or(x, |h| h), weight, h);
            });
        }
    }

    /// h and δ of all layers, each thread on rows of its own.
    fn by_rows(&mut self, x: &ArrayView2<'_, f32>) {
        let rows = x.nrows().div_ceil(self.pool.threads());
        let (layers, forward_only) = (&self.layers, self.forward_only);
        let (mut h, mut delta) = (chunks(&mut self.h, rows), chunks(&mut self.delta, rows));
        let parts: Vec<_> = x
            .axis_chunks_iter(Axis(0), rows)
            .map(|x| Mutex::new((x, next_of_each(&mut h), next_of_each(&mut delta))))
            .collect();
        self.pool.run(parts.len(), &|i| {
            let mut part = parts[i].lock().unwrap_or_else(PoisonError::into_inner);
            let (x, h, delta) = &mut *part;
            for (l, layer) in layers.iter().enumerate() {
                let (below, above) = h.split_at_mut(l);
                product(layer.up, below.last().map_or(&**x, |h| h), &layer.weight, &mut above[0]);
            }
            for (l, layer) in layers.iter().enumerate().skip(1).rev().filter(|_| !forward_only) {
                let (below, above) = delta.split_at_mut(l);
                product(layer.down, &above[0], &layer.weight.t(), &mut below[l - 1]);
            }
        });
    }

    /// ∂W of all layers, each thread with rows of each.
    fn gradients_by_rows(&mut self, x: &ArrayRef2<f32>) {
        if self.forward_only {
            return;
        }
        let threads = self.pool.threads();
        let (layers, h, delta) = (&self.layers, &self.h, &self.delta);
        let mut slabs: Vec<Vec<ArrayViewMut2<'_, f32>>> = (0..threads).map(|_| Vec::new()).collect();
        for grad in &mut self.grad {
            let rows = grad.nrows().div_ceil(threads);
            let chunks = grad.axis_chunks_iter_mut(Axis(0), rows);
            slabs.iter_mut().zip(chunks).for_each(|(slabs, chunk)| slabs.push(chunk));
        }
        let slabs: Vec<_> = slabs.into_iter().map(Mutex::new).collect();
        self.pool.run(slabs.len(), &|i| {
            let mut slabs = slabs[i].lock().unwrap_or_else(PoisonError::into_inner);
            for (l, slab) in slabs.iter_mut().enumerate() {
                let h = h[..l].last().map_or(x, |h| h);
                let rows = h.ncols().div_ceil(threads);
                let start = i * rows;
                let h = h.slice_axis(Axis(1), Slice::from(start..start + slab.nrows()));
                product(layers[l].gradient, &h.t(), &delta[l], slab);
            }
        });
    }
}

type Chunks<'a> = Vec<Box<dyn Iterator<Item = ArrayViewMut2<'a, f32>> + 'a>>;

fn chunks(arrays: &mut [Array2<f32>], rows: usize) -> Chunks<'_> {
    arrays.iter_mut().map(|array| Box::new(array.axis_chunks_iter_mut(Axis(0), rows)) as Box<_>).collect()
}

fn next_of_each<'a>(chunks: &mut Chunks<'a>) -> Vec<ArrayViewMut2<'a, f32>> {
    chunks.iter_mut().filter_map(Iterator::next).collect()
}

/// C ← A·B.
fn product(kernel: Kernel, a: &ArrayRef2<f32>, b: &ArrayRef2<f32>, c: &mut ArrayRef2<f32>) {
    gemm_with(kernel, 1.0, a, b, 0.0, c);
}

/// The fastest kernel for a product of `(m, k)` and `(k, n)`.
fn fastest(m: usize, k: usize, n: usize, form: Form) -> Kernel {
    if let [only] = Kernel::all() {
        return *only;
    }
    let times = times(m, k, n, form);
    times.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("a build has a kernel").0
}

/// The seconds that each kernel takes for a product of `(m, k)` and `(k, n)`, on one thread.
pub fn times(m: usize, k: usize, n: usize, form: Form) -> Vec<(Kernel, f64)> {
    const TRIALS: usize = 5;
    const SECONDS: f64 = 2e-3;
    let mut rng = Rng::new(3);
    let mut of = |rows, columns| random(rows, columns, 1.0, &mut rng);
    let (a, b) = match form {
        Form::Plain => (of(m, k), of(k, n)),
        Form::LeftTransposed => (of(k, m).reversed_axes(), of(k, n)),
        Form::RightTransposed => (of(m, k), of(n, k).reversed_axes()),
    };
    let mut c = rows::zeros(m, n);
    let mut time = |kernel| {
        let mut run = |times| (0..times).for_each(|_| product(kernel, &a, &b, &mut c));
        let times = clock::steps_in(SECONDS, &mut run);
        (0..TRIALS).map(|_| clock::seconds(|| run(times)) / times as f64).fold(f64::INFINITY, f64::min)
    };
    Kernel::all().iter().map(|&kernel| (kernel, time(kernel))).collect()
}
