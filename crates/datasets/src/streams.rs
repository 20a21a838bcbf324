//! The streams of a seed: no two uses of randomness share a stream, in this crate or another.
//!
//! Other crates number their streams from 0; these use the top byte.

use chainrule_tensor::{Rng, hash};

/// The order of one epoch.
pub(crate) fn epoch(seed: u64, epoch: u64) -> Rng {
    Rng::stream(seed, (1 << 56) | (epoch & ((1 << 56) - 1)))
}

/// The split of examples into parts.
pub(crate) fn split(seed: u64) -> Rng {
    Rng::stream(seed, 2 << 56)
}

/// The examples of a synthetic data set.
pub(crate) fn examples(seed: u64) -> Rng {
    Rng::stream(seed, 3 << 56)
}

/// The hidden parameters of a synthetic data set: centres of blobs, weights of a teacher.
pub(crate) fn parameters(seed: u64) -> Rng {
    Rng::stream(seed, 4 << 56)
}

/// The order of the rows of one window of a file; `window` combines epoch and window.
pub(crate) fn window(seed: u64, window: u64) -> Rng {
    Rng::stream(seed, (5 << 56) | (window & ((1 << 56) - 1)))
}

/// What the random numbers of an epoch's augmentation are hashed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AugmentationKeys {
    /// Those of single examples.
    pub(crate) examples: u64,
    /// Those of whole batches.
    pub(crate) batches: u64,
}

/// The keys of the augmentation of one epoch.
pub(crate) fn augmentation(seed: u64, epoch: u64) -> AugmentationKeys {
    AugmentationKeys { examples: hash(seed, 6 << 56, epoch), batches: hash(seed, 7 << 56, epoch) }
}
