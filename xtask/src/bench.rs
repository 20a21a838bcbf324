//! `cargo xtask bench …`: how fast it trains, beside the bare products of a step and beside other libraries.
//!
//! Everybody runs in turn, round after round, so that what else happens on the machine meets all; what counts is the
//! median of the rounds' ratios. The figures go to docs/performance.md, into the part between its two markers.

mod accuracy;
mod chart;
mod compare;
mod contestants;
mod docs;
mod figures;
mod options;
mod table;

use std::ffi::OsString;
use std::fs;

use crate::{blas::Blas, failure::Failure, setup};
use contestants::Field;
use figures::{Figures, Row};
use options::Options;

pub(crate) const HELP: &str = "\
Train the standard networks beside the bare products of their steps, and write docs/performance.md.

Usage: cargo xtask bench [OPTIONS]

  --peers              PyTorch, JAX, scikit-learn, burn and candle, too; installed under target/peers
  --no-rust-peers      without burn and candle, whose first build takes a quarter of an hour on two cores
  --python PATH        a Python that has the versions of benches/peers/requirements.txt, in place of an own venv
  --workloads W1,W2    only these of W1 W2 W3 W4 W5b1 W5b16 W6b1 W6b256
  --threads 1,2        numbers of threads [default: 1,2]
  --rounds N           turns of each contestant [default: 5]
  --seconds S          length of a turn [default: 0.5]
  --instructions       count the instructions of a step as well (valgrind; one thread, AVX2 at most)
  --json FILE          write the figures to FILE
  --from FILE,FILE     measure nothing: write docs/performance.md from such files; later ones win
  --no-docs            leave docs/performance.md as it is
  --time-to-accuracy   from the start of a process to 98.0 % on MNIST instead, over ten seeds on two threads;
                       $CHAINRULE_DATA is the folder of its gzip files; with --peers PyTorch and JAX beside it
  --compare BASELINE   fail if a workload lost more than 10 % against BASELINE, a file that --json wrote

A baseline:  cargo xtask bench --instructions --no-docs --json baseline.json
then, later: cargo xtask bench --compare baseline.json
A workload is judged by its pace over that of the bare products, where neither run scattered by more than 10 % and the
processor is the same; otherwise by the instructions of a step, where the baseline has them.

The criterion benches of single layers, losses and update rules: cargo bench -p chainrule-benches
";

/// Every workload, in the order of the tables.
const WORKLOADS: &[&str] = &["W1", "W2", "W3", "W4", "W5b1", "W5b16", "W6b1", "W6b256"];

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let options = Options::parse(&words)?;
    if !options.from.is_empty() {
        let read: Result<Vec<Figures>, Failure> =
            options.from.iter().map(|file| Figures::read(file)).collect();
        return write_docs(&read?.into_iter().reduce(Figures::merged).unwrap_or_default());
    }
    // First, so that a misspelt path does not cost the time of a run.
    let baseline = options.compare.as_deref().map(Figures::read).transpose()?;
    setup::run(Blas::native())?;
    if options.time_to_accuracy {
        return accuracy::run(&options);
    }
    let figures = measure(&options, baseline.as_ref())?;
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
    let ours = contestants::build("throughput")?;
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
