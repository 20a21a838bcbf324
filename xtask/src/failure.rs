//! Why a command stopped: one line with cause and cure, and the exit code.

use std::process::ExitCode;

#[derive(Debug)]
pub(crate) enum Failure {
    /// A check found something wrong with the code.
    Check(String),
    /// The command line or the machine will not do; the code may be fine.
    Unusable(String),
    /// A program we started failed with this code. It has told the user why, so we add nothing.
    #[cfg_attr(unix, expect(dead_code, reason = "there the program takes our place: `process::hand_over`"))]
    Child(u8),
}

impl Failure {
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Check(message) => {
                eprintln!("error: {message}");
                ExitCode::from(1)
            }
            Self::Unusable(message) => {
                eprintln!("error: {message}");
                ExitCode::from(2)
            }
            Self::Child(code) => ExitCode::from(*code),
        }
    }
}
