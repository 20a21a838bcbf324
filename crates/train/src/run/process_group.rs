use std::fmt::Debug;

use chainrule_datasets::Error;
use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;
use thiserror::Error;

use crate::objective::division::{Division, Reduction};
use crate::objective::sharded::{Quantity, Sharded};

/// The processes that train one network together, each on its part of every batch, all with the same θ; seen from one of them.
///
/// Each method is for all of them: a process that calls it waits until the others have. [`SingleProcess`] is the only one of its kind;
/// the crate `chainrule-distributed` joins several by MPI.
pub trait ProcessGroup<A: Scalar>: Debug {
    /// This process's part of a batch.
    fn division(&self) -> Division;

    /// What each process says, in the order of their ranks.
    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>>;

    /// A step of the optimizer on the risk of the whole batch, of which this process holds `part`. As all of them see the same
    /// C, ∇C and products, all take the same step.
    fn step(&mut self, optimizer: &mut dyn Optimizer<A>, part: &mut Sharded<'_, A>, theta: &mut [A]) -> A;

    /// `out` ← the statistics of the whole batch at θ, of which this process holds `part`.
    fn observe(&mut self, part: &mut Sharded<'_, A>, theta: &[A], out: &mut [A]);
}

/// One process that trains a network by itself.
///
/// ```
/// use chainrule_train::{SingleProcess, Division, ProcessGroup, Reduction};
///
/// let mut alone = SingleProcess(Reduction::Library);
/// assert_eq!(ProcessGroup::<f32>::gather(&mut alone, b"yes"), [b"yes"]);
/// assert_eq!(ProcessGroup::<f32>::division(&alone), Division::default());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleProcess(
    /// In which order a sum is added: [`Reduction::Tree`] gives the bits that any number of processes would.
    pub Reduction,
);

impl<A: Scalar> ProcessGroup<A> for SingleProcess {
    fn division(&self) -> Division {
        Division { reduction: self.0, ..Division::default() }
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        vec![word.to_vec()]
    }

    fn step(&mut self, optimizer: &mut dyn Optimizer<A>, part: &mut Sharded<'_, A>, theta: &mut [A]) -> A {
        optimizer.step(part, theta)
    }

    fn observe(&mut self, part: &mut Sharded<'_, A>, theta: &[A], out: &mut [A]) {
        part.sum(Quantity::Statistics, theta, out);
    }
}

/// Whether any process says yes.
pub(crate) fn any<A: Scalar>(group: &mut dyn ProcessGroup<A>, yes: bool) -> bool {
    group.division().size > 1 && group.gather(&[u8::from(yes)]).iter().any(|word| word != &[0]) || yes
}

/// A file that the examples stay in can no longer be read, by one process of a group at least.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// By this process.
    #[error(transparent)]
    Here(#[from] Error),
    /// By another one.
    #[error("rank {rank}: {fault}")]
    Elsewhere {
        /// The first rank that cannot.
        rank: usize,
        /// Why.
        fault: String,
    },
}

/// What was read, if all processes could read; none of them then waits for one that has failed.
pub(crate) fn all_read<A: Scalar, T>(
    group: &mut dyn ProcessGroup<A>,
    read: Result<T, Error>,
) -> Result<T, Unreadable> {
    let word = read.as_ref().err().map_or_else(String::new, ToString::to_string);
    let words = if group.division().size > 1 { group.gather(word.as_bytes()) } else { Vec::new() };
    match (read, words.iter().position(|word| !word.is_empty())) {
        (Ok(_), Some(rank)) => {
            let fault = String::from_utf8_lossy(&words[rank]).into_owned();
            Err(Unreadable::Elsewhere { rank, fault })
        }
        (read, _) => Ok(read?),
    }
}
