use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of an image in a row of features: row by row, and channel by channel within a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
}

/// `28x28x3`, and in words what is what.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{} (height, width, channels)", self.height, self.width, self.channels)
    }
}

impl ImageShape {
    /// height · width · channels; `None` if the product overflows.
    pub fn numbers(self) -> Option<usize> {
        self.height.checked_mul(self.width)?.checked_mul(self.channels)
    }
}
