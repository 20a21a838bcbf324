//! One file a subcommand, and what they share.

mod complete;
mod critical_points;
mod curvature;
mod data;
mod doctor;
mod evaluate;
mod explain;
mod export;
mod foreign_file;
mod generate;
mod grad;
mod gradcheck;
mod import;
mod inspect;
mod loss;
mod model;
mod network;
mod optimizer;
mod options;
mod overwrite;
mod pictures;
mod predict;
mod report;
mod stages;
pub(crate) mod train;

use clap::{ArgMatches, Subcommand};

use self::train::settings::CommandLine;
use crate::failure::Failure;
use crate::processes::Processes;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network; without arguments, on the built-in handwritten digits
    Train(Box<train::Train>),
    /// Evaluate a trained network: loss, accuracy, figures of each class, confusion matrix
    Evaluate(evaluate::Evaluate),
    /// Write the gradient and a Hessian-vector product of the loss, for comparison with other programs
    Grad(grad::Grad),
    /// Check the derivatives of a trained network against finite differences
    Gradcheck(gradcheck::Gradcheck),
    /// Show the forward and backward pass of one example, number by number
    Explain(explain::Explain),
    /// Compute the curvature of the loss at a trained network: extreme eigenvalues, trace, spectral density
    Curvature(curvature::CurvatureCommand),
    /// Find critical points of the loss, and relate their index to the loss
    CriticalPoints(critical_points::CriticalPoints),
    /// Check the machine: the linked BLAS, its kernels, threads, and the speed of a matrix product
    Doctor(doctor::Doctor),
    /// Predict the rows of a file with a trained network
    Predict(predict::Predict),
    /// Export a trained network to ONNX, NumPy or PyTorch
    Export(export::Export),
    /// Convert a model of another program, ONNX or a PyTorch state dict, to a model of Chainrule
    Import(import::Import),
    /// Show the layers, shapes, parameters and norms of a model file
    Inspect(inspect::Inspect),
    /// Compare several runs on one page
    Report(report::Report),
    /// Print shell completions
    Completions(generate::Completions),
    /// Print the manual page
    Man(generate::Man),
}

impl Command {
    /// Runs the subcommand that `given`, the command line of `program`, names.
    pub(crate) fn run(
        self,
        program: &clap::Command,
        given: &ArgMatches,
        processes: &Processes,
    ) -> Result<(), Failure> {
        let (name, given) = given.subcommand().expect("a command is required");
        let command = program.find_subcommand(name).expect("the program has this command");
        if processes.size() > 1 && !matches!(self, Command::Train(_)) {
            let fault = format!("`chainrule {name}` runs in one process: start it without mpirun");
            return processes.agree(Err(Failure::Input(fault)));
        }
        match self {
            Command::Train(train) => train.run(&CommandLine { command, given }, processes),
            Command::Evaluate(command) => command.run(),
            Command::Grad(command) => command.run(),
            Command::Gradcheck(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Curvature(command) => command.run(),
            Command::CriticalPoints(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Predict(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(program),
        }
    }
}
