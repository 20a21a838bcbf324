//! `chainrule gradcheck`.

mod examples;
mod proof;

use chainrule::ndarray::Array2;
use chainrule::optim::gradcheck::{Effort, check};
use chainrule::tensor::{Scalar, difference};
use chainrule::train::{Risk, Weights, Workspace};
use clap::Args;
use serde_json::json;

use super::data::{DataArgs, PartArgs};
use super::loss;
use super::model::{ModelArgs, loss_spec};
use super::options::{ANY, whole, with_dtype};
use crate::failure::{Failure, outln, print_json};
use crate::headings::OUTPUT;

use examples::{Chosen, Examples};
use proof::Proof;

/// How many examples are looked through for some that are clear of kinks.
const LOOK: usize = 500;

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
    /// Batch size: the examples with the largest loss, without those near a kink of an activation or loss
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
    let examples = Examples {
        model: &witness,
        loss: &*loss_witness,
        mode: mode_witness,
        theta: &theta,
        x: exact(sample.inputs_through(&args.model.transform(card, &data))),
        target: exact(sample.encode(encoding)),
    };
    let compared = |chosen: &Chosen| {
        let (x, target) = examples.select(&chosen.rows);
        let (x_a, target_a) = (x.mapv(A::of), target.mapv(A::of));
        let mut workspaces = (Workspace::new(&model, x.nrows()), Workspace::new(&witness, x.nrows()));
        check(
            &mut Risk::new(&model, &*loss, &x_a, &target_a).mode(mode).within(&mut workspaces.0),
            &mut Risk::new(&witness, &*loss_witness, &x, &target)
                .mode(mode_witness)
                .within(&mut workspaces.1),
            &theta,
            Effort { coordinates: args.coordinates, floor: 1.0, step: chosen.step, seed: args.seed },
        )
    };
    let candidates = examples.clear_of_kinks(usize::from(args.rows));
    let Some(chosen) = candidates.first() else {
        return Err(Failure::Run(format!(
            "{}: nothing is checked, because each of {} examples is at a kink of an activation or loss, where there is no derivative: \
             choose other examples by --part or --data, or train with a smooth activation such as gelu",
            data.name(),
            sample.len()
        )));
    };
    let mut proof = Proof::new::<A>(chosen, compared(chosen));
    // A difference that crosses a kink all the same is no longer wrong with a smaller step; a derivative is.
    if let (false, Some(closer)) = (proof.holds(), candidates.get(1)) {
        let again = Proof::new::<A>(closer, compared(closer));
        if again.holds() {
            proof = again;
        }
    }
    let Proof { chosen, errors, checks } = &proof;
    let source = if data.len() > LOOK {
        format!("the first {LOOK} of {}", data.name())
    } else {
        data.name().to_owned()
    };
    if args.json {
        let bars = difference::bars::<A>();
        print_json(&json!({
            "rows": chosen.rows.len(), "passed_over": chosen.passed_over, "step": chosen.step, "dtype": A::NAME,
            "parameters": theta.len(), "coordinates": errors.coordinates, "value": errors.value, "gradient": errors.gradient,
            "gauss_newton": errors.gauss_newton, "hessian": errors.hessian, "symmetry": errors.symmetry,
            "bar_gradient": bars.0, "bar_hessian": bars.1, "unchecked": checks.iter().filter(|check| !check.is_meaningful()).count(),
            "within": proof.holds(),
        }))?;
    } else {
        outln!(
            "{}, {} of {} parameters, {}",
            chosen.in_words(&source),
            errors.coordinates,
            theta.len(),
            A::NAME
        )?;
        outln!("{}", proof.table())?;
    }
    let model = args.model.model.display();
    if !proof.holds() {
        return Err(Failure::Run(format!("{model}: a derivative differs by more than its tolerance")));
    }
    if !proof.proves_something() {
        return Err(Failure::Run(format!(
            "{model}: nothing is checked, because the derivatives at these examples are lost in rounding: choose other examples by --part \
             or --data, or check a model after fewer epochs"
        )));
    }
    Ok(())
}
