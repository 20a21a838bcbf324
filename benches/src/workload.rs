//! The networks that are measured.

use std::iter::{Cycle, Zip};

use chainrule::layers::{Architecture, Preset, Stage, activation};

use chainrule::loss::{FusedOutput, LossKind, TargetKind};

use chainrule::ndarray::iter::AxisChunksIter;
use chainrule::ndarray::{Array2, Axis, Ix2};
use chainrule::optim::{Decay, Descent, Optimizer, RuleKind, Schedule};
use chainrule::tensor::rows::argmax;
use chainrule::tensor::simd::{self, LANES};
use chainrule::tensor::{Layout, Shape};

/// A network, how it is trained, and on how many rows at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The name in tables.
    pub name: String,
    /// The network.
    pub architecture: Architecture,
    /// The loss.
    pub loss: LossKind,
    /// The update rule.
    pub optimizer: RuleKind,
    /// The rows of a step.
    pub batch: usize,
    /// Whether only the forward pass is measured.
    pub forward_only: bool,
}

/// Two convolutions as in the first example of many a library.
const PLAIN: &str = "conv 32 3x3, relu, conv 64 3x3, relu, max-pool 2, flatten, dense 128, relu, dense 10";

impl Workload {
    /// The workloads that [docs/performance.md] compares with other libraries.
    ///
    /// [docs/performance.md]: ../../../../docs/performance.md
    pub fn standard() -> Vec<Self> {
        use LossKind::{CrossEntropy, SquaredError};
        use RuleKind::{Adam, Momentum, Sgd};
        let entry = |name: &str, architecture, loss, optimizer, batch, forward_only| {
            let name = name.to_owned();
            Self { name, architecture, loss, optimizer, batch, forward_only }
        };
        let dense = |name: &str, widths: &[usize], activation: Stage, loss, optimizer, batch| {
            entry(name, perceptron(widths, activation, loss), loss, optimizer, batch, name.starts_with("W6"))
        };
        let convolutional = |name: &str, [side, channels]: [usize; 2], network: &str, optimizer, batch| {
            let input = Shape::image(side, side, channels);
            let architecture = Architecture::parse(input, network).expect("a workload is a network");
            entry(name, architecture, CrossEntropy, optimizer, batch, name.contains('f'))
        };
        let (small, w3) = (&[64, 32, 10], &[784, 512, 512, 10]);
        let w4 = &[784, 2048, 2048, 10];
        let (relu, tanh) = (|| activation::Relu.into(), || activation::Tanh.into());
        vec![
            dense("W1", &[784, 100, 10], activation::Sigmoid.into(), SquaredError, Sgd, 32),
            dense("W2", &[784, 256, 128, 10], relu(), CrossEntropy, Momentum, 64),
            dense("W3", w3, relu(), CrossEntropy, Adam, 128),
            dense("W4", w4, relu(), CrossEntropy, Momentum, 512),
            dense("W5b1", small, tanh(), CrossEntropy, Sgd, 1),
            dense("W5b16", small, tanh(), CrossEntropy, Sgd, 16),
            dense("W6b1", w3, relu(), CrossEntropy, Adam, 1),
            dense("W6b256", w3, relu(), CrossEntropy, Adam, 256),
            convolutional("C1", [28, 1], &Preset::Lenet5.words(10), Momentum, 64),
            convolutional("C2", [28, 1], PLAIN, Adam, 64),
            convolutional("C3", [32, 3], &Preset::Resnet8.words(10), Momentum, 64),
            convolutional("C4", [32, 3], &Preset::MobilenetTiny.words(10), Momentum, 64),
            convolutional("C1f1", [28, 1], &Preset::Lenet5.words(10), Momentum, 1),
            convolutional("C2f1", [28, 1], PLAIN, Adam, 1),
            convolutional("C2f256", [28, 1], PLAIN, Adam, 256),
        ]
    }
}

/// A perceptron. On a squared or absolute error the outputs are sigmoid units, as in the lecture; the other losses have their
/// output function in them.
pub fn perceptron(widths: &[usize], activation: Stage, loss: LossKind) -> Architecture {
    let mut plan = Architecture::perceptron(widths, activation, 0.0);
    if loss.spec().output() == FusedOutput::Identity {
        plan.layers.push(activation::Sigmoid.into());
    }
    plan
}

/// The optimizer of a network's θ by an update rule. The rates, a tenth of the usual ones, are low enough for any of the networks on
/// any data: what a step costs does not depend on them, as long as the numbers stay finite.
pub fn optimizer(rule: RuleKind, layout: &Layout) -> Box<dyn Optimizer<f32>> {
    let rule = rule.spec();
    let decay = (rule.weight_decay() > 0.0).then(|| Decay::on_all(rule.weight_decay()));
    let rate = Schedule::constant(rule.learning_rate() / 10.0);
    Box::new(Descent::new(rule.build(decay), layout.len(), rate).along(layout))
}

/// The rows of a data set, unless they would take more than [`BYTES`].
const ROWS: usize = 8192;
/// What 8,192 images of 28 × 28 take.
const BYTES: usize = ROWS * 784 * size_of::<f32>();

/// The batches of [`Data`], without end.
pub type Batches<'a> = Cycle<Zip<AxisChunksIter<'a, f32, Ix2>, AxisChunksIter<'a, f32, Ix2>>>;

/// Examples in memory, in as many whole batches as there are.
#[derive(Debug)]
pub struct Data {
    x: Array2<f32>,
    target: Array2<f32>,
    batch: usize,
}

impl Data {
    /// Inputs drawn uniformly from [0, 1), and of the first inputs, one for each output, the largest as the class: a
    /// function that can be learned.
    pub fn new(workload: &Workload) -> Self {
        let (inputs, batch) = (workload.architecture.inputs(), workload.batch);
        let outputs = workload.architecture.outputs();
        let rows = ROWS.min(BYTES / (inputs * size_of::<f32>())) / batch * batch;
        let rows = rows.max(batch);
        let mut x = Array2::zeros((rows, inputs));
        let mut class = Vec::with_capacity(rows);
        // Marsaglia's xorshift, sixteen in turn so that they go by SIMD, and the class of a row while that is in the cache:
        // data must not take longer than what is measured on it.
        let mut states: [u32; LANES] = std::array::from_fn(|i| 0x9e37_79b9_u32.wrapping_mul(i as u32 + 1));
        simd::dispatch(|| {
            for row in x.as_slice_mut().expect("a fresh array is contiguous").chunks_mut(inputs) {
                for numbers in row.chunks_mut(LANES) {
                    for (x, state) in numbers.iter_mut().zip(&mut states) {
                        *state ^= *state << 13;
                        *state ^= *state >> 17;
                        *state ^= *state << 5;
                        *x = (*state >> 8) as i32 as f32 / (1 << 24) as f32;
                    }
                }
                class.push(argmax(&row[..outputs.min(inputs)]) as f32);
            }
        });
        let target = match workload.loss.spec().target() {
            TargetKind::Class => Array2::from_shape_vec((rows, 1), class).expect("a class a row"),
            _ => Array2::from_shape_fn((rows, outputs), |(n, k)| f32::from(u8::from(class[n] == k as f32))),
        };
        Self { x, target, batch }
    }

    /// Inputs and targets of batch after batch, over and over: rows of the whole, not a copy.
    pub fn batches(&self) -> Batches<'_> {
        let (x, target) = (&self.x, &self.target);
        x.axis_chunks_iter(Axis(0), self.batch).zip(target.axis_chunks_iter(Axis(0), self.batch)).cycle()
    }
}
