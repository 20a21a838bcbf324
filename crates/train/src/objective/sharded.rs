use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use chainrule_layers::{Grad, Layer, Mode};
use chainrule_loss::Loss;
use chainrule_optim::{Objective, central_difference, hessian_by_products};
use chainrule_tensor::ndarray::{ArrayRef2, s};
use chainrule_tensor::{Accum, Layout, Pool, Scalar, vector};

use crate::objective::buffers::{Depth, Lane, ShardBuffers, shards};
use crate::objective::division::{Division, Node, Reduction, Tree, share};
use crate::objective::hessian::{Problem, assemble};
use crate::objective::risk::{Curvature, Risk};
use crate::objective::workspace::Workspace;
use crate::telemetry::meter::Probe;

/// The risk over any number of rows, in fixed shards: the objective for a whole data set, and for many threads.
///
/// Up to 1024 rows, a batch, are one shard: the threads of the pool share the products of each layer. More rows are cut
/// into shards of at most 256 and dealt to at most 8 lanes, by their number alone. A lane adds its shards in order; the
/// lanes are added in a fixed binary tree. So the sum has the same bits for any number of threads, and memory does not
/// grow with the rows.
///
/// The rows may be one process's part of a batch: [`part`](Self::part). Under [`Reduction::Tree`] they are cut into the leaves of
/// a [`Tree`] instead, whose sums are the same whoever adds them.
///
/// ```
/// use chainrule_layers::{Dense, Mode};
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::Objective;
/// use chainrule_tensor::{Pool, ndarray::Array2};
/// use chainrule_train::{ShardBuffers, Sharded};
///
/// let (model, loss, pool) = (Dense::new(1, 1), SquaredError::default(), Pool::new(2));
/// let (x, target) = (Array2::ones((1000, 1)), Array2::zeros((1000, 1)));
/// let mut buffers = ShardBuffers::new(&model, 1000);
/// let mut risk = Sharded::new(&model, &loss, &x, &target, Mode::EVAL, &mut buffers, &pool);
/// assert_eq!(risk.value(&[3.0, 0.0]), 9.0);
/// ```
#[derive(Debug)]
pub struct Sharded<'a, A: Scalar> {
    model: &'a dyn Layer<A>,
    loss: &'a dyn Loss<A>,
    x: &'a ArrayRef2<A>,
    target: &'a ArrayRef2<A>,
    weights: Option<&'a [A]>,
    mode: Mode<'a, A>,
    buffers: &'a mut ShardBuffers<A>,
    pool: &'a Pool,
    /// The rows of the batch that these are a part of.
    batch: usize,
    division: Division,
    probe: Probe<'a>,
    /// θ whose statistics are wanted, until a pass has left them in the first workspace.
    watching: Option<&'a [A]>,
}

/// A quantity that is a sum over the rows of a batch: a number and, but for the first, a vector.
#[derive(Debug, Clone, Copy)]
pub enum Quantity<'v, A> {
    /// C(θ) alone.
    Value,
    /// C(θ) and ∇C(θ).
    Gradient,
    /// The product of a curvature with v.
    Product(Curvature, &'v [A]),
    /// The statistics of the batch that the network measures beside θ, in training at θ: the mean over its parts, weighted
    /// by their rows.
    Statistics,
}

/// What is asked of each shard: a quantity at θ.
#[derive(Clone, Copy)]
struct Request<'v, A> {
    quantity: Quantity<'v, A>,
    theta: &'v [A],
    /// Whether the tapes already hold what of the quantity does not depend on v.
    is_linearised: bool,
}

impl<A: Scalar> Request<'_, A> {
    /// Computes it for one shard, whose vector goes to `out` as `accum` says.
    fn compute(self, risk: &mut Risk<'_, A>, out: &mut [A], accum: Accum) -> A {
        let Self { quantity, theta, is_linearised } = self;
        match quantity {
            Quantity::Value => risk.value(theta),
            Quantity::Gradient => risk.accumulate(theta, out, accum),
            Quantity::Statistics => {
                risk.observe(theta, out, accum);
                A::zero()
            }
            Quantity::Product(curvature, v) => {
                if accum == Accum::Replace {
                    out.fill(A::zero());
                }
                if !is_linearised {
                    risk.linearise(curvature, theta);
                }
                risk.accumulate_along(curvature, theta, v, out)
                    .expect("sharded: a curvature product needs the second order of every layer");
                A::zero()
            }
        }
    }
}

impl<A> Quantity<'_, A> {
    /// What the tapes know once it is computed, and must know for `Request::is_linearised`.
    fn depth(self) -> Depth {
        match self {
            Quantity::Value | Quantity::Statistics => Depth::Outputs,
            Quantity::Gradient => Depth::Signals,
            Quantity::Product(curvature, _) => Depth::wanted_by(curvature),
        }
    }
}

impl<'a, A: Scalar> Sharded<'a, A> {
    /// The mean loss over the rows of `x` and `target`.
    ///
    /// # Panics
    /// If x and target differ in rows, or `mode` has other statistics than the model.
    #[track_caller]
    pub fn new(
        model: &'a dyn Layer<A>,
        loss: &'a dyn Loss<A>,
        x: &'a ArrayRef2<A>,
        target: &'a ArrayRef2<A>,
        mode: Mode<'a, A>,
        buffers: &'a mut ShardBuffers<A>,
        pool: &'a Pool,
    ) -> Self {
        assert_eq!(
            x.nrows(),
            target.nrows(),
            "sharded: {} rows of x but {} of targets",
            x.nrows(),
            target.nrows()
        );
        mode.assert_fits(model.statistics());
        buffers.note(&[], Depth::Nothing);
        let (batch, division, probe) = (x.nrows(), Division::default(), Probe::default());
        let watching = None;
        Self { model, loss, x, target, weights: None, mode, buffers, pool, batch, division, probe, watching }
    }

    /// The same with each row's loss multiplied by its weight, as [`Risk::weighted`] has it.
    ///
    /// # Panics
    /// If there are not as many weights as rows.
    #[must_use]
    #[track_caller]
    pub fn weighted(self, weights: Option<&'a [A]>) -> Self {
        let (rows, given) = (self.x.nrows(), weights.map(<[A]>::len));
        assert!(given.is_none_or(|given| given == rows), "sharded: {rows} rows but {given:?} weights");
        Self { weights, ..self }
    }

    /// The same, observed by a meter.
    #[must_use]
    pub fn probed(self, probe: Probe<'a>) -> Self {
        Self { probe, ..self }
    }

    /// The same, whose gradient at `theta` keeps the statistics of the batch for [`watched`](Self::watched).
    #[must_use]
    pub(crate) fn watching(self, theta: &'a [A]) -> Self {
        Self { watching: Some(theta), ..self }
    }

    /// Writes the statistics of the batch to `out` if a gradient has kept them: that of a batch in one pass, and of this process alone,
    /// does. A network without statistics has nothing to keep.
    pub(crate) fn watched(&mut self, out: &mut [A]) -> bool {
        if out.is_empty() {
            return true;
        }
        let is_kept = self.watching.is_none();
        if is_kept {
            out.copy_from_slice(&unlocked(&mut self.buffers.lanes[0]).workspaces[0].observed);
        }
        is_kept
    }

    /// Keeps the statistics that the last pass at `theta` has measured, if it was one pass over the whole batch.
    fn keep_statistics(&mut self, theta: &[A]) {
        let whole = Division { rank: 0, size: 1, reduction: Reduction::Library };
        if self.division == whole && self.watching.is_some_and(|watched| watched == theta) {
            let Workspace { tape, observed, .. } = &mut unlocked(&mut self.buffers.lanes[0]).workspaces[0];
            self.model.observe(tape, observed);
            self.watching = None;
        }
    }

    /// What observes it.
    pub fn probe(&self) -> Probe<'a> {
        self.probe
    }

    /// The parameters of the network.
    pub fn layout(&self) -> &'a Layout {
        self.model.layout()
    }

    /// The same rows as the part of a batch of `batch` rows that `division` says: their sum divided by `batch`, so that parts
    /// just add. The buffers are those of [`ShardBuffers::divided`].
    ///
    /// # Panics
    /// If the part has another number of rows.
    #[must_use]
    #[track_caller]
    pub fn part(mut self, division: Division, batch: usize) -> Self {
        let (rows, own) = (self.x.nrows(), division.rows(batch));
        assert_eq!(rows, own.len(), "sharded: {rows} rows, but the part of {batch} is {own:?}");
        self.mode = self.mode.from_row(own.start);
        Self { batch, division, ..self }
    }

    /// How the batch is divided, and its rows.
    pub fn division(&self) -> (Division, usize) {
        (self.division, self.batch)
    }

    /// Whether its curvature products are exact.
    pub fn has_second_order(&self) -> bool {
        self.model.second_order().is_some()
    }

    /// This part's sum: the number returned, the vector put into `out`, which is empty for a value alone.
    ///
    /// # Panics
    /// If it is a part of several under [`Reduction::Tree`], whose sums are [`sums`](Self::sums); or for a product, if a layer
    /// has no second order.
    pub fn sum(&mut self, quantity: Quantity<'_, A>, theta: &[A], out: &mut [A]) -> A {
        if self.division.reduction == Reduction::Tree {
            assert_eq!(self.division.size, 1, "sharded: a part of a tree has several sums");
            let mut value = [A::zero()];
            self.sums(quantity, theta, &[Tree::over(self.batch).root()], out, &mut value);
            return value[0];
        }
        let request = self.request(quantity, theta);
        let value = match shards(self.x.nrows()) {
            0 => {
                out.fill(A::zero());
                A::zero()
            }
            1 => {
                let value = self.in_one_pass(|risk| request.compute(risk, out, Accum::Replace));
                if let Quantity::Gradient = quantity {
                    self.keep_statistics(theta);
                }
                value
            }
            shards => self.over_shards(shards, request, out),
        };
        self.buffers.note(theta, quantity.depth());
        value
    }

    /// This part's sums at some nodes of the batch's tree: the numbers in `values`, the vectors one after the other in `out`,
    /// which is empty for values alone.
    ///
    /// # Panics
    /// If the nodes are not this part's, or as [`sum`](Self::sum) for a product.
    pub fn sums(
        &mut self,
        quantity: Quantity<'_, A>,
        theta: &[A],
        nodes: &[Node],
        out: &mut [A],
        values: &mut [A],
    ) {
        let dim = out.len() / nodes.len().max(1);
        let request = self.request(quantity, theta);
        let mut lane = self.buffers.lanes[0].lock().unwrap_or_else(PoisonError::into_inner);
        let Lane { workspaces, halves, .. } = &mut *lane;
        for (i, (&node, value)) in nodes.iter().zip(values).enumerate() {
            let out = &mut out[i * dim..(i + 1) * dim];
            *value = self.pool.enter(|| self.climb(node, out, request, workspaces, halves));
        }
        drop(lane);
        self.buffers.note(theta, quantity.depth());
    }

    /// The gradient of this part, as [`sum`](Self::sum) gives it; `watch` is told from where on it is complete, as
    /// [`Grad::observed`] says, unless the rows are too many for one pass.
    ///
    /// # Panics
    /// As [`sum`](Self::sum).
    pub fn gradient_watched(&mut self, theta: &[A], grad: &mut [A], watch: &dyn Fn(usize, &[A])) -> A {
        if self.division.reduction == Reduction::Tree || shards(self.x.nrows()) != 1 {
            return self.sum(Quantity::Gradient, theta, grad);
        }
        let value = self
            .in_one_pass(|risk| risk.back_propagate(theta, Grad::new(grad, Accum::Replace).observed(watch)));
        self.keep_statistics(theta);
        self.buffers.note(theta, Depth::Signals);
        value
    }

    fn request<'v>(&self, quantity: Quantity<'v, A>, theta: &'v [A]) -> Request<'v, A> {
        let is_linearised = self.buffers.depth(theta) >= quantity.depth();
        Request { quantity, theta, is_linearised }
    }

    /// `work` on all rows at once, for which the threads join in each product.
    fn in_one_pass(&self, work: impl FnOnce(&mut Risk<'_, A>) -> A) -> A {
        let mut lane = self.buffers.lanes[0].lock().unwrap_or_else(PoisonError::into_inner);
        let rows = 0..self.x.nrows();
        self.pool.enter(|| self.on_rows(rows, &mut lane.workspaces[0], work))
    }

    /// The sum at a node of the tree: left half, right half, and the one added to the other.
    fn climb(
        &self,
        node: Node,
        out: &mut [A],
        request: Request<'_, A>,
        workspaces: &mut [Workspace<A>],
        halves: &mut [Vec<A>],
    ) -> A {
        let tree = Tree::over(self.batch);
        let Some((left, right)) = tree.halves(node) else {
            let (leaf, own) = (node.first(), self.division.leaves(tree));
            let (rows, start) = (tree.rows(leaf..leaf + 1), tree.rows(own.clone()).start);
            let place = (leaf - own.start) % workspaces.len();
            let rows = rows.start - start..rows.end - start;
            let workspace = &mut workspaces[place];
            return self.on_rows(rows, workspace, |risk| request.compute(risk, out, Accum::Replace));
        };
        let value = self.climb(left, out, request, workspaces, halves);
        let Some(right) = right else { return value };
        let (sum, halves) = halves.split_first_mut().expect("a vector for each level of the tree");
        let sum = &mut sum[..out.len()];
        let value = value + self.climb(right, sum, request, workspaces, halves);
        vector::axpy(A::one(), sum, out);
        value
    }

    /// The sum over several shards, dealt to the lanes; `out` is empty where only values are wanted.
    fn over_shards(&mut self, shards: usize, request: Request<'_, A>, out: &mut [A]) -> A {
        let rows = self.x.nrows();
        let (count, dim) = (shards.min(self.buffers.lanes.len()), out.len());
        let out = Mutex::new(out);
        self.pool.run(count, &|i| {
            let mut lane = self.buffers.lanes[i].lock().unwrap_or_else(PoisonError::into_inner);
            let Lane { workspaces, value, sum, .. } = &mut *lane;
            let mut first = (i == 0).then(|| out.lock().unwrap_or_else(PoisonError::into_inner));
            let sum = first.as_deref_mut().map_or_else(|| &mut sum[..dim], |out| &mut **out);
            *value = A::zero();
            for (turn, shard) in (i..shards).step_by(count).enumerate() {
                let own = turn % workspaces.len();
                let workspace = &mut workspaces[own];
                let accum = if shard == i { Accum::Replace } else { Accum::Add };
                let part = share(rows, shards, shard);
                *value += self.on_rows(part, workspace, |risk| request.compute(risk, sum, accum));
            }
        });
        let out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.add_up(out, count)
    }

    /// `work` on the risk of some of the rows, as their part of the whole.
    fn on_rows(
        &self,
        rows: Range<usize>,
        workspace: &mut Workspace<A>,
        work: impl FnOnce(&mut Risk<'_, A>) -> A,
    ) -> A {
        let mode = self.mode.from_row(rows.start);
        let weights = self.weights.map(|weights| &weights[rows.clone()]);
        let (x, target) = (self.x.slice(s![rows.clone(), ..]), self.target.slice(s![rows, ..]));
        let risk = Risk::new(self.model, self.loss, &x, &target).mode(mode).within(workspace);
        work(&mut risk.weighted(weights).of(self.batch).probed(self.probe))
    }

    /// ((0 + 1) + (2 + 3)) + …, the last sum into `out`.
    fn add_up(&mut self, out: &mut [A], count: usize) -> A {
        let lanes = &mut self.buffers.lanes[..count];
        let mut width = 1;
        while width < count {
            for group in lanes.chunks_mut(2 * width).filter(|group| group.len() > width) {
                let (left, right) = group.split_at_mut(width);
                let (left, right) = (unlocked(&mut left[0]), unlocked(&mut right[0]));
                left.value += right.value;
                if !out.is_empty() {
                    let dim = out.len();
                    let into = if left.sum.is_empty() { &mut *out } else { &mut left.sum[..dim] };
                    vector::axpy(A::one(), &right.sum[..dim], into);
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

/// The sum of this part; the mean over the batch, where the part is all of it.
impl<A: Scalar> Objective<A> for Sharded<'_, A> {
    fn dim(&self) -> usize {
        self.model.layout().len()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.probe.objective(|| self.sum(Quantity::Value, theta, &mut []))
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let layout = self.model.layout();
        self.probe.gradient(layout, grad, |grad| self.sum(Quantity::Gradient, theta, grad))
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        self.probe.objective(|| {
            if self.has_second_order() {
                self.product(Curvature::Hessian, theta, v, hv);
            } else {
                central_difference(self, theta, v, hv);
            }
        });
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        let Self { model, loss, x, target, mode, pool, batch, division, .. } = *self;
        self.probe.objective(|| {
            // Its sums run over blocks of their own, not over the tree, and all rows count alike.
            let whole = division.reduction == Reduction::Library && self.weights.is_none();
            if !whole || !assemble(Problem { model, loss, x, target, mode, batch }, theta, h, pool) {
                hessian_by_products(self, theta, h);
            }
        });
    }

    /// # Panics
    /// If a layer of the model has no second order.
    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.probe.objective(|| self.product(Curvature::GaussNewton, theta, v, gv));
    }
}

impl<A: Scalar> Sharded<'_, A> {
    /// `out` ← the product of `curvature` at θ with v.
    ///
    /// # Panics
    /// If a layer of the model has no second order.
    pub fn product(&mut self, curvature: Curvature, theta: &[A], v: &[A], out: &mut [A]) {
        self.sum(Quantity::Product(curvature, v), theta, out);
    }
}
