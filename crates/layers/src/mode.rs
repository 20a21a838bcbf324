use std::ops::Range;

use chainrule_tensor::{Layout, hash};

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
    ///
    /// # Panics
    /// If there are fewer statistics than the network has.
    #[must_use]
    #[track_caller]
    pub fn inside(self, place: usize, window: Range<usize>) -> Self {
        match self {
            Mode::Train { seed, row } => Mode::Train { seed: hash(seed, u64::MAX, place as u64), row },
            Mode::Eval { statistics } => {
                let given = statistics.len();
                let statistics = statistics.get(window).unwrap_or_else(|| too_few(given));
                Mode::Eval { statistics }
            }
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

    /// Checks that a network with these [`statistics`](crate::Layer::statistics) gets as many of them in prediction.
    ///
    /// Whatever evaluates a network calls it first: a layer that does not get its statistics may give a wrong answer.
    ///
    /// # Panics
    /// If it gets fewer or more.
    #[track_caller]
    pub fn assert_fits(self, statistics: &Layout) {
        if let Mode::Eval { statistics: given } = self {
            let (has, given) = (statistics.len(), given.len());
            assert_eq!(given, has, "eval: {given} statistics for a network with {has}: {CURE}");
        }
    }
}

/// Where the statistics of a network are.
const CURE: &str = "pass those of its checkpoint or training run in Mode::Eval";

#[cold]
#[track_caller]
fn too_few<T>(given: usize) -> T {
    panic!("eval: {given} statistics are fewer than the network has: {CURE}")
}
