//! `cargo xtask bench …`: the benchmarks.

use std::ffi::OsString;

use crate::{blas::Blas, failure::Failure, process, setup};

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    process::hand_over(
        process::cargo()
            .args(["bench", "-p", "chainrule-benches"])
            .args(Blas::native().features())
            .args(args),
    )
}
