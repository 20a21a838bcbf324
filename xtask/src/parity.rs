//! `cargo xtask parity …`: derivatives and optimizers against PyTorch's and JAX's.

use std::{ffi::OsString, process::Command};

use crate::{blas::Blas, failure::Failure, peers, process, setup};

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let python = peers::python(&peers::PEERS)?;
    process::run(
        process::cargo()
            .current_dir(process::root())
            .args(["build", "--release", "-p", "chainrule-cli", "-p", "chainrule-benches"])
            .args(["--bin", "chainrule", "--bin", "trajectory"])
            .args(Blas::native().features()),
    )?;
    process::hand_over(
        Command::new(python)
            .current_dir(process::root())
            .args(["-u", "benches/peers/parity.py", "--programs"])
            .arg(process::target().join("release"))
            .args(args),
    )
}
