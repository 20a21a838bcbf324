//! The Hessian of a risk as a matrix, by large products over blocks of examples.

use std::sync::{Mutex, PoisonError};

use chainrule_layers::{
    Dual, Layer, Mode, Point, SecondOrder, Station, Structure, Tangent, Tape, TapeKind, leaves, walk,
};
use chainrule_loss::Loss;
use chainrule_optim::mirror;
use chainrule_tensor::ndarray::{Array2, ArrayRef2, Axis, s};
use chainrule_tensor::rows::{slices, slices_mut};
use chainrule_tensor::{Pool, Scalar, gemm};

use crate::objective::risk;

/// Examples of one product: enough for GEMM's pace, few enough for the cache.
const BLOCK: usize = 256;
/// Blocks that a thread has in memory: all of them would be as large as the data.
const TOGETHER: usize = 16;
/// Rows of one product; what lies left of their diagonal is not computed.
const STRIP: usize = 32;

/// The risk whose Hessian is built: the mean of `loss` over the rows.
#[derive(Clone, Copy)]
pub(crate) struct Problem<'a, A: Scalar> {
    pub(crate) model: &'a dyn Layer<A>,
    pub(crate) loss: &'a dyn Loss<A>,
    pub(crate) x: &'a ArrayRef2<A>,
    pub(crate) target: &'a ArrayRef2<A>,
    pub(crate) mode: Mode<'a, A>,
    /// The rows of the batch that these are a part of.
    pub(crate) batch: usize,
}

/// One layer of a chain: its place in θ and what it is.
struct Link<'a, A: Scalar> {
    layer: &'a dyn Layer<A>,
    second: &'a dyn SecondOrder<A>,
    slot: std::ops::Range<usize>,
    affine: bool,
}

/// The model as a chain in which each parameter belongs to an affine layer and moves one unit by one input; `None` if it
/// is no such chain.
fn chain<A: Scalar>(model: &dyn Layer<A>) -> Option<Vec<Link<'_, A>>> {
    let mut chained = model.structure() == Structure::Chain;
    walk(Station::network(model), &mut |station| {
        chained &= matches!(station.layer.structure(), Structure::Leaf | Structure::Chain);
    });
    let links =
        leaves(Station::network(model)).into_iter().filter(|leaf| !leaf.layer.is_view()).map(|leaf| {
            let affine = leaf.layer.affine().is_some_and(|affine| affine.positions() == 1);
            let link =
                Link { layer: leaf.layer, second: leaf.layer.second_order()?, slot: leaf.window, affine };
            (affine || link.slot.is_empty()).then_some(link)
        });
    links.collect::<Option<Vec<_>>>().filter(|links| chained && !links.is_empty())
}

/// `h` ← ∇²C(θ); false, and nothing done, where the model is not a chain of affine layers and layers without
/// parameters.
///
/// In an affine layer z = x·W + b, moving the weight from input j to unit i moves zᵢ by xⱼ and nothing else, so what
/// lies above moves as it does when b_i moves, times xⱼ, example by example. One pass of R{·} for each *unit* i thus
/// tells what all of its weights do:
/// ```text
/// ∂²C/∂W_ji ∂W_pq = Σₙ xₙⱼ·(xₙₚ·Rᵢ{δₙq} + Rᵢ{xₙₚ}·δₙq)
/// ```
/// for W_pq of the same layer or one above: a product of `(inputs + 1, examples)` by `(examples, parameters above)`.
/// The bias is the weight of an input that is always 1.
///
/// Units are dealt to the threads of `pool`, and each is summed over the examples in their order: the same bits for any
/// number of threads.
pub(crate) fn assemble<A: Scalar>(
    problem: Problem<'_, A>,
    theta: &[A],
    h: &mut ArrayRef2<A>,
    pool: &Pool,
) -> bool {
    let Some(links) = chain(problem.model) else { return false };
    let dim = theta.len();
    assert_eq!(h.dim(), (dim, dim), "hessian: the matrix is not square in the parameters");
    h.fill(A::zero());
    let units: Vec<(usize, usize)> = links
        .iter()
        .enumerate()
        .filter(|(_, link)| link.affine)
        .flat_map(|(l, link)| (0..link.layer.outputs()).map(move |i| (l, i)))
        .collect();
    let tasks = pool.threads().min(units.len()).max(1);
    let out = Mutex::new(h);
    pool.run(tasks, &|task| {
        let rows = problem.x.nrows();
        let starts: Vec<usize> = (0..rows).step_by(BLOCK).collect();
        for group in starts.chunks(TOGETHER) {
            let block = |&start: &usize| Block::new(&problem, &links, theta, start..rows.min(start + BLOCK));
            let mut blocks: Vec<Block<A>> = group.iter().map(block).collect();
            for &(l, i) in units.iter().skip(task).step_by(tasks) {
                let (first, outputs) = (links[l].slot.start, links[l].layer.outputs());
                let mut sum = Array2::zeros((links[l].layer.inputs() + 1, dim - first));
                let row_of = |j: usize| s![first + j * outputs + i, first..];
                let h = out.lock().unwrap_or_else(PoisonError::into_inner);
                sum.outer_iter_mut().enumerate().for_each(|(j, mut row)| row.assign(&h.slice(row_of(j))));
                drop(h);
                for block in &mut blocks {
                    block.add_unit(&problem, &links, theta, (l, i), &mut sum);
                }
                let mut h = out.lock().unwrap_or_else(PoisonError::into_inner);
                sum.outer_iter().enumerate().for_each(|(j, row)| h.slice_mut(row_of(j)).assign(&row));
            }
        }
    });
    let h = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    mirror(h);
    for window in problem.model.layout().frozen() {
        h.slice_mut(s![window.clone(), ..]).fill(A::zero());
        h.slice_mut(s![.., window]).fill(A::zero());
    }
    true
}

/// Some of the examples, seen from θ: what every layer takes, its error signal, and the memory for a direction.
struct Block<A> {
    rows: std::ops::Range<usize>,
    /// x of each layer, and the output of the last.
    h: Vec<Array2<A>>,
    /// δ of each layer's output.
    delta: Vec<Array2<A>>,
    tapes: Vec<Tape<A>>,
    r_h: Vec<Array2<A>>,
    r_delta: Vec<Array2<A>>,
    r_tapes: Vec<Tape<A>>,
    /// Where r_backward puts the gradients that nobody wants.
    unused: Vec<A>,
}

impl<A: Scalar> Block<A> {
    fn new(
        problem: &Problem<'_, A>,
        links: &[Link<'_, A>],
        theta: &[A],
        rows: std::ops::Range<usize>,
    ) -> Self {
        let n = rows.len();
        let x = problem.x.slice(s![rows.clone(), ..]);
        let target = problem.target.slice(s![rows.clone(), ..]);
        let model = problem.model;
        let (mut y, mut tape) = (Array2::zeros((n, model.outputs())), model.tape(TapeKind::Complete, n));
        model.forward(problem.mode.from_row(rows.start), theta, &x, &mut y, &mut tape);
        let mut delta = Array2::zeros(y.dim());
        problem.loss.value_and_delta(&y, &target, &mut delta);
        risk::multiply(&mut delta, A::of(problem.batch as f64).recip());
        model.backward(Point { theta, x: &x, y: &y }, &delta, None, None, &mut tape);

        let outputs = || links.iter().map(|link| Array2::zeros((n, link.layer.outputs())));
        let mut block = Self {
            rows: rows.clone(),
            h: vec![x.to_owned()],
            delta: Vec::with_capacity(links.len()),
            tapes: Vec::with_capacity(links.len()),
            r_h: std::iter::once(Array2::zeros(x.dim())).chain(outputs()).collect(),
            r_delta: outputs().collect(),
            r_tapes: links.iter().map(|link| link.layer.tape(TapeKind::Complete, n)).collect(),
            unused: vec![A::zero(); theta.len()],
        };
        let network = Station::network(model).after_forward(&x, &y, &tape).after_backward(&delta);
        for leaf in leaves(network).into_iter().filter(|leaf| !leaf.layer.is_view()) {
            let values = leaf.values.expect("a walk after both passes");
            block.h.push(values.y.to_owned());
            block.delta.push(values.delta.expect("a walk after both passes").to_owned());
            block.tapes.push(values.tape.clone());
        }
        block
    }

    /// R{·} of everything above the sum of unit i of layer l, as that sum moves by 1 in every example.
    fn move_unit(
        &mut self,
        problem: &Problem<'_, A>,
        links: &[Link<'_, A>],
        theta: &[A],
        l: usize,
        i: usize,
    ) {
        self.r_h[l + 1].fill(A::zero());
        self.r_h[l + 1].column_mut(i).fill(A::one());
        let widest = links[l + 1..].iter().map(|link| link.slot.len()).max();
        let still = vec![A::zero(); widest.unwrap_or(0)];
        for (m, link) in links.iter().enumerate().skip(l + 1) {
            let (below, above) = self.r_h.split_at_mut(m + 1);
            let at = Point { theta: &theta[link.slot.clone()], x: &self.h[m], y: &self.h[m + 1] };
            let tapes = Dual { value: &mut self.tapes[m], tangent: &mut self.r_tapes[m] };
            let v = &still[..link.slot.len()];
            link.second.r_forward(at, v, Some(&below[m]), &mut above[0], tapes);
        }
        let (last, scale) = (links.len() - 1, A::of(problem.batch as f64).recip());
        let target = problem.target.slice(s![self.rows.clone(), ..]);
        problem.loss.r_delta(&self.h[last + 1], &target, &self.r_h[last + 1], &mut self.r_delta[last]);
        risk::multiply(&mut self.r_delta[last], scale);
        for (m, link) in links.iter().enumerate().skip(l + 1).rev() {
            let (below, above) = self.r_delta.split_at_mut(m);
            let at = Point { theta: &theta[link.slot.clone()], x: &self.h[m], y: &self.h[m + 1] };
            let along =
                Tangent { v: &still[..link.slot.len()], r_x: Some(&self.r_h[m]), r_y: &self.r_h[m + 1] };
            let deltas = Dual { value: &*self.delta[m], tangent: &*above[0] };
            let tapes = Dual { value: &mut self.tapes[m], tangent: &mut self.r_tapes[m] };
            let unused = &mut self.unused[link.slot.clone()];
            link.second.r_backward(at, along, deltas, Some(&mut below[m - 1]), unused, tapes);
        }
    }

    /// Adds this block's part of the rows of unit i of layer l to `sum`: one row an input, the bias last.
    fn add_unit(
        &mut self,
        problem: &Problem<'_, A>,
        links: &[Link<'_, A>],
        theta: &[A],
        (l, i): (usize, usize),
        sum: &mut Array2<A>,
    ) {
        self.move_unit(problem, links, theta, l, i);
        let start = links[l].slot.start;
        let mut right = Array2::zeros((self.rows.len(), sum.ncols()));
        for (m, link) in links.iter().enumerate().skip(l).filter(|(_, link)| link.affine) {
            let outputs = link.layer.outputs();
            let mut window = right.slice_mut(s![.., link.slot.start - start..link.slot.end - start]);
            let signals = slices(&self.delta[m]).zip(slices(&self.r_delta[m]));
            let inputs = slices(&self.h[m]).zip(slices(&self.r_h[m]));
            for ((row, (delta, r_delta)), (x, r_x)) in slices_mut(&mut window).zip(signals).zip(inputs) {
                let (weights, bias) = row.split_at_mut(x.len() * outputs);
                for ((weights, &x), &r_x) in weights.chunks_mut(outputs).zip(x).zip(r_x) {
                    // The input of the unit's own layer stands still; its R{x} is not defined here.
                    let r_x = if m == l { A::zero() } else { r_x };
                    for ((w, &delta), &r_delta) in weights.iter_mut().zip(delta).zip(r_delta) {
                        *w = x * r_delta + r_x * delta;
                    }
                }
                bias.copy_from_slice(r_delta);
            }
        }
        let outputs = links[l].layer.outputs();
        let (mut weights, mut bias) = sum.view_mut().split_at(Axis(0), self.h[l].ncols());
        for j in (0..weights.nrows()).step_by(STRIP) {
            let strip = j..weights.nrows().min(j + STRIP);
            let left = self.h[l].slice(s![.., strip.clone()]);
            // Row-major, all that W_ji shares with weights from inputs before j was computed with those.
            let columns = j * outputs..;
            let mut into = weights.slice_mut(s![strip, columns.clone()]);
            gemm(A::one(), &left.t(), &right.slice(s![.., columns]), A::one(), &mut into);
        }
        let ones = Array2::ones((1, self.rows.len()));
        gemm(A::one(), &ones, &right, A::one(), &mut bias);
    }
}

#[cfg(test)]
mod tests {
    use chainrule_layers::{Dense, Dropout, Relu, Sequential, Tanh};
    use chainrule_loss::SoftmaxCrossEntropy;
    use chainrule_optim::{Objective, hessian_by_products};
    use chainrule_tensor::Rng;

    use super::*;
    use crate::objective::buffers::ShardBuffers;
    use crate::objective::sharded::Sharded;

    #[test]
    fn the_matrix_is_that_of_the_products_with_unit_vectors_for_any_number_of_threads() {
        let model = Sequential::input(35)
            .then(|n| Dense::new(n, 4))
            .then(Tanh::new)
            .then(|n| Dropout::new(n, 0.25))
            .then(|n| Dense::new(n, 3))
            .then(Tanh::new)
            .then(|n| Dropout::new(n, 0.25))
            .then(|n| Dense::new(n, 3));
        let loss = SoftmaxCrossEntropy::default();
        let rng = &mut Rng::new(1);
        let theta: Vec<f64> = model.layout().init::<f64>(rng).iter().map(|t| t + 0.1).collect();
        let x = Array2::from_shape_simple_fn((700, 35), || rng.normal(1.0));
        let target = Array2::from_shape_simple_fn((700, 1), || rng.below(3) as f64);
        let mut by_columns = Array2::zeros((theta.len(), theta.len()));
        let mode = Mode::Train { seed: 5, row: 0 };
        let built = |threads: usize| {
            let (pool, mut h) = (Pool::new(threads), Array2::zeros((theta.len(), theta.len())));
            let mut buffers = ShardBuffers::new(&model, 700);
            Sharded::new(&model, &loss, &x, &target, mode, &mut buffers, &pool).hessian(&theta, &mut h);
            h
        };
        let h = built(1);
        let (pool, mut buffers) = (Pool::new(1), ShardBuffers::remembering(&model, 700));
        let mut risk = Sharded::new(&model, &loss, &x, &target, mode, &mut buffers, &pool);
        hessian_by_products(&mut risk, &theta, &mut by_columns);
        let error = (&h - &by_columns).iter().fold(0.0, |most: f64, d| most.max(d.abs()));
        assert!(error < 1e-14, "{error}");
        assert!(by_columns.iter().any(|h| h.abs() > 1e-2));
        assert_eq!((built(2), built(3)), (h.clone(), h));
    }

    #[test]
    fn a_model_that_is_no_chain_of_affine_layers_is_left_to_the_products() {
        let dense = Dense::new(2, 1);
        assert!(chain::<f64>(&dense).is_none());
        let network =
            Sequential::<f64>::input(2).then(|n| Dense::new(n, 3)).then(Relu::new).then(|n| Dense::new(n, 1));
        assert_eq!(chain(&network).map(|links| links.len()), Some(3));
    }
}
