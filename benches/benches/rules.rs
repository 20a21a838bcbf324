//! One update by each rule, on the parameters of W3 and on few that stay in cache. The gradient is copied from a vector,
//! which is part of the time.
#![allow(missing_docs)] // criterion_group! writes a function without any

use chainrule::optim::{Objective, RuleKind};
use chainrule::tensor::{Init, Layout, Rng};
use chainrule_benches::workload::optimizer;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// An objective of constant slope.
struct Slope(Vec<f32>);

impl Objective<f32> for Slope {
    fn dim(&self) -> usize {
        self.0.len()
    }

    fn value(&mut self, _: &[f32]) -> f32 {
        0.0
    }

    fn value_and_grad(&mut self, _: &[f32], grad: &mut [f32]) -> f32 {
        grad.copy_from_slice(&self.0);
        0.0
    }
}

fn bench(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let mut group = c.benchmark_group("rules");
    for dim in [4_096, 669_706] {
        group.throughput(Throughput::Elements(dim as u64));
        let mut layout = Layout::new();
        layout.push("theta", dim, Init::Zeros);
        for &rule in RuleKind::ALL {
            // Both signs, so that θ goes nowhere in particular and its numbers stay ordinary.
            let mut slope = Slope((0..dim).map(|_| rng.normal(1e-3)).collect());
            let (mut optimizer, mut theta) = (optimizer(rule, &layout), vec![0.0; dim]);
            group.bench_function(format!("{rule}, {dim}"), |b| {
                b.iter(|| optimizer.step(&mut slope, &mut theta));
            });
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
