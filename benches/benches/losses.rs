//! Value and δ of each loss, on 128 rows of 10 outputs.
#![allow(missing_docs)] // criterion_group! writes a function without any

use chainrule::loss::LossKind;
use chainrule::ndarray::Array2;
use chainrule::tensor::Rng;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SHAPE: (usize, usize) = (128, 10);

fn bench(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let mut group = c.benchmark_group("losses");
    group.throughput(Throughput::Elements(SHAPE.0 as u64));
    for kind in LossKind::ALL {
        let spec = kind.spec();
        let target = spec.target().draw(SHAPE.0, SHAPE.1, &mut rng).mapv(|t| t as f32);
        let y = Array2::from_shape_simple_fn(SHAPE, || rng.normal::<f32>(1.0));
        let (loss, mut delta) = (spec.build(), Array2::zeros(SHAPE));
        group.bench_function(kind.name(), |b| b.iter(|| loss.value_and_delta(&y, &target, &mut delta)));
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
