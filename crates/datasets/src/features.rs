use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, Axis};

use crate::array::file_rows::FileRows;
use crate::array::numbers::from_bytes;
use crate::rows::divided;
use crate::split::Split;
use crate::table::columns::Columns;

/// The inputs of all examples, one example per row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Features<A> {
    /// Bytes, such as pixels: a quarter of the memory of `f32`. They are converted when a batch is filled.
    Bytes(Array2<u8>),
    /// Finite numbers.
    Real(Array2<A>),
    /// Finite numbers with more digits than the network's, which are centred before they are rounded.
    Wide(Array2<f64>),
    /// The columns of a table; categories are encoded as one-hot inputs when a batch is filled.
    Columns(Columns),
    /// Rows that are read from their file when a batch is filled.
    FileRows(FileRows),
}

const BY_ROWS: &str = "a data set is laid out by rows";

impl<A: Scalar> Features<A> {
    /// The shape `(examples, inputs)`.
    pub fn dim(&self) -> (usize, usize) {
        match self {
            Features::Bytes(x) => x.dim(),
            Features::Real(x) => x.dim(),
            Features::Wide(x) => x.dim(),
            Features::Columns(x) => x.dim(),
            Features::FileRows(x) => (x.len(), x.inputs()),
        }
    }

    /// Whether the rows stay in their file, and are read when a batch is filled.
    pub fn is_streamed(&self) -> bool {
        matches!(self, Features::FileRows(_))
    }

    /// Writes example `i`, as numbers.
    ///
    /// # Panics
    /// If `i` is out of range, `out.len()` is not the number of inputs, or a file can no longer be read.
    #[inline]
    #[track_caller]
    pub fn row(&self, i: usize, out: &mut [A]) {
        assert_eq!(out.len(), self.dim().1, "features: the buffer does not have the length of an example");
        match self {
            Features::Bytes(x) => from_bytes(x.row(i).to_slice().expect(BY_ROWS), out),
            Features::Real(x) => out.copy_from_slice(x.row(i).to_slice().expect(BY_ROWS)),
            Features::Wide(x) => out.iter_mut().zip(x.row(i)).for_each(|(y, &x)| *y = A::of(x)),
            Features::Columns(x) => x.row(i, out),
            Features::FileRows(x) => x.row(i, out),
        }
    }

    /// The rest and the held-out part, of which the rest keeps the memory of the whole.
    ///
    /// # Panics
    /// If the rows are streamed: those are divided by blocks.
    pub(crate) fn divided(self, split: &Split) -> (Self, Self) {
        match self {
            Features::Bytes(x) => both(divided(x, split), Features::Bytes),
            Features::Real(x) => both(divided(x, split), Features::Real),
            Features::Wide(x) => both(divided(x, split), Features::Wide),
            Features::Columns(x) => both(x.divided(split), Features::Columns),
            Features::FileRows(_) => unreachable!("streamed rows are divided by blocks"),
        }
    }

    /// The examples at these indices; streamed rows are read into memory.
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Features::Bytes(x) => Features::Bytes(x.select(Axis(0), indices)),
            Features::Real(x) => Features::Real(x.select(Axis(0), indices)),
            Features::Wide(x) => Features::Wide(x.select(Axis(0), indices)),
            Features::Columns(x) => Features::Columns(x.select(indices)),
            Features::FileRows(x) if x.is_plain_bytes() => {
                Features::Bytes(x.select::<A>(indices).mapv(|x| x.as_f64() as u8))
            }
            // As the file has them: a transform rounds after it has centred.
            Features::FileRows(x) if x.are_wide() && A::NAME != <f64 as Scalar>::NAME => {
                Features::Wide(x.select(indices))
            }
            Features::FileRows(x) => Features::Real(x.select(indices)),
        }
    }
}

fn both<T, F>((rest, held_out): (T, T), kind: impl Fn(T) -> F) -> (F, F) {
    (kind(rest), kind(held_out))
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
