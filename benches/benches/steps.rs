//! Whole steps of the standard workloads on one thread, and the bare products of each.
#![allow(missing_docs)] // criterion_group! writes a function without any

use chainrule_benches::bound::Bound;
use chainrule_benches::training::Training;
use chainrule_benches::workload::{Data, Workload};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("steps");
    group.sample_size(20);
    for workload in Workload::standard() {
        let data = Data::new(&workload);
        group.throughput(Throughput::Elements(workload.batch as u64));
        let mut training = Training::new(&workload, &data, 1);
        group.bench_function(workload.name.as_str(), |b| b.iter(|| training.step()));
        let mut bound = Bound::new(&workload, &data, 1);
        group.bench_function(format!("{}, products alone", workload.name), |b| b.iter(|| bound.run(1)));
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
