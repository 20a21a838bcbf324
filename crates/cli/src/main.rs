//! The program `chainrule`: train, evaluate and look into networks from the command line.

// They panic where nobody reads: `say!` and `tell!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod failure;
mod job;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::{Command, run::settings};
use crate::failure::Failure;
use crate::job::Job;

/// Train deep neural networks by backpropagation on a CPU.
#[derive(Debug, Parser)]
#[command(name = "chainrule", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // First of all, while there are no threads but OpenBLAS's.
    chainrule::tensor::blas::init();
    let job = match Job::begin() {
        Ok(job) => job,
        Err(failure) => return failure.report(),
    };
    let code = match run(&job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    job.end();
    code
}

fn run(job: &Job) -> Result<(), Failure> {
    let matches = job.agree(settings::complete(&mut Cli::command(), std::env::args_os().collect()))?;
    let cli = job.agree(Cli::from_arg_matches(&matches).map_err(Failure::Usage))?;
    let (name, given) = matches.subcommand().expect("a command is required");
    cli.command.run(name, given, job)
}
