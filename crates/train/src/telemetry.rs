//! What a run reports of itself.

pub(crate) mod meter;
pub(crate) mod tensorboard;
