use chainrule_tensor::{Init, Scalar, Shape};
use serde::{Deserialize, Serialize};

use crate::layer::Layer;
use crate::onnx::{OnnxNumbers, OnnxWriter, picture};
use crate::separable::{AxisMap, Separable, SeparableSpec};
use crate::spec::{LayerSpec, SpecError};
use crate::window::lengths;
use crate::words::{Arguments, WordsError};

/// A border of zeros around a picture or a sequence.
///
/// # Shapes
/// x is `(height, width, channels)` or `(time, channels)`; y is larger by the border and has the same channels. No parameters.
///
/// # Gradient
/// ```text
/// ∂C/∂x = δ without the border
/// ```
///
/// # References
/// PyTorch's `nn.ZeroPad1d` and `nn.ZeroPad2d`.
///
/// ```
/// use chainrule_layers::{Layer, Mode, Sides, Tape, ZeroPad};
/// use chainrule_tensor::{Shape, ndarray::array};
///
/// let mut y = array![[9.0; 5]];
/// let pad = ZeroPad::new(Shape::sequence(2, 1), Sides::Two([1, 2]));
/// pad.forward(Mode::EVAL, &[], &array![[3.0, 4.0]], &mut y, &mut Tape::empty());
/// assert_eq!(y, array![[0.0, 3.0, 4.0, 0.0, 0.0]]);
/// ```
pub type ZeroPad = Separable<ZeroPadSpec>;

impl ZeroPad {
    /// An input with a border.
    ///
    /// # Panics
    /// If the input has no positions, or other sides.
    #[track_caller]
    pub fn new(input: impl Into<Shape>, sides: impl Into<Sides>) -> Self {
        Self::with(input, ZeroPadSpec { sides: sides.into() })
    }
}

/// The width of a border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sides {
    /// On all sides.
    All(usize),
    /// Before and after a sequence.
    Two([usize; 2]),
    /// To the left, to the right, above and below a picture.
    Four([usize; 4]),
}

impl From<usize> for Sides {
    fn from(width: usize) -> Self {
        Self::All(width)
    }
}

/// [`ZeroPad`] without its input: `zero-pad 2`, of a sequence `zero-pad 1 2` (left and right), of a picture `zero-pad 1 2 0 1` (left,
/// right, top and bottom).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroPadSpec {
    /// The zeros on each side.
    pub sides: Sides,
}

impl ZeroPadSpec {
    /// The length of the input, and the zeros before and after it, along both axes.
    fn borders(&self, input: Shape) -> Result<[(usize, [usize; 2]); 2], SpecError> {
        let [height, width] = lengths(input, &[])?;
        let is_picture = matches!(input, Shape::Image { .. });
        Ok(match self.sides {
            Sides::All(all) if is_picture => [(height, [all; 2]), (width, [all; 2])],
            Sides::All(all) => [(height, [0; 2]), (width, [all; 2])],
            Sides::Two(sides) if !is_picture => [(height, [0; 2]), (width, sides)],
            Sides::Four([left, right, top, bottom]) if is_picture => {
                [(height, [top, bottom]), (width, [left, right])]
            }
            _ => {
                let (kind, sides) = if is_picture {
                    ("picture", "4 sides (left, right, top, bottom)")
                } else {
                    ("sequence", "2 sides (left, right)")
                };
                let given = self.to_words();
                return Err(SpecError::here(format!(
                    "the sides of {input} are given as `{given}`; a {kind} has {sides}, or write one number for all"
                )));
            }
        })
    }
}

impl SeparableSpec for ZeroPadSpec {
    const NAME: &'static str = "ZeroPad";

    fn maps(&self, input: Shape) -> [AxisMap; 2] {
        let borders = self.borders(input).expect("a layer that was built fits its input");
        borders.map(|(inputs, [before, after])| {
            let zeros = |count| std::iter::repeat_n((0..0, [0.0; 2]), count);
            let inside = (0..inputs).map(|place| (place..place + 1, [1.0; 2]));
            AxisMap::new(inputs, zeros(before).chain(inside).chain(zeros(after)))
        })
    }
}

impl LayerSpec for ZeroPadSpec {
    fn of<A: Scalar>(layer: &dyn Layer<A>) -> Option<Self> {
        layer.downcast().map(|layer: &ZeroPad| layer.spec())
    }

    fn output(&self, input: Shape) -> Result<Shape, SpecError> {
        let longer = |(length, [before, after]): (usize, [usize; 2])| {
            let longer = length.checked_add(before).and_then(|length| length.checked_add(after));
            longer.ok_or_else(|| {
                SpecError::here(format!(
                    "a border of `{}` is too large for an input of {input}",
                    self.to_words()
                ))
            })
        };
        let [height, width] = self.borders(input)?;
        let (height, width) = (longer(height)?, longer(width)?);
        Ok(match input {
            Shape::Image { channels, .. } => Shape::image(height, width, channels),
            other => Shape::sequence(width, other.features()),
        })
    }

    fn build<A: Scalar>(&self, input: Shape, _: Init) -> Box<dyn Layer<A>> {
        Box::new(ZeroPad::with(input, *self))
    }

    fn from_words(arguments: &mut Arguments<'_, '_>) -> Result<Self, WordsError> {
        let width = "the width of the border, such as 2";
        let first = arguments.required(width)?;
        let Some(second) = arguments.optional(width)? else { return Ok(Self { sides: Sides::All(first) }) };
        let Some(third) = arguments.optional(width)? else {
            return Ok(Self { sides: Sides::Two([first, second]) });
        };
        let fourth = arguments
            .required("1, 2 or 4 widths: of all sides, left and right, or left, right, top and bottom")?;
        Ok(Self { sides: Sides::Four([first, second, third, fourth]) })
    }

    fn to_words(&self) -> String {
        let sides = match &self.sides {
            Sides::All(all) => std::slice::from_ref(all),
            Sides::Two(sides) => sides,
            Sides::Four(sides) => sides,
        };
        sides.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn write_onnx(&self, input: Shape, x: &str, onnx: &mut OnnxWriter) -> String {
        let borders = self.borders(input).expect("a layer that was built fits its input");
        let side = |side: usize| [0, 0].into_iter().chain(borders.map(|(_, widths)| widths[side] as i64));
        let borders = OnnxNumbers::Whole(side(0).chain(side(1)).collect());
        let borders = onnx.own_tensor("borders", &[8], borders);
        let x = onnx.channels_first(x, picture(input));
        let y = onnx.apply("Pad", &[&x, &borders]);
        let output = self.output(input).expect("a layer that was built fits its input");
        onnx.channels_last(&y, picture(output))
    }

    fn specimens() -> Vec<(Shape, Self)> {
        let pad = |input, sides| (input, Self { sides });
        vec![
            pad(Shape::image(3, 2, 2), Sides::All(1)),
            pad(Shape::image(1, 1, 1), Sides::Four([1, 2, 0, 3])),
            pad(Shape::sequence(4, 3), Sides::All(2)),
            pad(Shape::sequence(3, 1), Sides::Two([0, 2])),
        ]
    }
}
