use chainrule_tensor::Scalar;
use chainrule_tensor::ndarray::{Array2, ArrayView2, s};

use crate::augment::mix::Mixed;

/// Some examples, ready for a network, in buffers that [`Batches`](crate::Batches) refills.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch<A> {
    pub(crate) x: Array2<A>,
    pub(crate) target: Array2<A>,
    /// Empty where all examples count alike.
    pub(crate) weights: Vec<A>,
    pub(crate) indices: Vec<usize>,
    pub(crate) rows: usize,
    pub(crate) whole: usize,
}

impl<A: Scalar> Batch<A> {
    /// The transformed inputs, one example per row.
    pub fn x(&self) -> ArrayView2<'_, A> {
        self.x.slice(s![..self.rows, ..])
    }

    /// The encoded targets, one example per row.
    pub fn target(&self) -> ArrayView2<'_, A> {
        self.target.slice(s![..self.rows, ..])
    }

    /// How much each example counts, where they do not all count alike.
    pub fn weights(&self) -> Option<&[A]> {
        (!self.weights.is_empty()).then(|| &self.weights[..self.rows])
    }

    /// The indices of the examples in the data set.
    pub fn indices(&self) -> &[usize] {
        &self.indices[..self.rows]
    }

    /// The number of examples: the batch size, or fewer in the last batch, or those of [`Batches::part`](crate::Batches::part).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of examples in the whole batch, of which these may be a part.
    pub fn whole(&self) -> usize {
        self.whole
    }
}

pub(crate) const BY_ROWS: &str = "the buffer is row-major";

impl<A: Scalar> Batch<A> {
    /// An example that is about to be mixed; `unweighted` is its weight in a data set without weights.
    pub(crate) fn one<'b>(&'b mut self, row: usize, unweighted: &'b mut A) -> Mixed<'b, A> {
        Mixed {
            x: self.x.row_mut(row).into_slice().expect(BY_ROWS),
            target: self.target.row_mut(row).into_slice().expect(BY_ROWS),
            weight: self.weights.get_mut(row).unwrap_or(unweighted),
        }
    }

    /// An example and the next one.
    pub(crate) fn two<'b>(&'b mut self, row: usize, unweighted: &'b mut [A; 2]) -> [Mixed<'b, A>; 2] {
        let halves = |rows: &'b mut Array2<A>| {
            let columns = rows.ncols();
            let numbers = &mut rows.as_slice_mut().expect(BY_ROWS)[row * columns..(row + 2) * columns];
            numbers.split_at_mut(columns)
        };
        let weights =
            if self.weights.is_empty() { &mut unweighted[..] } else { &mut self.weights[row..row + 2] };
        let ((x, next_x), (target, next_target)) = (halves(&mut self.x), halves(&mut self.target));
        let [weight, next_weight] = weights else { unreachable!("two weights") };
        [Mixed { x, target, weight }, Mixed { x: next_x, target: next_target, weight: next_weight }]
    }
}
