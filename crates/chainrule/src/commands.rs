//! One file a subcommand, and what they share.

mod data;
mod evaluate;
mod explain;
mod export;
mod grad;
mod gradcheck;
mod inspect;
mod model;
mod optimizer;
mod options;
mod predict;
mod progress;
mod train;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network; with no argument at all, on the embedded digits
    Train(Box<train::Train>),
    /// Measure a trained network on data: loss, accuracy, each class, the confusion matrix
    Evaluate(evaluate::Evaluate),
    /// Write the gradient, and a Hessian product, of a network's loss for other programs to check
    Grad(grad::Grad),
    /// Prove a network's derivatives on data: gradient and Hessian products against finite differences
    Gradcheck(gradcheck::Gradcheck),
    /// Follow one example through a network and its error signal back, number by number
    Explain(explain::Explain),
    /// Apply a trained network to the rows of a file
    Predict(predict::Predict),
    /// Write a trained network for other programs: ONNX, NumPy, PyTorch
    Export(export::Export),
    /// Show what a checkpoint holds: layers, shapes, parameters, norms
    Inspect(inspect::Inspect),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Train(command) => command.run(),
            Command::Evaluate(command) => command.run(),
            Command::Grad(command) => command.run(),
            Command::Gradcheck(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Predict(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Inspect(command) => command.run(),
        }
    }
}
