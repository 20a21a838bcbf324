//! How a window slides over the steps of a sequence or the pixels of a picture.

use std::fmt;
use std::str::FromStr;

use chainrule_tensor::Shape;
pub use chainrule_tensor::conv::{Axis, Run};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::spec::SpecError;
use crate::words::{Arguments, WordsError};

/// A length along the height and along the width of a picture; of a sequence, whose steps are its width, the two are one.
///
/// Written `3` where both are the same, else `3x5`; in a file `3` or `[3, 5]`.
///
/// ```
/// use chainrule_layers::Extent;
///
/// assert_eq!("3".parse(), Ok(Extent::square(3)));
/// assert_eq!("3x5".parse(), Ok(Extent { height: 3, width: 5 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Lengths", into = "Lengths")]
pub struct Extent {
    /// Along the height.
    pub height: usize,
    /// Along the width, or the time.
    pub width: usize,
}

/// An [`Extent`] in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Lengths {
    Both(usize),
    Each([usize; 2]),
}

impl Extent {
    /// The same length along both.
    pub const fn square(length: usize) -> Self {
        Self { height: length, width: length }
    }

    // For serde: what a stride or a dilation, and a padding, is if nobody names it.

    pub(crate) fn one() -> Self {
        Self::square(1)
    }

    pub(crate) fn is_one(&self) -> bool {
        *self == Self::one()
    }

    pub(crate) fn zero() -> Self {
        Self::square(0)
    }

    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::zero()
    }
}

impl From<usize> for Extent {
    fn from(length: usize) -> Self {
        Self::square(length)
    }
}

impl From<(usize, usize)> for Extent {
    fn from((height, width): (usize, usize)) -> Self {
        Self { height, width }
    }
}

impl From<Lengths> for Extent {
    fn from(lengths: Lengths) -> Self {
        match lengths {
            Lengths::Both(length) => Self::square(length),
            Lengths::Each([height, width]) => Self { height, width },
        }
    }
}

impl From<Extent> for Lengths {
    fn from(Extent { height, width }: Extent) -> Self {
        if height == width { Lengths::Both(height) } else { Lengths::Each([height, width]) }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Extent { height, width } = self;
        if height == width { write!(f, "{height}") } else { write!(f, "{height}x{width}") }
    }
}

/// A text that is no [`Extent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("write 3, or 3x5 for height x width")]
pub struct ExtentError;

impl FromStr for Extent {
    type Err = ExtentError;

    fn from_str(text: &str) -> Result<Self, ExtentError> {
        let lengths: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        match lengths.map_err(|_| ExtentError)?[..] {
            [length] => Ok(Self::square(length)),
            [height, width] => Ok(Self { height, width }),
            _ => Err(ExtentError),
        }
    }
}

/// The border of zeros around an input: `1`, `0x2`, or `same`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Padding {
    /// So many on each side.
    Each(Extent),
    /// As many as make the output as large as the input, one more behind than before where their number is odd; with a stride
    /// of 1.
    Same(Same),
}

/// The word `same`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Same {
    /// It.
    Same,
}

impl Padding {
    /// No border.
    pub const NONE: Self = Padding::Each(Extent::square(0));
    /// A border that keeps the size.
    pub const SAME: Self = Padding::Same(Same::Same);

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl Default for Padding {
    fn default() -> Self {
        Self::NONE
    }
}

impl<E: Into<Extent>> From<E> for Padding {
    fn from(each: E) -> Self {
        Padding::Each(each.into())
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Padding::Each(extent) => extent.fmt(f),
            Padding::Same(_) => f.write_str("same"),
        }
    }
}

impl FromStr for Padding {
    type Err = ExtentError;

    fn from_str(text: &str) -> Result<Self, ExtentError> {
        if text == "same" { Ok(Self::SAME) } else { text.parse().map(Padding::Each) }
    }
}

/// The widest border; a wider one is a mistake, and could not be counted.
const WIDEST: usize = 1 << 24;

/// A window and how it slides: what a convolution and a pool have in common.
///
/// Along an axis of n inputs with p zeros on each side, a kernel of k, a stride s and a dilation d, there are
/// ⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 outputs; output o sees the inputs o·s − p + d·i for i < k.
///
/// # References
/// Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv 1603.07285, 2016.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The size.
    pub kernel: Extent,
    /// From one place to the next.
    pub stride: Extent,
    /// The border of zeros.
    pub padding: Padding,
    /// From one input of the window to the next.
    pub dilation: Extent,
}

/// The height and the width of `input`; a sequence is one line of its steps.
///
/// # Errors
/// If it has no positions, or it is a sequence and one of `extents`, each with its name, has two lengths.
pub(crate) fn lengths(input: Shape, extents: &[(&str, Extent)]) -> Result<[usize; 2], SpecError> {
    match input {
        Shape::Image { height, width, .. } => Ok([height, width]),
        Shape::Sequence { time, .. } => {
            let two = extents.iter().find(|(_, extent)| extent.height != extent.width);
            let Some((name, extent)) = two else { return Ok([1, time]) };
            let fault =
                format!("a {name} of {extent} is for pictures; of a sequence, {input}, it has one length");
            Err(SpecError::here(fault))
        }
        Shape::Flat(_) => Err(SpecError::here(format!(
            "it works on a picture or a sequence, not on {input} numbers without places; `reshape` gives them a shape"
        ))),
    }
}

impl Window {
    /// A window with a stride and a dilation of 1 and no border.
    pub fn new(kernel: impl Into<Extent>) -> Self {
        let one = Extent::square(1);
        Self { kernel: kernel.into(), stride: one, padding: Padding::NONE, dilation: one }
    }

    /// The axes of `input` under it: the height and the width of a picture; of a sequence, [`Axis::LONE`] and the time.
    ///
    /// `ceil` rounds the number of outputs up, as PyTorch's `ceil_mode`: a last window that begins inside of the input or its
    /// border before is kept.
    ///
    /// # Errors
    /// If a length is 0, the window is larger than the input with its border, or the input has no positions.
    pub fn axes(&self, input: Shape, ceil: bool) -> Result<[Axis; 2], SpecError> {
        let fault = |fault: String| SpecError::here(fault);
        let none_zero = [self.kernel, self.stride, self.dilation];
        if none_zero.iter().any(|extent| extent.height == 0 || extent.width == 0) {
            return Err(fault(format!(
                "a kernel of {}, a stride of {} and a dilation of {}: none may be 0",
                self.kernel, self.stride, self.dilation
            )));
        }
        let padding = match self.padding {
            Padding::Each(extent) => extent,
            Padding::Same(_) => Extent::square(0),
        };
        let extents = [
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", padding),
            ("dilation", self.dilation),
        ];
        let [height, width] = lengths(input, &extents)?;
        let axis = |inputs: usize, of: &dyn Fn(Extent) -> usize| -> Result<Axis, SpecError> {
            let (kernel, stride, dilation) = (of(self.kernel), of(self.stride), of(self.dilation));
            let too_large = || {
                fault(format!(
                    "a window of {} with dilation {} is larger than the input, {input}, with its border of {}",
                    self.kernel, self.dilation, self.padding
                ))
            };
            let reach = (kernel - 1).checked_mul(dilation).ok_or_else(too_large)?;
            let (before, both) = match self.padding {
                Padding::Each(each) => (of(each), of(each).checked_mul(2)),
                Padding::Same(_) if stride == 1 => (reach / 2, Some(reach)),
                Padding::Same(_) => {
                    return Err(fault(format!("padding `same` needs a stride of 1, not {}", self.stride)));
                }
            };
            let Some(both) = both.filter(|&both| both <= WIDEST) else {
                return Err(fault(format!("a border of {} is wider than {WIDEST}", self.padding)));
            };
            let room = (inputs.saturating_add(both)).checked_sub(reach + 1).ok_or_else(too_large)?;
            let mut outputs = room / stride + 1;
            if ceil && !room.is_multiple_of(stride) && outputs * stride < inputs + before {
                outputs += 1;
            }
            Ok(Axis { inputs, outputs, kernel, stride, dilation, before })
        };
        let along_width = axis(width, &|extent| extent.width)?;
        let along_height = match input {
            Shape::Image { .. } => axis(height, &|extent| extent.height)?,
            _ => Axis::LONE,
        };
        Ok([along_height, along_width])
    }
}

/// The shape with these outputs along the axes of `input` and so many features.
pub(crate) fn output_shape(input: Shape, [height, width]: [Axis; 2], features: usize) -> Shape {
    match input {
        Shape::Image { .. } => Shape::image(height.outputs, width.outputs, features),
        _ => Shape::sequence(width.outputs, features),
    }
}

/// What follows `keyword` in words, if it comes next.
///
/// # Errors
/// If nothing that can be read follows it.
pub(crate) fn named<T: FromStr<Err: fmt::Display>>(
    arguments: &mut Arguments<'_, '_>,
    keyword: &str,
) -> Result<Option<T>, WordsError> {
    if !arguments.takes(keyword) {
        return Ok(None);
    }
    arguments.required(&format!("a value after `{keyword}`")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_pytorch() {
        // (input, kernel, stride, padding, dilation, ceil) and the output of torch.nn.MaxPool1d or Conv1d.
        for ((n, k, s, p, d, ceil), outputs) in [
            ((28, 5, 1, 0, 1, false), 24),
            ((28, 5, 1, 2, 1, false), 28),
            ((32, 3, 2, 1, 1, false), 16),
            ((7, 3, 2, 0, 2, false), 2),
            ((7, 2, 2, 0, 1, false), 3),
            ((7, 2, 2, 0, 1, true), 4),
            ((6, 3, 2, 0, 1, true), 3),
            // The last window would begin in the border behind.
            ((5, 2, 3, 1, 1, true), 2),
            ((4, 2, 3, 1, 1, true), 2),
            ((1, 1, 1, 0, 1, false), 1),
        ] {
            let window =
                Window { stride: s.into(), padding: Padding::from(p), dilation: d.into(), ..Window::new(k) };
            let [lone, axis] = window.axes(Shape::sequence(n, 3), ceil).unwrap();
            assert_eq!((lone, axis.outputs), (Axis::LONE, outputs), "{n} {k} {s} {p} {d} {ceil}");
        }
    }

    #[test]
    fn an_output_sees_what_its_taps_find() {
        for (kernel, stride, before, dilation) in
            [(3, 2, 1, 1), (2, 3, 1, 2), (3, 1, 1, 4), (2, 2, 0, 1), (4, 1, 2, 3)]
        {
            let axis = Axis { inputs: 9, outputs: 9, kernel, stride, dilation, before };
            for output in 0..9 {
                let taps: Vec<_> = (0..kernel).filter_map(|tap| axis.input(output, tap)).collect();
                let Run { start, len } = axis.seen(output);
                let run: Vec<_> = (0..len).map(|i| start + i * dilation).collect();
                assert_eq!(run, taps, "{axis:?} {output}");
            }
        }
    }

    #[test]
    fn same_keeps_the_size() {
        for kernel in 1..6 {
            for dilation in 1..4 {
                let window =
                    Window { padding: Padding::SAME, dilation: dilation.into(), ..Window::new(kernel) };
                let [height, width] = window.axes(Shape::image(7, 5, 1), false).unwrap();
                assert_eq!((height.outputs, width.outputs), (7, 5));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_shapes() {
        let fault = |window: Window, input: Shape| window.axes(input, false).unwrap_err().fault;
        let image = Shape::image(4, 4, 1);
        assert!(fault(Window::new(5), image).contains("larger than the input, 4x4x1"));
        assert!(fault(Window { stride: 0.into(), ..Window::new(2) }, image).contains("none may be 0"));
        assert!(fault(Window { padding: usize::MAX.into(), ..Window::new(2) }, image).contains("is wider"));
        assert!(fault(Window::new(usize::MAX), image).contains("larger"));
        assert!(fault(Window::new(3), Shape::Flat(9)).contains("`reshape`"));
        assert!(fault(Window::new((3, 1)), Shape::sequence(9, 1)).contains("one length"));
        let uneven = Window { stride: (2, 1).into(), ..Window::new(3) };
        assert!(fault(uneven, Shape::sequence(9, 1)).contains("a stride of 2x1"));
        let same = Window { padding: Padding::SAME, stride: 2.into(), ..Window::new(3) };
        assert!(fault(same, image).contains("stride of 1"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for padding in [Padding::SAME, Padding::from(2), Padding::from((1, 2))] {
            assert_eq!(padding.to_string().parse(), Ok(padding));
            let json = serde_json::to_string(&padding).unwrap();
            assert_eq!(serde_json::from_str::<Padding>(&json).unwrap(), padding, "{json}");
        }
        assert!("3x".parse::<Extent>().is_err() && "1x2x3".parse::<Extent>().is_err());
    }
}
