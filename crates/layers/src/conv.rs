use std::fmt;

use chainrule_tensor::conv::{Convolution, Onto};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Accum, Init, Layout, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::filters::{FilterSpec, Filters, slice, slice_mut};
use crate::fused::{Affine, InPlaceActivation};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::OnnxWriter;
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::window::{Axis, Extent, Padding, output_shape};
use crate::words::{Arguments, WordsError};

/// The convolution y = x ∗ W + b over the pixels of a picture or the steps of a sequence: PyTorch's `Conv2d` and `Conv1d`.
///
/// With stride s, dilation d and a border of p zeros,
/// ```text
/// y[u, v, n] = b[n] + Σ_{i, j, c} x[u·s − p + d·i, v·s − p + d·j, c] · W[i, j, c, n]
/// ```
/// so that it is a [`Dense`](crate::Dense) layer on each window of x, with one W for all of them.
///
/// # Shapes
/// x is an image or a sequence; y has ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 places where x has n. W is `(kernel height, kernel width,
/// channels / groups, outputs)`, without the height for a sequence; b is `(outputs)`. With groups, each output sees the channels
/// of its own group alone; as many groups as channels make a depthwise convolution.
///
/// # Gradient
/// ```text
/// ∂C/∂W[i, j, c, n] = Σ x[u·s − p + d·i, v·s − p + d·j, c] · δ[u, v, n]     over rows and places (u, v)
/// ∂C/∂b = Σ δ                                                               likewise
/// ∂C/∂x = what each window sends back, δ·Wᵀ, added where the window came from
/// ```
///
/// # References
/// LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998; Dumoulin
/// and Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, 2016.
///
/// ```
/// use chainrule_layers::{Conv, Layer, Padding, Relu, Sequential};
/// use chainrule_tensor::Shape;
///
/// let features: Sequential<f32> = Sequential::input(Shape::image(28, 28, 1))
///     .then(|s| Conv::new(s, 6, 5).padding(2))
///     .then(Relu::new)
///     .then(|s| Conv::new(s, 16, (3, 5)).stride(2));
/// assert_eq!(features.output_shape(), Shape::image(13, 12, 16));
/// ```
#[derive(Clone)]
pub struct Conv {
    input: Shape,
    spec: ConvSpec,
    filters: Result<Filters, SpecError>,
    /// How the weights begin, if somebody chose it.
    init: Option<Init>,
}

impl Conv {
    /// A layer with so many outputs at each place and a kernel of that size, a stride and a dilation of 1, no border and one
    /// group. Weights begin as suits the layer above, biases at zero.
    pub fn new(input: impl Into<Shape>, outputs: usize, kernel: impl Into<Extent>) -> Self {
        Self::of_spec(input.into(), ConvSpec(FilterSpec::new(outputs, kernel)), None)
    }

    fn of_spec(input: Shape, spec: ConvSpec, init: Option<Init>) -> Self {
        let filters = spec.axes(input).map(|axes| {
            let begin = init.unwrap_or(Init::GlorotUniform);
            spec.0.filters(
                Convolution::new(axes, [input.features(), spec.0.outputs], spec.0.groups),
                input,
                begin,
            )
        });
        Self { input, spec, filters, init }
    }

    fn with(self, change: impl FnOnce(&mut FilterSpec)) -> Self {
        let mut spec = self.spec;
        change(&mut spec.0);
        Self::of_spec(self.input, spec, self.init)
    }

    /// With another distance from one window to the next.
    #[must_use]
    pub fn stride(self, stride: impl Into<Extent>) -> Self {
        self.with(|spec| spec.stride = stride.into())
    }

    /// With a border of zeros: a number, one for each axis, or [`Padding::SAME`].
    #[must_use]
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        self.with(|spec| spec.padding = padding.into())
    }

    /// With another distance from one number of a window to the next.
    #[must_use]
    pub fn dilation(self, dilation: impl Into<Extent>) -> Self {
        self.with(|spec| spec.dilation = dilation.into())
    }

    /// With the channels in groups that do not see each other.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        self.with(|spec| spec.groups = groups)
    }

    /// Without b, which a normalisation above would take away again.
    #[must_use]
    pub fn without_bias(self) -> Self {
        self.with(|spec| spec.bias = false)
    }

    /// With weights that begin as `init` says.
    #[must_use]
    pub fn begin(self, init: Init) -> Self {
        Self::of_spec(self.input, self.spec, Some(init))
    }

    /// # Panics
    /// If the kernel does not fit the input, or the groups do not divide the channels: `then` asks first.
    fn filters(&self) -> &Filters {
        self.filters.as_ref().unwrap_or_else(|error| panic!("conv on {}: {}", self.input, error.fault))
    }

    /// ∂C/∂θ, where it is wanted.
    fn gradient<A: Scalar>(&self, x: &ArrayRef2<A>, delta: &ArrayRef2<A>, grad: Option<Grad<'_, A>>) {
        let filters = self.filters();
        if let Some(Grad { flat, accum, .. }) = grad {
            let weight = &mut flat[filters.weight.clone()];
            filters.convolution.backward_weight(slice(x), slice(delta), weight, accum);
            filters.bias_gradient(delta, flat, accum);
        }
    }
}

impl<A: Scalar> Layer<A> for Conv {
    fn inputs(&self) -> usize {
        self.input.size()
    }

    fn outputs(&self) -> usize {
        Layer::<A>::output_shape(self).size()
    }

    fn input_shape(&self) -> Shape {
        self.filters();
        self.input
    }

    fn output_shape(&self) -> Shape {
        self.filters();
        self.spec.output(self.input).expect("looked at when it was made")
    }

    fn layout(&self) -> &Layout {
        &self.filters().layout
    }

    fn suit(&mut self, above: Init) {
        if self.init.is_none()
            && let Ok(filters) = &mut self.filters
        {
            filters.begin_as(above);
        }
    }

    fn forward(&self, _: Mode<'_, A>, theta: &[A], x: &ArrayRef2<A>, y: &mut ArrayRef2<A>, _: &mut Tape<A>) {
        let filters = self.filters();
        let (w, b) = (filters.weight(theta), filters.bias(theta));
        filters.convolution.forward(slice(x), w, b, slice_mut(y), None); //               y = x ∗ W + b
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        self.gradient(at.x, delta, grad);
        if let Some(delta_x) = delta_x {
            let Filters { convolution, .. } = self.filters();
            let (w, out) = (self.filters().weight(at.theta), slice_mut(delta_x));
            convolution.backward_input(slice(delta), w, Onto::Nothing, out, None); //      ∂C/∂x = δ·Wᵀ, window by window
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn affine(&self) -> Option<&dyn Affine<A>> {
        Some(self)
    }
}

impl<A: Scalar> Affine<A> for Conv {
    /// Two at least: even at a lone place, the border and the groups keep a weight from moving one unit by one input.
    fn positions(&self) -> usize {
        Layer::<A>::output_shape(self).positions().max(2)
    }

    fn forward_into(
        &self,
        phi: &dyn InPlaceActivation<A>,
        theta: &[A],
        x: &ArrayRef2<A>,
        y: &mut ArrayRef2<A>,
    ) {
        let filters = self.filters();
        let (w, b) = (filters.weight(theta), filters.bias(theta));
        let phi = |_: usize, z: &mut [A]| phi.apply(z);
        filters.convolution.forward(slice(x), w, b, slice_mut(y), Some(&phi)); //         y = φ(x ∗ W + b)
    }

    fn backward_through(
        &self,
        phi: &dyn InPlaceActivation<A>,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_z: &mut ArrayRef2<A>,
        grad: Option<Grad<'_, A>>,
    ) {
        self.gradient(at.x, delta, grad);
        let Filters { convolution, .. } = self.filters();
        let (x, w, out) = (slice(at.x), self.filters().weight(at.theta), slice_mut(delta_z));
        let slope = |place: usize, part: &mut [A]| phi.apply_slope(&x[place..place + part.len()], part);
        convolution.backward_input(slice(delta), w, Onto::Nothing, out, Some(&slope)); // ∂C/∂z = ∂C/∂x ⊙ φ'(z)
    }
}

impl<A: Scalar> SecondOrder<A> for Conv {
    fn r_forward(
        &self,
        at: Point<'_, A>,
        v: &[A],
        r_x: Option<&ArrayRef2<A>>,
        r_y: &mut ArrayRef2<A>,
        _: Dual<&mut Tape<A>>,
    ) {
        let (filters, r_y) = (self.filters(), slice_mut(r_y));
        let convolution = &filters.convolution;
        convolution.forward(slice(at.x), filters.weight(v), filters.bias(v), r_y, None); //    R{y} = x ∗ V + v_b
        if let Some(r_x) = r_x {
            convolution.forward(slice(r_x), filters.weight(at.theta), Onto::Itself, r_y, None); // + R{x} ∗ W
        }
    }

    fn r_backward(
        &self,
        at: Point<'_, A>,
        along: Tangent<'_, A>,
        delta: Dual<&ArrayRef2<A>>,
        r_delta_x: Option<&mut ArrayRef2<A>>,
        r_grad: &mut [A],
        _: Dual<&mut Tape<A>>,
    ) {
        let filters = self.filters();
        let (convolution, r_weight) = (&filters.convolution, &mut r_grad[filters.weight.clone()]);
        let (value, tangent) = (slice(delta.value), slice(delta.tangent));
        convolution.backward_weight(slice(at.x), tangent, r_weight, Accum::Add); //   R{∂C/∂W} = x ⋆ R{δ}
        if let Some(r_x) = along.r_x {
            convolution.backward_weight(slice(r_x), value, r_weight, Accum::Add); //           + R{x} ⋆ δ
        }
        filters.bias_gradient(delta.tangent, r_grad, Accum::Add); //                  R{∂C/∂b} = Σ R{δ}
        if let Some(out) = r_delta_x {
            let (w, v, out) = (filters.weight(at.theta), filters.weight(along.v), slice_mut(out));
            convolution.backward_input(tangent, w, Onto::Nothing, out, None); //      R{∂C/∂x} = R{δ} back through W
            convolution.backward_input(value, v, Onto::Itself, out, None); //                  + δ back through V
        }
    }
}

impl fmt::Debug for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conv({} on {})", self.spec.to_words(), self.input)
    }
}

/// [`Conv`] without its input: `conv 32 3x3 stride 2 padding 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConvSpec(pub FilterSpec);

impl ConvSpec {
    /// The axes of an input under the kernel.
    fn axes(&self, input: Shape) -> Result<[Axis; 2], SpecError> {
        if self.0.output_padding != Extent::square(0) {
            return Err(SpecError::here("an output padding belongs to a transposed convolution"));
        }
        let axes = self.0.window().axes(input, false)?;
        self.0.check(input.features())?;
        Ok(axes)
    }
}

impl LayerSpec for ConvSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|conv: &Conv| conv.spec)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(output_shape(input, self.axes(input)?, self.0.outputs))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        self.0.parameters(input, input.features())
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        Box::new(Conv::of_spec(input, *self, Some(init)))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        FilterSpec::from_words(arguments).map(Self)
    }

    fn to_words(&self) -> String {
        self.0.to_words()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let axes = self.axes(input).expect("a network that was built fits together");
        let output = output_shape(input, axes, self.0.outputs);
        let attributes = self.0.onnx_attributes(input, axes);
        self.0.write_onnx("Conv", attributes, (input, output), x, onnx)
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let conv = |input: Shape, words: &str| (input, Self(FilterSpec::specimen(words)));
        vec![
            conv(Shape::image(5, 4, 2), "3 3x2"),
            conv(Shape::image(4, 5, 3), "2 3 padding same"),
            conv(Shape::image(7, 6, 1), "2 3x2 stride 2x3 padding 1x0"),
            conv(Shape::image(6, 6, 4), "6 2 dilation 2 groups 2"),
            conv(Shape::image(5, 5, 3), "3 3 padding 1 groups 3"),
            conv(Shape::image(5, 6, 2), "2 3 stride 2 padding 1 groups 2 no-bias"),
            conv(Shape::image(4, 4, 9), "2 3 padding 1"),
            conv(Shape::image(1, 1, 1), "1 1"),
            conv(Shape::sequence(9, 2), "3 4 stride 2 padding 1"),
        ]
    }
}
