//! `chainrule gradcheck`.

use chainrule::ndarray::{Array2, Axis, s};
use chainrule::optim::gradcheck::{Effort, ObjectiveErrors, check};
use chainrule::tensor::{Scalar, difference};
use chainrule::train::{Risk, Weights, Workspace, gradcheck::is_clear_of_kinks};
use clap::Args;
use serde_json::json;

use super::data::{DataArgs, PartArgs};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::{ANY, whole, with_dtype};
use crate::failure::{Failure, outln, print_json};
use crate::headings::OUTPUT;
use crate::table::{TableColumn, table};
use crate::terminal::{Stream, columns};

/// How many examples are looked through for some that are clear of kinks.
const LOOK: usize = 2000;

const EXAMPLES: &str = "\
Examples:
  chainrule train --epochs 2 --out runs/digits
  chainrule gradcheck runs/digits
  chainrule gradcheck runs/digits --part train --coordinates 50";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Gradcheck {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    part: PartArgs,
    /// Batch size; examples near a kink of an activation or loss are skipped
    #[arg(long, default_value = "5", value_name = "N", value_parser = whole::<u16>(1..=u64::from(u16::MAX)))]
    rows: u16,
    /// Number of parameters compared with finite differences
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = whole::<usize>(ANY))]
    coordinates: usize,
    /// Seed of the chosen parameters and directions
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole::<u64>(ANY))]
    seed: u64,
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

impl Gradcheck {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        with_dtype!(self.model.dtype()?, prove(self))
    }
}

fn prove<A: Scalar>(args: &Gradcheck) -> Result<(), Failure> {
    let checkpoint = args.model.load::<A>()?;
    let card = &checkpoint.card;
    let data = args.data.for_model::<f64>(&args.model, card, &args.part)?;
    args.data.name_part(&args.part, &data);
    let loss_name = loss_spec(card).kind();
    let encoding = loss::encoding(loss_name, data.target())?;
    let (model, witness) = (card.architecture.build::<A>(None), card.architecture.build::<f64>(None));
    let (loss, loss_witness) = (loss_spec(card).build::<A>(), loss_spec(card).build::<f64>());

    let wide = |numbers: &[A]| numbers.iter().map(|x| x.as_f64()).collect::<Vec<f64>>();
    let (theta, statistics) = (wide(&checkpoint.theta), wide(&checkpoint.statistics));
    let (mode, mode_witness) =
        (checkpoint.weights().eval(), Weights { theta: &theta, statistics: &statistics }.eval());
    let sample = data.select(&(0..data.len().min(LOOK)).collect::<Vec<_>>());
    // Both sides must see the same numbers.
    let exact = |values: Array2<f64>| values.mapv(|x| A::of(x).as_f64());
    let x = exact(sample.inputs_through(&args.model.transform(card, &data)));
    let target = exact(sample.encode(encoding));
    let radius = 25.0 * difference::STEP * x.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    let clear = |row: &usize| {
        let (x, target) = (x.slice(s![*row..=*row, ..]), target.slice(s![*row..=*row, ..]));
        is_clear_of_kinks((&witness, &*loss_witness), mode_witness, &theta, (&x, &target), radius)
    };
    let rows: Vec<usize> = (0..x.nrows()).filter(clear).take(usize::from(args.rows)).collect();
    let Some(last) = rows.last() else {
        return Err(Failure::Input(format!(
            "{}: each of {} examples is near a kink of an activation or loss, where finite differences prove nothing: \
             take other data, or a smooth activation",
            data.name(),
            x.nrows()
        )));
    };
    let passed_over = last + 1 - rows.len();

    let (x, target) = (x.select(Axis(0), &rows), target.select(Axis(0), &rows));
    let (x_a, target_a) = (x.mapv(A::of), target.mapv(A::of));
    let mut workspaces = (Workspace::new(&model, rows.len()), Workspace::new(&witness, rows.len()));
    let report = check(
        &mut Risk::new(&model, &*loss, &x_a, &target_a).mode(mode).within(&mut workspaces.0),
        &mut Risk::new(&witness, &*loss_witness, &x, &target).mode(mode_witness).within(&mut workspaces.1),
        &theta,
        Effort { coordinates: args.coordinates, floor: 1.0, seed: args.seed },
    );
    let bars = difference::bars::<A>();
    let within = report.within(bars.0, bars.1);
    if args.json {
        print_json(&json!({
            "rows": rows.len(), "passed_over": passed_over, "dtype": A::NAME, "parameters": theta.len(),
            "coordinates": report.coordinates, "value": report.value, "gradient": report.gradient,
            "gauss_newton": report.gauss_newton, "hessian": report.hessian, "symmetry": report.symmetry,
            "bar_gradient": bars.0, "bar_hessian": bars.1, "within": within,
        }))?;
    } else {
        outln!(
            "{} examples of {} ({passed_over} skipped near a kink), {} of {} parameters, {}\n",
            rows.len(),
            data.name(),
            report.coordinates,
            theta.len(),
            A::NAME
        )?;
        print(&report, bars)?;
    }
    if within {
        return Ok(());
    }
    Err(Failure::Run(format!(
        "{}: a derivative differs by more than its tolerance",
        args.model.model.display()
    )))
}

fn print(report: &ObjectiveErrors, (gradient, hessian): (f64, f64)) -> Result<(), Failure> {
    let checks = [
        ("C vs. f64", report.value, gradient),
        ("gradient vs. differences", report.gradient, gradient),
        ("<u, Gv> vs. <v, Gu>", report.gauss_newton, gradient),
        ("Hv vs. differences", report.hessian, hessian),
        ("<u, Hv> vs. <v, Hu>", report.symmetry, hessian),
    ];
    let verdict = |error, tolerance| if error <= tolerance { "ok" } else { "TOO LARGE" };
    let lines = vec![
        TableColumn::words(0, "check", checks.iter().map(|(name, ..)| (*name).to_owned())),
        TableColumn::numbers(0, "error", checks.iter().map(|(_, error, _)| format!("{error:.1e}"))),
        TableColumn::numbers(1, "tolerance", checks.iter().map(|(.., tolerance)| format!("{tolerance:.0e}"))),
        TableColumn::words(
            0,
            "",
            checks.iter().map(|(_, error, tolerance)| verdict(*error, *tolerance).to_owned()),
        ),
    ];
    outln!("{}", table(lines, columns(Stream::Stdout)))
}
