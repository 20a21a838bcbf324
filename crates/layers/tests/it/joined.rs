//! Units that work in place, in one pass with the layers beside them, change no bit.

use chainrule_layers::{
    BatchNorm, Branches, Conv, ConvTranspose, Dense, Dropout, Elu, Flatten, Grad, GroupNorm, Identity, Join,
    Layer, MaxPool, Mode, Point, Relu, Repeat, Residual, Sequential, Sigmoid, Softmax, Tanh, Tape, TapeKind,
    Tied,
};
use chainrule_tensor::ndarray::Array2;
use chainrule_tensor::{Accum, Pool, Rng, Scalar, Shape};

/// All outputs of a forward and a backward pass on a tape: y, ∂C/∂x and ∂C/∂θ.
fn passes<A: Scalar>(
    model: &dyn Layer<A>,
    mut tape: Tape<A>,
    rows: usize,
    wants_input: bool,
) -> (Array2<A>, Array2<A>, Vec<A>) {
    let rng = &mut Rng::new(3);
    let theta = model.layout().init::<A>(rng);
    let mut random = |width: usize| Array2::from_shape_simple_fn((rows, width), || rng.normal(1.0));
    let (x, delta) = (random(model.inputs()), random(model.outputs()));
    let (mut y, mut delta_x) = (Array2::zeros(delta.dim()), Array2::zeros(x.dim()));
    let mut grad = vec![A::one(); theta.len()];
    // What is read before it is written spoils the result.
    tape.arrays.iter_mut().for_each(|array| array.fill(A::nan()));
    let mode = Mode::Train { seed: 5, row: 0 };
    // Twice: what the first has left behind must not count.
    for accum in [Accum::Replace, Accum::Add] {
        model.forward(mode, &theta, &x, &mut y, &mut tape);
        let at = Point { theta: &theta, x: &x, y: &y };
        let out = wants_input.then_some(&mut *delta_x);
        model.backward(at, &delta, out, Some(Grad::new(&mut grad, accum)), &mut tape);
    }
    (y, delta_x, grad)
}

#[track_caller]
fn check<A: Scalar>(model: &dyn Layer<A>) {
    // One row, few, a batch that is smaller than its memory, and one that threads share and pieces are made of.
    for (rows, capacity) in [(1, 1), (5, 8), (300, 300)] {
        for wants_input in [false, true] {
            let expected = passes(model, model.tape(TapeKind::Complete, capacity), rows, wants_input);
            for threads in [1, 2, 3] {
                let run = || passes(model, model.tape(TapeKind::Gradient, capacity), rows, wants_input);
                let equal = Pool::new(threads).enter(run) == expected;
                assert!(equal, "{model:?}: {rows} rows, {threads} threads, input {wants_input}");
            }
        }
    }
}

fn check_all<A: Scalar>() {
    let input = || Sequential::<A>::input(40);
    let dense = |width| move |n| Dense::new(n, width);
    check(&input().then(dense(600)).then(Relu::new).then(dense(300)).then(Tanh::new).then(dense(10)));
    // Units upon convolutions and norms, below another of them and below a pool.
    check(
        &Sequential::<A>::input(Shape::image(8, 6, 3))
            .then(|s| Conv::new(s, 16, 3).padding(1))
            .then(BatchNorm::new)
            .then(Relu::new)
            .then(|s| Conv::new(s, 8, 3).stride((2, 1)))
            .then(|s| GroupNorm::new(s, 4))
            .then(Tanh::new)
            .then(|s| MaxPool::new(s, 2))
            .then(|s| ConvTranspose::new(s, 4, 2))
            .then(Relu::new)
            .then(Flatten::new)
            .then(dense(5)),
    );
    // Units on top, at the bottom, upon each other, and below a layer that is not affine.
    check(&input().then(dense(9)).then(Sigmoid::new));
    check(&input().then(Tanh::new).then(dense(7)).then(Relu::new).then(Sigmoid::new).then(dense(1)));
    check(
        &input()
            .then(dense(8))
            .then(Tanh::new)
            .then(|n| Dropout::new(n, 0.5))
            .then(dense(3))
            .then(Softmax::new),
    );
    // Units whose slope is not known from their value stay where they are.
    check(&input().then(dense(8)).then(Elu::new).then(dense(1)).then(Identity::new).then(dense(2)));
    // A network within a network.
    let inner = |n| Sequential::<A>::input(n).then(dense(6)).then(Relu::new).then(dense(5));
    check(&input().then(dense(4)).then(Sigmoid::new).then(inner).then(Tanh::new));
    // Networks in containers that are no chains.
    let inner = |n| Sequential::<A>::input(n).then(dense(6)).then(Relu::new).then(dense(5)).then(Tanh::new);
    let branches = |join| move |n| Branches::new(join, inner(n)).and(Dense::new(n, 5)).and(inner(n));
    check(&input().then(|n| Residual::with_shortcut(inner(n), Dense::new(n, 5))).then(dense(3)));
    check(&input().then(dense(5)).then(Tanh::new).then(|n| Residual::new(inner(n))));
    check(&input().then(branches(Join::Sum)).then(branches(Join::Product)).then(branches(Join::Concat)));
    check(&input().then(dense(5)).then(|n| Repeat::new(3, inner(n))).then(|n| Tied::new(n, 5, inner)));
}

#[test]
fn no_bit_changes_in_f32() {
    check_all::<f32>();
}

#[test]
fn no_bit_changes_in_f64() {
    check_all::<f64>();
}

#[test]
fn a_gradient_takes_half_the_memory() {
    let numbers = |tape: &Tape<f32>| tape.arrays.iter().flatten().count();
    let model =
        Sequential::<f32>::input(3).then(|n| Dense::new(n, 5)).then(Relu::new).then(|n| Dense::new(n, 2));
    assert_eq!(
        (numbers(&model.tape(TapeKind::Complete, 7)), numbers(&model.tape(TapeKind::Gradient, 7))),
        (7 * 20, 7 * 10)
    );
}
