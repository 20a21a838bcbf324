use chainrule_tensor::ndarray::{Array2, ArrayViewMut2};
use chainrule_tensor::{Scalar, rows};

/// What a [`Tape`] has room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TapeKind {
    /// Everything: each layer's output and error signal, for second derivatives and for a walk over the network.
    #[default]
    Complete,
    /// What a gradient needs: layers may work in place and share arrays.
    Gradient,
}

/// The memory of a layer between forward and backward; its shape mirrors the model's tree.
///
/// Sized once for the largest batch by [`Layer::tape`](crate::Layer::tape); a smaller batch uses the first rows.
#[derive(Debug, Clone, Default)]
pub struct Tape<A> {
    /// What it has room for.
    pub kind: TapeKind,
    /// What the layer itself saves of each row, each `(batch, width)`.
    pub arrays: Vec<Array2<A>>,
    /// What the layer saves of the batch as a whole, such as its statistics.
    pub vectors: Vec<Vec<A>>,
    /// One tape for each layer inside a container.
    pub children: Vec<Tape<A>>,
}

impl<A: Scalar> Tape<A> {
    /// The tape of a layer that saves nothing.
    pub fn empty() -> Self {
        Self { kind: TapeKind::Complete, arrays: Vec::new(), vectors: Vec::new(), children: Vec::new() }
    }

    /// A tape with one array of `batch` rows for each width.
    ///
    /// ```
    /// use chainrule_layers::Tape;
    ///
    /// let tape = Tape::<f32>::with_widths(8, [3, 1]);
    /// assert_eq!(tape.arrays[1].dim(), (8, 1));
    /// ```
    pub fn with_widths(batch: usize, widths: impl IntoIterator<Item = usize>) -> Self {
        let arrays = widths.into_iter().map(|width| rows::zeros(batch, width)).collect();
        Self { arrays, ..Self::empty() }
    }

    /// The same with one vector of each length besides.
    #[must_use]
    pub fn and_vectors(self, lengths: impl IntoIterator<Item = usize>) -> Self {
        Self { vectors: lengths.into_iter().map(|length| vec![A::zero(); length]).collect(), ..self }
    }

    /// The first `n` rows of each array, by name: `let [mean, deviation] = tape.rows_mut(n);`.
    ///
    /// # Panics
    /// If the tape has not exactly `N` arrays, or fewer than `n` rows.
    #[track_caller]
    pub fn rows_mut<const N: usize>(&mut self, n: usize) -> [ArrayViewMut2<'_, A>; N] {
        assert_eq!(self.arrays.len(), N, "tape: the layer saved another number of arrays");
        let mut arrays = self.arrays.iter_mut();
        std::array::from_fn(|_| rows::first_mut(arrays.next().expect("counted above"), n))
    }
}
