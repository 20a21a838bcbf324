//! `chainrule completions` and `chainrule man`: what the command line says of itself.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::{Shell, aot::generate};

use crate::failure::{Failure, print};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell, such as bash: `chainrule completions bash > ~/.local/share/bash-completion/completions/chainrule`
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write the pages of all subcommands too, into this folder [default: print the program's page]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(&self, program: &Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut program.clone(), "chainrule", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

impl Man {
    pub(crate) fn run(&self, program: &Command) -> Result<(), Failure> {
        let program = program.clone();
        if let Some(folder) = &self.out {
            return std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(program, folder))
                .map_err(|error| Failure::Run(format!("cannot write to {}: {error}", folder.display())));
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(program).render(&mut page).map_err(Failure::run)?;
        print(&String::from_utf8_lossy(&page))
    }
}
