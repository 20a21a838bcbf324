//! What `peers/parity.py` asks of the library: what there is to compare with other programs, and the path of an optimizer.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use chainrule::datasets::npy;
use chainrule::layers::{Architecture, FlattenSpec, Layer, Mode, ReshapeSpec, Stage};
use chainrule::loss::LossKind;
use chainrule::model::{Checkpoint, Header};
use chainrule::ndarray::{Array2, ArrayView1};
use chainrule::optim::{DescentSpec, Lbfgs, Optimizer, OptimizerKind, QuasiNewtonKind, Schedule};
use chainrule::tensor::{Layout, Scalar, Shape};
use chainrule::train::{Risk, Workspace};
use clap::{Args, Parser};
use serde_json::{Value, json};

/// What other programs need to compare themselves with the library.
#[derive(Debug, Parser)]
enum Command {
    /// Print what is in the tables of layers, losses and optimizers, as JSON
    Tables,
    /// Print the number of inputs and outputs of a network and the parameters and statistics in its files, as JSON
    Layout {
        /// The network as JSON, as a model file describes it
        architecture: String,
    },
    /// Write the path of an optimizer, a row of θ for each step
    Walk(Walk),
}

#[derive(Debug, Args)]
struct Walk {
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
    let done = match Command::parse() {
        Command::Tables => {
            println!("{}", tables());
            Ok(())
        }
        Command::Layout { architecture } => layout(&architecture),
        Command::Walk(args) => Header::read(&args.model).map_err(Into::into).and_then(|header| {
            if header.dtype == f64::NAME { walk::<f64>(&args) } else { walk::<f32>(&args) }
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The activations; a network around each specimen of each layer, under the layer's name; the names of the losses and of the
/// optimizers.
fn tables() -> Value {
    let networks: Vec<Value> = Stage::specimens()
        .into_iter()
        .map(|(shape, stage)| json!({ "layer": stage.name(), "architecture": around(shape, stage) }))
        .collect();
    json!({
        "activations": Stage::activations(),
        "networks": networks,
        "losses": LossKind::NAMES,
        "optimizers": OptimizerKind::names().collect::<Vec<_>>(),
    })
}

/// The layer between two dense ones, so that its ∂C/∂x counts as well.
fn around(shape: Shape, stage: Stage) -> Architecture {
    let below = [Stage::dense(shape.size()), ReshapeSpec { shape }.into()];
    let layers = below.into_iter().chain([stage, FlattenSpec.into(), Stage::dense(3)]).collect();
    Architecture { input: 4.into(), layers }
}

fn layout(architecture: &str) -> Result<(), Box<dyn Error>> {
    let architecture: Architecture = serde_json::from_str(architecture)?;
    architecture.validated()?;
    let network = architecture.build::<f64>(None);
    let entries = |layout: &Layout| -> Vec<_> {
        layout.entries().iter().map(|entry| (entry.name.clone(), entry.storage.shape().to_vec())).collect()
    };
    let (parameters, statistics) = (entries(network.layout()), entries(network.statistics()));
    println!(
        "{}",
        json!({ "inputs": architecture.inputs(), "outputs": architecture.outputs(), "parameters": parameters, "statistics": statistics })
    );
    Ok(())
}

fn walk<A: Scalar>(args: &Walk) -> Result<(), Box<dyn Error>> {
    let Checkpoint { card, mut theta, statistics } = Checkpoint::<A>::load(&args.model)?;
    let (x, target) = (npy::read::<A>(&args.input)?, npy::read::<A>(&args.target)?);
    let loss = card.loss.as_ref().ok_or("the model does not know its loss")?.build::<A>();
    let model = card.architecture.build::<A>(None);
    let mut optimizer = optimizer(args, model.layout());
    let mut workspace = Workspace::new(&model, x.nrows());
    let mode = Mode::Eval { statistics: &statistics };
    let mut risk = Risk::new(&model, &*loss, &x, &target).mode(mode).within(&mut workspace);
    let mut path = Array2::zeros((args.steps, theta.len()));
    for mut row in path.rows_mut() {
        optimizer.step(&mut risk, &mut theta);
        row.assign(&ArrayView1::from(&theta));
    }
    npy::write(&args.out, &path)?;
    Ok(())
}

/// The optimizer with the settings that `chainrule train` gives it.
fn optimizer<A: Scalar>(args: &Walk, layout: &Layout) -> Box<dyn Optimizer<A>> {
    let rule = match args.optimizer {
        OptimizerKind::Rule(kind) => kind.spec(),
        OptimizerKind::QuasiNewton(QuasiNewtonKind::Lbfgs) => {
            return Box::new(Lbfgs::new(layout.len()).full_batch(true));
        }
    };
    let (schedule, weight_decay) = (Some(Schedule::constant(args.lr)), Some(args.weight_decay));
    Box::new(DescentSpec { schedule, weight_decay, ..DescentSpec::of(rule) }.build(layout))
}
