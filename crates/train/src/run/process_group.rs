use std::fmt::Debug;

use chainrule_optim::Optimizer;
use chainrule_tensor::Scalar;

use crate::objective::division::{Division, Reduction};
use crate::objective::sharded::Sharded;

/// The processes that train one network together, each on its part of every batch, all with the same θ; seen from one of them.
///
/// Each method is for all of them: a process that calls it waits until the others have. [`Alone`] is the only one of its kind;
/// the crate `chainrule-distributed` joins several by MPI.
pub trait Ranks<A: Scalar>: Debug {
    /// This process's part of a batch.
    fn division(&self) -> Division;

    /// What each process says, in the order of their ranks.
    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>>;

    /// A step of the optimizer on the risk of the whole batch, of which this process holds `part`. As all of them see the same
    /// C, ∇C and products, all take the same step.
    fn step(&mut self, optimizer: &mut dyn Optimizer<A>, part: &mut Sharded<'_, A>, theta: &mut [A]) -> A;
}

/// One process that trains a network by itself.
///
/// ```
/// use chainrule_train::{Alone, Division, Ranks, Reduction};
///
/// let mut alone = Alone(Reduction::Library);
/// assert_eq!(Ranks::<f32>::gather(&mut alone, b"yes"), [b"yes"]);
/// assert_eq!(Ranks::<f32>::division(&alone), Division::default());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone(
    /// In which order a sum is added: [`Reduction::Tree`] gives the bits that any number of processes would.
    pub Reduction,
);

impl<A: Scalar> Ranks<A> for Alone {
    fn division(&self) -> Division {
        Division { reduction: self.0, ..Division::default() }
    }

    fn gather(&mut self, word: &[u8]) -> Vec<Vec<u8>> {
        vec![word.to_vec()]
    }

    fn step(&mut self, optimizer: &mut dyn Optimizer<A>, part: &mut Sharded<'_, A>, theta: &mut [A]) -> A {
        optimizer.step(part, theta)
    }
}

/// Whether any process says yes.
pub(crate) fn any<A: Scalar>(ranks: &mut dyn Ranks<A>, yes: bool) -> bool {
    ranks.division().size > 1 && ranks.gather(&[u8::from(yes)]).iter().any(|word| word != &[0]) || yes
}
