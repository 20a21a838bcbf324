//! A fork-join pool: a few threads that share the tasks of one loop at a time.
//!
//! A training step forks several times a millisecond. Waking a sleeping thread costs tens of microseconds, so a worker
//! spins for a moment before it parks; and a pool of one thread has no worker at all and runs the loop where it stands.
//! Which thread takes which task is left to chance; what a task computes must depend on its index alone, and then the
//! result has the same bits for any number of threads.

mod ambient;
mod fork_join;
mod sweep;
mod workers;

pub use fork_join::Pool;
pub(crate) use fork_join::current;
pub(crate) use sweep::slab;
pub use sweep::{UNIT, sweep};
