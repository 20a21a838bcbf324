//! One file a subcommand, and what they share.

mod critical_points;
mod curvature;
mod data;
mod doctor;
mod evaluate;
mod explain;
mod export;
mod generate;
mod grad;
mod gradcheck;
mod inspect;
mod model;
mod optimizer;
mod options;
mod predict;
mod progress;
mod report;
mod results;
pub(crate) mod run;
mod sparkline;
mod train;

use clap::{ArgMatches, Subcommand};

use crate::failure::Failure;
use crate::job::Job;

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
    /// Look at a trained network's curvature on data: ends of the spectrum, trace, density
    Curvature(curvature::CurvatureCommand),
    /// Find critical points of a network's loss, and relate their index to the loss
    CriticalPoints(critical_points::CriticalPoints),
    /// Look at the machine: the linked BLAS, its kernels, threads, and the pace of a product
    Doctor(doctor::Doctor),
    /// Apply a trained network to the rows of a file
    Predict(predict::Predict),
    /// Write a trained network for other programs: ONNX, NumPy, PyTorch
    Export(export::Export),
    /// Show what a checkpoint holds: layers, shapes, parameters, norms
    Inspect(inspect::Inspect),
    /// Compare several runs on one page
    Report(report::Report),
    /// Print the completions of a shell
    Completions(generate::Completions),
    /// Print the manual page
    Man(generate::Man),
}

impl Command {
    /// Runs as the subcommand `name`, with the arguments that `given` holds too.
    pub(crate) fn run(self, name: &str, given: &ArgMatches, job: &Job) -> Result<(), Failure> {
        if job.size() > 1 && !matches!(self, Command::Train(_)) {
            let fault = format!("`chainrule {name}` is the work of one process: start it without mpirun");
            return job.agree(Err(Failure::Input(fault)));
        }
        match self {
            Command::Train(command) => command.run(given, job),
            Command::Evaluate(command) => command.run(),
            Command::Grad(command) => command.run(),
            Command::Gradcheck(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Curvature(command) => command.run(),
            Command::CriticalPoints(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Predict(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}
