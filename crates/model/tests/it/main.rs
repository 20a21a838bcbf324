//! The tests of the crate from outside, in one program.

#[cfg(feature = "files")]
mod checkpoint;
#[cfg(feature = "files")]
mod classifier;
mod gradients;
#[cfg(feature = "files")]
mod model;
