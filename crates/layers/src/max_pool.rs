mod kernels;

use std::fmt;

use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::pool::sweep;
use chainrule_tensor::rows::{LEAST_SHARED, in_one_piece, in_one_piece_mut, slices};
use chainrule_tensor::{Init, Layout, Scalar, Shape, simd};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxNumbers, OnnxWriter, picture};
use crate::point::{Grad, Point};
use crate::pool::{self, Pool};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::window::{Axis, Extent, Run, named, output_shape};
use crate::words::{Arguments, WordsError};
use kernels::{AllTaps, Largest, Scatter, Selected, Visit};

/// The largest number of each channel in a window that slides over a picture or a sequence.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`, and y has the same channels; its size is that of
/// [`Window`](crate::Window). The border counts as −∞ and is at most half of the kernel. No parameters.
///
/// # Gradient
/// ```text
/// y_o    = max x_i over the inputs i of window o
/// ∂C/∂xᵢ = Σ δ_o over the windows o whose maximum is xᵢ
/// ```
/// Of equal inputs, the first one of the window is its maximum. A NaN in a window is its maximum.
///
/// # References
/// Ranzato, Huang, Boureau and LeCun, "Unsupervised learning of invariant feature hierarchies", CVPR 2007, §2.1; PyTorch's
/// `nn.MaxPool1d` and `nn.MaxPool2d`.
///
/// ```
/// use chainrule_layers::{Layer, MaxPool, Mode, Tape};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0]];
/// let pool = MaxPool::new(Shape::image(2, 4, 1), 2);
/// let x = array![[1.0, 2.0, 3.0, 0.0, 9.0, 0.0, 0.0, 4.0]];
/// pool.forward(Mode::EVAL, &[], &x, &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[9.0, 4.0]]);
/// ```
#[derive(Clone)]
pub struct MaxPool {
    spec: MaxPoolSpec,
    input: Shape,
    output: Shape,
    axes: [Axis; 2],
    /// The inputs of each output along both axes.
    runs: [Vec<Run>; 2],
    layout: Layout,
}

impl MaxPool {
    /// A pool whose windows lie side by side.
    ///
    /// # Panics
    /// As [`with`](Self::with).
    #[track_caller]
    pub fn new(input: impl Into<Shape>, kernel: impl Into<Extent>) -> Self {
        Self::with(input, MaxPoolSpec::new(kernel))
    }

    /// A pool with a stride, a border or a dilation of its own.
    ///
    /// # Panics
    /// If the window does not fit the input.
    #[track_caller]
    pub fn with(input: impl Into<Shape>, spec: MaxPoolSpec) -> Self {
        let input = input.into();
        let axes = spec.pool().axes(input).unwrap_or_else(|error| panic!("max-pool: {}", error.fault));
        let runs = axes.map(|axis| (0..axis.outputs).map(|output| axis.seen(output)).collect());
        let output = output_shape(input, axes, input.features());
        Self { spec, input, output, axes, runs, layout: Layout::new() }
    }

    /// Whether no input is in two windows.
    fn are_windows_apart(&self) -> bool {
        self.axes.iter().all(|axis| (axis.kernel - 1) * axis.dilation < axis.stride)
    }

    /// Whether each input is in one window.
    fn do_windows_tile(&self) -> bool {
        let tiles = |axis: &Axis| {
            axis.kernel == axis.stride && axis.before == 0 && axis.outputs * axis.stride == axis.inputs
        };
        self.are_windows_apart() && self.axes.iter().all(|axis| axis.dilation == 1 && tiles(axis))
    }

    /// The least distance of the largest number of a window to another one that is second to it.
    fn least_gap<A: Scalar>(&self, x: &ArrayRef2<A>, is_second: impl Fn(A, A) -> bool) -> A {
        let (channels, width) = (self.input.features(), self.axes[1].inputs);
        let gap = |row: &[A], rows: Run, columns: Run, channel: usize| {
            let (mut first, mut second) = (A::neg_infinity(), A::neg_infinity());
            for i in 0..rows.len {
                for j in 0..columns.len {
                    let y = rows.start + i * self.axes[0].dilation;
                    let place = y * width + columns.start + j * self.axes[1].dilation;
                    let x = row[place * channels + channel];
                    if x > first {
                        (first, second) = (x, first);
                    } else if is_second(x, first) {
                        second = second.max(x);
                    }
                }
            }
            first - second
        };
        let mut least = A::infinity();
        for row in slices(x) {
            for &rows in &self.runs[0] {
                for &columns in &self.runs[1] {
                    least = (0..channels)
                        .fold(least, |least, channel| least.min(gap(row, rows, columns, channel)));
                }
            }
        }
        least
    }

    /// Passes over all positions of the output line `down` of an example.
    #[inline(always)]
    fn line(&self, down: usize, visit: &mut impl Visit) {
        let [height, width] = &self.axes;
        let channels = self.input.features();
        let rows = self.runs[0][down];
        for (across, &columns) in self.runs[1].iter().enumerate() {
            let tap = |i: usize, j: usize| {
                let [y, x] = [rows.start + i * height.dilation, columns.start + j * width.dilation];
                (y * width.inputs + x) * channels
            };
            // The windows that nearly all positions have, unrolled.
            match [rows.len, columns.len] {
                [2, 2] => visit.position(across, [tap(0, 0), tap(0, 1), tap(1, 0), tap(1, 1)]),
                [rows, columns] => visit.position(across, AllTaps { size: [rows, columns], tap }),
            }
        }
    }

    /// Passes over the lines of `to`, an output, with the example of each.
    fn over_lines<A: Scalar>(&self, to: &mut ArrayRef2<A>, visit: impl Fn(Place, &mut [A]) + Sync) {
        let line = self.axes[1].outputs * self.input.features();
        let (lines, size) = (self.axes[0].outputs, self.input.size());
        // Lines of y are independent, so the bits do not depend on how the threads share them.
        sweep([in_one_piece_mut(to)], line, LEAST_SHARED, |start, [part]| {
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, to) in part.chunks_exact_mut(line).enumerate() {
                        let (row, down) = ((start / line + i) / lines, (start / line + i) % lines);
                        visit(Place { down, from: row * size, to: start + i * line }, to);
                    }
                },
            );
        });
    }

    /// `out` ← Σ `delta` of the windows whose maximum an input is.
    fn scatter<A: Scalar>(&self, at: Point<'_, A>, delta: &ArrayRef2<A>, out: &mut ArrayRef2<A>) {
        let (channels, size, outputs) = (self.input.features(), self.input.size(), self.output.size());
        let [x, y, delta] = [at.x, at.y, delta].map(in_one_piece);
        let line = self.axes[1].outputs * channels;
        let (apart, tile) = (self.are_windows_apart(), self.do_windows_tile());
        // Windows overlap, so that a thread takes whole examples.
        sweep([in_one_piece_mut(out)], size, LEAST_SHARED, |start, [part]| {
            simd::dispatch(
                #[inline(always)]
                || {
                    for (i, out) in part.chunks_exact_mut(size).enumerate() {
                        let row = start / size + i;
                        if !tile {
                            out.fill(A::zero());
                        }
                        let x = &x[row * size..(row + 1) * size];
                        for down in 0..self.axes[0].outputs {
                            let place = row * outputs + down * line;
                            let (y, delta) = (&y[place..place + line], &delta[place..place + line]);
                            if apart {
                                self.line(down, &mut Scatter::<A, false> { x, y, delta, out, channels });
                            } else {
                                self.line(down, &mut Scatter::<A, true> { x, y, delta, out, channels });
                            }
                        }
                    }
                },
            );
        });
    }
}

/// A line of an output, and where its example and itself begin in their batches.
struct Place {
    down: usize,
    from: usize,
    to: usize,
}

impl<A: Scalar> Layer<A> for MaxPool {
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
        let (x, channels, size) = (in_one_piece(x), self.input.features(), self.input.size());
        self.over_lines(
            y,
            #[inline(always)]
            |place, y| {
                let x = &x[place.from..place.from + size];
                self.line(place.down, &mut Largest { x, y, channels });
            },
        );
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        _: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        if let Some(delta_x) = delta_x {
            self.scatter(at, delta, delta_x);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn near_kink(&self, _: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        self.least_gap(x, |x, first| x <= first) < radius
    }

    fn near_kink_in_network(&self, _: &[A], x: &ArrayRef2<A>, radius: A) -> bool {
        self.least_gap(x, |x, first| x < first) < radius
    }
}

impl<A: Scalar> SecondOrder<A> for MaxPool {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        _: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let Some(r_x) = r_x else { return r_y.fill(A::zero()) };
        let (channels, size) = (self.input.features(), self.input.size());
        let [x, y, r_x] = [at.x, at.y, r_x].map(in_one_piece);
        self.over_lines(
            r_y,
            #[inline(always)]
            |place, r_y| {
                let (x, r_x) = (&x[place.from..place.from + size], &r_x[place.from..place.from + size]);
                let y = &y[place.to..place.to + r_y.len()];
                self.line(place.down, &mut Selected { x, y, r_x, r_y, channels });
            },
        );
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        _: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        _: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        if let Some(r_delta_x) = r_delta_x {
            self.scatter(at, delta.tangent, r_delta_x);
        }
    }
}

impl fmt::Debug for MaxPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaxPool({} → {}, {})", self.input, self.output, self.spec.pool().to_words())
    }
}

/// [`MaxPool`] without its input: `max-pool 2`, `max-pool 3 stride 2 padding 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPoolSpec {
    /// The size of the window.
    pub kernel: Extent,
    /// From one window to the next; the kernel if it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Extent>,
    /// The border on each side, which counts as −∞.
    #[serde(default = "Extent::zero", skip_serializing_if = "Extent::is_zero")]
    pub padding: Extent,
    /// From one input of a window to the next.
    #[serde(default = "Extent::one", skip_serializing_if = "Extent::is_one")]
    pub dilation: Extent,
    /// Whether a last window that hangs over the end is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ceil: bool,
}

impl MaxPoolSpec {
    /// Windows side by side.
    pub fn new(kernel: impl Into<Extent>) -> Self {
        Self::from(Pool::new(kernel.into()))
    }

    fn pool(&self) -> Pool {
        let Self { kernel, stride, padding, dilation, ceil } = *self;
        Pool { kernel, stride, padding, dilation, ceil }
    }
}

impl From<Pool> for MaxPoolSpec {
    fn from(Pool { kernel, stride, padding, dilation, ceil }: Pool) -> Self {
        Self { kernel, stride, padding, dilation, ceil }
    }
}

impl LayerSpec for MaxPoolSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|pool: &MaxPool| pool.spec)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(output_shape(input, self.pool().axes(input)?, input.features()))
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(MaxPool::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let pool = Pool::from_words(arguments, |pool, arguments| {
            let dilation = named(arguments, "dilation")?;
            pool.dilation = dilation.unwrap_or(pool.dilation);
            Ok(dilation.is_some())
        })?;
        Ok(pool.into())
    }

    fn to_words(&self) -> String {
        self.pool().to_words()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let axes = self.pool().axes(input).expect("a layer that was built fits its input");
        let each = |of: fn(&Axis) -> usize| pool::both(axes.each_ref().map(of));
        let mut pads = [each(|axis| axis.before), each(Axis::after)].concat();
        let mut x = onnx.channels_first(x, picture(input));
        // onnxruntime takes no border as large as the kernel, which a dilation may want.
        if axes.iter().any(|axis| axis.after() >= axis.kernel) {
            let borders = [[0; 2].as_slice(), &pads[..2], &[0; 2], &pads[2..]].concat();
            let borders = onnx.own_tensor("borders", &[8], OnnxNumbers::Whole(borders));
            let least = onnx.number(f64::NEG_INFINITY);
            x = onnx.apply("Pad", &[&x, &borders, &least]);
            pads = vec![0; 4];
        }
        let attributes = vec![
            ("kernel_shape", OnnxAttribute::Ints(each(|axis| axis.kernel))),
            ("strides", OnnxAttribute::Ints(each(|axis| axis.stride))),
            ("dilations", OnnxAttribute::Ints(each(|axis| axis.dilation))),
            ("pads", OnnxAttribute::Ints(pads)),
        ];
        let y = onnx.apply_with("MaxPool", &[&x], attributes);
        onnx.channels_last(&y, picture(output_shape(input, axes, input.features())))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let pool = |kernel: usize| Self::new(kernel);
        vec![
            (Shape::image(4, 6, 2), pool(2)),
            (Shape::image(1, 1, 3), pool(1)),
            (Shape::image(5, 4, 1), Self { stride: Some(2.into()), padding: 1.into(), ..pool(3) }),
            (Shape::image(5, 3, 17), Self { ceil: true, ..pool(2) }),
            (Shape::image(5, 5, 2), Self { stride: Some(1.into()), dilation: 2.into(), ..Self::new((2, 3)) }),
            (Shape::sequence(7, 3), Self { stride: Some(2.into()), ..pool(3) }),
        ]
    }
}
