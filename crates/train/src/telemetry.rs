//! What a run reports of itself.

pub(crate) mod meter;
#[cfg(feature = "files")]
pub(crate) mod tensorboard;
