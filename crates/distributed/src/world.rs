use std::collections::VecDeque;
use std::fmt;

use mpi::Count;
use mpi::collective::SystemOperation;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::{Threading, Universe};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives};

use crate::communicator::{Bucket, Communicator, Launch};
use crate::mpi_scalar::MpiScalar;

/// All ranks of an MPI job.
///
/// An MPI library begins and ends once in the life of a process. A rank that ends without [`end`](Self::end), by a panic, say, is
/// for `mpirun` a reason to end the others too.
pub struct World {
    /// Not dropped but by `end`: MPI's last act waits for all ranks, which one that panics must not.
    universe: &'static mut Option<Universe>,
    world: SimpleCommunicator,
}

impl World {
    /// Joins the job that this process was started in; on its own it is a job of one rank. `None` the second time.
    ///
    /// MPI is then called from this thread alone.
    pub fn join() -> Option<Self> {
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)?;
        let world = universe.world();
        Some(Self { universe: Box::leak(Box::new(Some(universe))), world })
    }

    /// The number of this rank, from 0.
    pub fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    /// How many ranks there are.
    pub fn size(&self) -> usize {
        self.world.size() as usize
    }

    /// What each rank says, in the order of ranks.
    pub fn gather(&self, word: &[u8]) -> Vec<Vec<u8>> {
        // One byte more, for an empty vector lies at address 1, and that is how Open MPI spells MPI_IN_PLACE.
        let word = &[&[0], word].concat()[..];
        let mut lengths = vec![0; self.size()];
        self.world.all_gather_into(&count(word.len()), &mut lengths);
        let starts = starts(&lengths);
        let mut all = vec![0; lengths.iter().map(|&length| length as usize).sum()];
        self.world
            .all_gather_varcount_into(word, &mut PartitionMut::new(&mut all[..], &lengths[..], &starts[..]));
        let word =
            |(&start, &length): (&Count, &Count)| all[start as usize + 1..(start + length) as usize].to_vec();
        starts.iter().zip(&lengths).map(word).collect()
    }

    /// Leaves the job, when all ranks do.
    pub fn end(self) {
        drop(self.universe.take());
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("rank", &self.rank())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// A length as MPI counts.
fn count(length: usize) -> Count {
    Count::try_from(length).expect("an MPI message has fewer than 2³¹ numbers")
}

fn counts(lengths: &[usize]) -> Vec<Count> {
    lengths.iter().map(|&length| count(length)).collect()
}

/// Where each of some parts begins that lie one after the other.
fn starts(lengths: &[Count]) -> Vec<Count> {
    count(lengths.iter().map(|&length| length as usize).sum());
    lengths.iter().scan(0, |next, length| Some(std::mem::replace(next, *next + length))).collect()
}

impl<A: MpiScalar> Communicator<A> for &World {
    fn rank(&self) -> usize {
        World::rank(self)
    }

    fn size(&self) -> usize {
        World::size(self)
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        World::gather(self, word)
    }

    fn all_reduce(&mut self, x: &mut [A]) {
        let own = x.to_vec();
        self.world.all_reduce_into(&own[..], x, SystemOperation::sum());
    }

    fn exchange(&mut self, send: &[A], sent: &[usize], receive: &mut [A], received: &[usize]) {
        let (sent, received) = (counts(sent), counts(received));
        let (from, to) = (starts(&sent), starts(&received));
        self.world.all_to_all_varcount_into(
            &Partition::new(send, &sent[..], &from[..]),
            &mut PartitionMut::new(receive, &received[..], &to[..]),
        );
    }

    fn collect(&mut self, own: &[A], all: &mut [A], lengths: &[usize]) {
        let lengths = counts(lengths);
        let starts = starts(&lengths);
        self.world.all_gather_varcount_into(own, &mut PartitionMut::new(all, &lengths[..], &starts[..]));
    }

    fn all_reduce_behind(
        &mut self,
        buckets: &mut [Bucket<A>],
        work: &mut dyn for<'l> FnMut(&mut Launch<'l, A>),
    ) {
        mpi::request::scope(|scope| {
            let (mut next, mut on_the_way) = (buckets.iter_mut(), VecDeque::new());
            work(&mut |fill| {
                let Bucket { own, sum } = next.next().expect("all-reduce: no more buckets than there are");
                fill(own);
                let (own, sum) = (&own[..], &mut sum[..]);
                on_the_way.push_back(self.world.immediate_all_reduce_into(
                    scope,
                    own,
                    sum,
                    SystemOperation::sum(),
                ));
                // The library moves its messages on only when it is called.
                while let Some(first) = on_the_way.pop_front() {
                    if let Err(first) = first.test() {
                        on_the_way.push_front(first);
                        break;
                    }
                }
            });
            for bucket in on_the_way {
                bucket.wait_without_status();
            }
            assert_eq!(next.len(), 0, "all-reduce: a bucket was never launched");
        });
    }
}
