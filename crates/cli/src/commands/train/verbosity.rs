//! How much a training run prints.

use clap::{ArgAction, Args};

use crate::headings::OUTPUT;

/// How much a run prints on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Also a line for each epoch and, on a terminal, a progress bar.
    Normal,
    /// Also a line for each logged step.
    Verbose,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct VerbosityArgs {
    /// Print one JSON object on stdout and nothing else there
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = ArgAction::Set, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Print warnings and errors only
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = ArgAction::Set, help_heading = OUTPUT)]
    quiet: bool,
    /// Also print a line for each logged step
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_name = "true|false", action = ArgAction::Set, conflicts_with = "quiet", help_heading = OUTPUT, hide_short_help = true)]
    verbose: bool,
}

impl VerbosityArgs {
    pub(crate) fn level(self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}
