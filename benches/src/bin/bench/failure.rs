//! Why a measurement stopped: one line with cause and cure, and the exit code.

use std::process::ExitCode;

#[derive(Debug)]
pub(crate) enum Failure {
    /// A workload became slower.
    Slower(String),
    /// The machine, a file or another library's program is unusable.
    Unusable(String),
}

impl Failure {
    pub(crate) fn report(&self) -> ExitCode {
        let (Self::Slower(message) | Self::Unusable(message)) = self;
        eprintln!("error: {message}");
        ExitCode::from(if matches!(self, Self::Slower(_)) { 1 } else { 2 })
    }
}
