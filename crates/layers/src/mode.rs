use std::ops::Range;

use chainrule_tensor::hash;

/// What a forward pass is for. An argument, not a state: there is no layer to forget in the wrong mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode<'a, A> {
    /// Training: dropout drops, by a hash of (seed, row, column), and a normalisation uses the statistics of its batch.
    Train {
        /// The seed of this step.
        seed: u64,
        /// The index in the whole batch of x's first row, so that a shard drops what the whole batch would.
        row: usize,
    },
    /// Prediction: a deterministic function of x.
    Eval {
        /// What a training run measured beside θ, in the layout of [`Layer::statistics`](crate::Layer::statistics).
        statistics: &'a [A],
    },
}

impl<A> Mode<'_, A> {
    /// Prediction by a network without statistics.
    pub const EVAL: Self = Mode::Eval { statistics: &[] };

    /// The mode for stage `place` of a container: each stage drops units by a seed of its own, and sees its `window` of
    /// the statistics only.
    #[must_use]
    pub fn inside(self, place: usize, window: Range<usize>) -> Self {
        match self {
            Mode::Train { seed, row } => Mode::Train { seed: hash(seed, u64::MAX, place as u64), row },
            Mode::Eval { statistics } => Mode::Eval { statistics: &statistics[window] },
        }
    }

    /// The mode for the rows of the batch from `start` on.
    #[must_use]
    pub fn from_row(self, start: usize) -> Self {
        match self {
            Mode::Train { seed, row } => Mode::Train { seed, row: row + start },
            eval @ Mode::Eval { .. } => eval,
        }
    }
}
