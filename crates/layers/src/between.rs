//! The steps of a chain, and what its layers hand to each other: arrays on the tape, and the caller's at both ends.

use std::ops::Range;

use chainrule_tensor::ndarray::{Array2, ArrayRef2, ArrayView2, ArrayViewMut2};
use chainrule_tensor::{Scalar, rows};

/// One step of a pass: a layer that computes, and neighbours that need no array of their own.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// All layers of the step.
    pub(crate) layers: Range<usize>,
    /// The one that computes.
    pub(crate) work: usize,
    /// The activation that is joined to it.
    pub(crate) activation: Option<usize>,
}

/// The first `n` rows of the array below layer `l`, or `otherwise` at the edge.
pub(crate) fn below<'a, A: Scalar>(
    arrays: &'a [Array2<A>],
    otherwise: &'a ArrayRef2<A>,
    n: usize,
) -> ArrayView2<'a, A> {
    arrays.last().map_or(otherwise.view(), |array| rows::first(array, n))
}

/// The first `n` rows of the array at layer `l`, or `otherwise` at the edge.
pub(crate) fn above<'a, A: Scalar>(
    arrays: &'a [Array2<A>],
    otherwise: &'a ArrayRef2<A>,
    n: usize,
) -> ArrayView2<'a, A> {
    arrays.first().map_or(otherwise.view(), |array| rows::first(array, n))
}

/// The array that layer `l` writes downwards: the last of `arrays`, or the caller's at the edge, which may be absent.
pub(crate) fn downwards<'a, A: Scalar>(
    arrays: &'a mut [Array2<A>],
    otherwise: &'a mut Option<&mut ArrayRef2<A>>,
    n: usize,
) -> Option<ArrayViewMut2<'a, A>> {
    match arrays.last_mut() {
        Some(array) => Some(rows::first_mut(array, n)),
        None => otherwise.as_deref_mut().map(|array| array.view_mut()),
    }
}
