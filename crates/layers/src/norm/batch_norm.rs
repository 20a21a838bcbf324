use std::fmt;

use chainrule_tensor::ndarray::{ArrayRef2, Ix0, Ix1};
use chainrule_tensor::rows::{in_one_piece, in_one_piece_mut};
use chainrule_tensor::{Accum, Init, Layout, Param, Role, Scalar, Shape, Storage};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::norm::channels::{Along, Cell, Channels, Memory};
use crate::norm::{eps, eps_in_words, epsilon_fault, put, write_gain_and_shift, write_quotient};
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::{Tape, TapeKind};
use crate::words::{Arguments, WordsError};

/// y = γ·(x − μ)/√(σ² + ε) + β, with the mean μ and the variance σ² of each feature over the rows and positions of the batch.
///
/// In prediction, μ and σ² are the running statistics beside θ. A step moves them by `momentum` m: running ← (1 − m)·running +
/// m·batch, where the variance of the batch is the unbiased one. The batch of a step is what a pass is given: all rows, up to 1,024; of
/// a larger batch, and under a fixed reduction tree, a shard of it ("ghost" batch normalisation).
///
/// # Shapes
/// x and y are of one shape, any; γ and β are `(features)` and do not decay. A flat input or a sequence is PyTorch's
/// `nn.BatchNorm1d(features)`, an image its `nn.BatchNorm2d(features)`. Training needs two values of each feature.
///
/// # Gradient
/// With x̂ = (x − μ)/√(σ² + ε), g = γδ and the mean ⟨·⟩ over rows and positions:
/// ```text
/// ∂C/∂x = (g − ⟨g⟩ − x̂⟨g·x̂⟩)/√(σ² + ε)
/// ∂C/∂γ = Σ δ·x̂,    ∂C/∂β = Σ δ
/// ```
/// In prediction both means are 0.
///
/// # References
/// Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", ICML 2015;
/// Hoffer, Hubara and Soudry, "Train longer, generalize better", NIPS 2017, §4 (ghost batches).
///
/// ```
/// use chainrule_layers::{BatchNorm, Layer, Mode, TapeKind};
/// use chainrule_tensor::ndarray::array;
///
/// let (layer, x) = (BatchNorm::new(1), array![[1.0], [3.0]]);
/// let (mut y, mut tape) = (x.clone(), layer.tape(TapeKind::Complete, 2));
/// layer.forward(Mode::Train { seed: 0, row: 0 }, &[2.0, 5.0], &x, &mut y, &mut tape);
/// assert!((y[(0, 0)] - 3.0_f64).abs() < 1e-4 && (y[(1, 0)] - 7.0).abs() < 1e-4);
/// ```
#[derive(Clone)]
pub struct BatchNorm {
    shape: Shape,
    momentum: f64,
    epsilon: f64,
    kernel: Channels,
    layout: Layout,
    weight: Param<Ix1>,
    bias: Param<Ix1>,
    statistics: Layout,
    running_mean: Param<Ix1>,
    running_var: Param<Ix1>,
    steps: Param<Ix0>,
}

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

impl BatchNorm {
    /// With momentum 0.1 and ε = 1e−5. γ begins at 1 and β at 0.
    pub fn new(shape: impl Into<Shape>) -> Self {
        Self::with(shape, MOMENTUM, EPSILON)
    }

    /// With a momentum from 0 to 1 and a positive ε.
    ///
    /// # Panics
    /// If either is not.
    #[track_caller]
    pub fn with(shape: impl Into<Shape>, momentum: f64, epsilon: f64) -> Self {
        if let Some(fault) = fault(momentum, epsilon) {
            panic!("batch-norm: {fault}");
        }
        let shape = shape.into();
        let (features, mut layout, mut statistics) = (shape.features(), Layout::new(), Layout::new());
        let weight = layout.push("weight", features, Init::Constant(1.0));
        let bias = layout.push("bias", features, Init::Zeros);
        let running_mean = statistics.push("running_mean", features, Init::Zeros);
        let running_var = statistics.push("running_var", features, Init::Constant(1.0));
        let role = Role::plain().stored(Storage::usual(&[]).whole());
        let steps = statistics.push_as("num_batches_tracked", (), Init::Zeros, role);
        let kernel = Channels::new(features, usize::MAX, 1, epsilon);
        Self {
            shape,
            momentum,
            epsilon,
            kernel,
            layout,
            weight,
            bias,
            statistics,
            running_mean,
            running_var,
            steps,
        }
    }

    fn cell<'a, A: Scalar>(
        &self,
        theta: &'a [A],
        x: &'a ArrayRef2<A>,
        saved: &'a [Vec<A>; 4],
    ) -> Cell<'a, A> {
        let [mean, inverse, _, frozen] = saved;
        let (x, gain) = (in_one_piece(x), Some(&theta[self.weight.range()]));
        Cell { x, mean, inverse, frozen: frozen[0] == A::one(), gain }
    }

    fn along<'a, A: Scalar>(&self, v: &'a [A], r_x: Option<&'a ArrayRef2<A>>) -> Along<'a, A> {
        let (v_gain, v_shift) = (Some(&v[self.weight.range()]), Some(&v[self.bias.range()]));
        Along { r_x: r_x.map(in_one_piece), v_gain, v_shift }
    }
}

/// What is wrong with these numbers.
fn fault(momentum: f64, epsilon: f64) -> Option<String> {
    if !(0.0..=1.0).contains(&momentum) {
        return Some(format!("the momentum {momentum} is not in [0, 1]"));
    }
    epsilon_fault(epsilon)
}

/// What a tape holds: μ, 1/σ, the unbiased variance, and 1 where they were given; then the memory of the kernel.
#[track_caller]
fn parts<A>(tape: &mut Tape<A>) -> (&mut [Vec<A>; 4], Memory<'_, A>) {
    const TAPE: &str = "batch-norm: the tape is this layer's";
    let (saved, memory) = tape.vectors.split_first_chunk_mut().expect(TAPE);
    (saved, Memory::of(memory.try_into().expect(TAPE)))
}

impl<A: Scalar> Layer<A> for BatchNorm {
    fn input_shape(&self) -> Shape {
        self.shape
    }

    fn output_shape(&self) -> Shape {
        self.shape
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn statistics(&self) -> &Layout {
        &self.statistics
    }

    fn least_rows(&self) -> usize {
        if self.shape.positions() == 1 { 2 } else { 1 }
    }

    fn observe(&self, tape: &Tape<A>, observed: &mut [A]) {
        observed[self.running_mean.range()].copy_from_slice(&tape.vectors[0]);
        observed[self.running_var.range()].copy_from_slice(&tape.vectors[2]);
        observed[self.steps.range()].fill(A::one());
    }

    fn track(&self, observed: &[A], statistics: &mut [A]) {
        let momentum = A::of(self.momentum);
        for range in [self.running_mean.range(), self.running_var.range()] {
            for (running, &seen) in statistics[range.clone()].iter_mut().zip(&observed[range]) {
                *running = (A::one() - momentum) * *running + momentum * seen;
            }
        }
        statistics[self.steps.range()][0] += A::one();
    }

    fn tape(&self, kind: TapeKind, batch: usize) -> Tape<A> {
        let complete = kind == TapeKind::Complete;
        let [sums, rows, partial] = self.kernel.memory(batch * self.shape.size(), complete);
        let features = self.shape.features();
        let lengths = [features, features, features, 1, sums, rows, partial];
        Tape { kind, ..Tape::empty().and_vectors(lengths) }
    }

    /// # Panics
    /// In training, if x has one value of each feature.
    fn forward(
        &self,
        mode: Mode<'_, A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
        tape: &mut Tape<A>,
    ) {
        let (saved, mut memory) = parts(tape);
        let [mean, inverse, unbiased, frozen] = &mut *saved;
        match mode {
            Mode::Train { .. } => {
                let x = in_one_piece(x);
                assert!(
                    self.kernel.group_size(x.len()) > 1,
                    "batch-norm: in training, a batch of one row of shape {} has one value of each feature: use two rows or more",
                    self.shape
                );
                frozen[0] = A::zero();
                self.kernel.moments(x, mean, inverse, Some(unbiased), &mut memory);
            }
            Mode::Eval { statistics } => {
                frozen[0] = A::one();
                mean.copy_from_slice(&statistics[self.running_mean.range()]);
                let variance = &statistics[self.running_var.range()];
                inverse.iter_mut().zip(variance).for_each(|(out, &v)| *out = self.kernel.inverse_of(v));
            }
        }
        let (cell, shift) = (self.cell(theta, x, saved), &theta[self.bias.range()]);
        self.kernel.forward(cell, Some(shift), in_one_piece_mut(y), &mut memory);
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        tape: &mut Tape<A>,
    ) {
        let (saved, mut memory) = parts(tape);
        let cell = self.cell(at.theta, at.x, saved);
        let delta_x = delta_x.map(in_one_piece_mut);
        let [weight, bias] = self.kernel.backward(cell, in_one_piece(delta), delta_x, &mut memory);
        if let Some(Grad { flat, accum, .. }) = grad {
            put(&mut flat[self.weight.range()], weight, accum);
            put(&mut flat[self.bias.range()], bias, accum);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn frees_output(&self) -> bool {
        true
    }
}

impl<A: Scalar> SecondOrder<A> for BatchNorm {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (saved, mut memory) = parts(tapes.value);
        let (cell, along) = (self.cell(at.theta, at.x, saved), self.along(v, r_x));
        let ([across, inner, ..], _) = parts(tapes.tangent);
        self.kernel.r_forward(cell, along, in_one_piece_mut(r_y), [across, inner], &mut memory);
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        tapes: Dual<&mut Tape<A>>,
    ) {
        let (saved, mut memory) = parts(tapes.value);
        let (cell, along) = (self.cell(at.theta, at.x, saved), self.along(along.v, along.r_x));
        let ([across, inner, ..], _) = parts(tapes.tangent);
        let deltas = [delta.value, delta.tangent].map(in_one_piece);
        let r_delta_x = r_delta_x.map(in_one_piece_mut);
        let [weight, bias] =
            self.kernel.r_backward(cell, along, deltas, r_delta_x, [across, inner], &mut memory);
        put(&mut r_grad[self.weight.range()], weight, Accum::Add);
        put(&mut r_grad[self.bias.range()], bias, Accum::Add);
    }
}

impl fmt::Debug for BatchNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchNorm({})", self.shape)
    }
}

/// [`BatchNorm`] without its input: `batch-norm`, or `batch-norm momentum 0.01 eps 0.001`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNormSpec {
    /// How far a step moves the running statistics.
    pub momentum: f64,
    /// What is added to the variance.
    pub eps: f64,
}

impl Default for BatchNormSpec {
    fn default() -> Self {
        Self { momentum: MOMENTUM, eps: EPSILON }
    }
}

impl LayerSpec for BatchNormSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|norm: &BatchNorm| Self { momentum: norm.momentum, eps: norm.epsilon })
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        fault(self.momentum, self.eps).map_or(Ok(input), |fault| Err(SpecError::here(fault)))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        input.features().checked_mul(2)
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(BatchNorm::with(input, self.momentum, self.eps))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let mut spec = Self::default();
        if arguments.takes("momentum") {
            spec.momentum = arguments.required("a number after `momentum`, such as 0.1")?;
        }
        spec.eps = eps(arguments, spec.eps)?;
        Ok(spec)
    }

    fn to_words(&self) -> String {
        let usual = Self::default();
        let momentum = (self.momentum != usual.momentum).then(|| format!("momentum {}", self.momentum));
        [momentum, eps_in_words(self.eps, usual.eps)].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// With the running statistics.
    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        onnx.by_position(input, x, |onnx, x| {
            let [mean, variance] = ["running_mean", "running_var"].map(|name| onnx.parameter(name));
            let centred = onnx.apply("Sub", &[x, &mean]);
            let normal = write_quotient(onnx, &centred, &variance, self.eps);
            write_gain_and_shift(onnx, &normal)
        })
    }

    fn keeps_places(&self) -> bool {
        true
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let usual = Self::default;
        vec![
            (Shape::Flat(6), usual()),
            (Shape::Flat(1), Self { momentum: 0.5, eps: 0.01 }),
            (Shape::sequence(5, 3), usual()),
            (Shape::image(3, 5, 2), usual()),
            (Shape::image(1, 1, 4), usual()),
            (Shape::image(4, 3, 1), usual()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use chainrule_tensor::ndarray::Array2;
    use chainrule_tensor::{Pool, Rng};

    use super::*;

    const TRAIN: Mode<'_, f64> = Mode::Train { seed: 0, row: 0 };

    #[track_caller]
    fn assert_near<'a>(found: impl IntoIterator<Item = &'a f64>, expected: &[f64], within: f64) {
        let found: Vec<f64> = found.into_iter().copied().collect();
        let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= within;
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(is_near),
            "{found:?}, not {expected:?}"
        );
    }

    // m = nn.BatchNorm1d(2).double()
    // with torch.no_grad(): m.weight.copy_(torch.tensor([1.5, -0.5])); m.bias.copy_(torch.tensor([0.25, 2.0]))
    // x = torch.arange(8, dtype=torch.float64).sin().reshape(4, 2).requires_grad_()
    // y = m(x)
    // dx, dw, db = torch.autograd.grad((y * torch.arange(8.).reshape(4, 2).cos()).sum(), [x, m.weight, m.bias])
    // print(y, dx, dw, db, m.running_mean, m.running_var); m.eval(); print(m(x))
    const Y: [f64; 8] = [
        0.328_414_245_100_408_8,
        1.520_906_618_749_565_7,
        2.575_547_965_371_044_2,
        2.020_727_400_956_852_5,
        -1.541_860_932_877_663_3,
        2.805_798_047_115_288,
        -0.362_101_277_593_789_74,
        1.652_567_933_178_293_4,
    ];
    const DELTA_X: [f64; 8] = [
        1.927_775_138_914_174_8,
        -0.173_783_803_274_707_16,
        -1.383_215_608_030_728_7,
        0.806_791_032_937_173_7,
        -2.315_915_024_350_466,
        -0.277_398_075_528_964_7,
        1.771_355_493_467_02,
        -0.355_609_154_133_501_8,
    ];
    const WEIGHT: [f64; 2] = [-0.203_892_137_144_346_95, 0.625_461_234_014_965_9];
    const BIAS: [f64; 2] = [0.890_379_816_293_716_4, 0.587_874_293_327_331_5];
    const MEAN: [f64; 2] = [-0.003_173_014_167_029_309, 0.017_016_332_923_085_36];
    const VAR: [f64; 2] = [0.949_120_588_013_606_7, 0.965_444_439_864_099_6];
    const EVAL: [f64; 8] = [
        0.254_885_401_768_863_7,
        1.580_462_404_214_513_7,
        1.654_905_390_206_685_5,
        1.936_847_760_667_007_8,
        -0.910_342_376_813_469,
        2.496_623_768_451_193,
        -0.175_322_878_841_174_3,
        1.674_340_382_369_944_5,
    ];

    #[test]
    fn values_gradients_and_statistics_are_those_of_pytorch() {
        let (layer, theta) = (BatchNorm::new(2), [1.5, -0.5, 0.25, 2.0]);
        let x = Array2::from_shape_fn((4, 2), |(i, j)| ((2 * i + j) as f64).sin());
        // PyTorch's cosines were of f32.
        let delta = Array2::from_shape_fn((4, 2), |(i, j)| f64::from(((2 * i + j) as f32).cos()));
        let (mut y, mut delta_x, mut grad) = (x.clone(), x.clone(), [f64::NAN; 4]);
        let mut tape = layer.tape(TapeKind::Gradient, 7);
        layer.forward(TRAIN, &theta, &x, &mut y, &mut tape);
        assert_near(&y, &Y, 1e-13);
        let at = Point { theta: &theta, x: &x, y: &y };
        let into = Grad::new(&mut grad, Accum::Replace);
        layer.backward(at, &delta, Some(&mut delta_x), Some(into), &mut tape);
        assert_near(&delta_x, &DELTA_X, 1e-6);
        assert_near(&grad, &[WEIGHT, BIAS].concat(), 1e-6);
        let mut statistics = Layer::<f64>::statistics(&layer).init::<f64>(&mut Rng::new(0)).to_vec();
        let mut observed = [f64::NAN; 5];
        layer.observe(&tape, &mut observed);
        layer.track(&observed, &mut statistics);
        assert_near(&statistics, &[&MEAN[..], &VAR, &[1.0]].concat(), 1e-13);
        layer.forward(Mode::Eval { statistics: &statistics }, &theta, &x, &mut y, &mut tape);
        assert_near(&y, &EVAL, 1e-13);
    }

    #[test]
    fn a_large_mean_costs_no_digits_and_threads_change_no_bit() {
        // x = 1000 + noise, in f32.
        let (layer, rng) = (BatchNorm::new(Shape::image(16, 16, 3)), &mut Rng::new(5));
        let x = Array2::from_shape_simple_fn((64, 768), || 1000.0 + rng.normal::<f32>(0.5));
        let delta = Array2::from_shape_simple_fn((64, 768), || rng.normal::<f32>(1.0));
        let run = |threads| {
            let (mut y, mut delta_x, mut grad) = (x.clone(), x.clone(), [f32::NAN; 6]);
            let (mut tape, theta) = (layer.tape(TapeKind::Gradient, 64), [1.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
            Pool::new(threads).enter(|| {
                layer.forward(Mode::Train { seed: 0, row: 0 }, &theta, &x, &mut y, &mut tape);
                let at = Point { theta: &theta, x: &x, y: &y };
                let into = Grad::new(&mut grad, Accum::Replace);
                layer.backward(at, &delta, Some(&mut delta_x), Some(into), &mut tape);
            });
            (y, delta_x, grad, tape.vectors[..3].to_vec())
        };
        let once = run(1);
        assert!(once == run(2) && once == run(5));
        for c in 0..3 {
            let values: Vec<f64> = x.iter().skip(c).step_by(3).map(|&x| f64::from(x)).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let unbiased = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
            assert!((f64::from(once.3[0][c]) - mean).abs() < 1e-4, "{mean}");
            assert!((f64::from(once.3[2][c]) / unbiased - 1.0).abs() < 1e-5, "{unbiased}");
        }
    }

    #[test]
    #[should_panic(expected = "a batch of one row of shape 2 has one value of each feature")]
    fn a_batch_of_one_value_is_refused_in_training() {
        let (layer, x) = (BatchNorm::new(2), Array2::zeros((1, 2)));
        layer.forward(
            TRAIN,
            &[1.0, 1.0, 0.0, 0.0],
            &x,
            &mut x.clone(),
            &mut layer.tape(TapeKind::Complete, 1),
        );
    }
}
