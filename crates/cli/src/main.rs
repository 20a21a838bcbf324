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
    let mut program = numeric(Cli::command());
    if std::env::args_os().any(|word| word == "-h") {
        program = brief(program);
    }
    let parsed = settings::complete(&mut program, std::env::args_os().collect())
        .and_then(|given| Ok((Cli::from_arg_matches(&given).map_err(Failure::Usage)?, given)));
    let (cli, given) = processes.agree(parsed)?;
    cli.command.run(&program, &given, processes)
}

/// The program where a number may be negative, also where it is too small for the flag: else -1 is taken for a flag itself, and the check
/// of the number has no say.
fn numeric(program: clap::Command) -> clap::Command {
    let with_numbers = |arg: clap::Arg| {
        let is_flag = arg.get_long().is_some() && arg.get_action().takes_values();
        if is_flag { arg.allow_negative_numbers(true) } else { arg }
    };
    program.mut_subcommands(|command| command.mut_args(with_numbers))
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
    use std::any::TypeId;

    use super::*;
    use crate::failure::in_one_line;

    /// The arguments of each call of the program in a command line of a shell.
    fn calls(line: &str) -> Vec<Vec<&str>> {
        let calls = line.split(['|', '>']).map(str::trim).filter(|part| part.starts_with("chainrule "));
        calls.map(|call| call.split_whitespace().collect()).collect()
    }

    /// What is said of `value` as that of a flag, in one line; nothing where it is taken.
    fn said(command: &clap::Command, flag: &str, value: &str) -> String {
        let line = [command.get_name(), &format!("--{flag}"), value];
        let matches = command.clone().try_get_matches_from(line);
        matches.err().map_or_else(String::new, |error| in_one_line(&error))
    }

    #[test]
    fn every_flag_of_a_number_says_which_numbers_it_takes() {
        let mut checked = 0;
        for command in numeric(Cli::command()).get_subcommands() {
            let takes_next_word =
                |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
            for arg in command.get_arguments().filter(takes_next_word) {
                let (Some(flag), name) = (arg.get_long(), command.get_name()) else { continue };
                let kind = arg.get_value_parser().type_id();
                let is_whole = [
                    TypeId::of::<u16>(),
                    TypeId::of::<u32>(),
                    TypeId::of::<u64>(),
                    TypeId::of::<i64>(),
                    TypeId::of::<usize>(),
                ]
                .into_iter()
                .any(|whole| kind == whole);
                if !is_whole && kind != TypeId::of::<f64>() {
                    // Others take some that is no number, and none takes a negative one for a flag.
                    let message = said(command, flag, "-1");
                    assert!(!message.contains("unexpected argument '-1'"), "{name} --{flag}: {message}");
                    continue;
                }
                checked += 1;
                for value in ["-1", "-0.5", "-1e3", "x", "99999999999999999999999999x", ""] {
                    let message = said(command, flag, value);
                    let says = format!("invalid value '{value}' for '--{flag} ");
                    assert!(message.starts_with(&says), "{name} --{flag} {value}: {message}");
                    let (_, expected) = message.split_once(": expected a ").expect("it says what is right");
                    assert!(!message.contains('\n') && !expected.contains("tip"), "{message}");
                    let range = ["of at least ", "from ", "not negative"];
                    assert!(range.iter().any(|range| expected.contains(range)), "{name} --{flag}: {message}");
                }
                if is_whole {
                    let message = said(command, flag, "99999999999999999999999999");
                    assert!(message.contains("expected a whole number of at most "), "{message}");
                }
            }
        }
        assert!(checked >= 40, "{checked}");
    }

    #[test]
    fn the_short_help_is_a_page_with_the_flags_that_users_look_for() {
        let mut program = brief(Cli::command());
        for width in [80, 100] {
            program = program.term_width(width);
            program.build();
            for command in program.get_subcommands_mut() {
                let help = command.render_help().to_string();
                let (name, lines) = (command.get_name(), help.lines().count());
                assert!(lines <= 60, "{name}: {lines} lines at {width} columns:\n{help}");
                let most = help.lines().map(|line| line.chars().count()).max();
                assert!(most <= Some(100), "{name}: {help}");
            }
        }
        let help = program.find_subcommand_mut("train").unwrap().render_help().to_string();
        for flag in ["--config", "--threads", "--resume", "--network", "--lr", "--target", "--out"] {
            assert!(help.lines().any(|line| line.trim_start().starts_with(flag)), "{flag}: {help}");
        }
    }

    #[test]
    fn a_wrong_command_line_is_told_in_one_line_with_a_cure() {
        for (line, message) in [
            (
                "train --activation rleu",
                "invalid value 'rleu' for '--activation <NAME>'; a similar value exists: 'relu'; the values are identity, ",
            ),
            ("train --foo", "unexpected argument '--foo' found; a similar argument exists: '--from'"),
            ("inspect m --zzzz", "unexpected argument '--zzzz' found; see `chainrule inspect --help`"),
            (
                "predict",
                "the following required arguments were not provided: <MODEL> <INPUT>; see `chainrule predict --help`",
            ),
            (
                "train --resume a --out b",
                "the argument '--resume <DIR>' cannot be used with '--out <DIR>'; see `chainrule train --help`",
            ),
            ("trian", "unrecognized subcommand 'trian'; a similar subcommand exists: 'train'"),
            ("predict a b --out", "a value is required for '--out <FILE>' but none was supplied; see --help"),
            (
                "train --json=maybe",
                "invalid value 'maybe' for '--json[=<true|false>]'; the values are true, false",
            ),
        ] {
            let words = std::iter::once("chainrule").chain(line.split(' '));
            let error = numeric(Cli::command()).try_get_matches_from(words).unwrap_err();
            let said = in_one_line(&error);
            assert!(said.starts_with(message) && !said.contains('\n'), "{line}: {said}");
            assert_eq!(Failure::Usage(error).code(), 2, "{line}");
        }
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
