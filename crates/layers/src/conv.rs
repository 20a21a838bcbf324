use chainrule_tensor::conv::Convolution;
use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::filtered::{Filtered, FilteredSpec};
use crate::filters::{Direction, FilterSpec};
use crate::layer::Layer;
use crate::onnx::OnnxWriter;
use crate::spec::{LayerSpec, SpecError};
use crate::window::{Axis, output_shape};
use crate::words::{Arguments, WordsError};

/// The convolution y = x ∗ W + b over the pixels of a picture or the steps of a sequence: PyTorch's `Conv2d` and `Conv1d`.
///
/// With stride s, dilation d and a padding of p zeros,
/// ```text
/// y[u, v, n] = b[n] + Σ_{i, j, c} x[u·s − p + d·i, v·s − p + d·j, c] · W[i, j, c, n]
/// ```
/// so that it is a [`Dense`](crate::Dense) layer on each window of x, with one W for all of them.
///
/// # Shapes
/// x is an image or a sequence; y has ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 positions along an axis where x has n. W is `(kernel height, kernel width,
/// channels / groups, outputs)`, without the height for a sequence; b is `(outputs)`. With groups, each output sees the channels
/// of its own group alone; as many groups as channels make a depthwise convolution.
///
/// # Gradient
/// ```text
/// ∂C/∂W[i, j, c, n] = Σ x[u·s − p + d·i, v·s − p + d·j, c] · δ[u, v, n]     over rows and positions (u, v)
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
pub type Conv = Filtered<ConvSpec>;

/// [`Conv`] without its input: `conv 32 3x3 stride 2 padding 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConvSpec(pub FilterSpec);

impl From<FilterSpec> for ConvSpec {
    fn from(filters: FilterSpec) -> Self {
        Self(filters)
    }
}

impl FilteredSpec for ConvSpec {
    const NAME: &'static str = "Conv";
    const DIRECTION: Direction = Direction::Forward;

    fn convolution(&self, input: Shape) -> Result<Convolution, SpecError> {
        let channels = [input.features(), self.0.outputs];
        Ok(Convolution::new(self.axes(input)?, channels, self.0.groups))
    }
}

impl ConvSpec {
    /// The axes of an input under the kernel.
    fn axes(&self, input: Shape) -> Result<[Axis; 2], SpecError> {
        if !self.0.output_padding.is_zero() {
            return Err(SpecError::here("an output padding belongs to a transposed convolution"));
        }
        let axes = self.0.window().axes(input, false)?;
        self.0.check(input.features())?;
        Ok(axes)
    }
}

impl LayerSpec for ConvSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(Conv::spec)
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        Ok(output_shape(input, self.axes(input)?, self.0.outputs))
    }

    fn parameters(&self, input: Shape) -> Option<usize> {
        self.0.parameters(input, input.features())
    }

    fn build<A: Scalar>(&self, input: Shape, init: Init) -> Box<dyn Layer<A>> {
        Box::new(Conv::of_spec(input, self.0, Some(init)))
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
