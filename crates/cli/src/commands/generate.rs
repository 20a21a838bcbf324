//! `chainrule completions` and `chainrule man`: what the command line says of itself.

use std::path::{Path, PathBuf};

use chainrule::datasets::write_atomic;
use clap::{Args, Command};
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::overwrite::Overwrite;
use crate::failure::{Failure, print};

const EXAMPLES_OF_COMPLETIONS: &str = "\
Examples:
  chainrule completions bash > chainrule.bash
  chainrule completions fish | source";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES_OF_COMPLETIONS)]
pub(crate) struct Completions {
    /// The shell, such as bash: `chainrule completions bash > ~/.local/share/bash-completion/completions/chainrule`; the script asks
    /// the program for flags, values, files and the columns of a table
    shell: Shell,
}

const EXAMPLES_OF_MAN: &str = "\
Examples:
  chainrule man
  chainrule man --out man";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES_OF_MAN)]
pub(crate) struct Man {
    /// Write the pages of all subcommands too, into this folder [default: print the program's page]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        const NAME: &str = "chainrule";
        let (shells, shell) = (Shells::builtins(), self.shell.to_string());
        let shell = shells.completer(&shell).expect("every shell of the command line is built in");
        let mut script = Vec::new();
        shell.write_registration("COMPLETE", NAME, NAME, NAME, &mut script).map_err(Failure::run)?;
        print(&String::from_utf8_lossy(&script))
    }
}

impl Man {
    pub(crate) fn run(&self, program: &Command) -> Result<(), Failure> {
        let program = program.clone();
        if let Some(folder) = &self.out {
            return self.write(program, folder);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(program).render(&mut page).map_err(Failure::run)?;
        print(&String::from_utf8_lossy(&page))
    }

    /// Writes the pages of the program and of all its subcommands.
    fn write(&self, program: Command, folder: &Path) -> Result<(), Failure> {
        let mut program = program.disable_help_subcommand(true);
        program.build();
        let subcommands = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let pages: Vec<_> = subcommands.chain([program.clone()]).map(clap_mangen::Man::new).collect();
        for page in &pages {
            self.overwrite.check(&folder.join(page.get_filename()))?;
        }
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::Run(format!("cannot write to {}: {error}", folder.display())))?;
        for page in pages {
            write_atomic(folder.join(page.get_filename()), |file| page.render(file)).map_err(Failure::run)?;
        }
        Ok(())
    }
}
