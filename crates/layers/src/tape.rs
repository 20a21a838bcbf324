use chainrule_tensor::ndarray::{Array2, ArrayViewMut2};
use chainrule_tensor::{Scalar, rows};

/// The memory of a layer between forward and backward; its shape mirrors the model's tree.
///
/// Sized once for the largest batch by [`Layer::tape`](crate::Layer::tape); a smaller batch uses the first rows.
#[derive(Debug, Clone, Default)]
pub struct Tape<A> {
    /// What the layer itself saves, each `(batch, width)`.
    pub arrays: Vec<Array2<A>>,
    /// One tape for each layer inside a container.
    pub children: Vec<Tape<A>>,
}

impl<A: Scalar> Tape<A> {
    /// The tape of a layer that saves nothing.
    pub fn empty() -> Self {
        Self { arrays: Vec::new(), children: Vec::new() }
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
        Self { arrays, children: Vec::new() }
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
