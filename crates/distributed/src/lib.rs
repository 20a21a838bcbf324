//! Data-parallel training on several machines with MPI, for every optimizer.
//!
//! Every rank holds the same θ and its own part of each batch. [`AllReduce`] adds the parts of C, ∇C and ∇²C·v up, so that
//! an optimizer on any rank sees the risk of the whole batch; all take the same step, and nothing else is ever sent.
//! [`DataParallel`] does this for the training loop of `chainrule-train`.
//!
//! There are two orders in which parts are added ([`Reduction`](chainrule_train::Reduction)):
//!
//! - **Library**: MPI's own `MPI_Iallreduce`, bucket by bucket from the top layer down, while the layers below are still at
//!   work.
//! - **Tree**: a fixed tree over the rows of the batch, whose sums have the same bits for any number of ranks.
//!
//! What joins the ranks is a [`Communicator`]: `World`, by MPI, with the feature `mpi`, or [`Threads`] of one process, which need
//! no MPI.
//!
//! # References
//! Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, §4 (gradients reduced behind the backward
//! pass); Li et al., "PyTorch distributed", VLDB 2020, §3.2 (buckets); Thakur, Rabenseifner and Gropp, "Optimization of
//! collective communication operations in MPICH", 2005 (what an all-reduce costs).

mod all_reduce;
mod buckets;
mod communicator;
mod cost;
mod data_parallel;
mod mpi_scalar;
mod threads;
#[cfg(feature = "mpi")]
mod world;

pub use all_reduce::AllReduce;
pub use buckets::Traffic;
pub use communicator::{Bucket, Communicator, Launch};
pub use cost::{Link, Load};
pub use data_parallel::DataParallel;
pub use mpi_scalar::MpiScalar;
pub use threads::Threads;
#[cfg(feature = "mpi")]
pub use world::World;
