//! The tests of the crate from outside, in one program.

mod checkpoint;
#[cfg(feature = "files")]
mod classifier;
mod gradients;
#[cfg(feature = "files")]
mod mnist_1d;
#[cfg(feature = "files")]
mod model;
#[cfg(feature = "files")]
mod state_dicts;
