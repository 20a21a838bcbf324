//! A run: the training loop, its state, and what watches and keeps it.

pub(crate) mod callbacks;
mod culprit;
pub(crate) mod epoch;
mod prefetcher;
pub(crate) mod process_group;
#[cfg(feature = "files")]
pub(crate) mod snapshot;
pub(crate) mod task;
pub(crate) mod train_state;
pub(crate) mod trainer;
