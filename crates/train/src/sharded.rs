use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use chainrule_layers::{Layer, Mode};
use chainrule_loss::Loss;
use chainrule_optim::{Objective, central_difference, hessian_by_products};
use chainrule_tensor::ndarray::{ArrayRef2, s};
use chainrule_tensor::{Accum, Pool, Scalar, vector};

use crate::hessian::{Problem, assemble};
use crate::{Curvature, Risk, Workspace};

/// The most rows that are one shard, a batch: the threads share each of its products, and none of its sums are cut.
const BATCH: usize = 1024;
/// The most rows of a shard of more than a batch: enough for GEMM's pace, few enough to stay in cache.
const SHARD: usize = 256;
/// The most shards that are in work at once, each with a gradient of its own.
const LANES: usize = 8;

/// The risk over any number of rows, in fixed shards: the objective for a whole data set, and for many threads.
///
/// Up to 1024 rows, a batch, are one shard: the threads of the pool share the products of each layer. More rows are cut
/// into shards of at most 256 and dealt to at most 8 lanes, by their number alone. A lane adds its shards in order; the
/// lanes are added in a fixed binary tree. So the sum has the same bits for any number of threads, and memory does not
/// grow with the rows.
///
/// ```
/// use chainrule_layers::{Dense, Mode};
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::Objective;
/// use chainrule_tensor::{Pool, ndarray::Array2};
/// use chainrule_train::{Lanes, Sharded};
///
/// let (model, loss, pool) = (Dense::new(1, 1), SquaredError::default(), Pool::new(2));
/// let (x, target) = (Array2::ones((1000, 1)), Array2::zeros((1000, 1)));
/// let mut lanes = Lanes::new(&model, 1000);
/// let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::Eval, &mut lanes, &pool);
/// assert_eq!(risk.value(&[3.0, 0.0]), 9.0);
/// ```
#[derive(Debug)]
pub struct Sharded<'a, A: Scalar> {
    model: &'a dyn Layer<A>,
    loss: &'a dyn Loss<A>,
    x: &'a ArrayRef2<A>,
    target: &'a ArrayRef2<A>,
    mode: Mode,
    lanes: &'a mut Lanes<A>,
    pool: &'a Pool,
}

/// The memory of a [`Sharded`] risk: a workspace and a gradient for each lane.
#[derive(Debug)]
pub struct Lanes<A> {
    lanes: Vec<Mutex<Lane<A>>>,
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
enum Depth {
    Nothing,
    /// The forward pass: enough for Gauss-Newton and Fisher products, whose backward pass overwrites the error signals.
    Outputs,
    /// The error signals too: enough for the Hessian.
    Signals,
}

impl Depth {
    fn wanted_by(curvature: Curvature) -> Self {
        if curvature == Curvature::Hessian { Depth::Signals } else { Depth::Outputs }
    }
}

#[derive(Debug)]
struct Lane<A> {
    /// One that all shards of the lane share, or one for each.
    workspaces: Vec<Workspace<A>>,
    value: A,
    /// Empty in lane 0, which writes to the caller's vector.
    sum: Vec<A>,
}

impl<A: Scalar> Lanes<A> {
    /// The memory for batches of at most `rows` rows.
    pub fn new(model: &dyn Layer<A>, rows: usize) -> Self {
        Self { lanes: Self::lanes(model, rows, 1), seen: None }
    }

    /// Memory that keeps what every shard computed, for many curvature products at one θ: such a product then costs two
    /// passes and not four. It grows with the rows.
    pub fn remembering(model: &dyn Layer<A>, rows: usize) -> Self {
        let theta = vec![A::zero(); model.layout().len()];
        Self {
            lanes: Self::lanes(model, rows, shards(rows).div_ceil(LANES).max(1)),
            seen: Some(Seen { theta, depth: Depth::Nothing }),
        }
    }

    fn lanes(model: &dyn Layer<A>, rows: usize, workspaces: usize) -> Vec<Mutex<Lane<A>>> {
        let count = shards(rows).clamp(1, LANES);
        // The first serves a batch too.
        let most = |lane: usize, turn: usize| if (lane, turn) == (0, 0) { BATCH } else { SHARD };
        let lane = |i| {
            let workspace = |turn| Workspace::new(model, rows.min(most(i, turn)));
            Mutex::new(Lane {
                workspaces: (0..workspaces).map(workspace).collect(),
                value: A::zero(),
                sum: vec![A::zero(); if i == 0 { 0 } else { model.layout().len() }],
            })
        };
        (0..count).map(lane).collect()
    }

    /// What the tapes know of θ.
    fn depth(&self, theta: &[A]) -> Depth {
        self.seen.as_ref().filter(|seen| seen.theta == theta).map_or(Depth::Nothing, |seen| seen.depth)
    }

    /// From now on the tapes know so much of θ.
    fn note(&mut self, theta: &[A], depth: Depth) {
        if let Some(seen) = &mut self.seen {
            if depth > Depth::Nothing {
                seen.theta.copy_from_slice(theta);
            }
            seen.depth = depth;
        }
    }
}

/// What one lane does with one shard: `out` is the lane's sum, `accum` says whether it is the lane's first.
type Work<'w, A> = dyn Fn(&mut Risk<'_, A>, &mut [A], Accum) -> A + Sync + 'w;

impl<'a, A: Scalar> Sharded<'a, A> {
    /// The mean loss over the rows of `x` and `target`.
    ///
    /// # Panics
    /// If x and target differ in rows.
    #[track_caller]
    pub fn new(
        model: &'a dyn Layer<A>,
        loss: &'a dyn Loss<A>,
        x: &'a ArrayRef2<A>,
        target: &'a ArrayRef2<A>,
        mode: Mode,
        lanes: &'a mut Lanes<A>,
        pool: &'a Pool,
    ) -> Self {
        assert_eq!(
            x.nrows(),
            target.nrows(),
            "sharded: {} rows of x but {} of targets",
            x.nrows(),
            target.nrows()
        );
        lanes.note(&[], Depth::Nothing);
        Self { model, loss, x, target, mode, lanes, pool }
    }

    /// Runs `work` over all shards and adds the results up; `out` is empty where only values are wanted.
    fn reduce(&mut self, out: &mut [A], work: &Work<'_, A>) -> A {
        let rows = self.x.nrows();
        let shards = shards(rows);
        if shards <= 1 {
            return self.alone(out, work);
        }
        let count = shards.min(self.lanes.lanes.len());
        let out = Mutex::new(out);
        self.pool.run(count, &|i| {
            let mut lane = self.lanes.lanes[i].lock().unwrap_or_else(PoisonError::into_inner);
            let Lane { workspaces, value, sum } = &mut *lane;
            let mut first = (i == 0).then(|| out.lock().unwrap_or_else(PoisonError::into_inner));
            let sum = first.as_deref_mut().map_or(sum.as_mut_slice(), |out| out);
            *value = A::zero();
            for (turn, shard) in (i..shards).step_by(count).enumerate() {
                let own = turn % workspaces.len();
                let workspace = &mut workspaces[own];
                let accum = if shard == i { Accum::Replace } else { Accum::Add };
                *value += self.on_rows(share(rows, shards, shard), workspace, |risk| work(risk, sum, accum));
            }
        });
        let out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.add_up(out, count)
    }

    /// `work` on all rows at once, for which the threads join in each product.
    fn alone(&mut self, out: &mut [A], work: &Work<'_, A>) -> A {
        let mut lane = self.lanes.lanes[0].lock().unwrap_or_else(PoisonError::into_inner);
        let rows = 0..self.x.nrows();
        let all = |risk: &mut Risk<'_, A>| work(risk, out, Accum::Replace);
        self.pool.enter(|| self.on_rows(rows, &mut lane.workspaces[0], all))
    }

    /// `work` on the risk of some of the rows, as their part of the whole.
    fn on_rows(
        &self,
        rows: Range<usize>,
        workspace: &mut Workspace<A>,
        work: impl FnOnce(&mut Risk<'_, A>) -> A,
    ) -> A {
        let mode = match self.mode {
            Mode::Train { seed, row } => Mode::Train { seed, row: row + rows.start },
            Mode::Eval => Mode::Eval,
        };
        let (x, target) = (self.x.slice(s![rows.clone(), ..]), self.target.slice(s![rows, ..]));
        work(&mut Risk::new(self.model, self.loss, &x, &target, mode, workspace).of(self.x.nrows()))
    }

    /// ((0 + 1) + (2 + 3)) + …, the last sum into `out`.
    fn add_up(&mut self, out: &mut [A], count: usize) -> A {
        let lanes = &mut self.lanes.lanes[..count];
        let mut width = 1;
        while width < count {
            for group in lanes.chunks_mut(2 * width).filter(|group| group.len() > width) {
                let (left, right) = group.split_at_mut(width);
                let (left, right) = (unlocked(&mut left[0]), unlocked(&mut right[0]));
                left.value += right.value;
                if !out.is_empty() {
                    let into = if left.sum.is_empty() { &mut *out } else { &mut left.sum };
                    vector::axpy(A::one(), &right.sum, into);
                }
            }
            width *= 2;
        }
        unlocked(&mut lanes[0]).value
    }
}

fn unlocked<A>(lane: &mut Mutex<Lane<A>>) -> &mut Lane<A> {
    lane.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// How many shards so many rows make.
fn shards(rows: usize) -> usize {
    if rows <= BATCH { 1 } else { rows.div_ceil(SHARD) }
}

/// The rows of one of `shards` shards: as equal as can be.
fn share(rows: usize, shards: usize, shard: usize) -> Range<usize> {
    rows * shard / shards..rows * (shard + 1) / shards
}

impl<A: Scalar> Objective<A> for Sharded<'_, A> {
    fn dim(&self) -> usize {
        self.model.layout().len()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.lanes.note(theta, Depth::Outputs);
        self.reduce(&mut [], &|risk, _, _| risk.value(theta))
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        self.lanes.note(theta, Depth::Signals);
        self.reduce(grad, &|risk, grad, accum| risk.accumulate(theta, grad, accum))
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        if self.model.second_order().is_none() {
            return central_difference(self, theta, v, hv);
        }
        self.product(Curvature::Hessian, theta, v, hv);
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        let Self { model, loss, x, target, mode, pool, .. } = *self;
        if !assemble(Problem { model, loss, x, target, mode }, theta, h, pool) {
            hessian_by_products(self, theta, h);
        }
    }

    /// # Panics
    /// If a layer of the model has no second order.
    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.product(Curvature::GaussNewton, theta, v, gv);
    }
}

impl<A: Scalar> Sharded<'_, A> {
    /// `out` ← the product of `curvature` at θ with v.
    ///
    /// # Panics
    /// If a layer of the model has no second order.
    pub fn product(&mut self, curvature: Curvature, theta: &[A], v: &[A], out: &mut [A]) {
        let wanted = Depth::wanted_by(curvature);
        let known = self.lanes.depth(theta) >= wanted;
        self.reduce(out, &|risk, out, accum| {
            if accum == Accum::Replace {
                out.fill(A::zero());
            }
            if !known {
                risk.linearise(curvature, theta);
            }
            risk.accumulate_along(curvature, theta, v, out)
                .expect("sharded: a curvature product needs the second order of every layer");
            A::zero()
        });
        self.lanes.note(theta, wanted);
    }
}
