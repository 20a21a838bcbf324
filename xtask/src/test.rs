//! `cargo xtask test`: everything that CI checks on this machine, in the order in which it fails fastest.

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    consumer,
    failure::Failure,
    setup, steps,
};

pub(crate) fn run() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let cargo = Cargo::Running;
    let sources = [Blas::native(), Blas::None];
    let mut steps = vec![checks::format(cargo), checks::tidy(), checks::links_no_blas(cargo)];
    steps.extend(sources.map(|blas| checks::clippy(cargo, blas)));
    steps.extend(sources.map(|blas| checks::tests(cargo, blas)));
    steps.push(checks::examples(cargo, Blas::native()));
    steps.push(consumer::step(cargo));
    steps.push(checks::browser(cargo, Blas::native()));
    steps.push(checks::docs(cargo, Blas::native()));
    steps.push(checks::gradcheck(cargo, Blas::native()));
    steps::run_all(steps)
}

/// `cargo xtask test --mpi`: what takes an MPI library, and ranks.
pub(crate) fn run_mpi() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    setup::mpi::run()?;
    steps::run_all(checks::mpi(Cargo::Running, Blas::native()))
}
