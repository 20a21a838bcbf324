//! A run: the training loop, its state, and what watches and keeps it.

pub(crate) mod callbacks;
pub(crate) mod culprit;
pub(crate) mod epoch;
#[cfg(feature = "files")]
pub(crate) mod epoch_log;
#[cfg(feature = "files")]
pub(crate) mod identity;
mod prefetcher;
pub(crate) mod process_group;
pub(crate) mod setup;
#[cfg(feature = "files")]
pub(crate) mod snapshot;
#[cfg(feature = "files")]
pub(crate) mod snapshots;
mod steps;
pub(crate) mod train_state;
pub(crate) mod training_loop;
