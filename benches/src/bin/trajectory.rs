//! The path of an optimizer: θ after each of its full-batch steps, for `peers/parity.py` to compare with other programs.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use chainrule::datasets::npy;
use chainrule::layers::{Layer, Mode};

use chainrule::model::{Checkpoint, Header};
use chainrule::ndarray::{Array2, ArrayView1};
use chainrule::optim::{DescentSpec, Lbfgs, Optimizer, OptimizerKind, QuasiNewtonKind, Schedule};
use chainrule::tensor::{Layout, Scalar};
use chainrule::train::{Risk, Workspace};
use clap::Parser;

/// Write the path of an optimizer, a row of θ for each step.
#[derive(Debug, Parser)]
struct Args {
    /// Where it starts: a checkpoint of a network
    model: PathBuf,
    /// The batch, as for `chainrule grad`
    #[arg(long, value_name = "X.npy")]
    input: PathBuf,
    /// Its targets
    #[arg(long, value_name = "Y.npy")]
    target: PathBuf,
    /// Optimizer
    #[arg(long, value_name = "NAME")]
    optimizer: OptimizerKind,
    /// Learning rate; L-BFGS searches for its own
    #[arg(long, value_name = "X", default_value_t = 0.01)]
    lr: f64,
    /// Decay of weights and not of biases: decoupled for adamw, added to the gradient for the others
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    weight_decay: f64,
    /// How many steps
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: usize,
    /// Where the path goes: a .npy file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let walked = Header::read(&args.model)
        .map_err(Into::into)
        .and_then(|header| if header.dtype == f64::NAME { walk::<f64>(&args) } else { walk::<f32>(&args) });
    match walked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn walk<A: Scalar>(args: &Args) -> Result<(), Box<dyn Error>> {
    let Checkpoint { card, mut theta, .. } = Checkpoint::<A>::load(&args.model)?;
    let (x, target) = (npy::read::<A>(&args.input)?, npy::read::<A>(&args.target)?);
    let loss = card.loss.as_ref().ok_or("the model does not know its loss")?.build::<A>();
    let model = card.architecture.build::<A>(None);
    let mut optimizer = optimizer(args, model.layout());
    let mut workspace = Workspace::new(&model, x.nrows());
    let mut risk = Risk::new(&model, &*loss, &x, &target, Mode::EVAL, &mut workspace);
    let mut path = Array2::zeros((args.steps, theta.len()));
    for mut row in path.rows_mut() {
        optimizer.step(&mut risk, &mut theta);
        row.assign(&ArrayView1::from(&theta));
    }
    npy::write(&args.out, &path)?;
    Ok(())
}

/// The optimizer with the settings that `chainrule train` gives it.
fn optimizer<A: Scalar>(args: &Args, layout: &Layout) -> Box<dyn Optimizer<A>> {
    let rule = match args.optimizer {
        OptimizerKind::Rule(kind) => kind.spec(),
        OptimizerKind::QuasiNewton(QuasiNewtonKind::Lbfgs) => {
            return Box::new(Lbfgs::new(layout.len()).full_batch(true));
        }
    };
    let (schedule, weight_decay) = (Some(Schedule::constant(args.lr)), Some(args.weight_decay));
    Box::new(DescentSpec { schedule, weight_decay, ..DescentSpec::of(rule) }.build(layout))
}
