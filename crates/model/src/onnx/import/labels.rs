//! How the axes of a value in the graph lie in memory.
//!
//! Here the features of a position are neighbours; in the graph they are mostly the first axis of an example, (C, H, W). Operators
//! that only name the axes anew, `Transpose` above all, move nothing: they change the labels. A `Reshape` is put off until somebody
//! asks for the new axes, because most are undone before.

use chainrule_tensor::Shape;

use super::fold::places;

/// The axes of one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    /// Their lengths, in the order of the graph.
    pub(super) dims: Vec<usize>,
    /// Which of them each axis in memory is; the last one has the features.
    pub(super) order: Vec<usize>,
    /// Whether the graph counts the first of them with the examples: (N·T, F).
    pub(super) is_merged: bool,
    /// What a `Reshape` made of them that nobody has asked for yet.
    pub(super) seen: Option<Seen>,
}

/// Axes by which the graph sees a value, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) dims: Vec<usize>,
    pub(super) is_merged: bool,
}

impl Labels {
    /// As they lie in the graph.
    pub(super) fn plain(dims: Vec<usize>) -> Self {
        let order = (0..dims.len()).collect();
        Self { dims, order, is_merged: false, seen: None }
    }

    /// In this order.
    pub(super) fn ordered(dims: Vec<usize>, order: Vec<usize>) -> Self {
        Self { dims, order, is_merged: false, seen: None }
    }

    /// Features first in the graph.
    pub(super) fn channels_first(dims: Vec<usize>) -> Self {
        let order = features_at(0, dims.len());
        Self::ordered(dims, order)
    }

    /// The axes as the graph sees them.
    pub(super) fn visible(&self) -> (&[usize], bool) {
        match &self.seen {
            Some(seen) => (&seen.dims, seen.is_merged),
            None => (&self.dims, self.is_merged),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.dims.iter().product()
    }

    /// The same numbers by other axes.
    pub(super) fn reshaped(mut self, dims: Vec<usize>, is_merged: bool) -> Self {
        let same = self.dims == dims && self.is_merged == is_merged;
        self.seen = (!same).then_some(Seen { dims, is_merged });
        self
    }

    /// The labels that give the memory the axes that the graph sees; `None` where the numbers have to move for that, so that they lie
    /// as in the graph.
    pub(super) fn resolved(&self) -> Option<Self> {
        let Some(Seen { dims, is_merged }) = &self.seen else { return Some(self.clone()) };
        let order = match relabelled(&self.dims, &self.order, dims) {
            Some(order) => order,
            None if self.is_plain() => (0..dims.len()).collect(),
            None => return None,
        };
        Some(Self { dims: dims.clone(), order, is_merged: *is_merged, seen: None })
    }

    /// Whether memory is in the order of the graph.
    fn is_plain(&self) -> bool {
        self.lie_alike(&(0..self.dims.len()).collect::<Vec<_>>())
    }

    /// Whether this order of the axes is that of the memory, too: axes of length 1 may be anywhere.
    pub(super) fn lie_alike(&self, order: &[usize]) -> bool {
        let long =
            |order: &[usize]| order.iter().copied().filter(|&axis| self.dims[axis] > 1).collect::<Vec<_>>();
        long(&self.order) == long(order)
    }

    /// The axes in memory as a shape; beyond two axes of positions, these are steps of a sequence.
    pub(super) fn shape(&self) -> Shape {
        let lengths: Vec<usize> = self.order.iter().map(|&axis| self.dims[axis]).collect();
        match lengths[..] {
            [] => Shape::Flat(1),
            [features] => Shape::Flat(features),
            [time, features] => Shape::sequence(time, features),
            [height, width, channels] => Shape::image(height, width, channels),
            [ref positions @ .., features] => Shape::sequence(positions.iter().product(), features),
        }
    }
}

/// The order with `axis` as the features, and the positions in the order of the graph.
pub(super) fn features_at(axis: usize, rank: usize) -> Vec<usize> {
    (0..rank).filter(|&other| other != axis).chain((axis < rank).then_some(axis)).collect()
}

/// The order of the axes `new`, which are `dims` but for some of length 1, in the same memory.
fn relabelled(dims: &[usize], order: &[usize], new: &[usize]) -> Option<Vec<usize>> {
    let long = |dims: &[usize]| (0..dims.len()).filter(|&axis| dims[axis] > 1).collect::<Vec<_>>();
    let (theirs, ours) = (long(dims), long(new));
    if theirs.len() != ours.len() || theirs.iter().zip(&ours).any(|(&a, &b)| dims[a] != new[b]) {
        return None;
    }
    let renamed = |axis: &usize| theirs.iter().position(|long| long == axis).map(|at| ours[at]);
    let memory: Vec<usize> = order.iter().filter_map(renamed).collect();
    let features = *order.last()?;
    let features = if let Some(features) = renamed(&features) {
        features
    } else {
        // One feature: an axis of length 1, the first if it was the first.
        let first = (features == 0).then_some(0).filter(|&axis| new.first() == Some(&1) && axis < new.len());
        let last = new.len().checked_sub(1).filter(|&axis| new[axis] == 1);
        first.or(last).or_else(|| new.iter().position(|&length| length == 1)).or(memory.last().copied())?
    };
    let positions: Vec<usize> = memory.into_iter().filter(|&axis| axis != features).collect();
    let rest = |axis: &usize| *axis != features && !positions.contains(axis);
    let mut order: Vec<usize> = (0..new.len()).filter(rest).chain(positions.iter().copied()).collect();
    if positions.is_sorted() {
        order.sort_unstable();
    }
    order.push(features);
    Some(order)
}

/// The numbers of one example in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permutation {
    /// The lengths of the axes.
    pub(super) dims: Vec<usize>,
    pub(super) from: Vec<usize>,
    pub(super) to: Vec<usize>,
}

impl Permutation {
    pub(super) fn size(&self) -> usize {
        self.dims.iter().product()
    }

    /// For each place of the new order, the place in the old one.
    pub(super) fn sources(&self) -> Vec<usize> {
        let (mut steps, mut step) = (vec![0; self.dims.len()], 1);
        for &axis in self.from.iter().rev() {
            steps[axis] = step;
            step *= self.dims[axis];
        }
        let along = |of: &[usize]| self.to.iter().map(|&axis| of[axis]).collect::<Vec<_>>();
        places(&along(&self.dims), &along(&steps))
    }

    /// The axes of the new order in the numbering of the graph, as a shape.
    pub(super) fn shapes(&self) -> [Shape; 2] {
        [&self.from, &self.to].map(|order| Labels::ordered(self.dims.clone(), order.clone()).shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_length_one_come_and_go_without_moving_a_number() {
        let sequence = Labels::channels_first(vec![3, 6]);
        assert_eq!(sequence.shape(), Shape::sequence(6, 3));
        let picture = sequence.reshaped(vec![3, 6, 1], false).resolved().unwrap();
        assert_eq!((picture.order.as_slice(), picture.shape()), (&[1, 2, 0][..], Shape::image(6, 1, 3)));
        let pooled = Labels::channels_first(vec![8, 1, 1]).reshaped(vec![8], false).resolved().unwrap();
        assert_eq!((pooled.order.as_slice(), pooled.shape()), (&[0][..], Shape::Flat(8)));
        let flat = Labels::plain(vec![8]).reshaped(vec![8, 1, 1], false).resolved().unwrap();
        assert_eq!(flat.shape(), Shape::image(1, 1, 8));
        // A series of one channel.
        let series = Labels::plain(vec![9]).reshaped(vec![1, 9], false).resolved().unwrap();
        assert!(series.lie_alike(&[1, 0]) && series.lie_alike(&[0, 1]));
    }

    #[test]
    fn a_flattened_picture_has_to_move_unless_it_has_one_channel() {
        assert_eq!(Labels::channels_first(vec![3, 2, 2]).reshaped(vec![12], false).resolved(), None);
        let lone = Labels::channels_first(vec![1, 2, 2]).reshaped(vec![4], false).resolved().unwrap();
        assert_eq!(lone.shape(), Shape::Flat(4));
        assert_eq!(
            Labels::plain(vec![3, 2]).reshaped(vec![6], false).resolved().unwrap().shape(),
            Shape::Flat(6)
        );
    }

    #[test]
    fn a_permutation_is_that_of_numpy() {
        // np.arange(12).reshape(2, 2, 3) (h, w, c) .transpose(2, 0, 1).ravel()
        let permutation = Permutation { dims: vec![3, 2, 2], from: vec![1, 2, 0], to: vec![0, 1, 2] };
        assert_eq!(permutation.sources(), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    }
}
