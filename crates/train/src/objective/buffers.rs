//! The memory in which a risk is summed.

use std::sync::Mutex;

use chainrule_layers::Layer;
use chainrule_tensor::Scalar;

use crate::objective::division::{Division, Reduction, Tree};
use crate::objective::risk::Curvature;
use crate::objective::workspace::Workspace;

/// The most rows that are one shard, a batch: the threads share each of its products, and none of its sums are cut.
pub(crate) const BATCH: usize = 1024;
/// The most rows of a shard of more than a batch: enough for GEMM's pace, few enough to stay in cache.
const SHARD: usize = 256;
/// The most shards that are in work at once, each with a gradient of its own.
const LANES: usize = 8;

/// The memory of a [`Sharded`](crate::Sharded) risk: a workspace and a gradient for each lane.
#[derive(Debug)]
pub struct ShardBuffers<A> {
    pub(crate) lanes: Vec<Mutex<Lane<A>>>,
    seen: Option<Seen<A>>,
}

/// Where the tapes of all shards were last filled, if each shard has one of its own.
#[derive(Debug)]
struct Seen<A> {
    theta: Vec<A>,
    depth: Depth,
}

/// How much of a product the tapes know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    Nothing,
    /// The forward pass: enough for Gauss-Newton and Fisher products, whose backward pass overwrites the error signals.
    Outputs,
    /// The error signals too: enough for the Hessian.
    Signals,
}

impl Depth {
    pub(crate) fn wanted_by(curvature: Curvature) -> Self {
        if curvature == Curvature::Hessian { Depth::Signals } else { Depth::Outputs }
    }
}

#[derive(Debug)]
pub(crate) struct Lane<A> {
    /// One that all shards of the lane share, or one for each.
    pub(crate) workspaces: Vec<Workspace<A>>,
    pub(crate) value: A,
    /// Empty in lane 0, which writes to the caller's vector.
    pub(crate) sum: Vec<A>,
    /// What waits for its other half on the way up a tree.
    pub(crate) halves: Vec<Vec<A>>,
}

impl<A: Scalar> ShardBuffers<A> {
    /// The memory for batches of at most `rows` rows.
    pub fn new(model: &dyn Layer<A>, rows: usize) -> Self {
        Self { lanes: Self::lanes(model, rows, 1, Workspace::new), seen: None }
    }

    /// Memory that keeps what every shard computed, for many curvature products at one θ: such a product then costs two
    /// passes and not four. It grows with the rows.
    pub fn remembering(model: &dyn Layer<A>, rows: usize) -> Self {
        let theta = vec![A::zero(); model.layout().len()];
        Self {
            lanes: Self::lanes(model, rows, shards(rows).div_ceil(LANES).max(1), Workspace::complete),
            seen: Some(Seen { theta, depth: Depth::Nothing }),
        }
    }

    /// The memory for one process's part of batches of at most `batch` rows; `remembering` or not.
    pub fn divided(model: &dyn Layer<A>, batch: usize, division: Division, remembering: bool) -> Self {
        if division.reduction == Reduction::Library {
            let rows = division.most_rows(batch);
            return if remembering { Self::remembering(model, rows) } else { Self::new(model, rows) };
        }
        let (tree, dim) = (Tree::over(batch), model.layout().len());
        let workspaces = if remembering { tree.leaves().div_ceil(division.size) } else { 1 };
        let kind = if remembering { Workspace::complete } else { Workspace::new };
        let workspace = |_| kind(model, Tree::most_rows(batch));
        let lane = Lane {
            workspaces: (0..workspaces).map(workspace).collect(),
            value: A::zero(),
            sum: Vec::new(),
            halves: (0..tree.depth()).map(|_| vec![A::zero(); longest(model)]).collect(),
        };
        let seen = remembering.then(|| Seen { theta: vec![A::zero(); dim], depth: Depth::Nothing });
        Self { lanes: vec![Mutex::new(lane)], seen }
    }

    fn lanes(
        model: &dyn Layer<A>,
        rows: usize,
        workspaces: usize,
        kind: fn(&dyn Layer<A>, usize) -> Workspace<A>,
    ) -> Vec<Mutex<Lane<A>>> {
        let count = shards(rows).clamp(1, LANES);
        // The first serves a batch too.
        let most = |lane: usize, turn: usize| if (lane, turn) == (0, 0) { BATCH } else { SHARD };
        let lane = |i| {
            let workspace = |turn| kind(model, rows.min(most(i, turn)));
            Mutex::new(Lane {
                workspaces: (0..workspaces).map(workspace).collect(),
                value: A::zero(),
                sum: vec![A::zero(); if i == 0 { 0 } else { longest(model) }],
                halves: Vec::new(),
            })
        };
        (0..count).map(lane).collect()
    }

    /// What the tapes know of θ.
    pub(crate) fn depth(&self, theta: &[A]) -> Depth {
        self.seen.as_ref().filter(|seen| seen.theta == theta).map_or(Depth::Nothing, |seen| seen.depth)
    }

    /// From now on the tapes know so much of θ.
    pub(crate) fn note(&mut self, theta: &[A], depth: Depth) {
        if let Some(seen) = &mut self.seen {
            if depth > Depth::Nothing {
                seen.theta.copy_from_slice(theta);
            }
            seen.depth = depth;
        }
    }
}

/// The length of the longest sum over a batch.
fn longest<A: Scalar>(model: &dyn Layer<A>) -> usize {
    model.layout().len().max(model.statistics().len())
}

/// The number of shards that `rows` rows are cut into.
pub(crate) fn shards(rows: usize) -> usize {
    if rows <= BATCH { rows.min(1) } else { rows.div_ceil(SHARD) }
}
