use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::stored::Stored;
use crate::table::Coded;

/// The inputs of all examples, one example a row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Features<A> {
    /// Bytes, such as pixels: a quarter of the memory of `f32`. They become numbers when a batch is filled.
    Bytes(Array2<u8>),
    /// Finite numbers.
    Real(Array2<A>),
    /// The columns of a table; categories become one input a word when a batch is filled.
    Coded(Coded<A>),
    /// Rows of a file that stay there until a batch is filled.
    Stored(Stored),
}

const BY_ROWS: &str = "a data set is laid out by rows";

impl<A: Scalar> Features<A> {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Features::Bytes(x) => x.dim(),
            Features::Real(x) => x.dim(),
            Features::Coded(x) => x.dim(),
            Features::Stored(x) => (x.len(), x.inputs()),
        }
    }

    /// Writes example `i`, as numbers.
    ///
    /// # Panics
    /// If there is no such example, `out` has not as many numbers as one, or a file that was readable is no longer.
    #[inline]
    #[track_caller]
    pub fn row(&self, i: usize, out: &mut [A]) {
        assert_eq!(out.len(), self.dim().1, "features: a buffer of another length than an example");
        match self {
            Features::Bytes(x) => from_bytes(x.row(i).to_slice().expect(BY_ROWS), out),
            Features::Real(x) => out.copy_from_slice(x.row(i).to_slice().expect(BY_ROWS)),
            Features::Coded(x) => x.row(i, out),
            Features::Stored(x) => x.row(i, out),
        }
    }

    /// The examples at these indices; those of a file come to memory.
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Features::Bytes(x) => Features::Bytes(x.select(Axis(0), indices)),
            Features::Real(x) => Features::Real(x.select(Axis(0), indices)),
            Features::Coded(x) => Features::Coded(x.select(indices)),
            Features::Stored(x) => x.select(indices),
        }
    }
}

/// Every byte has an exact float; of all conversions `from_u8` is the one that vectorises.
#[inline]
pub(crate) fn from_bytes<A: Scalar>(bytes: &[u8], out: &mut [A]) {
    for (y, &byte) in out.iter_mut().zip(bytes) {
        *y = A::from_u8(byte).unwrap_or_default();
    }
}

/// What an input is besides numbers: what a model must know to read another file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// A row of a table.
    Table(crate::table::Schema),
    /// A picture of this size, bytes scaled to \[0, 1\] by the transform.
    Image(ImageShape),
}

impl<A> From<Array2<u8>> for Features<A> {
    fn from(x: Array2<u8>) -> Self {
        Features::Bytes(x)
    }
}

impl From<Array2<f32>> for Features<f32> {
    fn from(x: Array2<f32>) -> Self {
        Features::Real(x)
    }
}

impl From<Array2<f64>> for Features<f64> {
    fn from(x: Array2<f64>) -> Self {
        Features::Real(x)
    }
}

/// What is to be predicted, for all examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Target<A> {
    /// Classification: a class of each example.
    Classes {
        /// The index of the class of each example.
        labels: Vec<u32>,
        /// The names of the classes; there may be more than occur.
        names: Vec<String>,
    },
    /// Regression: finite numbers, one example a row.
    Real {
        /// The shape is `(examples, outputs)`.
        values: Array2<A>,
        /// The name of each column.
        names: Vec<String>,
    },
}

impl<A> Target<A> {
    /// Classes without names of their own: they are called `"0"`, `"1"`, ….
    pub fn numbered(labels: Vec<u32>, classes: usize) -> Self {
        Target::Classes { labels, names: numbered("", classes) }
    }

    /// Numbers whose columns are called `"y0"`, `"y1"`, ….
    pub fn real(values: Array2<A>) -> Self {
        let names = numbered("y", values.ncols());
        Target::Real { values, names }
    }

    /// How many examples there are.
    pub fn len(&self) -> usize {
        match self {
            Target::Classes { labels, .. } => labels.len(),
            Target::Real { values, .. } => values.nrows(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is classification.
    pub fn is_classes(&self) -> bool {
        matches!(self, Target::Classes { .. })
    }
}

/// How a row of features is an image: row by row, and within a pixel channel by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Numbers a pixel.
    pub channels: usize,
}

impl ImageShape {
    /// Numbers an image; `None` where they are beyond counting.
    pub fn numbers(self) -> Option<usize> {
        self.height.checked_mul(self.width)?.checked_mul(self.channels)
    }
}

/// Names for what has none: the prefix and a number from 0.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}
