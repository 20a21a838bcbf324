//! `cargo xtask bench …`: how fast it trains, beside the bare products of a step and beside other libraries.
//!
//! Everybody runs in turn, round after round, so that what else happens on the machine meets all; what counts is the
//! median of the rounds' ratios. The figures go to docs/performance.md, into the part between its two markers.

mod accuracy;
mod chart;
mod compare;
mod contestants;
mod docs;
mod failure;
mod figures;
mod gemm;
mod options;
mod process;
mod table;
mod workloads;

use std::fs;
use std::process::ExitCode;

use clap::Parser;

use contestants::Field;
use failure::Failure;
use figures::{Figures, Row};
use options::Options;
use workloads::WORKLOADS;

fn main() -> ExitCode {
    run(&Options::parse()).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn run(options: &Options) -> Result<(), Failure> {
    if !options.from.is_empty() {
        let read: Result<Vec<Figures>, Failure> =
            options.from.iter().map(|file| Figures::read(file)).collect();
        return write_docs(&read?.into_iter().reduce(Figures::merged).unwrap_or_default());
    }
    // First, so that a misspelt path does not cost the time of a run.
    let baseline = options.compare.as_deref().map(Figures::read).transpose()?;
    if options.time_to_accuracy {
        return accuracy::run(options);
    }
    if options.gemm {
        return gemm::run(options);
    }
    let figures = measure(options, baseline.as_ref())?;
    if let Some(file) = &options.json {
        fs::write(file, figures.to_json())
            .map_err(|error| Failure::Unusable(format!("{file} cannot be written: {error}")))?;
    }
    match baseline {
        Some(baseline) => compare::judge(&baseline, &figures),
        None if options.no_docs => {
            print!("{}", table::all(&figures));
            Ok(())
        }
        None => write_docs(&figures),
    }
}

fn measure(options: &Options, baseline: Option<&Figures>) -> Result<Figures, Failure> {
    let ours = process::sibling("throughput")?;
    let peers = if options.peers { contestants::prepare(options)? } else { Vec::new() };
    let counted = |workload: &str| {
        baseline.is_some_and(|b| b.rows.iter().any(|r| r.workload == workload && r.instructions.is_some()))
    };
    let mut figures = Figures::of_this_machine();
    for &threads in &options.threads {
        let mut field = Field::start(&ours, &peers, threads)?;
        for &workload in WORKLOADS.iter().filter(|name| options.wants(name)) {
            let mut row = Row::new(workload, threads);
            for round in 0..options.rounds {
                eprint!("\r{workload}, threads {threads}, round {} of {}    ", round + 1, options.rounds);
                field.round(workload, options.seconds, &mut row, &mut figures.versions)?;
            }
            eprintln!();
            if threads == 1 && (options.instructions || counted(workload)) {
                row.instructions = compare::instructions_of_a_step(&ours, workload)?;
            }
            figures.rows.push(row);
        }
    }
    if options.wants("W3") {
        figures.starts = contestants::starts(&ours, &peers)?;
    }
    Ok(figures)
}

/// The tables into docs/performance.md and the chart beside it.
fn write_docs(figures: &Figures) -> Result<(), Failure> {
    const CHART: &str = "![Samples per second of each library over the bare products](performance.svg)";
    docs::picture(&chart::svg(figures))?;
    docs::put("throughput", &format!("{CHART}\n\n{}", table::all(figures)))
}
