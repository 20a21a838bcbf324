use std::fmt;

use chainrule_tensor::conv::{Axis, Convolution, Onto};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::{Accum, Init, Layout, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::filters::{FilterSpec, Filters, slice, slice_mut};
use crate::layer::Layer;
use crate::mode::Mode;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::point::{Grad, Point};
use crate::second_order::{Dual, SecondOrder, Tangent};
use crate::spec::{LayerSpec, SpecError};
use crate::tape::Tape;
use crate::window::{Extent, Padding};
use crate::words::{Arguments, WordsError};

/// The transposed convolution: the map that takes ∂C/∂y of a convolution to its ∂C/∂x, as a layer of its own. PyTorch's
/// `ConvTranspose2d` and `ConvTranspose1d`.
///
/// Each place of x sends x·W to a window of y; where windows overlap, they add up:
/// ```text
/// y[u·s − p + d·i, v·s − p + d·j, n] += Σ_c x[u, v, c] · W[i, j, n, c],   and b[n] once
/// ```
///
/// # Shapes
/// x is an image or a sequence; y has (m − 1)·s − 2p + d(k − 1) + 1 places where x has m, and as many more as `output_padding`
/// says, which must be less than s. W is `(kernel height, kernel width, outputs / groups, channels)`, without the height for a
/// sequence; b is `(outputs)`.
///
/// # Gradient
/// That of [`Conv`](crate::Conv) with x and y exchanged: ∂C/∂x = δ ∗ W, and ∂C/∂W of a convolution whose input is δ.
///
/// # References
/// Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", CVPR 2010; Dumoulin and Visin, arXiv 1603.07285, 2016, ch. 4.
///
/// ```
/// use chainrule_layers::{ConvTranspose, Layer, Sequential};
/// use chainrule_tensor::Shape;
///
/// let up: Sequential<f32> =
///     Sequential::input(Shape::image(7, 7, 16)).then(|s| ConvTranspose::new(s, 8, 4).stride(2).padding(1));
/// assert_eq!(up.output_shape(), Shape::image(14, 14, 8));
/// ```
#[derive(Clone)]
pub struct ConvTranspose {
    input: Shape,
    spec: ConvTransposeSpec,
    filters: Result<Filters, SpecError>,
    /// How the weights begin, if somebody chose it.
    init: Option<Init>,
}

impl ConvTranspose {
    /// A layer with so many outputs at each place and a kernel of that size, a stride and a dilation of 1, no border and one
    /// group. Weights begin as suits the layer above, biases at zero.
    pub fn new(input: impl Into<Shape>, outputs: usize, kernel: impl Into<Extent>) -> Self {
        Self::of_spec(input.into(), ConvTransposeSpec(FilterSpec::new(outputs, kernel)), None)
    }

    fn of_spec(input: Shape, spec: ConvTransposeSpec, init: Option<Init>) -> Self {
        let FilterSpec { outputs, groups, .. } = spec.0;
        let filters = spec.axes(input).map(|axes| {
            let convolution = Convolution::new(axes, [outputs, input.features()], groups);
            spec.0.filters(convolution, input, init.unwrap_or(Init::GlorotUniform)).transposed()
        });
        Self { input, spec, filters, init }
    }

    fn with(self, change: impl FnOnce(&mut FilterSpec)) -> Self {
        let mut spec = self.spec;
        change(&mut spec.0);
        Self::of_spec(self.input, spec, self.init)
    }

    /// With another distance from one window of y to the next.
    #[must_use]
    pub fn stride(self, stride: impl Into<Extent>) -> Self {
        self.with(|spec| spec.stride = stride.into())
    }

    /// With so many places less on each side of y.
    #[must_use]
    pub fn padding(self, padding: impl Into<Extent>) -> Self {
        self.with(|spec| spec.padding = Padding::Each(padding.into()))
    }

    /// With so many places more behind y: the ones that a convolution with a stride would not have seen.
    #[must_use]
    pub fn output_padding(self, places: impl Into<Extent>) -> Self {
        self.with(|spec| spec.output_padding = places.into())
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

    /// Without b.
    #[must_use]
    pub fn without_bias(self) -> Self {
        self.with(|spec| spec.bias = false)
    }

    /// With weights that begin as `init` says.
    #[must_use]
    pub fn begin(self, init: Init) -> Self {
        Self::of_spec(self.input, self.spec, Some(init))
    }

    fn filters(&self) -> &Filters {
        self.filters
            .as_ref()
            .unwrap_or_else(|error| panic!("conv-transpose on {}: {}", self.input, error.fault))
    }
}

impl<A: Scalar> Layer<A> for ConvTranspose {
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
        filters.convolution.backward_input(slice(x), w, b, slice_mut(y), None);
    }

    fn backward(
        &self,
        at: Point<'_, A>,
        delta: &ArrayRef2<A>,
        delta_x: Option<&mut ArrayRef2<A>>,
        grad: Option<Grad<'_, A>>,
        _: &mut Tape<A>,
    ) {
        let filters = self.filters();
        if let Some(Grad { flat, accum, .. }) = grad {
            let weight = &mut flat[filters.weight.clone()];
            filters.convolution.backward_weight(slice(delta), slice(at.x), weight, accum);
            filters.bias_gradient(delta, flat, accum);
        }
        if let Some(delta_x) = delta_x {
            let w = filters.weight(at.theta);
            filters.convolution.forward(slice(delta), w, Onto::Nothing, slice_mut(delta_x), None);
        }
    }

    fn second_order(&self) -> Option<&dyn SecondOrder<A>> {
        Some(self)
    }

    fn frees_output(&self) -> bool {
        true
    }
}

impl<A: Scalar> SecondOrder<A> for ConvTranspose {
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
        convolution.backward_input(slice(at.x), filters.weight(v), filters.bias(v), r_y, None);
        if let Some(r_x) = r_x {
            convolution.backward_input(slice(r_x), filters.weight(at.theta), Onto::Itself, r_y, None);
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
        convolution.backward_weight(tangent, slice(at.x), r_weight, Accum::Add);
        if let Some(r_x) = along.r_x {
            convolution.backward_weight(value, slice(r_x), r_weight, Accum::Add);
        }
        filters.bias_gradient(delta.tangent, r_grad, Accum::Add);
        if let Some(out) = r_delta_x {
            let (w, v, out) = (filters.weight(at.theta), filters.weight(along.v), slice_mut(out));
            convolution.forward(tangent, w, Onto::Nothing, out, None);
            convolution.forward(value, v, Onto::Itself, out, None);
        }
    }
}

impl fmt::Debug for ConvTranspose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConvTranspose({} on {})", self.spec.to_words(), self.input)
    }
}

/// [`ConvTranspose`] without its input: `conv-transpose 8 4x4 stride 2 padding 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConvTransposeSpec(pub FilterSpec);

impl ConvTransposeSpec {
    /// The axes of y under the kernel, whose outputs are the places of x.
    fn axes(&self, input: Shape) -> Result<[Axis; 2], SpecError> {
        let output = self.output(input)?;
        let axes = self.0.window().axes(output, false)?;
        Ok(axes)
    }
}

impl LayerSpec for ConvTransposeSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|conv: &ConvTranspose| conv.spec)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let FilterSpec { kernel, stride, padding, dilation, outputs, output_padding: more, .. } = self.0;
        let Padding::Each(padding) = padding else {
            return Err(SpecError::here("a transposed convolution has a padding in numbers"));
        };
        if more.height >= stride.height.max(1) || more.width >= stride.width.max(1) {
            let fault = format!("an output padding of {more} is not less than the stride of {stride}");
            return Err(SpecError::here(fault));
        }
        let too_small = || {
            let words = self.to_words();
            SpecError::here(format!(
                "a border of {padding} leaves nothing of the output of {words} on {input}"
            ))
        };
        let length =
            |m: usize, kernel: usize, stride: usize, dilation: usize, padding: usize, more: usize| {
                let reach = dilation.checked_mul(kernel.checked_sub(1)?)?;
                let whole =
                    m.checked_sub(1)?.checked_mul(stride)?.checked_add(reach)?.checked_add(1 + more)?;
                whole.checked_sub(padding.checked_mul(2)?).filter(|&length| length > 0)
            };
        let high = |m| length(m, kernel.height, stride.height, dilation.height, padding.height, more.height);
        let wide = |m| length(m, kernel.width, stride.width, dilation.width, padding.width, more.width);
        let output = match input {
            Shape::Image { height, width, .. } => {
                let (height, width) = high(height).zip(wide(width)).ok_or_else(too_small)?;
                Shape::image(height, width, outputs)
            }
            Shape::Sequence { time, .. } => Shape::sequence(wide(time).ok_or_else(too_small)?, outputs),
            Shape::Flat(_) => input,
        };
        self.0.check(input.features())?;
        // Says what is wrong with a flat input, too.
        self.0.window().axes(output, false)?;
        Ok(output)
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        self.0.parameters(input, input.features())
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        Box::new(ConvTranspose::of_spec(input, *self, Some(init)))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        FilterSpec::from_words(arguments).map(Self)
    }

    fn to_words(&self) -> String {
        self.0.to_words()
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let axes = self.axes(input).expect("a network that was built fits together");
        let output = self.output(input).expect("likewise");
        let mut attributes = self.0.onnx_attributes(input, axes);
        let lengths = match output {
            Shape::Image { height, width, .. } => vec![height as i64, width as i64],
            _ => vec![output.positions() as i64],
        };
        // The border behind follows from it.
        attributes.retain(|(name, _)| *name != "pads");
        attributes.push(("output_shape", OnnxAttribute::Ints(lengths)));
        self.0.write_onnx("ConvTranspose", attributes, (input, output), x, onnx)
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let conv = |input: Shape, words: &str| (input, Self(FilterSpec::specimen(words)));
        vec![
            conv(Shape::image(3, 2, 2), "3 3x2"),
            conv(Shape::image(3, 4, 9), "2 4 stride 2 padding 1"),
            conv(Shape::image(2, 3, 4), "6 3 stride 2 padding 1 groups 2 output-padding 1"),
            conv(Shape::image(3, 3, 1), "1 2 dilation 2 no-bias"),
            conv(Shape::sequence(4, 2), "3 3 stride 3"),
        ]
    }
}
