//! The program `chainrule`: train, evaluate and look into networks from the command line.

// They panic where nobody reads: `say!` and `tell!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod failure;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::{Command, run::settings};
use crate::failure::Failure;

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
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run() -> Result<(), Failure> {
    let matches = settings::complete(&mut Cli::command(), std::env::args_os().collect())?;
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let (_, given) = matches.subcommand().expect("a command is required");
    cli.command.run(given)
}
