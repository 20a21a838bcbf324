use std::cell::RefCell;
use std::ops::Range;
use std::time::Instant;

use chainrule_optim::{Objective, central_difference, hessian_by_products};
use chainrule_tensor::ndarray::ArrayRef2;
use chainrule_tensor::rows::slices_mut;
use chainrule_tensor::{Scalar, vector};
use chainrule_train::{Curvature, Node, Quantity, Reduction, Sharded, Tree};

use crate::buckets::{BucketWindows, Memory, Traffic};
use crate::communicator::Communicator;

/// The risk of a whole batch of which each rank holds a part: C, ∇C and ∇²C·v are the sums of the parts'.
///
/// It is the objective of an optimizer on every rank at once: who asks it on one asks it on all of them.
///
/// ```
/// use chainrule_distributed::{Communicator, Threads, DataParallel};
/// use chainrule_layers::{Dense, Mode};
/// use chainrule_loss::SquaredError;
/// use chainrule_optim::Objective;
/// use chainrule_tensor::{Pool, ndarray::array};
/// use chainrule_train::{ShardBuffers, ProcessGroup, Reduction, Sharded};
///
/// // Two ranks, one row each: C = ((3·2 − 1)² + (3·1 − 1)²)/2.
/// let values = Threads::run(2, |rank| {
///     let row = array![[2.0 - rank.rank() as f64]];
///     let mut ranks = DataParallel::new(rank, Reduction::Library);
///     let division = ProcessGroup::<f64>::division(&ranks);
///     let (model, loss, pool) = (Dense::new(1, 1), SquaredError::default(), Pool::new(1));
///     let mut buffers = ShardBuffers::divided(&model, 2, division, false);
///     let one = array![[1.0]];
///     let part = &mut Sharded::new(&model, &loss, &row, &one, Mode::EVAL, &mut buffers, &pool).part(division, 2);
///     ranks.objective(part).value(&[3.0, 0.0])
/// });
/// assert_eq!(values, [14.5, 14.5]);
/// ```
#[derive(Debug)]
pub struct AllReduce<'a, 'b, A: Scalar, C> {
    part: &'a mut Sharded<'b, A>,
    communicator: &'a mut C,
    memory: &'a mut Memory<A>,
    traffic: &'a mut Traffic,
    /// Numbers of a bucket.
    bucket: usize,
}

impl<'a, 'b, A: Scalar, C: Communicator<A>> AllReduce<'a, 'b, A, C> {
    pub(crate) fn new(
        part: &'a mut Sharded<'b, A>,
        communicator: &'a mut C,
        memory: &'a mut Memory<A>,
        traffic: &'a mut Traffic,
        bucket: usize,
    ) -> Self {
        Self { part, communicator, memory, traffic, bucket }
    }

    /// `out` ← the statistics of the whole batch at θ.
    pub(crate) fn observe(&mut self, theta: &[A], out: &mut [A]) {
        self.sum(Quantity::Statistics, theta, out);
    }

    /// The sum over all ranks: the number returned, the vector put into `out`, which is empty for a value alone.
    fn sum(&mut self, quantity: Quantity<'_, A>, theta: &[A], out: &mut [A]) -> A {
        match (self.part.division().0.reduction, quantity) {
            (Reduction::Tree, _) => self.over_the_tree(quantity, theta, out),
            (Reduction::Library, Quantity::Gradient) => self.behind_the_backward_pass(theta, out),
            (Reduction::Library, _) => {
                let mut value = [self.part.sum(quantity, theta, out)];
                let start = Instant::now();
                let vector = if out.is_empty() { &mut value } else { out };
                self.communicator.all_reduce(vector);
                self.traffic.add::<A>(vector.len(), start.elapsed());
                value[0]
            }
        }
    }

    /// C and ∇C: what the backward pass has done with goes bucket by bucket, from the end of θ, while it works on the rest.
    fn behind_the_backward_pass(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let Self { part, communicator, memory, traffic, bucket } = self;
        let windows = BucketWindows { dim: theta.len(), bucket: *bucket };
        let buckets = memory.buckets(windows);
        let last = buckets.len() - 1;
        let start = Instant::now();
        let mut at_work = std::time::Duration::ZERO;
        communicator.all_reduce_behind(buckets, &mut |launch| {
            let start = Instant::now();
            let launched = RefCell::new((launch, 0));
            // The last one waits for C, whatever the backward pass says.
            let value = part.gradient_watched(theta, grad, &|from, complete| {
                let (launch, next) = &mut *launched.borrow_mut();
                while *next < last && windows.at(*next).start >= from {
                    let Range { start, end } = windows.at(*next);
                    launch(&mut |own| own.copy_from_slice(&complete[start - from..end - from]));
                    *next += 1;
                }
            });
            at_work = start.elapsed();
            let (launch, next) = launched.into_inner();
            for i in next..=last {
                launch(&mut |own| {
                    let window = &grad[windows.at(i)];
                    own[..window.len()].copy_from_slice(window);
                    own[window.len()..].fill(value);
                });
            }
        });
        traffic.add::<A>(theta.len() + 1, start.elapsed().saturating_sub(at_work));
        for (i, bucket) in buckets.iter().enumerate() {
            let window = windows.at(i);
            let len = window.len();
            grad[window].copy_from_slice(&bucket.sum[..len]);
        }
        buckets[last].sum[windows.at(last).len()]
    }

    /// The parts' sums at the nodes of the batch's tree, and from there up to its root.
    ///
    /// Each rank is the one that adds for its own window of the vector: the nodes' windows go to it, and the sum goes from it
    /// to all. So every rank sends about as much as in the library's all-reduce, where the number of ranks is a power of two;
    /// between those, the ranks have parts of more than one subtree.
    fn over_the_tree(&mut self, quantity: Quantity<'_, A>, theta: &[A], out: &mut [A]) -> A {
        let Self { part, communicator, memory, traffic, .. } = self;
        let (division, batch) = part.division();
        if division.size == 1 {
            return part.sum(quantity, theta, out);
        }
        let (tree, dim) = (Tree::over(batch), out.len());
        let nodes_of = |rank| {
            let division = chainrule_train::Division { rank, ..division };
            tree.nodes(division.leaves(tree))
        };
        let own = nodes_of(division.rank);
        memory.sums.resize(own.len() * dim, A::zero());
        memory.values.resize(own.len(), A::zero());
        part.sums(quantity, theta, &own, &mut memory.sums, &mut memory.values);

        let start = Instant::now();
        // The number is one more place of the vector.
        let window = |rank: usize| (dim + 1) * rank / division.size..(dim + 1) * (rank + 1) / division.size;
        let ranks = 0..division.size;
        memory.send.clear();
        for rank in ranks.clone() {
            let Range { start, end } = window(rank);
            for (i, value) in memory.values.iter().enumerate() {
                let of_vector = i * dim + start.min(dim)..i * dim + end.min(dim);
                memory.send.extend_from_slice(&memory.sums[of_vector]);
                memory.send.extend((end > dim && start <= dim).then_some(*value));
            }
        }
        let width = window(division.rank).len();
        let nodes: Vec<Vec<Node>> = ranks.clone().map(nodes_of).collect();
        let sent: Vec<usize> = ranks.clone().map(|rank| own.len() * window(rank).len()).collect();
        let received: Vec<usize> = nodes.iter().map(|nodes| nodes.len() * width).collect();
        memory.received.resize(received.iter().sum(), A::zero());
        communicator.exchange(&memory.send, &sent, &mut memory.received, &received);

        let nodes = nodes.concat();
        let mut windows: Vec<&mut [A]> = if width == 0 {
            nodes.iter().map(|_| &mut [][..]).collect()
        } else {
            memory.received.chunks_mut(width).collect()
        };
        let root = climb(tree, tree.root(), &nodes, &mut windows, &mut 0);
        memory.whole.resize(dim + 1, A::zero());
        let lengths: Vec<usize> = ranks.map(|rank| window(rank).len()).collect();
        communicator.collect(windows[root], &mut memory.whole, &lengths);
        traffic.add::<A>(memory.send.len() + width, start.elapsed());
        out.copy_from_slice(&memory.whole[..dim]);
        memory.whole[dim]
    }

    fn product(&mut self, curvature: Curvature, theta: &[A], v: &[A], out: &mut [A]) {
        self.sum(Quantity::Product(curvature, v), theta, out);
    }
}

/// Adds up to a node of the tree what lies at `nodes`, of which `next` is the next, and returns the place where the sum is.
fn climb<A: Scalar>(
    tree: Tree,
    node: Node,
    nodes: &[Node],
    windows: &mut [&mut [A]],
    next: &mut usize,
) -> usize {
    if nodes.get(*next) == Some(&node) {
        *next += 1;
        return *next - 1;
    }
    let (left, right) = tree.halves(node).expect("every leaf is some rank's");
    let sum = climb(tree, left, nodes, windows, next);
    if let Some(right) = right {
        let right = climb(tree, right, nodes, windows, next);
        let (left, right) = windows.split_at_mut(right);
        vector::axpy(A::one(), right[0], left[sum]);
    }
    sum
}

impl<A: Scalar, C: Communicator<A>> Objective<A> for AllReduce<'_, '_, A, C> {
    fn dim(&self) -> usize {
        self.part.dim()
    }

    fn value(&mut self, theta: &[A]) -> A {
        self.part.probe().objective(|| self.sum(Quantity::Value, theta, &mut []))
    }

    fn value_and_grad(&mut self, theta: &[A], grad: &mut [A]) -> A {
        let (probe, layout) = (self.part.probe(), self.part.layout());
        probe.gradient(layout, grad, |grad| self.sum(Quantity::Gradient, theta, grad))
    }

    fn hessian_vector(&mut self, theta: &[A], v: &[A], hv: &mut [A]) {
        self.part.probe().objective(|| {
            if self.part.has_second_order() {
                self.product(Curvature::Hessian, theta, v, hv);
            } else {
                central_difference(self, theta, v, hv);
            }
        });
    }

    /// # Panics
    /// If a layer of the model has no second order.
    fn gauss_newton_vector(&mut self, theta: &[A], v: &[A], gv: &mut [A]) {
        self.part.probe().objective(|| self.product(Curvature::GaussNewton, theta, v, gv));
    }

    fn hessian(&mut self, theta: &[A], h: &mut ArrayRef2<A>) {
        self.part.probe().objective(|| {
            if self.part.division().0.reduction == Reduction::Tree {
                return hessian_by_products(self, theta, h);
            }
            self.part.hessian(theta, h);
            let start = Instant::now();
            for row in slices_mut(h) {
                self.communicator.all_reduce(row);
            }
            self.traffic.add::<A>(h.len(), start.elapsed());
        });
    }
}
