use std::fmt;
use std::ops::Range;

use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Scalar, vector};

use crate::augment::augmentation::Augmentation;
use crate::augment::augmenter::Augmenter;
use crate::augment::mix::{Mixed, Mixing};
use crate::batch::{BY_ROWS, Batch};
use crate::dataset::Dataset;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::features::Features;
use crate::order::{Order, Windows};
use crate::streams;
use crate::transform::folded::Folded;
use crate::transform::pipeline::Pipeline;

/// From the size of a whole batch to the examples of it that are filled in.
struct Part(Box<dyn Fn(usize) -> Range<usize> + Send>);

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

/// The batches of an epoch, in a seeded order, through one buffer.
///
/// The order of an epoch is a function of (seed, epoch) alone, so a run can resume in the middle of an epoch:
/// [`shuffle`](Self::shuffle), then [`seek`](Self::seek). After construction nothing allocates. Before the first shuffle
/// the examples come in the order of the data set.
///
/// ```
/// use chainrule_datasets::{Batches, Encoding, Pipeline, synthetic};
///
/// let data = synthetic::moons::<f32>(10, 0.1, 1);
/// let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 4);
/// let mut sizes = Vec::new();
/// while let Some(batch) = batches.next_batch() {
///     sizes.push(batch.rows());
/// }
/// assert_eq!(sizes, [4, 4, 2]);
///
/// batches.shuffle(7, 3);
/// batches.seek(1);
/// let resumed = batches.next_batch().unwrap().indices().to_vec();
/// batches.shuffle(7, 3);
/// batches.next_batch();
/// assert_eq!(batches.next_batch().unwrap().indices(), resumed);
/// ```
#[derive(Debug)]
pub struct Batches<'a, A: Scalar> {
    data: &'a Dataset<A>,
    folded: Folded<A>,
    encoding: Encoding,
    size: usize,
    drop_last: bool,
    /// Whether each epoch keeps the order of the data set.
    in_order: bool,
    part: Part,
    order: Order,
    augmenter: Option<Box<Augmenter<A>>>,
    /// An example that is mixed with one of the batch, and is none of the [part](Self::part) itself.
    partner: (Vec<A>, Vec<A>, A),
    /// The number of the next batch.
    next: usize,
    batch: Batch<A>,
}

impl<'a, A: Scalar> Batches<'a, A> {
    /// Batches of `size` examples, or of all if there are fewer.
    ///
    /// # Panics
    /// If `size` is 0, the pipeline was fitted on another number of features, or the encoding does not fit the target.
    #[track_caller]
    pub fn new(data: &'a Dataset<A>, pipeline: &Pipeline, encoding: Encoding, size: usize) -> Self {
        assert!(size > 0, "batches: the batch size is 0");
        let folded = pipeline.fold_all(data.inputs());
        let rows = size.min(data.len());
        let batch = Batch {
            x: Array2::zeros((rows, data.inputs())),
            target: Array2::zeros((rows, encoding.columns(data.target()))),
            weights: data.weights().map_or_else(Vec::new, |_| vec![A::one(); rows]),
            indices: vec![0; rows],
            rows: 0,
            whole: 0,
        };
        let order = match data.features() {
            Features::FileRows(rows) => Order::Windows(Windows::new(rows)),
            _ => Order::Whole((0..data.len()).collect()),
        };
        Self {
            data,
            folded,
            encoding,
            size: rows.max(1),
            drop_last: false,
            in_order: false,
            part: Part(Box::new(|whole| 0..whole)),
            order,
            augmenter: None,
            partner: (Vec::new(), Vec::new(), A::one()),
            next: 0,
            batch,
        }
    }

    /// Varies the images of each epoch that [`shuffle`](Self::shuffle) begins; those of other passes stay as they are.
    ///
    /// If examples are mixed, targets that are indices of classes become shares of all classes, one column each.
    ///
    /// # Errors
    /// If the examples are no images, or too small for it: as [`Augmentation::check`].
    pub fn augmented(mut self, augmentation: &Augmentation) -> Result<Self, Error> {
        augmentation.check(self.data)?;
        let varies = !augmentation.is_none() && self.data.inputs() > 0;
        let Some(shape) = self.data.image().filter(|_| varies) else { return Ok(self) };
        self.augmenter = Some(Box::new(Augmenter::new(*augmentation, shape, self.data.full_scale())));
        if augmentation.mixes() {
            if self.encoding == Encoding::Index {
                self.encoding = Encoding::OneHot;
            }
            let columns = self.encoding.columns(self.data.target());
            self.batch.target = Array2::zeros((self.batch.indices.len(), columns));
            self.partner = (vec![A::zero(); self.data.inputs()], vec![A::zero(); columns], A::one());
        }
        Ok(self)
    }

    /// Leaves out a last batch that is not full. Off by default.
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// Keeps the order of the data set in each epoch that [`shuffle`](Self::shuffle) begins; images are varied as ever.
    ///
    /// ```
    /// use chainrule_datasets::{Batches, Encoding, Pipeline, synthetic};
    ///
    /// let data = synthetic::moons::<f32>(10, 0.1, 1);
    /// let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 4).in_order();
    /// batches.shuffle(7, 3);
    /// assert_eq!(batches.next_batch().unwrap().indices(), [0, 1, 2, 3]);
    /// ```
    #[must_use]
    pub fn in_order(self) -> Self {
        Self { in_order: true, ..self }
    }

    /// Restricts each batch to this process's sub-range, where several processes share a batch: `part(n)` returns it for a
    /// batch of n examples.
    #[must_use]
    pub fn part(self, part: impl Fn(usize) -> Range<usize> + Send + 'static) -> Self {
        Self { part: Part(Box::new(part)), ..self }
    }

    /// Begins the epoch with this number, in its own order.
    pub fn shuffle(&mut self, seed: u64, epoch: u64) {
        self.sequential();
        match &mut self.order {
            _ if self.in_order => {}
            Order::Whole(order) => streams::epoch(seed, epoch).shuffle(order),
            Order::Windows(windows) => windows.shuffle(seed, epoch),
        }
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.begin(seed, epoch);
        }
    }

    /// Begins a pass through the examples in the order of the data set.
    pub fn sequential(&mut self) {
        match &mut self.order {
            Order::Whole(order) => order.iter_mut().enumerate().for_each(|(i, example)| *example = i),
            Order::Windows(windows) => windows.sequential(),
        }
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.pause();
        }
        self.next = 0;
    }

    /// Moves to the batch with this number, from 0, in the current epoch.
    pub fn seek(&mut self, batch: usize) {
        self.next = batch;
    }

    /// Batches per epoch.
    pub fn count(&self) -> usize {
        if self.drop_last { self.data.len() / self.size } else { self.data.len().div_ceil(self.size) }
    }

    /// Examples per batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Numbers per example.
    pub fn inputs(&self) -> usize {
        self.data.inputs()
    }

    /// Whether a batch is filled from bytes, or numbers of its own type, that lie in memory, and not augmented.
    pub fn is_copied(&self) -> bool {
        self.augmenter.is_none() && matches!(self.data.features(), Features::Bytes(_) | Features::Real(_))
    }

    /// Fills the buffer with the next examples; `None` at the end of the epoch.
    ///
    /// # Panics
    /// If a streamed file can no longer be read; [`fill`](Self::fill) returns an error instead.
    #[track_caller]
    pub fn next_batch(&mut self) -> Option<&Batch<A>> {
        let mut batch = std::mem::take(&mut self.batch);
        let some = self.fill(&mut batch);
        self.batch = batch;
        some.unwrap_or_else(|error| panic!("{error}")).then_some(&self.batch)
    }

    /// Fills the caller's buffer with the next examples; `false` at the end of the epoch. One batch can be filled while
    /// another is in use.
    ///
    /// # Errors
    /// If a streamed file can no longer be read; data in memory never fails.
    ///
    /// # Panics
    /// If the buffer was not made by [`buffer`](Self::buffer) for this data and batch size.
    #[track_caller]
    pub fn fill(&mut self, batch: &mut Batch<A>) -> Result<bool, Error> {
        if self.next >= self.count() {
            return Ok(false);
        }
        let start = self.next * self.size;
        let whole = start..self.data.len().min(start + self.size);
        self.next += 1;
        batch.whole = whole.len();
        let part = self.part.0(batch.whole);
        let places = whole.start + part.start..whole.start + part.end;
        assert!(places.len() <= batch.indices.len(), "batches: the buffer is for a smaller batch");
        batch.rows = places.len();
        let rows = batch.x.outer_iter_mut().zip(batch.target.outer_iter_mut());
        for ((place, index), (x, target)) in places.clone().zip(&mut batch.indices).zip(rows) {
            *index = self.example(place, x.into_slice().expect(BY_ROWS))?;
            self.encoding.fill(self.data.target(), *index, target.into_slice().expect(BY_ROWS));
        }
        if let Some(weights) = self.data.weights() {
            let indices = &batch.indices[..batch.rows];
            indices.iter().zip(&mut batch.weights).for_each(|(&i, weight)| *weight = weights[i]);
        }
        let Some(augmenter) = &self.augmenter else { return Ok(true) };
        if let Some(mixing) = augmenter.mixing(whole.start / self.size) {
            self.mix(&mixing, &whole, places, batch)?;
        }
        for x in batch.x.outer_iter_mut().take(batch.rows) {
            self.folded.apply(x.into_slice().expect(BY_ROWS));
        }
        Ok(true)
    }

    /// Writes the example at a place of the epoch, transformed, and returns its index; one that is augmented is left for the caller
    /// to transform.
    fn example(&mut self, place: usize, x: &mut [A]) -> Result<usize, Error> {
        let Self { data, folded, order, augmenter, .. } = self;
        let index = match (order, augmenter.as_deref_mut()) {
            (Order::Whole(order), None) => {
                folded.fill(data.features(), order[place], x);
                return Ok(order[place]);
            }
            (Order::Whole(order), Some(augmenter)) => {
                data.features().row(order[place], augmenter.image());
                order[place]
            }
            (Order::Windows(windows), augmenter) => {
                let (row, rows, bytes) = windows.row(place)?;
                let numbers = match augmenter {
                    None => {
                        folded.file_row(rows, bytes, x);
                        &*x
                    }
                    Some(augmenter) => {
                        rows.decode(bytes, augmenter.image());
                        augmenter.image()
                    }
                };
                if !vector::is_finite(numbers) {
                    return Err(rows.refused(row));
                }
                row
            }
        };
        if let Some(augmenter) = augmenter {
            augmenter.vary(index, x);
        }
        Ok(index)
    }

    /// Mixes each example with its neighbour in the whole batch, also where that is no example of the part.
    fn mix(
        &mut self,
        mixing: &Mixing,
        whole: &Range<usize>,
        places: Range<usize>,
        batch: &mut Batch<A>,
    ) -> Result<(), Error> {
        let mut place = places.start;
        while place < places.end {
            let (row, neighbour) = (place - places.start, whole.start + ((place - whole.start) ^ 1));
            if neighbour == place + 1 && neighbour < places.end {
                let mut unweighted = [A::one(); 2];
                mixing.mix(batch.two(row, &mut unweighted));
                place += 2;
                continue;
            }
            place += 1;
            if whole.contains(&neighbour) {
                let (mut x, mut target, mut weight) = std::mem::take(&mut self.partner);
                let index = self.example(neighbour, &mut x);
                if let Ok(index) = index {
                    self.encoding.fill(self.data.target(), index, &mut target);
                    weight = self.data.weights().map_or(A::one(), |weights| weights[index]);
                    let other = Mixed { x: &mut x, target: &mut target, weight: &mut weight };
                    mixing.mix([batch.one(row, &mut A::one()), other]);
                }
                self.partner = (x, target, weight);
                index?;
            }
        }
        Ok(())
    }

    /// Another buffer for [`fill`](Self::fill).
    pub fn buffer(&self) -> Batch<A> {
        self.batch.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits::digits;
    use crate::synthetic;
    use crate::transform::transforms::Scaling;
    use chainrule_tensor::ndarray::Axis;

    #[test]
    fn the_parts_of_a_batch_are_the_batch() {
        let data = synthetic::moons::<f32>(23, 0.1, 1);
        let walk = |part: fn(usize) -> Range<usize>| {
            let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 10).part(part);
            batches.shuffle(1, 1);
            let mut seen = Vec::new();
            while let Some(batch) = batches.next_batch() {
                seen.push((batch.whole(), batch.indices().to_vec(), batch.x().to_owned()));
            }
            seen
        };
        let (all, left, right) = (walk(|n| 0..n), walk(|n| 0..n / 3), walk(|n| n / 3..n));
        for ((all, left), right) in all.iter().zip(left).zip(right) {
            assert_eq!((left.0, right.0), (all.0, all.0));
            assert_eq!([left.1, right.1].concat(), all.1);
            assert_eq!(chainrule_tensor::ndarray::concatenate![Axis(0), left.2, right.2], all.2);
        }
    }

    fn epoch(batches: &mut Batches<'_, f32>) -> Vec<usize> {
        let mut seen = Vec::new();
        while let Some(batch) = batches.next_batch() {
            seen.extend_from_slice(batch.indices());
        }
        seen
    }

    #[test]
    fn an_epoch_has_each_example_once_in_an_order_of_its_own() {
        let data = synthetic::moons::<f32>(103, 0.1, 1);
        let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 10);
        let mut orders = vec![epoch(&mut batches)];
        assert!(orders[0].iter().copied().eq(0..103));
        for (seed, number) in [(1, 1), (1, 2), (2, 1)] {
            batches.shuffle(seed, number);
            let order = epoch(&mut batches);
            assert!(!orders.contains(&order));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, orders[0]);
            orders.push(order);
        }
        let fresh = &mut Batches::new(&data, &Pipeline::new(), Encoding::Index, 10);
        fresh.shuffle(1, 2);
        assert_eq!(epoch(fresh), orders[2]);
    }

    #[test]
    fn a_batch_is_the_materialized_rows_bit_for_bit_in_one_buffer() {
        let train = digits::<f32>().train;
        let pipeline = train.pixel_scaling().then_fit(Scaling::Standardise, &train).unwrap();
        let (x, target) = (train.inputs_through(&pipeline), train.one_hot().unwrap());
        let real = train.materialize(&pipeline);
        let mut from_bytes = Batches::new(&train, &pipeline, Encoding::OneHot, 64);
        let mut from_reals = Batches::new(&real, &Pipeline::new(), Encoding::OneHot, 64);
        from_bytes.shuffle(3, 1);
        from_reals.shuffle(3, 1);
        let buffer = from_bytes.batch.x.as_ptr();
        while let (Some(a), Some(b)) = (from_bytes.next_batch(), from_reals.next_batch()) {
            assert_eq!(a, b);
            assert_eq!(a.x(), x.select(Axis(0), a.indices()));
            assert_eq!(a.target(), target.select(Axis(0), a.indices()));
            assert_eq!(a.x().as_ptr(), buffer);
        }
    }

    #[test]
    fn a_ragged_last_batch_can_be_left_out() {
        let data = synthetic::moons::<f32>(10, 0.1, 1);
        let mut batches = Batches::new(&data, &Pipeline::new(), Encoding::Index, 4).drop_last(true);
        assert_eq!((batches.count(), epoch(&mut batches).len()), (2, 8));
        batches.seek(usize::MAX);
        assert!(batches.next_batch().is_none());
    }

    #[test]
    fn ends_of_the_scale() {
        let data = synthetic::moons::<f32>(3, 0.1, 1);
        let mut one = Batches::new(&data, &Pipeline::new(), Encoding::Index, usize::MAX);
        assert_eq!((one.count(), one.size(), epoch(&mut one).len()), (1, 3, 3));
        let none = data.select(&[]);
        let mut none = Batches::new(&none, &Pipeline::new(), Encoding::Index, 4);
        none.shuffle(1, 1);
        assert!(none.count() == 0 && none.next_batch().is_none());
    }
}
