use std::ops::Range;

use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::{OnnxAttribute, OnnxNumbers, OnnxWriter, picture};
use crate::separable::{AxisMap, Separable, SeparableSpec};
use crate::spec::{LayerSpec, SpecError};
use crate::window::{Extent, lengths};
use crate::words::{Arguments, WordsError};

/// A picture or a sequence of several times the size, by repetition or by linear interpolation.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`; y has `scale` times as many positions along each axis and the same channels.
/// No parameters.
///
/// # Gradient
/// Along an axis with scale s, output o lies at the place p = max(0, (o + ½)/s − ½) of the input, PyTorch's `align_corners = False`:
/// ```text
/// nearest:  y_o = x at ⌊o/s⌋
/// linear:   y_o = (1 − λ)·x at ⌊p⌋ + λ·x at ⌊p⌋ + 1     with λ = p − ⌊p⌋; the last x beyond the end
/// ∂C/∂x     = the same weights, transposed
/// ```
/// Bilinear interpolation is linear along both axes.
///
/// # References
/// PyTorch's `nn.Upsample`.
///
/// ```
/// use chainrule_layers::{Interpolation, Layer, Mode, Tape, Upsample};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[0.0, 0.0, 0.0, 0.0]];
/// let twice = Upsample::new(Shape::sequence(2, 1), 2, Interpolation::Linear);
/// twice.forward(Mode::EVAL, &[], &array![[1.0, 3.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[1.0, 1.5, 2.5, 3.0]]);
/// ```
pub type Upsample = Separable<UpsampleSpec>;

impl Upsample {
    /// An input `scale` times as large.
    ///
    /// # Panics
    /// If the input has no positions, the scale is 0, or the interpolation is that of another kind of input.
    #[track_caller]
    pub fn new(input: impl Into<Shape>, scale: impl Into<Extent>, mode: Interpolation) -> Self {
        Self::with(input, UpsampleSpec { scale: scale.into(), mode })
    }
}

/// What is between the positions of an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// The nearest of them.
    #[default]
    Nearest,
    /// The line between two steps of a sequence.
    Linear,
    /// The lines along the height and the width of a picture.
    Bilinear,
}

impl Interpolation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_nearest(&self) -> bool {
        *self == Self::Nearest
    }
}

/// [`Upsample`] without its input: `upsample 2`, `upsample 2 bilinear`, of a sequence `upsample 2 linear`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpsampleSpec {
    /// How many positions each one becomes.
    pub scale: Extent,
    /// What is between the positions.
    #[serde(default, skip_serializing_if = "Interpolation::is_nearest")]
    pub mode: Interpolation,
}

impl UpsampleSpec {
    /// The lengths of the input, and the scales, along both axes.
    fn scales(&self, input: Shape) -> Result<[(usize, usize); 2], SpecError> {
        let Extent { height: down, width: across } = self.scale;
        let [height, width] = lengths(input, &[("scale", self.scale)])?;
        let is_picture = matches!(input, Shape::Image { .. });
        if down == 0 || across == 0 {
            return Err(SpecError::here(format!("a scale of {} for an input of {input}", self.scale)));
        }
        match self.mode {
            Interpolation::Linear if is_picture => {
                return Err(SpecError::here(format!(
                    "an input of {input} is a picture, where it is `bilinear`"
                )));
            }
            Interpolation::Bilinear if !is_picture => {
                return Err(SpecError::here(format!(
                    "an input of {input} is a sequence, where it is `linear`"
                )));
            }
            _ => {}
        }
        Ok([(height, if is_picture { down } else { 1 }), (width, across)])
    }
}

/// The inputs of `output` and the weight of the first and of the second.
fn between(inputs: usize, scale: usize, output: usize) -> (Range<usize>, [f64; 2]) {
    // The place in units of 1/(2s), which are whole.
    let place = (2 * output + 1).saturating_sub(scale);
    let (first, rest) = (place / (2 * scale), place % (2 * scale));
    if rest == 0 || first + 1 == inputs {
        return (first..first + 1, [1.0; 2]);
    }
    let second = rest as f64 / (2 * scale) as f64;
    (first..first + 2, [1.0 - second, second])
}

impl SeparableSpec for UpsampleSpec {
    const NAME: &'static str = "Upsample";

    fn maps(&self, input: Shape) -> [AxisMap; 2] {
        let scales = self.scales(input).expect("a layer that was built fits its input");
        scales.map(|(inputs, scale)| {
            let rows = (0..inputs * scale).map(|output| match self.mode {
                Interpolation::Nearest => (output / scale..output / scale + 1, [1.0; 2]),
                Interpolation::Linear | Interpolation::Bilinear => between(inputs, scale, output),
            });
            AxisMap::new(inputs, rows)
        })
    }
}

impl LayerSpec for UpsampleSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|layer: &Upsample| layer.spec())
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let [height, width] = self.scales(input)?.map(|(length, scale)| length.checked_mul(scale));
        let (Some(height), Some(width)) = (height, width) else {
            return Err(SpecError::here(format!("a scale of {} makes too much of {input}", self.scale)));
        };
        Ok(match input {
            Shape::Image { channels, .. } => Shape::image(height, width, channels),
            other => Shape::sequence(width, other.features()),
        })
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(Upsample::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let scale = arguments.required("its scale, such as 2")?;
        let mode = if arguments.takes("bilinear") {
            Interpolation::Bilinear
        } else if arguments.takes("linear") {
            Interpolation::Linear
        } else {
            arguments.takes("nearest");
            Interpolation::Nearest
        };
        Ok(Self { scale, mode })
    }

    fn to_words(&self) -> String {
        let mode = match self.mode {
            Interpolation::Nearest => "",
            Interpolation::Linear => " linear",
            Interpolation::Bilinear => " bilinear",
        };
        format!("{}{mode}", self.scale)
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let [(_, down), (_, across)] = self.scales(input).expect("a layer that was built fits its input");
        let scales = OnnxNumbers::Single(vec![1.0, 1.0, down as f32, across as f32]);
        let scales = onnx.own_tensor("scales", &[4], scales);
        let text = OnnxAttribute::Text;
        let attributes = match self.mode {
            Interpolation::Nearest => vec![
                ("mode", text("nearest")),
                ("coordinate_transformation_mode", text("asymmetric")),
                ("nearest_mode", text("floor")),
            ],
            Interpolation::Linear | Interpolation::Bilinear => {
                vec![("mode", text("linear")), ("coordinate_transformation_mode", text("half_pixel"))]
            }
        };
        let x = onnx.channels_first(x, picture(input));
        let y = onnx.in_single(&x, |onnx, x| onnx.apply_with("Resize", &[x, "", &scales], attributes));
        let output = self.output(input).expect("a layer that was built fits its input");
        onnx.channels_last(&y, picture(output))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let (nearest, linear, bilinear) =
            (Interpolation::Nearest, Interpolation::Linear, Interpolation::Bilinear);
        let of = |input, scale: Extent, mode| (input, Self { scale, mode });
        vec![
            of(Shape::image(2, 3, 2), 2.into(), nearest),
            of(Shape::image(2, 3, 2), 2.into(), bilinear),
            of(Shape::image(1, 1, 3), 2.into(), bilinear),
            of(Shape::image(3, 2, 1), (3, 1).into(), bilinear),
            of(Shape::sequence(4, 3), 2.into(), nearest),
            of(Shape::sequence(3, 2), 4.into(), linear),
        ]
    }
}
