use std::fmt;
use std::ops::Range;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::pool::sweep;
use chainrule_tensor::rows::{LEAST_SHARED, in_one_piece, in_one_piece_mut};
use chainrule_tensor::{Layout, Scalar, Shape, simd};

use crate::blocks::{self, Block};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::{OnnxNumbers, OnnxWriter, picture};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::LayerSpec;
use crate::tape::Tape;
use crate::window::Run;

/// A layer that mixes the positions of each channel by fixed weights, first along one axis and then along the other, alike
/// for every channel: pooling by means, interpolation, a border of zeros.
///
/// # Shapes
/// x is a picture or a sequence; y has the outputs of the two [`AxisMap`]s as positions and the same channels. No parameters.
///
/// # Gradient
/// ```text
/// y_o    = Σᵢ a_oᵢ·xᵢ      where a_oᵢ is the product of the weights along both axes
/// ∂C/∂xᵢ = Σ_o a_oᵢ·δ_o
/// ```
///
/// ```
/// use chainrule_layers::{AvgPool, Layer, Mode, Tape};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0]];
/// let pool = AvgPool::new(Shape::sequence(4, 1), 2);
/// pool.forward(Mode::EVAL, &[], &array![[1.0, 3.0, 5.0, 6.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[2.0, 5.5]]);
/// ```
#[derive(Clone)]
pub struct Separable<S> {
    spec: S,
    input: Shape,
    output: Shape,
    maps: [AxisMap; 2],
    layout: Layout,
}

/// The description of a [`Separable`] layer.
pub trait SeparableSpec: LayerSpec + Copy + Send + Sync + 'static {
    /// The layer's name in Rust.
    const NAME: &'static str;

    /// The weights along the height and the width of an input that [`output`](LayerSpec::output) takes.
    fn maps(&self, input: Shape) -> [AxisMap; 2];
}

/// Which inputs each output along an axis is made of, and by what weights: a matrix with one run of numbers in each row.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisMap {
    inputs: usize,
    /// The inputs of each output.
    runs: Vec<Run>,
    /// The weights of each output's first input and of its others.
    weights: Vec<[f64; 2]>,
    /// The outputs that have each input.
    outputs_of: Vec<Run>,
}

impl AxisMap {
    /// The map with these inputs for each output in turn, and with the weight of the first of them and of the others.
    ///
    /// # Panics
    /// If a run ends beyond the inputs, or begins or ends before the one of an earlier output; empty ones do not count.
    #[track_caller]
    pub fn new(inputs: usize, rows: impl IntoIterator<Item = (Range<usize>, [f64; 2])>) -> Self {
        let (runs, weights): (Vec<Range<usize>>, Vec<_>) = rows.into_iter().unzip();
        let mut outputs_of = vec![Run { start: 0, len: 0 }; inputs];
        let (mut from, mut covered) = (0, 0);
        for (output, run) in runs.iter().enumerate().filter(|(_, run)| !run.is_empty()) {
            assert!(
                run.end <= inputs && run.start >= from && run.end >= covered,
                "separable: the runs of the outputs go backwards or beyond {inputs}: {runs:?}"
            );
            // An input is seen by all outputs from the first one that reaches it to the last one that does not lie behind.
            outputs_of[covered.max(run.start)..run.end].iter_mut().for_each(|seen| seen.start = output);
            (from, covered) = (run.start, run.end);
        }
        let mut open = inputs;
        for (output, run) in runs.iter().enumerate().rev().filter(|(_, run)| !run.is_empty()) {
            for seen in &mut outputs_of[run.start..open.clamp(run.start, run.end)] {
                seen.len = output + 1 - seen.start;
            }
            open = open.min(run.start);
        }
        let weights =
            runs.iter().zip(weights).map(|(run, weights)| if run.is_empty() { [0.0; 2] } else { weights });
        let weights = weights.collect();
        let runs = runs.into_iter().map(|run| Run { start: run.start, len: run.len() }).collect();
        Self { inputs, runs, weights, outputs_of }
    }

    /// An axis along which nothing happens.
    pub fn identity(length: usize) -> Self {
        Self::new(length, (0..length).map(|place| (place..place + 1, [1.0; 2])))
    }

    fn outputs(&self) -> usize {
        self.runs.len()
    }

    /// The length of the axis that the map, or its transpose, leads to and comes from.
    fn lengths<const TRANSPOSED: bool>(&self) -> [usize; 2] {
        if TRANSPOSED { [self.inputs, self.outputs()] } else { [self.outputs(), self.inputs] }
    }

    /// What the place `to` is made of.
    #[inline(always)]
    fn seen<const TRANSPOSED: bool>(&self, to: usize) -> Run {
        if TRANSPOSED { self.outputs_of[to] } else { self.runs[to] }
    }

    #[inline(always)]
    fn weight<const TRANSPOSED: bool>(&self, to: usize, from: usize) -> f64 {
        let (output, input) = if TRANSPOSED { (from, to) } else { (to, from) };
        let [first, others] = self.weights[output];
        if input == self.runs[output].start { first } else { others }
    }

    /// As a matrix, (inputs, outputs) or, transposed, (outputs, inputs).
    fn matrix(&self, transposed: bool) -> ([usize; 2], Vec<f64>) {
        let shape = if transposed { [self.outputs(), self.inputs] } else { [self.inputs, self.outputs()] };
        let mut matrix = vec![0.0; shape[0] * shape[1]];
        for (output, run) in self.runs.iter().enumerate() {
            for input in run.start..run.start + run.len {
                let [row, column] = if transposed { [output, input] } else { [input, output] };
                matrix[row * shape[1] + column] = self.weight::<false>(output, input);
            }
        }
        (shape, matrix)
    }
}

impl<S: SeparableSpec> Separable<S> {
    /// The layer for an input.
    ///
    /// # Panics
    /// If the layer does not take it.
    #[track_caller]
    pub fn with(input: impl Into<Shape>, spec: S) -> Self {
        let input = input.into();
        let output = spec.output(input).unwrap_or_else(|error| panic!("{}: {}", S::NAME, error.fault));
        Self { spec, input, output, maps: spec.maps(input), layout: Layout::new() }
    }

    /// The layer without its input.
    pub fn spec(&self) -> S {
        self.spec
    }

    fn assign_or_zero<A: Scalar>(&self, r_x: Option<&ArrayRef2<A>>, r_y: &mut ArrayRef2<A>) {
        match r_x {
            Some(r_x) => apply::<A, false>(&self.maps, self.input.features(), r_x, r_y),
            None => r_y.fill(A::zero()),
        }
    }
}

/// `to` ← the map of `from`, or its transpose.
///
/// It knows no layer, so that it is compiled once for all of them.
fn apply<A: Scalar, const TRANSPOSED: bool>(
    maps: &[AxisMap; 2],
    channels: usize,
    from: &ArrayRef2<A>,
    to: &mut ArrayRef2<A>,
) {
    let [height, width] = maps.each_ref().map(AxisMap::lengths::<TRANSPOSED>);
    let (line, example) = (width[0] * channels, height[1] * width[1] * channels);
    let from = in_one_piece(from);
    // Lines of y are independent, so the bits do not depend on how the threads share them.
    sweep([in_one_piece_mut(to)], line, LEAST_SHARED, |start, [part]| {
        simd::dispatch(
            #[inline(always)]
            || {
                for (i, to) in part.chunks_exact_mut(line).enumerate() {
                    let (row, down) = ((start / line + i) / height[0], (start / line + i) % height[0]);
                    let from = &from[row * example..(row + 1) * example];
                    let of_line = Line { maps, down, from, channels, width: width[1] };
                    if channels < NARROW && width[1] * channels <= LONGEST {
                        of_line.narrow::<TRANSPOSED>(to);
                        continue;
                    }
                    for (across, to) in to.chunks_exact_mut(channels).enumerate() {
                        of_line.position::<TRANSPOSED>(across, to);
                    }
                }
            },
        );
    });
}

/// Fewer channels than this do not fill a register.
const NARROW: usize = 16;
/// The numbers of a line that is summed up on the stack.
const LONGEST: usize = 1024;

/// What all positions of a line of the output have in common.
struct Line<'a, A> {
    maps: &'a [AxisMap; 2],
    down: usize,
    /// The example.
    from: &'a [A],
    channels: usize,
    /// The positions of a line of the example.
    width: usize,
}

impl<A: Scalar> Line<'_, A> {
    /// All positions of a line with few channels: first the lines that it is made of are added up, as long vectors, and then
    /// the positions of their sum.
    #[inline(always)]
    fn narrow<const TRANSPOSED: bool>(&self, to: &mut [A]) {
        let ([height, width], length) = (self.maps, self.width * self.channels);
        let mut memory = [A::zero(); LONGEST];
        let sum = &mut memory[..length];
        let rows = height.seen::<TRANSPOSED>(self.down);
        for row in rows.start..rows.start + rows.len {
            let weight = A::of(height.weight::<TRANSPOSED>(self.down, row));
            let from = &self.from[row * length..(row + 1) * length];
            sum.iter_mut().zip(from).for_each(|(sum, &x)| *sum += weight * x);
        }
        for (across, to) in to.chunks_exact_mut(self.channels).enumerate() {
            let seen = width.seen::<TRANSPOSED>(across);
            to.fill(A::zero());
            for place in seen.start..seen.start + seen.len {
                let weight = A::of(width.weight::<TRANSPOSED>(across, place));
                let from = &sum[place * self.channels..(place + 1) * self.channels];
                to.iter_mut().zip(from).for_each(|(to, &x)| *to += weight * x);
            }
        }
    }

    /// The channels of the position `across`.
    #[inline(always)]
    fn position<const TRANSPOSED: bool>(&self, across: usize, to: &mut [A]) {
        let [height, width] = self.maps;
        let seen = [height.seen::<TRANSPOSED>(self.down), width.seen::<TRANSPOSED>(across)];
        let tap = |i: usize, j: usize| {
            let [y, x] = [seen[0].start + i, seen[1].start + j];
            let weight = height.weight::<TRANSPOSED>(self.down, y) * width.weight::<TRANSPOSED>(across, x);
            ((y * self.width + x) * self.channels, A::of(weight))
        };
        let (from, channels) = (self.from, self.channels);
        // The windows that nearly all positions have, unrolled.
        match [seen[0].len, seen[1].len] {
            [1, 1] => blocks::over(channels, &mut Sum { from, to, taps: [tap(0, 0)] }),
            [2, 2] => {
                let taps = [tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)];
                blocks::over(channels, &mut Sum { from, to, taps });
            }
            [rows, columns] => blocks::over(channels, &mut SumOfAll { from, to, size: [rows, columns], tap }),
        }
    }
}

/// The weighted sum of some positions.
struct Sum<'a, A, const N: usize> {
    from: &'a [A],
    to: &'a mut [A],
    taps: [(usize, A); N],
}

impl<A: Scalar, const N: usize> Block for Sum<'_, A, N> {
    #[inline(always)]
    fn block<const L: usize>(&mut self, at: usize) {
        let mut sum = [A::zero(); L];
        for (place, weight) in self.taps {
            add(&mut sum, weight, &blocks::load(self.from, place + at));
        }
        *blocks::place(self.to, at) = sum;
    }
}

/// The same of any number of positions.
struct SumOfAll<'a, A, F> {
    from: &'a [A],
    to: &'a mut [A],
    size: [usize; 2],
    tap: F,
}

impl<A: Scalar, F: Fn(usize, usize) -> (usize, A)> Block for SumOfAll<'_, A, F> {
    #[inline(always)]
    fn block<const L: usize>(&mut self, at: usize) {
        let mut sum = [A::zero(); L];
        for i in 0..self.size[0] {
            for j in 0..self.size[1] {
                let (place, weight) = (self.tap)(i, j);
                add(&mut sum, weight, &blocks::load(self.from, place + at));
            }
        }
        *blocks::place(self.to, at) = sum;
    }
}

#[inline(always)]
fn add<A: Scalar, const L: usize>(sum: &mut [A; L], weight: A, x: &[A; L]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += weight * x;
    }
}

impl<A: Scalar, S: SeparableSpec> Layer<A> for Separable<S> {
    fn input_shape(&self) -> Shape {
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.output
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn forward(&self, _: Mode<'_, A>, _: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        apply::<A, false>(&self.maps, self.input.features(), x, y);
    }

    fn backward(
        &self,
        _: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(delta_x) = delta_x {
            apply::<A, true>(&self.maps, self.input.features(), delta, delta_x);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }
}

impl<A: Scalar, S: SeparableSpec> SecondOrder<A> for Separable<S> {
    fn r_forward(
        &self,
        _: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        self.assign_or_zero(r_x, r_y);
    }

    fn r_backward(
        &self,
        _: Point<'_, A>,
        _: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        if let Some(r_delta_x) = r_delta_x {
            apply::<A, true>(&self.maps, self.input.features(), delta.tangent, r_delta_x);
        }
    }
}

impl<S: SeparableSpec> fmt::Debug for Separable<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.spec.to_words();
        let words = if words.is_empty() { words } else { format!(", {words}") };
        write!(f, "{}({} → {}{words})", S::NAME, self.input, self.output)
    }
}

/// Writes the map of any [`Separable`] layer as a product with one matrix for each axis, for what no operator of ONNX computes.
pub(crate) fn write_products<S: SeparableSpec>(
    spec: &S,
    input: Shape,
    x: &str,
    onnx: &mut OnnxWriter,
) -> String {
    let [height, width] = spec.maps(input);
    let mut constant = |name: &str, ([rows, columns], numbers): ([usize; 2], Vec<f64>)| {
        onnx.own_tensor(name, &[rows, columns], OnnxNumbers::Real(numbers))
    };
    let across = constant("across", width.matrix(false));
    let down = constant("down", height.matrix(true));
    let outputs = Shape::image(height.outputs(), width.outputs(), input.features());
    let mut value = onnx.channels_first(x, picture(input));
    value = onnx.apply("MatMul", &[&value, &across]);
    value = onnx.apply("MatMul", &[&down, &value]);
    onnx.channels_last(&value, outputs)
}
