use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::commands::run::settings::first_paragraph;

/// Why the program ends early: one line with the cause and the cure, and an exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2.
    Input(String),
    /// Something failed while running: exit code 1.
    Run(String),
    /// The user stopped it, and nothing is lost: exit code 130, as shells count an interrupt.
    Interrupted(String),
    /// The command line is none, or asks for help: clap says so, with its own exit code.
    Usage(clap::Error),
    /// Another rank of the job tells the user; this one ends with the same exit code.
    Elsewhere(u8),
}

impl Failure {
    pub(crate) fn input(error: impl fmt::Display) -> Self {
        Failure::Input(error.to_string())
    }

    pub(crate) fn run(error: impl fmt::Display) -> Self {
        Failure::Run(error.to_string())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Run(_) => 1,
            Failure::Interrupted(_) => 130,
            Failure::Usage(error) => error.exit_code() as u8,
            Failure::Elsewhere(code) => *code,
        }
    }

    /// Tells the user, and says how the program ends.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Failure::Interrupted(_) => tell!("{self}"),
            // Where it cannot be printed, there is nobody to tell.
            Failure::Usage(error) => drop(error.print()),
            Failure::Elsewhere(_) => {}
            _ => tell!("error: {self}"),
        }
        ExitCode::from(self.code())
    }
}

/// Prints a line on stdout, as [`print`] does.
macro_rules! say {
    ($($words:tt)+) => { $crate::failure::print(&format!("{}\n", format_args!($($words)+))) };
}
pub(crate) use say;

/// Prints a line on stderr. Where nobody listens any more, the work goes on all the same.
macro_rules! tell {
    ($($words:tt)+) => { $crate::failure::print_aside(&format!("{}\n", format_args!($($words)+))) };
}
pub(crate) use tell;

/// What [`tell!`] does with a line.
pub(crate) fn print_aside(line: &str) {
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Prints on stdout, which may be full or closed: a reader like `head` that has seen enough is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Run(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self {
            Failure::Input(message) | Failure::Run(message) | Failure::Interrupted(message) => {
                message.clone()
            }
            Failure::Usage(error) => first_paragraph(&error.to_string()),
            Failure::Elsewhere(_) => "another rank tells why".to_owned(),
        };
        // One line, whatever the cause had to say.
        f.write_str(&message.lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }
}
