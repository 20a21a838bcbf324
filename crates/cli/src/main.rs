//! The command line program `chainrule`: train, evaluate, inspect and export neural networks.

// They panic on a closed stream: `outln!` and `errln!` do not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod failure;
mod headings;
mod interrupt;
mod processes;
mod table;
mod terminal;
mod text_file;

use std::process::ExitCode;

use chainrule::tensor::kernel::{Choice, VARIABLE};
use clap::{CommandFactory, FromArgMatches, Parser};
use clap_complete::CompleteEnv;

use crate::commands::{Command, train::settings};
use crate::failure::Failure;
use crate::processes::Processes;

const EXAMPLES: &str = "\
Examples:
  chainrule train                                     train on the built-in handwritten digits
  chainrule train docs/examples/iris.csv --target species --out runs/iris
  chainrule predict runs/iris docs/examples/iris-new.csv";

/// Train neural networks by backpropagation on a CPU.
#[derive(Debug, Parser)]
#[command(name = "chainrule", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // A shell asks for the next word; before all else, because that changes the environment.
    CompleteEnv::with_factory(Cli::command).complete();
    // While there are no threads but OpenBLAS's.
    chainrule::tensor::blas::init();
    let processes = match Processes::join() {
        Ok(processes) => processes,
        Err(failure) => return failure.report(),
    };
    let code = match run(&processes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    processes.leave();
    code
}

fn run(processes: &Processes) -> Result<(), Failure> {
    let gemm = Choice::of_environment().transpose();
    processes
        .agree(gemm.map_err(|fault| Failure::Input(format!("{VARIABLE} in the environment: {fault}"))))?;
    let mut program = Cli::command();
    if std::env::args_os().any(|word| word == "-h") {
        program = brief(program);
    }
    let parsed = settings::complete(&mut program, std::env::args_os().collect())
        .and_then(|given| Ok((Cli::from_arg_matches(&given).map_err(Failure::Usage)?, given)));
    let (cli, given) = processes.agree(parsed)?;
    cli.command.run(&program, &given, processes)
}

/// The program with its help in one page: `--help` lists the values of each flag.
fn brief(program: clap::Command) -> clap::Command {
    let without_values = |arg: clap::Arg| {
        let has_values = arg.get_action().takes_values();
        if has_values { arg.hide_possible_values(true) } else { arg }
    };
    program.mut_subcommands(|command| command.mut_args(without_values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arguments of each call of the program in a command line of a shell.
    fn calls(line: &str) -> Vec<Vec<&str>> {
        let calls = line.split(['|', '>']).map(str::trim).filter(|part| part.starts_with("chainrule "));
        calls.map(|call| call.split_whitespace().collect()).collect()
    }

    #[test]
    fn every_command_has_examples_and_each_is_a_command_line_of_the_program() {
        let program = Cli::command();
        let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
        for command in std::iter::once(&program).chain(commands) {
            let name = command.get_name();
            let help =
                command.get_after_help().unwrap_or_else(|| panic!("{name} has no examples")).to_string();
            let lines: Vec<&str> = help.strip_prefix("Examples:\n").unwrap().lines().collect();
            assert!((2..=4).contains(&lines.len()), "{name}: {help}");
            assert!(lines.iter().any(|line| line.contains(name)), "{name}: {help}");
            for line in lines {
                assert!(line.starts_with("  ") && line.chars().count() <= 100, "{name}: {line}");
                // What is said beside an example stands far from it.
                let line = line.trim().split("   ").next().unwrap();
                let calls = calls(line);
                assert!(!calls.is_empty(), "{name}: {line}");
                for call in calls {
                    if let Err(error) = Cli::command().try_get_matches_from(&call) {
                        panic!("{name}: {line}: {error}");
                    }
                }
            }
        }
    }
}
