//! The program `chainrule`: train, evaluate and look into networks from the command line.

mod commands;
mod failure;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

/// Train deep neural networks by backpropagation on a CPU.
#[derive(Debug, Parser)]
#[command(name = "chainrule", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
