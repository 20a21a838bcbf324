//! `cargo xtask ci --cell NAME`: one cell of the CI matrix, runnable wherever its system is.
//!
//! `.github/workflows/ci.yml` holds nothing but this matrix; a test below keeps the two equal.
//!
//! The three axes are operating system, source of BLAS and toolchain. Not every combination earns its
//! minutes:
//! - MSRV and beta differ from stable in the compiler alone, which is one program for all systems: they run
//!   on
//!   Linux x86-64 only, beta with OpenBLAS only.
//! - OpenBLAS on Windows comes from vcpkg, which compiles it for longer than all our checks take; Windows
//!   runs the
//!   pure-Rust build, which is also what it is offered by `cargo xtask setup`.
//! - Accelerate exists on macOS alone. There the pure-Rust kernels would repeat what Linux arm64 checks.

use std::{env::consts, process::Command};

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    consumer,
    failure::Failure,
    process, setup,
    steps::{self, Step},
};

/// The oldest toolchain that CI runs: the `rust-version` of the workspace.
const MSRV: &str = "1.95.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    LinuxX86,
    LinuxArm,
    MacOs,
    Windows,
}

impl System {
    const fn name(self) -> &'static str {
        match self {
            Self::LinuxX86 => "linux-x86_64",
            Self::LinuxArm => "linux-arm64",
            Self::MacOs => "macos-arm64",
            Self::Windows => "windows-x86_64",
        }
    }

    /// As the standard library names it.
    const fn os_and_arch(self) -> (&'static str, &'static str) {
        match self {
            Self::LinuxX86 => ("linux", "x86_64"),
            Self::LinuxArm => ("linux", "aarch64"),
            Self::MacOs => ("macos", "aarch64"),
            Self::Windows => ("windows", "x86_64"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toolchain {
    Msrv,
    Stable,
    Beta,
}

impl Toolchain {
    const fn name(self) -> &'static str {
        match self {
            Self::Msrv => "msrv",
            Self::Stable => "stable",
            Self::Beta => "beta",
        }
    }

    /// As rustup names it.
    const fn rustup(self) -> &'static str {
        match self {
            Self::Msrv => MSRV,
            Self::Stable => "stable",
            Self::Beta => "beta",
        }
    }
}

struct Cell(System, Blas, Toolchain);

/// The cell that checks what takes an MPI library: several ranks of the program, on the first cell's system.
const MPI: (&str, &Cell) =
    ("linux-x86_64-mpi-stable", &Cell(System::LinuxX86, Blas::OpenBlas, Toolchain::Stable));

const CELLS: &[Cell] = &[
    Cell(System::LinuxX86, Blas::OpenBlas, Toolchain::Stable),
    Cell(System::LinuxX86, Blas::OpenBlas, Toolchain::Msrv),
    Cell(System::LinuxX86, Blas::OpenBlas, Toolchain::Beta),
    Cell(System::LinuxX86, Blas::None, Toolchain::Stable),
    Cell(System::LinuxX86, Blas::None, Toolchain::Msrv),
    Cell(System::LinuxArm, Blas::OpenBlas, Toolchain::Stable),
    Cell(System::LinuxArm, Blas::None, Toolchain::Stable),
    Cell(System::MacOs, Blas::OpenBlas, Toolchain::Stable),
    Cell(System::MacOs, Blas::Accelerate, Toolchain::Stable),
    Cell(System::Windows, Blas::None, Toolchain::Stable),
];

impl Cell {
    fn name(&self) -> String {
        let Self(system, blas, toolchain) = self;
        format!("{}-{}-{}", system.name(), blas.name(), toolchain.name())
    }

    fn steps(&self) -> Vec<Step> {
        let &Self(system, blas, toolchain) = self;
        let cargo = Cargo::Of(toolchain.rustup());
        if toolchain != Toolchain::Stable {
            // Formatting, lints and rendered docs belong to stable: another compiler's opinion of them is not
            // news.
            return vec![checks::compiles(cargo, blas), checks::tests(cargo, blas)];
        }
        let mut steps = vec![checks::format(cargo), checks::tidy()];
        if blas == Blas::None {
            steps.push(checks::links_no_blas(cargo));
        }
        steps.extend([checks::clippy(cargo, blas), checks::tests(cargo, blas)]);
        steps.push(checks::examples(cargo, blas));
        if blas == Blas::None {
            steps.push(consumer::step(cargo));
        }
        steps.push(checks::docs(cargo, blas));
        if (system, blas) == (System::LinuxX86, Blas::OpenBlas) {
            // A page is one program for all systems.
            steps.push(checks::browser(cargo, blas));
        }
        steps
    }
}

/// Prints the names of the cells, one a line.
pub(crate) fn list() {
    for name in names() {
        println!("{name}");
    }
}

fn names() -> Vec<String> {
    CELLS.iter().map(Cell::name).chain([MPI.0.to_owned()]).collect()
}

/// Runs one cell.
pub(crate) fn run(name: &str) -> Result<(), Failure> {
    let of_mpi = name == MPI.0;
    let Some(cell) = CELLS.iter().find(|cell| cell.name() == name).or(of_mpi.then_some(MPI.1)) else {
        return Err(Failure::Unusable(format!(
            "there is no CI cell `{name}`: choose one of {}",
            names().join(", ")
        )));
    };
    let &Cell(system, blas, toolchain) = cell;
    require_system(name, system, (consts::OS, consts::ARCH))?;
    require_toolchain(
        toolchain.rustup(),
        &process::read(Command::new("rustup").args(["toolchain", "list"]))?,
    )?;
    setup::run(blas)?;
    if of_mpi {
        setup::mpi::run()?;
        return steps::run_all(checks::mpi(Cargo::Of(toolchain.rustup()), blas));
    }
    steps::run_all(cell.steps())
}

fn require_system(name: &str, system: System, (os, arch): (&str, &str)) -> Result<(), Failure> {
    if system.os_and_arch() == (os, arch) {
        return Ok(());
    }
    let cause = format!("the CI cell `{name}` needs {}, and this is {os} on {arch}", system.name());
    Err(Failure::Unusable(format!("{cause}: run it there, or choose another of `cargo xtask ci --list`")))
}

/// `installed` is what `rustup toolchain list` prints: `stable-x86_64-unknown-linux-gnu (default)` and so on.
fn require_toolchain(toolchain: &str, installed: &str) -> Result<(), Failure> {
    let is_it = |line: &str| {
        line.strip_prefix(toolchain).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    if installed.lines().any(is_it) {
        return Ok(());
    }
    let cure = format!("rustup toolchain install {toolchain}");
    Err(Failure::Unusable(format!("the toolchain {toolchain} is not installed: run `{cure}`")))
}

#[cfg(test)]
mod tests;
