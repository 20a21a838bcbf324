//! The largest error of each elementwise function over all `f32`, in units in the last place.
//!
//! `cargo run --release -p chainrule-benches --bin ulp` takes some minutes; `--stride 1001` looks at every 1001st number.
//! Fails where an error is above 2 units.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use chainrule::tensor::math::accuracy::{FunctionCase, Worst, worst, zoo};
use chainrule::tensor::simd::Level;
use clap::Parser;

/// The largest error of each elementwise function over all f32
#[derive(Debug, Parser)]
struct Options {
    /// Look at every n-th number only
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    stride: u64,
    /// Look at these functions only
    #[arg(long)]
    function: Vec<String>,
}

/// What docs/dev/kernel-notes.md promises.
const MOST: f64 = 2.0;

fn main() -> ExitCode {
    let options = Options::parse();
    println!("| function | largest error, ULP | at |");
    println!("|---|---|---|");
    let mut good = true;
    for specimen in zoo() {
        if !options.function.is_empty() && !options.function.iter().any(|name| name == specimen.name) {
            continue;
        }
        let Worst { ulps, at } = over_all(specimen, options.stride);
        println!("| `{}` | {ulps:.3} | {at:e} |", specimen.name);
        good &= ulps <= MOST;
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each thread takes a share of the bits.
fn over_all(specimen: FunctionCase, stride: u64) -> Worst {
    const ALL: u64 = 1 << 32;
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
    thread::scope(|scope| {
        let work = |i: u64| {
            let first = (ALL * i / threads).next_multiple_of(stride);
            scope.spawn(move || worst(specimen, Level::best(), first, ALL * (i + 1) / threads, stride))
        };
        let workers: Vec<_> = (0..threads).map(work).collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("no worker panics"));
        results.max_by(|a, b| a.ulps.total_cmp(&b.ulps)).expect("there is a thread")
    })
}
