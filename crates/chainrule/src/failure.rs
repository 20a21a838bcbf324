use std::fmt;
use std::process::ExitCode;

/// Why the program ends early: one line with the cause and the cure, and an exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2.
    Input(String),
    /// Something failed while running: exit code 1.
    Run(String),
}

impl Failure {
    pub(crate) fn input(error: impl fmt::Display) -> Self {
        Failure::Input(error.to_string())
    }

    pub(crate) fn run(error: impl fmt::Display) -> Self {
        Failure::Run(error.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Input(_) => ExitCode::from(2),
            Failure::Run(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Input(message) | Failure::Run(message)) = self;
        // One line, whatever the cause had to say.
        f.write_str(&message.lines().map(str::trim).collect::<Vec<_>>().join(" "))
    }
}
