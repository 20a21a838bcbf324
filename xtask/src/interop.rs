//! `cargo xtask interop`: files of the program in the hands of other programs, and theirs in its own.

use std::{env, process::Command};

use crate::{
    blas::Blas,
    failure::Failure,
    peers::{self, INTEROP},
    process, setup,
};

/// The scripts of tests/interop, each of which takes the program.
const SCRIPTS: &[&str] = &["graphs.py", "parameters.py", "tensorboard_events.py"];

pub(crate) fn run() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let python = peers::python(&INTEROP)?;
    process::run(
        process::cargo()
            .current_dir(process::root())
            .args(["build", "--locked", "--workspace", "--bin", "chainrule"])
            .args(Blas::native().features()),
    )?;
    let program = process::target().join("debug").join(format!("chainrule{}", env::consts::EXE_SUFFIX));
    for script in SCRIPTS {
        let path = process::root().join("tests/interop").join(script);
        process::run(Command::new(&python).arg(path).arg(&program))?;
    }
    Ok(())
}
