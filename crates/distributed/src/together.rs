use std::fmt::{self, Debug};
use std::time::Duration;

use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;
use chainrule_train::{Division, ProcessGroup, Reduction, Sharded};

use crate::all_reduce::Windows;
use crate::{AllReduce, Bucket, Communicator};

/// Numbers of a bucket: long enough that what it costs to begin one does not count, short enough that the first is soon on
/// its way. Half a megabyte in `f32`.
const BUCKET: usize = 1 << 17;

/// The ranks of a job, for the training loop.
///
/// ```
/// use chainrule_distributed::{Threads, Together};
/// use chainrule_train::{ProcessGroup, Reduction};
///
/// let divisions = Threads::<f32>::run(2, |rank| Together::new(rank, Reduction::Tree).division().rows(32));
/// assert_eq!(divisions, [0..16, 16..32]);
/// ```
pub struct Together<A, C> {
    communicator: C,
    reduction: Reduction,
    memory: Memory<A>,
    traffic: Traffic,
    bucket: usize,
}

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

/// What the reductions work in; it grows at the first step.
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
    pub(crate) fn buckets(&mut self, windows: Windows) -> &mut [Bucket<A>] {
        if self.buckets.is_empty() {
            self.buckets = windows.buckets();
        }
        &mut self.buckets
    }
}

impl<A: Scalar, C: Communicator<A>> Together<A, C> {
    /// The ranks that `communicator` joins.
    pub fn new(communicator: C, reduction: Reduction) -> Self {
        let empty = Vec::new;
        let memory = Memory {
            buckets: Vec::new(),
            sums: empty(),
            values: empty(),
            send: empty(),
            received: empty(),
            whole: empty(),
        };
        Self { communicator, reduction, memory, traffic: Traffic::default(), bucket: BUCKET }
    }

    /// The same with buckets of so many numbers.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn bucket(self, numbers: usize) -> Self {
        assert!(numbers > 0, "together: buckets of 0 numbers");
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

impl<A, C: Debug> Debug for Together<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { communicator, reduction, traffic, .. } = self;
        f.debug_struct("Together")
            .field("communicator", communicator)
            .field("reduction", reduction)
            .field("traffic", traffic)
            .finish_non_exhaustive()
    }
}

impl<A: Scalar, C: Communicator<A>> ProcessGroup<A> for Together<A, C> {
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
}
