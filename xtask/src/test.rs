//! `cargo xtask test`: nearly everything that CI checks on this machine, in the order in which it fails fastest.

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    consumer,
    failure::Failure,
    setup, steps,
};

pub(crate) fn run() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let (cargo, blas) = (Cargo::Running, Blas::native());
    steps::run_all(vec![
        checks::format(cargo),
        checks::tidy(),
        checks::links_no_blas(cargo),
        checks::deny(),
        checks::clippy(cargo, blas),
        checks::clippy(cargo, Blas::None),
        checks::tests(cargo, blas),
        checks::programs(cargo, blas),
        checks::browser(cargo, blas),
        checks::tests_without_blas(cargo)?,
        consumer::step(cargo, blas),
        checks::docs(cargo, blas),
    ])
}

/// `cargo xtask test --mpi`: what takes an MPI library, and ranks.
pub(crate) fn run_mpi() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    setup::mpi::run()?;
    steps::run_all(checks::mpi(Cargo::Running, Blas::native()))
}
