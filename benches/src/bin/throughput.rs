//! How many examples a second a network trains on, beside the bare products of its step.
//!
//! All data lie in memory and a batch is rows of it. Rounds of training alternate with rounds of the bound, so that what
//! else happens on the machine meets both. The figures are medians over the rounds.

use std::process::ExitCode;

use chainrule::layers::Stage;
use chainrule::loss::LossKind;
use chainrule::optim::RuleKind;
use chainrule::tensor::kernel::{Choice, choose, chosen};
use chainrule::tensor::{available_threads, blas};
use chainrule_benches::bound::Bound;
use chainrule_benches::clock::{self, median, range};
use chainrule_benches::process::{Start, peak_megabytes};
use chainrule_benches::training::Training;
use chainrule_benches::workload::{Data, Workload, perceptron};
use clap::Parser;
use serde_json::json;

/// Measure the training samples per second of a network.
#[derive(Debug, Parser)]
#[command(after_help = AFTER)]
struct Args {
    /// One of the standard workloads: W1 W2 W3 W4 W5b1 W5b16 W6b1 W6b256 C1 C2 C3 C4 C1f1 C2f1 C2f256
    #[arg(long, value_name = "NAME", conflicts_with = "layers", required_unless_present = "layers")]
    workload: Option<String>,
    /// Any other network, by all its widths, such as 784-256-128-10
    #[arg(long, value_name = "WIDTHS")]
    layers: Option<Widths>,
    /// The function of its inner units
    #[arg(long, default_value = "relu", value_name = "NAME", conflicts_with = "workload")]
    activation: Stage,
    /// Its loss
    #[arg(long, default_value = "cross-entropy", value_name = "NAME", conflicts_with = "workload")]
    loss: LossKind,
    /// Its update rule
    #[arg(long, default_value = "sgd", value_name = "NAME", conflicts_with = "workload")]
    optimizer: RuleKind,
    /// Rows of a step
    #[arg(long, default_value = "32", value_name = "N", value_parser = count, conflicts_with = "workload")]
    batch: usize,
    /// Only the forward pass
    #[arg(long, conflicts_with = "workload")]
    forward_only: bool,
    /// Threads
    #[arg(long, default_value = "1", value_name = "N", value_parser = count)]
    threads: usize,
    /// Kernels of the products: auto, openblas or tiles [default: CHAINRULE_GEMM of the environment, or auto]
    #[arg(long, value_name = "NAME")]
    gemm: Option<Choice>,
    /// Seconds of training in all rounds together; the bound takes as long again
    #[arg(long, default_value = "2", value_name = "S", value_parser = duration)]
    seconds: f64,
    /// Rounds of training and bound in turn, at least 5
    #[arg(long, default_value = "9", value_name = "N", value_parser = rounds)]
    rounds: usize,
    /// Take just so many steps, and measure no time but the start's: for instruction counts and peak memory
    #[arg(long, value_name = "N", value_parser = count)]
    steps: Option<usize>,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Keys of the JSON: samples_per_s is the median over the rounds, lo and hi are the slowest and the fastest round; \
gemm_bound_samples_per_s is the same of the bare products of a step, each by its fastest kernel; share is the median of \
the rounds' ratios. rss_mb is the largest resident set of the training, in megabytes, and start_ms the time from the \
start of the process to the end of the first step; both without the bound, and null where the system does not tell.";

/// Layer widths such as `784-256-10`.
#[derive(Debug, Clone)]
struct Widths(Vec<usize>);

impl std::str::FromStr for Widths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split('-').map(count).collect::<Result<Vec<_>, _>>() {
            Ok(widths) if widths.len() >= 2 => Ok(Self(widths)),
            _ => Err("expected two widths or more joined by hyphens, such as 784-256-10".to_owned()),
        }
    }
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number above 0".to_owned())
}

fn rounds(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n >= 5).ok_or_else(|| "expected a whole number, at least 5".to_owned())
}

fn duration(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|s| (1e-3..=3600.0).contains(s));
    seconds.ok_or_else(|| "expected seconds, from 0.001 to 3600".to_owned())
}

impl Args {
    fn workload(&self) -> Result<Workload, String> {
        let Some(name) = &self.workload else {
            let widths = self.layers.as_ref().map_or(Vec::new(), |widths| widths.0.clone());
            let (activation, loss, optimizer) = (self.activation.clone(), self.loss, self.optimizer);
            let (batch, forward_only) = (self.batch, self.forward_only);
            let name = widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
            let architecture = perceptron(&widths, activation, loss);
            architecture.validated().map_err(|error| error.to_string())?;
            return Ok(Workload { name, architecture, loss, optimizer, batch, forward_only });
        };
        let standard = Workload::standard();
        let names = || standard.iter().map(|workload| workload.name.as_str()).collect::<Vec<_>>().join(" ");
        let found = standard.iter().find(|workload| workload.name.eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(|| format!("no workload is called {name:?}; there are {}", names()))
    }
}

fn main() -> ExitCode {
    let start = Start::now();
    chainrule::tensor::blas::init();
    let args = Args::parse();
    let workload = match args.workload() {
        Ok(workload) => workload,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    if let Some(Err(error)) = args.gemm.map(choose) {
        eprintln!("error: --gemm: {error}");
        return ExitCode::from(2);
    }
    let data = Data::new(&workload);
    let mut training = Training::new(&workload, &data, args.threads);
    training.run(1);
    let start_ms = start.milliseconds();

    let samples = |steps: usize| (steps * workload.batch) as f64;
    let mut report = json!({
        "workload": workload.name, "threads": args.threads, "batch": workload.batch, "start_ms": start_ms,
        "gemm": chosen().name(),
    });
    if let Some(steps) = args.steps {
        training.run(steps - 1);
        report["steps"] = json!(steps);
        report["rss_mb"] = json!(peak_megabytes());
    } else {
        let each = args.seconds / args.rounds as f64;
        let steps = clock::steps_in(each, |steps| {
            training.run(steps);
        });
        report["rss_mb"] = json!(peak_megabytes());
        let mut bound = Bound::new(&workload, &data, args.threads);
        let bound_steps = clock::steps_in(each, |steps| bound.run(steps));
        let (mut ours, mut bare, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            let bound = samples(bound_steps) / clock::seconds(|| bound.run(bound_steps));
            let pace = samples(steps) / clock::seconds(|| training.run(steps));
            ours.push(pace);
            bare.push(bound);
            shares.push(pace / bound);
        }
        let (lo, hi) = range(&ours);
        report["samples_per_s"] = json!(median(&ours));
        report["lo"] = json!(lo);
        report["hi"] = json!(hi);
        report["gemm_bound_samples_per_s"] = json!(median(&bare));
        report["share"] = json!(median(&shares));
        report["rounds"] = json!(args.rounds);
    }
    report["blas"] = json!(blas::name());
    report["cores"] = json!(available_threads());
    if args.json {
        println!("{report}");
    } else {
        print(&report);
    }
    ExitCode::SUCCESS
}

/// One figure a line.
fn print(report: &serde_json::Value) {
    for (key, value) in report.as_object().into_iter().flatten() {
        match value.as_f64() {
            Some(x) if value.is_f64() && x >= 100.0 => println!("{key:<26} {x:>12.0}"),
            Some(x) if value.is_f64() => println!("{key:<26} {x:>12.3}"),
            _ => println!("{key:<26} {:>12}", value.to_string().trim_matches('"')),
        }
    }
}
