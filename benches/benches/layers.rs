//! Forward and backward of each layer, on a batch of 64 rows of 256 units.
#![allow(missing_docs)] // criterion_group! writes a function without any

use chainrule::layers::{
    Architecture, BatchNorm, Dense, Dropout, Grad, Layer, LayerNorm, Mode, Point, Softmax, Stage, TapeKind,
};
use chainrule::ndarray::Array2;
use chainrule::tensor::{Accum, Rng};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 64;
const WIDTH: usize = 256;

fn layers() -> Vec<(String, Box<dyn Layer<f32>>)> {
    let mut layers: Vec<(String, Box<dyn Layer<f32>>)> = vec![
        ("dense 784-256".to_owned(), Box::new(Dense::new(784, WIDTH))),
        ("dense 256-10".to_owned(), Box::new(Dense::new(WIDTH, 10))),
        ("softmax".to_owned(), Box::new(Softmax::new(WIDTH))),
        ("dropout".to_owned(), Box::new(Dropout::new(WIDTH, 0.5))),
        ("batch norm".to_owned(), Box::new(BatchNorm::new(WIDTH))),
        ("layer norm".to_owned(), Box::new(LayerNorm::new(WIDTH))),
    ];
    for stage in Stage::activations() {
        let plan = Architecture { input: WIDTH.into(), layers: vec![stage.clone()] };
        layers.push((stage.to_string(), Box::new(plan.build(None))));
    }
    layers
}

fn bench(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let mut normal = |columns| Array2::from_shape_simple_fn((ROWS, columns), || rng.normal::<f32>(1.0));
    let mut group = c.benchmark_group("layers");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, layer) in layers() {
        let theta = layer.layout().init::<f32>(&mut Rng::new(2));
        let (x, delta) = (normal(layer.inputs()), normal(layer.outputs()));
        let (mut y, mut delta_x) = (Array2::zeros(delta.dim()), Array2::zeros(x.dim()));
        let (mut grad, mut tape) = (vec![0.0; theta.len()], layer.tape(TapeKind::Complete, ROWS));
        let mode = Mode::Train { seed: 3, row: 0 };
        group.bench_function(format!("{name}, forward"), |b| {
            b.iter(|| layer.forward(mode, &theta, &x, &mut y, &mut tape));
        });
        group.bench_function(format!("{name}, backward"), |b| {
            b.iter(|| {
                let grad = Grad::new(&mut grad, Accum::Replace);
                let at = Point { theta: &theta, x: &x, y: &y };
                layer.backward(at, &delta, Some(&mut delta_x), Some(grad), &mut tape);
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
