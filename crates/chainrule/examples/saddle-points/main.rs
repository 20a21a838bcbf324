//! The saddle-point study: mini-batch SGD, damped Newton and saddle-free Newton on one-hidden-layer networks, after
//! figure 3 of Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
//! optimization", 2014.
//!
//! `cargo xtask reproduce saddle-points` runs it. Every run is a file in the folder of results, and a run whose file
//! is there is not made again: the study can be interrupted at any time and goes on where it was.

mod figures;
mod study;

use std::path::PathBuf;
use std::process::ExitCode;

use chainrule::datasets::{DataDirs, digits, mnist};
use clap::{Parser, ValueEnum};

use study::{Plan, StudyTask};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Data {
    /// The embedded digits, 8 x 8
    Digits,
    /// MNIST, averaged to 10 x 10
    Mnist,
}

/// Compare SGD, damped Newton and saddle-free Newton on small networks.
#[derive(Debug, Parser)]
struct Args {
    #[arg(long, value_enum, default_value = "digits")]
    data: Data,
    /// The folder with the files of MNIST
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Hidden units of the networks [default: 5,10 for digits, 5,25,50 for mnist]
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    units: Vec<usize>,
    /// Training images [default: all digits, the first 5000 of mnist]
    #[arg(long, value_name = "N")]
    examples: Option<usize>,
    /// Seeds of the initial weights [default: 2 for digits, 5 for mnist]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Steps of the methods of second order [default: 30 for digits, 60 for mnist]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Epochs of SGD [default: 60 for digits, 200 for mnist]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Draws of SGD's rate, batch and momentum [default: 20 for digits, 80 for mnist]
    #[arg(long, value_name = "N")]
    draws: Option<u64>,
    /// Parameters up to which the Newton methods have the whole spectrum; beyond, 100 Lanczos vectors
    #[arg(long, value_name = "N", default_value_t = 6000)]
    exact_up_to: usize,
    /// One small network, with fewer seeds, draws and epochs: to see that it works
    #[arg(long)]
    quick: bool,
    /// Runs at a time, each on one thread
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// The folder of results
    #[arg(long, value_name = "DIR", default_value = "runs/saddle-points")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let (name, data) = match args.data {
        Data::Digits => ("digits", digits::<f64>().train),
        Data::Mnist => {
            let search = DataDirs::from_env().or_only(args.data_dir.clone());
            // The first 5,000 images are as good as any: MNIST's training part comes in no order.
            let all = mnist::<f64>(&search)?.train;
            let kept = args.examples.unwrap_or(5000).min(all.len());
            ("mnist", all.select(&(0..kept).collect::<Vec<_>>()).resized(10, 10)?)
        }
    };
    let kept = args.examples.unwrap_or(data.len()).min(data.len());
    let data = data.select(&(0..kept).collect::<Vec<_>>());
    // The digits are for those who want to see it in a minute.
    let brief = args.quick || args.data == Data::Digits;
    let widths: &[usize] = match (args.data, args.quick) {
        (Data::Digits, false) => &[5, 10],
        (Data::Mnist, false) => &[5, 25, 50],
        (_, true) => &[5],
    };
    let units = if args.units.is_empty() { widths.to_vec() } else { args.units.clone() };
    let usual = |brief_count: usize, whole: usize| if brief { brief_count } else { whole };
    let plan = Plan {
        seeds: args.seeds.unwrap_or(usual(2, 5) as u64),
        steps: args.steps.unwrap_or(usual(30, 60)),
        epochs: args.epochs.unwrap_or(usual(60, 200)),
        draws: args.draws.unwrap_or(usual(20, 80) as u64),
        exact_up_to: args.exact_up_to,
        threads: args.threads,
        folder: args.out.join(name),
    };
    std::fs::create_dir_all(&plan.folder)?;
    for &units in &units {
        let task = StudyTask::new(name, units, &data);
        eprintln!("{name} · {units} hidden units · {} parameters · {} images", task.parameters(), data.len());
        study::all_methods(&task, &plan)?;
    }
    figures::draw(name, &plan.folder)?;
    Ok(())
}
