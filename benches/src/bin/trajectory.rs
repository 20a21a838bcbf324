//! The path of an optimizer: θ after each of its full-batch steps, for `peers/parity.py` to compare with other programs.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use chainrule::datasets::npy;
use chainrule::layers::{Layer, Mode};
use chainrule::loss::{Loss, SoftmaxCrossEntropy, SquaredError};
use chainrule::model::{Checkpoint, Header};
use chainrule::ndarray::{Array2, ArrayView1};
use chainrule::optim::{
    Adagrad, Adam, Decay, Descent, Lbfgs, Momentum, Optimizer, RmsProp, Rule, Schedule, Sgd,
};
use chainrule::tensor::{Layout, Scalar};
use chainrule::train::{Risk, Workspace};
use clap::{Parser, ValueEnum};

/// Write the path of an optimizer, a row of θ for each step.
#[derive(Debug, Parser)]
struct Args {
    /// Where it starts: a checkpoint of a network for cross-entropy or mean-squared-error
    model: PathBuf,
    /// The batch, as for `chainrule grad`
    #[arg(long, value_name = "X.npy")]
    input: PathBuf,
    /// Its targets
    #[arg(long, value_name = "Y.npy")]
    target: PathBuf,
    /// How θ is moved
    #[arg(long, value_enum, value_name = "NAME")]
    optimizer: Name,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Sgd,
    Momentum,
    Nesterov,
    Adagrad,
    Rmsprop,
    Adam,
    Adamw,
    Lbfgs,
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
    let Checkpoint { card, mut theta } = Checkpoint::<A>::load(&args.model)?;
    let (x, target) = (npy::read::<A>(&args.input)?, npy::read::<A>(&args.target)?);
    let loss: Box<dyn Loss<A>> = match card.loss.as_deref() {
        Some("cross-entropy") => Box::new(SoftmaxCrossEntropy::new()),
        Some("mean-squared-error") => Box::new(SquaredError::mean()),
        other => return Err(format!("no path on the loss {other:?}").into()),
    };
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
    fn after<A: Scalar>(decay: Decay, rule: impl Rule<A> + 'static) -> Box<dyn Rule<A>> {
        Box::new((decay, rule))
    }
    let decay = Decay::on_weights(args.weight_decay, layout);
    let rule: Box<dyn Rule<A>> = match args.optimizer {
        Name::Sgd => after(decay, Sgd),
        Name::Momentum => after(decay, Momentum::default()),
        Name::Nesterov => after(decay, Momentum { nesterov: true, ..Momentum::default() }),
        Name::Adagrad => after(decay, Adagrad::default()),
        Name::Rmsprop => after(decay, RmsProp::default()),
        Name::Adam => after(decay, Adam::default()),
        Name::Adamw => Box::new((Adam::default(), decay)),
        Name::Lbfgs => return Box::new(Lbfgs::new(layout.len()).full_batch(true)),
    };
    Box::new(Descent::new(rule, layout.len(), Schedule::constant(args.lr)))
}
