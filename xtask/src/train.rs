//! `cargo xtask train …`: from a fresh clone to a trained network in one command.

use std::ffi::OsString;

use crate::{blas::Blas, failure::Failure, process, setup};

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    process::hand_over(
        process::cargo()
            .args(["run", "--release", "-p", "chainrule-cli", "--bin", "chainrule"])
            .args(Blas::native().features())
            .args(["--", "train"])
            .args(args),
    )
}
