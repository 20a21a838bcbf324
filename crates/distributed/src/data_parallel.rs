use std::fmt::{self, Debug};

use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;
use chainrule_train::{Division, ProcessGroup, Reduction, Sharded};

use crate::all_reduce::AllReduce;
use crate::buckets::{Memory, Traffic};
use crate::communicator::Communicator;

/// Numbers of a bucket: long enough that what it costs to begin one does not count, short enough that the first is soon on
/// its way. Half a megabyte in `f32`.
const BUCKET: usize = 1 << 17;

/// The ranks of a job, for the training loop.
///
/// ```
/// use chainrule_distributed::{Threads, DataParallel};
/// use chainrule_train::{ProcessGroup, Reduction};
///
/// let divisions = Threads::<f32>::run(2, |rank| DataParallel::new(rank, Reduction::Tree).division().rows(32));
/// assert_eq!(divisions, [0..16, 16..32]);
/// ```
pub struct DataParallel<A, C> {
    communicator: C,
    reduction: Reduction,
    memory: Memory<A>,
    traffic: Traffic,
    bucket: usize,
}

impl<A: Scalar, C: Communicator<A>> DataParallel<A, C> {
    /// The ranks that `communicator` joins.
    pub fn new(communicator: C, reduction: Reduction) -> Self {
        let (memory, traffic) = (Memory::default(), Traffic::default());
        Self { communicator, reduction, memory, traffic, bucket: BUCKET }
    }

    /// The same with buckets of `numbers` numbers.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn bucket(self, numbers: usize) -> Self {
        assert!(numbers > 0, "data parallel: buckets of 0 numbers");
        Self { bucket: numbers, ..self }
    }

    /// The risk of the whole batch, of which this rank holds `part`. All parts are of one network.
    pub fn objective<'a, 'b>(&'a mut self, part: &'a mut Sharded<'b, A>) -> AllReduce<'a, 'b, A, C> {
        AllReduce::new(part, &mut self.communicator, &mut self.memory, &mut self.traffic, self.bucket)
    }

    /// What went through the reductions so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl<A, C: Debug> Debug for DataParallel<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { communicator, reduction, traffic, .. } = self;
        f.debug_struct("DataParallel")
            .field("communicator", communicator)
            .field("reduction", reduction)
            .field("traffic", traffic)
            .finish_non_exhaustive()
    }
}

impl<A: Scalar, C: Communicator<A>> ProcessGroup<A> for DataParallel<A, C> {
    fn division(&self) -> Division {
        let (rank, size) = (self.communicator.rank(), self.communicator.size());
        Division { reduction: self.reduction, rank, size }
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        self.communicator.gather(word)
    }

    fn step(&mut self, optimizer: &mut dyn Optimizer<A>, part: &mut Sharded<'_, A>, theta: &mut [A]) -> A {
        optimizer.step(&mut self.objective(part), theta)
    }

    fn observe(&mut self, part: &mut Sharded<'_, A>, theta: &[A], out: &mut [A]) {
        self.objective(part).observe(theta, out);
    }
}
