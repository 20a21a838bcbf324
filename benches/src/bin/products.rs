//! The pace of each kernel on each product of the standard networks: what the rule that chooses between them rests on.

use chainrule::tensor::kernel::{Kernel, peak};
use chainrule_benches::bound::{Form, times};
use chainrule_benches::separate::Sizes;
use chainrule_benches::workload::Workload;

fn main() {
    let names: Vec<_> = Kernel::all().iter().map(|kernel| format!("{:>10}", kernel.name())).collect();
    let names = names.concat();
    println!("GFLOP/s on one thread, at most {:.0}\n", peak().unwrap_or(f64::NAN));
    println!("{:<8} {:<12} {:>6} {:>5} {:>6} {names}", "", "product", "m", "n", "k");
    for workload in Workload::standard() {
        for (l, Sizes { m, k, n }) in Sizes::of(&workload).into_iter().enumerate() {
            let row = |name: &str, m: usize, k: usize, n: usize, form| {
                let work = 2e-9 * (m * n * k) as f64;
                let cell = |(_, seconds): &(_, f64)| format!("{:>10.1}", work / seconds);
                let paces: Vec<_> = times(m, k, n, form).iter().map(cell).collect();
                println!("{:<8} {name:<12} {m:>6} {n:>5} {k:>6} {}", workload.name, paces.concat());
            };
            row(&format!("h{0} · W{0}", l + 1), m, k, n, Form::Plain);
            if !workload.forward_only {
                row(&format!("∂W{}", l + 1), k, m, n, Form::LeftTransposed);
                if l > 0 {
                    row(&format!("δ{0} · W{0}ᵀ", l + 1), m, n, k, Form::RightTransposed);
                }
            }
        }
    }
}
