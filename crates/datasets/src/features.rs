use chainrule_tensor::ndarray::Array2;

/// The inputs of all examples, one example a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Features<A> {
    /// Bytes, such as pixels: a quarter of the memory of `f32`. They become numbers when a batch is filled.
    Bytes(Array2<u8>),
    /// Finite numbers.
    Real(Array2<A>),
}

impl<A> Features<A> {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Features::Bytes(x) => x.dim(),
            Features::Real(x) => x.dim(),
        }
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels a row.
    pub width: usize,
    /// Numbers a pixel.
    pub channels: usize,
}

/// Names for what has none: the prefix and a number from 0.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}
