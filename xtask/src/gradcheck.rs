//! `cargo xtask gradcheck …`: every gradient of the zoo against finite differences.

use std::ffi::OsString;

use crate::{blas::Blas, failure::Failure, process, setup};

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    process::hand_over(
        process::cargo()
            .args(["run", "--release", "-p", "chainrule-benches", "--bin", "gradcheck"])
            .args(Blas::native().features())
            .arg("--")
            .args(args),
    )
}
