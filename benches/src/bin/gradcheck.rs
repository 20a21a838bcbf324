//! Every layer, every loss and random whole networks, in both number types, against finite differences.
//!
//! A row is one specimen in one number type: the worst over batches of one, of an odd number, and smaller than their
//! memory, each from several seeds. The exit code is 1 if one derivative is off by more than its bar.

use std::io::IsTerminal;
use std::process::ExitCode;

use chainrule::layers::{self, Stage, gradcheck::cases};
use chainrule::loss;
use chainrule::model::gradcheck::network;
use chainrule::tensor::{Scalar, difference::bars, hash};
use clap::Parser;
use serde_json::{Value, json};

/// Check every derivative of Chainrule against finite differences.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds each specimen is tried on, with three batches each
    #[arg(long, default_value = "6", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: u32,
    /// Where the seeds begin
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Only specimens whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long)]
    json: bool,
}

/// The worst that was found on one specimen in one number type.
struct Row {
    name: String,
    dtype: &'static str,
    cases: usize,
    coordinates: usize,
    gradient: f64,
    adjoint: Option<f64>,
    hessian: Option<f64>,
    symmetry: Option<f64>,
    /// The first case beyond a bar, with its whole report.
    failure: Option<String>,
}

/// One case's figures: gradient, adjoint, hessian, symmetry.
type Figures = (f64, Option<f64>, Option<f64>, Option<f64>);

impl Row {
    fn new<A: Scalar>(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dtype: A::NAME,
            cases: 0,
            coordinates: 0,
            gradient: 0.0,
            adjoint: None,
            hessian: None,
            symmetry: None,
            failure: None,
        }
    }

    fn add(
        &mut self,
        (gradient, adjoint, hessian, symmetry): Figures,
        coordinates: usize,
        failure: Option<String>,
    ) {
        // `f64::max` would pass over a NaN; the harness reports infinity in its place.
        let worse = |worst: Option<f64>, new: Option<f64>| match (worst, new) {
            (Some(worst), Some(new)) => Some(worst.max(new)),
            (worst, new) => worst.or(new),
        };
        self.cases += 1;
        self.coordinates += coordinates;
        self.gradient = self.gradient.max(gradient);
        self.adjoint = worse(self.adjoint, adjoint);
        self.hessian = worse(self.hessian, hessian);
        self.symmetry = worse(self.symmetry, symmetry);
        self.failure = self.failure.take().or(failure);
    }

    fn as_json(&self) -> Value {
        json!({
            "name": self.name, "dtype": self.dtype, "cases": self.cases, "coordinates": self.coordinates,
            "gradient": self.gradient, "adjoint": self.adjoint, "hessian": self.hessian,
            "symmetry": self.symmetry, "ok": self.failure.is_none(), "failure": self.failure,
        })
    }

    fn print(&self, colour: bool) {
        let cell = |error: Option<f64>| error.map_or("–".to_owned(), |error| format!("{error:.1e}"));
        let (red, plain) =
            if colour && self.failure.is_some() { ("\u{1b}[31m", "\u{1b}[0m") } else { ("", "") };
        println!(
            "{red}{:<30} {:<4} {:>5} {:>7}  {:>8} {:>8} {:>8} {:>8}  {}{plain}",
            self.name,
            self.dtype,
            self.cases,
            self.coordinates,
            cell(Some(self.gradient)),
            cell(self.adjoint),
            cell(self.hessian),
            cell(self.symmetry),
            if self.failure.is_none() { "ok" } else { "WRONG" }
        );
        if let Some(failure) = &self.failure {
            println!("{red}    {failure}{plain}");
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut rows = Vec::new();
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut show = |row: Row| {
        if row.cases > 0 {
            if !args.json {
                row.print(colour);
            }
            rows.push(row);
        }
    };
    if !args.json {
        println!(
            "{:<30} {:<4} {:>5} {:>7}  {:>8} {:>8} {:>8} {:>8}",
            "specimen", "type", "cases", "coords", "gradient", "adjoint", "Hv", "symmetry"
        );
    }
    every::<f64>(&args, &mut show);
    every::<f32>(&args, &mut show);

    let cases: usize = rows.iter().map(|row| row.cases).sum();
    let coordinates: usize = rows.iter().map(|row| row.coordinates).sum();
    let wrong = rows.iter().filter(|row| row.failure.is_some()).count();
    if args.json {
        let rows: Vec<Value> = rows.iter().map(Row::as_json).collect();
        println!("{}", json!({ "cases": cases, "coordinates": coordinates, "wrong": wrong, "rows": rows }));
    } else {
        let ((g64, h64), (g32, h32)) = (bars::<f64>(), bars::<f32>());
        println!(
            "\nbars: gradient and adjoint {g64:.0e}, Hv and symmetry {h64:.0e} in f64; {g32:.0e}, {h32:.0e} in f32"
        );
        println!("{cases} cases, {coordinates} coordinates differenced one by one, {wrong} rows wrong");
    }
    if wrong > 0 || rows.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn every<A: Scalar>(args: &Args, show: &mut impl FnMut(Row)) {
    let (gradient_bar, hessian_bar) = bars::<A>();
    let seeds = || (0..u64::from(args.seeds)).map(|seed| hash(args.seed, seed, 0));
    let chosen = |name: &str| name.contains(&args.only);

    for (specimen, witness) in layers::zoo::<A>().into_iter().zip(layers::zoo::<f64>()) {
        let mut row = Row::new::<A>(&specimen.name);
        for case in seeds().filter(|_| chosen(&specimen.name)).flat_map(cases) {
            let r = layers::gradcheck::check(&*specimen.layer, &*witness.layer, case);
            let first = r.value.max(r.gradient).max(r.accumulation);
            let failure = (!r.within(gradient_bar, hessian_bar)).then(|| format!("{case:?}: {r:?}"));
            row.add((first, Some(r.adjoint), r.hessian, r.symmetry), r.coordinates, failure);
        }
        show(row);
    }
    for (specimen, witness) in loss::zoo::<A>().into_iter().zip(loss::zoo::<f64>()) {
        let mut row = Row::new::<A>(&specimen.name);
        for case in seeds().filter(|_| chosen(&specimen.name)).flat_map(cases) {
            let shape = (case.rows, 3);
            let r =
                loss::gradcheck::check(&*specimen.loss, &*witness.loss, specimen.target, shape, case.seed);
            let failure = (!r.within(gradient_bar, hessian_bar)).then(|| format!("{case:?}: {r:?}"));
            let figures = (r.value.max(r.gradient), None, Some(r.hessian), Some(r.symmetry));
            row.add(figures, r.coordinates, failure);
        }
        show(row);
    }
    for activation in Stage::activations() {
        let name = format!("network, {activation}");
        let mut row = Row::new::<A>(&name);
        for case in seeds().filter(|_| chosen(&name)).flat_map(cases) {
            let r = network::<A>(activation.clone(), case);
            let failure = (!r.within(gradient_bar, hessian_bar)).then(|| format!("{case:?}: {r:?}"));
            let figures = (r.value.max(r.gradient), Some(r.gauss_newton), Some(r.hessian), Some(r.symmetry));
            row.add(figures, r.coordinates, failure);
        }
        show(row);
    }
}
