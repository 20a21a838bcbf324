//! Containers that are no chains: names, paths, messages, random numbers and statistics.

use chainrule_layers::{
    Architecture, Branches, Dense, Dropout, Grad, Join, Layer, Mode, Point, Repeat, Residual, Sequential,
    Stage, Station, Tape, TapeKind, leaves, onnx::OnnxWriter, walk,
};
use chainrule_tensor::ndarray::{Array2, ArrayRef2, array};
use chainrule_tensor::{Accum, Entry, Init, Layout, Rng, Shape};

fn parse(input: Shape, words: &str) -> Architecture {
    let architecture = Architecture::parse(input, words).unwrap();
    architecture.validated().unwrap();
    architecture
}

fn names(layout: &Layout) -> Vec<&str> {
    layout.entries().iter().map(|entry| entry.name.as_str()).collect()
}

const NESTED: &str = "dense 4, residual (residual (dense 4, tanh), dense 4) shortcut (dense 4)";

#[test]
fn a_residual_in_a_residual_is_named_by_its_path() {
    let network = parse(3.into(), NESTED).build::<f32>(None);
    let expected = [
        "0.weight",
        "0.bias",
        "1.body.0.body.0.weight",
        "1.body.0.body.0.bias",
        "1.body.1.weight",
        "1.body.1.bias",
        "1.shortcut.0.weight",
        "1.shortcut.0.bias",
    ];
    assert_eq!(names(network.layout()), expected);
    let mut paths = Vec::new();
    walk(Station::network(&network), &mut |station| paths.push(station.path.clone()));
    let expected = [
        "",
        "0",
        "1",
        "1.body",
        "1.body.0",
        "1.body.0.body",
        "1.body.0.body.0",
        "1.body.0.body.1",
        "1.body.1",
        "1.shortcut",
        "1.shortcut.0",
    ];
    assert_eq!(paths, expected);
    let frozen = network.freeze("1.body.0.*");
    let frozen: Vec<_> = frozen.layout().entries().iter().filter(|entry| !entry.trained).collect();
    assert_eq!(frozen.len(), 2);
    assert!(frozen.iter().all(|entry| entry.name.starts_with("1.body.0.body.0.")));
}

#[test]
fn parameters_have_the_documented_names() {
    let layout = |words| parse(4.into(), words).layout::<f32>();
    assert_eq!(names(&layout("branches sum (tanh, dense 2) (dense 2)"))[..2], ["0.0.1.weight", "0.0.1.bias"]);
    assert_eq!(names(&layout("branches sum (tanh, dense 2) (dense 2)"))[2], "0.1.0.weight");
    assert_eq!(names(&layout("repeat 3 (dense 4)")), ["0.body.0.weight", "0.body.0.bias"]);
    let tied = ["0.weight", "0.bias", "0.body.0.weight", "0.body.0.bias", "0.output_bias"];
    assert_eq!(names(&layout("tied 2 (dense 2)")), tied);
}

#[test]
fn the_count_of_a_description_is_the_length_of_the_layout() {
    for (input, stage) in Stage::specimens() {
        let layer = stage.build::<f64>(input, Init::GlorotUniform);
        assert_eq!(stage.parameters(input), Some(layer.layout().len()), "{stage}");
        assert_eq!(stage.output(input), Ok(layer.output_shape()), "{stage}");
    }
}

#[test]
fn a_description_that_does_not_fit_is_refused_by_path_with_both_shapes() {
    let fault = |words| {
        let architecture = Architecture::parse(5.into(), words).unwrap();
        architecture.validated().unwrap_err().to_string()
    };
    assert_eq!(
        fault("tanh, residual (dense 8)"),
        "layer 1: the body gives shape 8, but without a shortcut x is added, of shape 5"
    );
    assert_eq!(
        fault("residual (dense 8) shortcut (dense 7)"),
        "layer 0: the body gives shape 8, but the shortcut gives shape 7"
    );
    assert_eq!(
        fault("tanh, tanh, residual (reshape 2x2)"),
        "layer 2.body.0: an input of shape 5 has 5 numbers, not those of 2x2"
    );
    assert!(fault("branches sum (dense 3) (dense 2)").contains("one shape, not 3 and 2, at branch 1"));
    assert!(fault("branches concat (dense 3) (reshape 5x1)").contains("the shapes 3 and 5x1"));
    assert!(fault("branches sum (dense 3) (dropout 2)").starts_with("layer 0.1.0: the rate"));
    assert!(fault("repeat 2 (dense 3)").contains("makes shape 3 of shape 5"));
    assert!(fault("repeat 0 (dense 5)").contains("0 times"));
    assert!(fault("tied 3 (dense 4)").contains("keep the shape 3, but gives 4"));
    assert!(fault("tied 0 (tanh)").contains("width 0"));
    assert!(fault("repeat 1000 (repeat 1000 (tanh))").contains("more than 10000 layers"));
    let empty: Stage = serde_json::from_str(r#"{"kind":"branches","join":"sum","branches":[]}"#).unwrap();
    assert!(empty.output(5.into()).unwrap_err().fault.contains("no branch"));
}

#[test]
fn words_without_a_body_are_refused_at_their_place() {
    let fault = |words| Stage::network(words).unwrap_err().to_string();
    assert!(fault("residual").contains("its body in brackets"));
    assert!(fault("tanh, residual (dense 2) shortcut").contains("shortcut in brackets"));
    assert!(fault("branches both (dense 2)").contains("write sum, concat or product"));
    assert!(fault("branches sum").contains("its branches in brackets"));
    assert!(fault("residual (dense 2, rleu)").contains("the nearest is `relu`, and"));
    assert!(fault("repeat (tanh)").contains("how often"));
}

#[test]
fn weights_inside_a_body_begin_as_suits_the_layer_above_them() {
    let inits = |words, chosen| -> Vec<Init> {
        let network = parse(4.into(), words).build::<f32>(chosen);
        network.layout().entries().iter().filter(|entry| entry.is_weight()).map(|entry| entry.init).collect()
    };
    let words = "residual (dense 4, relu, dense 4), relu, tied 2 (relu, dense 2)";
    let (he, glorot) = (Init::HeUniform, Init::GlorotUniform);
    assert_eq!(inits(words, None), [he, he, he, glorot]);
    assert_eq!(inits(words, Some(Init::LecunNormal)), [Init::LecunNormal; 4]);
}

/// Σ y of a network without parameters on ones, in training.
fn trained(network: &dyn Layer<f64>, columns: usize) -> Array2<f64> {
    let x = Array2::ones((4, columns));
    let (mut y, mut tape) = (Array2::zeros((4, network.outputs())), network.tape(TapeKind::Complete, 4));
    network.forward(Mode::Train { seed: 3, row: 0 }, &[], &x, &mut y, &mut tape);
    y
}

#[test]
fn dropout_in_a_branch_draws_another_mask_than_its_sibling() {
    let dropout = |n| Dropout::new(n, 0.5);
    let y = trained(&Branches::new(Join::Concat, dropout(64)).and(dropout(64)), 64);
    assert!((0..64).any(|j| y[(0, j)] != y[(0, 64 + j)]));
    let residual = trained(&Residual::with_shortcut(dropout(64), dropout(64)), 64);
    assert!(residual.iter().any(|&y| y == 2.0), "one of the two is dropped somewhere");
    // With one mask, what is left would be 2 · 2 everywhere or 0.
    let repeated = trained(&Repeat::new(2, dropout(64)), 64);
    let kept = repeated.iter().filter(|&&y| y == 4.0).count();
    assert!((30..100).contains(&kept), "{kept} of 256 pass two masks");
}

#[test]
fn a_walk_sees_the_values_and_error_signals_of_every_branch() {
    let words = "branches product (dense 3, tanh) (dense 3), repeat 2 (dense 3, tanh), tied 2 (tanh), \
                 branches concat (dense 1) (dense 2), residual (tanh)";
    let network = parse(4.into(), words).build::<f64>(None);
    let mut rng = Rng::new(1);
    let theta = network.layout().init::<f64>(&mut rng);
    let mut random = |width| Array2::from_shape_simple_fn((5, width), || rng.normal(1.0));
    let (x, delta) = (random(4), random(3));
    let (mut y, mut tape) = (Array2::zeros((5, 3)), network.tape(TapeKind::Complete, 8));
    let mut grad = vec![0.0; theta.len()];
    network.forward(Mode::EVAL, &theta, &x, &mut y, &mut tape);
    let at = Point { theta: &theta, x: &x, y: &y };
    network.backward(at, &delta, None, Some(Grad::new(&mut grad, Accum::Replace)), &mut tape);
    let station = Station::network(&network).after_forward(&x, &y, &tape).after_backward(&delta);
    let (mut seen, mut sums) = (0, vec![0.0; theta.len()]);
    for leaf in leaves(station) {
        let values = leaf.values.expect("a pass has been made");
        let mut out = Array2::zeros(values.y.dim());
        leaf.layer.forward(Mode::EVAL, &theta[leaf.window.clone()], &values.x, &mut out, &mut Tape::empty());
        assert_eq!(out, values.y, "{}", leaf.path);
        let delta = values.delta.expect("a backward pass has been made");
        let at = Point { theta: &theta[leaf.window.clone()], x: &values.x, y: &values.y };
        let grad = Grad::new(&mut sums[leaf.window.clone()], Accum::Add);
        leaf.layer.backward(at, &delta, None, Some(grad), &mut Tape::empty());
        seen += 1;
    }
    assert_eq!(seen, 3 + 2 * 2 + 1 + 2 + 1);
    let tied =
        network.layout().entries().iter().filter(|entry| entry.name.starts_with("2.")).map(Entry::range);
    let tied: Vec<usize> = tied.flatten().collect();
    for i in (0..theta.len()).filter(|i| !tied.contains(i)) {
        assert!((sums[i] - grad[i]).abs() < 1e-12, "{i}: {} and {}", sums[i], grad[i]);
    }
}

#[test]
fn the_body_of_a_repetition_is_written_once_for_each_application() {
    let architecture = parse(2.into(), "repeat 3 (dense 2, tanh), tied 1 (tanh)");
    let layout = architecture.layout::<f64>();
    let parameters = layout
        .entries()
        .iter()
        .map(|entry| (entry.name.clone(), (entry.storage.shape().to_vec(), vec![0.5; entry.size()])));
    let mut onnx = OnnxWriter::new(true, parameters);
    architecture.write_onnx("x", &mut onnx);
    let (nodes, tensors) = onnx.finish();
    let operators: Vec<_> = nodes.iter().map(|node| node.operator).collect();
    assert_eq!(operators, ["Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Tanh", "Gemm"]);
    assert_eq!(nodes[0].inputs[1..], nodes[4].inputs[1..]);
    assert_eq!(tensors.len(), 2 + 3, "each parameter is there once");
}

#[test]
#[should_panic(expected = "makes shape 3 of 2")]
fn a_body_that_cannot_be_added_to_x_is_refused() {
    let _ = Residual::<f32>::new(Dense::new(2, 3));
}

#[test]
#[should_panic(expected = "one shape, not 3 and 4, at branch 1")]
fn branches_that_cannot_be_added_are_refused() {
    let _ = Branches::<f32>::new(Join::Sum, Dense::new(2, 3)).and(Dense::new(2, 4));
}

/// y = x + 1, measuring the mean of x.
#[derive(Debug)]
struct Measured(Layout, Layout);

impl Measured {
    fn new() -> Self {
        let mut statistics = Layout::new();
        statistics.push("mean", 1, Init::Zeros);
        Self(Layout::new(), statistics)
    }
}

impl Layer<f64> for Measured {
    fn input_shape(&self) -> Shape {
        Shape::Flat(1)
    }
    fn output_shape(&self) -> Shape {
        Shape::Flat(1)
    }
    fn layout(&self) -> &Layout {
        &self.0
    }
    fn statistics(&self) -> &Layout {
        &self.1
    }
    fn observe(&self, tape: &Tape<f64>, observed: &mut [f64]) {
        observed.copy_from_slice(&tape.vectors[0]);
    }
    fn track(&self, observed: &[f64], statistics: &mut [f64]) {
        statistics.copy_from_slice(observed);
    }
    fn tape(&self, _: TapeKind, _: usize) -> Tape<f64> {
        Tape::empty().and_vectors([1])
    }
    fn forward(
        &self,
        mode: Mode<'_, f64>,
        _: &[f64],
        x: &ArrayRef2<f64>,
        y: &mut ArrayRef2<f64>,
        tape: &mut Tape<f64>,
    ) {
        // In evaluation, the running mean takes the place of the 1.
        let shift = if let Mode::Eval { statistics } = mode { statistics[0] } else { 1.0 };
        tape.vectors[0][0] = x.sum() / x.nrows() as f64;
        y.assign(&(x + shift));
    }
    fn backward(
        &self,
        _: Point<'_, f64>,
        _: &ArrayRef2<f64>,
        _: Option<&mut ArrayRef2<f64>>,
        _: Option<Grad<'_, f64>>,
        _: &mut Tape<f64>,
    ) {
    }
}

#[test]
fn statistics_inside_containers_are_observed_tracked_and_used() {
    let network = Sequential::input(1)
        .then(|_| Residual::new(Measured::new()))
        .then(|_| Repeat::new(3, Measured::new()))
        .then(|_| Branches::new(Join::Concat, Measured::new()).and(Measured::new()));
    assert_eq!(names(network.statistics()), ["0.body.mean", "1.body.mean", "2.0.mean", "2.1.mean"]);
    let (x, mut y, mut tape) =
        (array![[1.0], [3.0]], Array2::zeros((2, 2)), network.tape(TapeKind::Complete, 2));
    network.forward(Mode::Train { seed: 1, row: 0 }, &[], &x, &mut y, &mut tape);
    let (mut observed, mut running) = ([0.0; 4], [0.0; 4]);
    network.observe(&tape, &mut observed);
    // The residual gives 2x + 1, of mean 5; the applications see 5, 6 and 7.
    assert_eq!(observed, [2.0, 6.0, 8.0, 8.0]);
    network.track(&observed, &mut running);
    assert_eq!(running, observed);
    let mode = Mode::Eval { statistics: &running };
    network.forward(mode, &[], &x, &mut y, &mut tape);
    let first = 2.0 * 1.0 + 2.0 + 3.0 * 6.0 + 8.0;
    assert_eq!(y, array![[first, first], [first + 4.0, first + 4.0]]);
}

#[test]
#[should_panic(expected = "eval: 0 statistics are fewer than the network has")]
fn a_forward_pass_without_the_statistics_of_its_network_is_refused() {
    let network = Sequential::input(1).then(|_| Measured::new());
    let mut y = Array2::zeros((1, 1));
    network.forward(
        Mode::EVAL,
        &[],
        &Array2::zeros((1, 1)),
        &mut y,
        &mut network.tape(TapeKind::Complete, 1),
    );
}
