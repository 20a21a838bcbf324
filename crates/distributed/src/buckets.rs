//! The buckets of an all-reduce, the memory it works in, and what went through it.

use std::ops::Range;
use std::time::Duration;

use chainrule_tensor::Scalar;

use crate::communicator::Bucket;

/// What went through the reductions of one rank, and how long it waited for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sums of C, of ∇C or of a product.
    pub reductions: u64,
    /// The bytes that this rank put into them.
    pub bytes: u64,
    /// The time in them that no backward pass hid.
    pub waited: Duration,
}

impl Traffic {
    pub(crate) fn add<A>(&mut self, numbers: usize, waited: Duration) {
        self.reductions += 1;
        self.bytes += (numbers * size_of::<A>()) as u64;
        self.waited += waited;
    }
}

/// The windows of a vector that are buckets: equally long, the first at its end, the last, with a place for C, at its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BucketWindows {
    /// The length of the vector.
    pub(crate) dim: usize,
    /// Numbers of a bucket.
    pub(crate) bucket: usize,
}

impl BucketWindows {
    pub(crate) fn at(self, i: usize) -> Range<usize> {
        self.dim.saturating_sub((i + 1) * self.bucket)..self.dim.saturating_sub(i * self.bucket)
    }

    /// Memory for all of them.
    pub(crate) fn buckets<A: Scalar>(self) -> Vec<Bucket<A>> {
        let count = self.dim.div_ceil(self.bucket).max(1);
        let bucket = |i| {
            let numbers = vec![A::zero(); self.at(i).len() + usize::from(i + 1 == count)];
            Bucket { own: numbers.clone(), sum: numbers }
        };
        (0..count).map(bucket).collect()
    }
}

/// The scratch memory of the reductions; it grows at the first step.
#[derive(Debug)]
pub(crate) struct Memory<A> {
    buckets: Vec<Bucket<A>>,
    /// The sums at this rank's nodes of the tree.
    pub(crate) sums: Vec<A>,
    pub(crate) values: Vec<A>,
    pub(crate) send: Vec<A>,
    pub(crate) received: Vec<A>,
    pub(crate) whole: Vec<A>,
}

impl<A: Scalar> Memory<A> {
    /// The buckets of these windows, made once.
    pub(crate) fn buckets(&mut self, windows: BucketWindows) -> &mut [Bucket<A>] {
        if self.buckets.is_empty() {
            self.buckets = windows.buckets();
        }
        &mut self.buckets
    }
}

impl<A> Default for Memory<A> {
    fn default() -> Self {
        let empty = Vec::new;
        Self {
            buckets: Vec::new(),
            sums: empty(),
            values: empty(),
            send: empty(),
            received: empty(),
            whole: empty(),
        }
    }
}
