use chainrule_tensor::conv::{Axis, Convolution};
use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::filtered::{Filtered, FilteredSpec};
use crate::filters::{Direction, FilterSpec};
use crate::layer::Layer;
use crate::onnx::{OnnxAttribute, OnnxWriter};
use crate::spec::{LayerSpec, SpecError};
use crate::window::{Extent, Padding};
use crate::words::{Arguments, WordsError};

/// The transposed convolution: the map that takes ∂C/∂y of a convolution to its ∂C/∂x, as a layer of its own. PyTorch's
/// `ConvTranspose2d` and `ConvTranspose1d`.
///
/// Each position of x sends x·W to a window of y; where windows overlap, they add up:
/// ```text
/// y[u·s − p + d·i, v·s − p + d·j, n] += Σ_c x[u, v, c] · W[i, j, n, c],   and b[n] once
/// ```
///
/// # Shapes
/// x is an image or a sequence; y has (m − 1)·s − 2p + d(k − 1) + 1 positions along an axis where x has m, and
/// `output_padding` more, which is less than s. W is `(kernel height, kernel width, outputs / groups, channels)`, without the height for a
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
pub type ConvTranspose = Filtered<ConvTransposeSpec>;

/// [`ConvTranspose`] without its input: `conv-transpose 8 4x4 stride 2 padding 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConvTransposeSpec(pub FilterSpec);

impl From<FilterSpec> for ConvTransposeSpec {
    fn from(filters: FilterSpec) -> Self {
        Self(filters)
    }
}

impl FilteredSpec for ConvTransposeSpec {
    const NAME: &'static str = "ConvTranspose";
    const DIRECTION: Direction = Direction::Transposed;

    fn convolution(&self, input: Shape) -> Result<Convolution, SpecError> {
        let channels = [self.0.outputs, input.features()];
        Ok(Convolution::new(self.axes(input)?, channels, self.0.groups))
    }
}

impl ConvTranspose {
    /// With this number of positions added behind y, which a convolution with a stride does not see; less than the stride.
    #[must_use]
    pub fn output_padding(self, positions: impl Into<Extent>) -> Self {
        self.with(|spec| spec.output_padding = positions.into())
    }
}

impl ConvTransposeSpec {
    /// The axes of y under the kernel, whose outputs are the places of x.
    fn axes(&self, input: Shape) -> Result<[Axis; 2], SpecError> {
        let output = self.output(input)?;
        self.0.window().axes(output, false)
    }
}

impl LayerSpec for ConvTransposeSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(ConvTranspose::spec)
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
        Box::new(ConvTranspose::of_spec(input, self.0, Some(init)))
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
        let lengths = |Extent { height, width }: Extent| match input {
            Shape::Image { .. } => vec![height as i64, width as i64],
            _ => vec![width as i64],
        };
        // The convolution's border behind is what its windows cover, which leaves out the output padding; the operator wants the
        // border that was asked for, and the output padding beside it. `output_shape` would let it share out the border anew.
        if let Padding::Each(border) = self.0.padding {
            attributes.retain(|(name, _)| *name != "pads");
            attributes.push(("pads", OnnxAttribute::Ints(lengths(border).repeat(2))));
        }
        attributes.push(("output_padding", OnnxAttribute::Ints(lengths(self.0.output_padding))));
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
            conv(Shape::image(2, 3, 2), "2 4x2 stride 3 padding 1x0 output-padding 2x1"),
            conv(Shape::sequence(5, 1), "2 3 padding 2"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_has_the_border_and_the_output_padding_that_were_asked_for() {
        let input = Shape::image(3, 4, 2);
        let spec = ConvTransposeSpec(FilterSpec::specimen("2 4 stride 3 padding 1x0 output-padding 2"));
        let parameters = ["weight", "bias"].map(|name| (name.to_owned(), (vec![0], Vec::new())));
        let mut onnx = OnnxWriter::new(false, parameters);
        spec.write_onnx(input, "x", &mut onnx);
        let node = onnx.nodes().iter().find(|node| node.operator == "ConvTranspose").unwrap();
        let found =
            |name: &str| node.attributes.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
        assert_eq!(found("pads"), Some(&OnnxAttribute::Ints(vec![1, 0, 1, 0])));
        assert_eq!(found("output_padding"), Some(&OnnxAttribute::Ints(vec![2, 2])));
        assert_eq!(found("output_shape"), None);
    }
}
