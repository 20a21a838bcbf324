use std::fmt::Debug;

/// A window of a vector on its way through an all-reduce.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket<A> {
    /// This rank's summand.
    pub own: Vec<A>,
    /// The sum over all ranks.
    pub sum: Vec<A>,
}

/// Sends the next bucket off, once its argument has filled it.
pub type Launch<'l, A> = dyn FnMut(&mut dyn FnMut(&mut [A])) + 'l;

/// What joins the ranks, seen from one of them.
///
/// Each method is collective: all ranks call the same ones in the same order, and a rank waits in one until the others have come.
pub trait Communicator<A: Copy>: Debug {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// What each rank says, in the order of ranks.
    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>>;

    /// x ← Σ x over the ranks, in whatever order is fastest, but with the same bits on all of them.
    fn all_reduce(&mut self, x: &mut [A]);

    /// Sends the r-th part of `send`, `sent[r]` numbers, to rank r, and puts what comes from rank r, `received[r]` numbers, at
    /// the r-th place of `receive`.
    fn exchange(&mut self, send: &[A], sent: &[usize], receive: &mut [A], received: &[usize]);

    /// Puts the vectors of all ranks, `lengths[r]` numbers of rank r, one after the other into `all`.
    fn collect(&mut self, own: &[A], all: &mut [A], lengths: &[usize]);

    /// Adds the buckets up over the ranks, in their order, while `work` runs: it launches each one when it has its numbers.
    ///
    /// # Panics
    /// If `work` launches more or fewer buckets than there are.
    fn all_reduce_behind(
        &mut self,
        buckets: &mut [Bucket<A>],
        work: &mut dyn for<'l> FnMut(&mut Launch<'l, A>),
    ) {
        let mut next = 0;
        work(&mut |fill| {
            let Bucket { own, sum } = &mut buckets[next];
            fill(own);
            sum.copy_from_slice(own);
            self.all_reduce(sum);
            next += 1;
        });
        assert_eq!(next, buckets.len(), "all-reduce: a bucket was never launched");
    }
}
