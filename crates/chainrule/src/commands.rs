//! One file a subcommand.

mod optimizer;
mod options;
mod train;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network; with no argument at all, on the embedded digits
    Train(Box<train::Train>),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Train(command) => command.run(),
        }
    }
}
