use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The shape of one example: *positions × features*, features last.
///
/// A batch of any shape lies in memory as a matrix with one example a row; as the features of a position are
/// neighbours, the same numbers are also a matrix with one *position* a row, which is how a layer works on the features
/// of each position without moving anything.
///
/// | shape | positions | features | written |
/// |---|---|---|---|
/// | `Flat(n)` | 1 | n | `784` |
/// | `Sequence { time, features }` | time | features | `100x40` |
/// | `Image { height, width, channels }` | height · width | channels | `28x28x1` |
///
/// ```
/// use chainrule_tensor::Shape;
///
/// let image: Shape = "28x28x1".parse().unwrap();
/// assert_eq!(image, Shape::image(28, 28, 1));
/// assert_eq!((image.size(), image.positions(), image.features()), (784, 784, 1));
/// assert_eq!(Shape::from(10).to_string(), "10");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shape {
    /// Features without a place.
    Flat(usize),
    /// One row of features for each step in time.
    Sequence {
        /// The steps.
        time: usize,
        /// The numbers of a step.
        features: usize,
    },
    /// A picture, channels last.
    Image {
        /// The rows of pixels.
        height: usize,
        /// The pixels of a row.
        width: usize,
        /// The numbers of a pixel.
        channels: usize,
    },
}

impl Shape {
    /// `time` steps of `features` numbers.
    pub const fn sequence(time: usize, features: usize) -> Self {
        Shape::Sequence { time, features }
    }

    /// A picture of `height` × `width` pixels of `channels` numbers.
    pub const fn image(height: usize, width: usize, channels: usize) -> Self {
        Shape::Image { height, width, channels }
    }

    /// How many numbers an example has.
    pub const fn size(self) -> usize {
        self.positions() * self.features()
    }

    /// The same, or `None` where it is beyond `usize`: of a shape from a file.
    pub fn checked_size(self) -> Option<usize> {
        self.axes().into_iter().try_fold(1_usize, usize::checked_mul)
    }

    /// How many positions an example has: 1 for a flat shape.
    pub const fn positions(self) -> usize {
        match self {
            Shape::Flat(_) => 1,
            Shape::Sequence { time, .. } => time,
            Shape::Image { height, width, .. } => height * width,
        }
    }

    /// How many numbers each position has.
    pub const fn features(self) -> usize {
        match self {
            Shape::Flat(features) | Shape::Sequence { features, .. } => features,
            Shape::Image { channels, .. } => channels,
        }
    }

    /// The same positions with another number of features.
    #[must_use]
    pub const fn with_features(self, features: usize) -> Self {
        match self {
            Shape::Flat(_) => Shape::Flat(features),
            Shape::Sequence { time, .. } => Shape::Sequence { time, features },
            Shape::Image { height, width, .. } => Shape::Image { height, width, channels: features },
        }
    }

    /// The lengths of the axes, features last.
    pub fn axes(self) -> Vec<usize> {
        match self {
            Shape::Flat(features) => vec![features],
            Shape::Sequence { time, features } => vec![time, features],
            Shape::Image { height, width, channels } => vec![height, width, channels],
        }
    }
}

impl From<usize> for Shape {
    fn from(features: usize) -> Self {
        Shape::Flat(features)
    }
}

/// As it is written: `784`, `100x40`, `28x28x1`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.axes().iter().map(ToString::to_string).collect();
        f.write_str(&axes.join("x"))
    }
}

/// A text that is no shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no shape: write 784 for numbers, 100x40 for steps x features, 28x28x1 for height x width x channels"
)]
pub struct ShapeError(String);

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let error = || ShapeError(text.chars().take(60).collect());
        let axes: Result<Vec<usize>, _> = text.trim().split('x').map(str::parse).collect();
        let shape = match axes.map_err(|_| error())?[..] {
            [features] => Shape::Flat(features),
            [time, features] => Shape::Sequence { time, features },
            [height, width, channels] => Shape::Image { height, width, channels },
            _ => return Err(error()),
        };
        if shape.checked_size().is_none_or(|size| size == 0) { Err(error()) } else { Ok(shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for shape in [Shape::Flat(7), Shape::sequence(5, 3), Shape::image(28, 20, 3)] {
            assert_eq!(shape.to_string().parse(), Ok(shape));
            let json = serde_json::to_string(&shape).unwrap();
            assert_eq!(serde_json::from_str::<Shape>(&json).unwrap(), shape, "{json}");
        }
        assert_eq!(serde_json::to_string(&Shape::Flat(784)).unwrap(), "784");
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for text in ["", "x", "3x", "-1", "0", "3x0", "2x2x2x2", "1.5", "99999999999x99999999999"] {
            let error = text.parse::<Shape>().unwrap_err().to_string();
            assert!(error.contains("28x28x1"), "{error}");
        }
    }

    #[test]
    fn features_are_last() {
        let image = Shape::image(4, 5, 3);
        assert_eq!((image.positions(), image.features(), image.size()), (20, 3, 60));
        assert_eq!(image.with_features(8), Shape::image(4, 5, 8));
        assert_eq!(Shape::sequence(6, 2).with_features(9).size(), 54);
    }
}
