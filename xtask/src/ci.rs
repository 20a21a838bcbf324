//! `cargo xtask ci --cell NAME`: one cell of the CI matrix, runnable wherever its system is.
//!
//! `.github/workflows/ci.yml` holds the matrix and nothing else; a cell's name says what it does. The three axes are
//! operating system, source of BLAS and toolchain. Not every combination earns its minutes:
//! - MSRV and beta differ from stable in the compiler alone, which is one program for all systems: they run on Linux
//!   x86-64 only, beta with OpenBLAS only.
//! - OpenBLAS on Windows comes from vcpkg, which compiles it for longer than all our checks take; Windows runs the
//!   pure-Rust build, which is also what `cargo xtask setup` offers there.
//! - Accelerate exists on macOS alone. There the pure-Rust kernels would repeat what Linux arm64 checks.

use std::{env::consts, fs, process::Command};

use crate::{
    blas::Blas,
    checks::{self, Cargo},
    consumer,
    failure::Failure,
    process, setup,
    steps::{self, Step},
};

const WORKFLOW: &str = ".github/workflows/ci.yml";

/// The oldest toolchain that CI runs: the `rust-version` of the workspace.
const MSRV: &str = "1.95.0";

/// The systems by name, and as the standard library names them.
const SYSTEMS: [(&str, &str, &str); 4] = [
    ("linux-x86_64", "linux", "x86_64"),
    ("linux-arm64", "linux", "aarch64"),
    ("macos-arm64", "macos", "aarch64"),
    ("windows-x86_64", "windows", "x86_64"),
];

/// The toolchains by name, and as rustup names them.
const TOOLCHAINS: [(&str, &str); 3] = [("msrv", MSRV), ("stable", "stable"), ("beta", "beta")];

#[derive(Debug, PartialEq, Eq)]
struct Cell {
    /// Index into [`SYSTEMS`].
    system: usize,
    blas: Blas,
    toolchain: &'static str,
    /// It checks what takes an MPI library: several ranks of the program.
    mpi: bool,
}

impl Cell {
    /// `SYSTEM-BLAS-TOOLCHAIN`; `mpi` in the place of the BLAS is OpenBLAS with MPI.
    fn parse(name: &str) -> Option<Self> {
        let system = SYSTEMS.iter().position(|(system, ..)| name.starts_with(&format!("{system}-")))?;
        let (blas, toolchain) = name[SYSTEMS[system].0.len() + 1..].split_once('-')?;
        let mpi = blas == "mpi";
        let blas = Blas::ALL.into_iter().find(|it| it.name() == if mpi { "openblas" } else { blas })?;
        let (_, toolchain) = TOOLCHAINS.into_iter().find(|(name, _)| *name == toolchain)?;
        Some(Self { system, blas, toolchain, mpi })
    }

    fn steps(&self) -> Vec<Step> {
        let &Self { system, blas, toolchain, mpi } = self;
        let cargo = Cargo::Of(toolchain);
        if mpi {
            return checks::mpi(cargo, blas);
        }
        if toolchain != "stable" {
            // Formatting, lints and rendered docs belong to stable: another compiler's opinion of them is not
            // news.
            return vec![checks::compiles(cargo, blas), checks::tests(cargo, blas)];
        }
        let mut steps = vec![checks::format(cargo), checks::tidy()];
        if blas == Blas::None {
            steps.push(checks::links_no_blas(cargo));
        }
        steps.extend([checks::clippy(cargo, blas), checks::tests(cargo, blas)]);
        steps.push(checks::programs(cargo, blas));
        if blas == Blas::None {
            steps.push(consumer::step(cargo, blas));
        }
        steps.push(checks::docs(cargo, blas));
        if (system, blas) == (0, Blas::OpenBlas) {
            // A page is one program for all systems.
            steps.push(checks::browser(cargo, blas));
        }
        steps
    }
}

/// A row of the matrix.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    cell: String,
    runner: String,
    toolchain: String,
}

/// The matrix, one cell a line: `- { cell: NAME, runner: IMAGE, toolchain: NAME }`.
fn matrix(workflow: &str) -> Vec<Row> {
    let rows = workflow.lines().filter_map(|line| line.trim().strip_prefix("- { ")?.strip_suffix(" }"));
    rows.map(|row| {
        let value = |key: &str| {
            let fields = row.split(", ").filter_map(|field| field.split_once(": "));
            fields
                .into_iter()
                .find(|(name, _)| *name == key)
                .map_or(String::new(), |(_, value)| value.to_owned())
        };
        Row { cell: value("cell"), runner: value("runner"), toolchain: value("toolchain") }
    })
    .collect()
}

/// The names of the cells.
fn names() -> Result<Vec<String>, Failure> {
    let workflow = fs::read_to_string(process::root().join(WORKFLOW))
        .map_err(|error| Failure::Unusable(format!("{WORKFLOW}: {error}")))?;
    Ok(matrix(&workflow).into_iter().map(|row| row.cell).collect())
}

/// Prints the names of the cells, one a line.
pub(crate) fn list() -> Result<(), Failure> {
    names()?.iter().for_each(|name| println!("{name}"));
    Ok(())
}

/// Runs one cell.
pub(crate) fn run(name: &str) -> Result<(), Failure> {
    let names = names()?;
    let cell = names.iter().any(|known| known == name).then(|| Cell::parse(name)).flatten();
    let cell = cell.ok_or_else(|| {
        Failure::Unusable(format!("there is no CI cell `{name}`: choose one of {}", names.join(", ")))
    })?;
    require_system(name, SYSTEMS[cell.system], (consts::OS, consts::ARCH))?;
    require_toolchain(cell.toolchain, &process::read(Command::new("rustup").args(["toolchain", "list"]))?)?;
    setup::run(cell.blas)?;
    if cell.mpi {
        setup::mpi::run()?;
    }
    steps::run_all(cell.steps())
}

fn require_system(
    name: &str,
    (system, os, arch): (&str, &str, &str),
    here: (&str, &str),
) -> Result<(), Failure> {
    if (os, arch) == here {
        return Ok(());
    }
    let cause = format!("the CI cell `{name}` needs {system}, and this is {} on {}", here.0, here.1);
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn workflow() -> String {
        fs::read_to_string(process::root().join(WORKFLOW)).expect("the workflow")
    }

    #[test]
    fn every_row_of_the_matrix_is_a_cell_on_its_runner_with_its_toolchain() {
        let rows = matrix(&workflow());
        for Row { cell, runner, toolchain } in &rows {
            let parsed = Cell::parse(cell).unwrap_or_else(|| panic!("{cell} is no cell"));
            let image = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "windows-2025"][parsed.system];
            assert_eq!((runner.as_str(), toolchain.as_str()), (image, parsed.toolchain), "{cell}");
        }
        let names: BTreeSet<&str> = rows.iter().map(|row| row.cell.as_str()).collect();
        assert_eq!(names.len(), rows.len(), "two cells of one name");
        assert_eq!(rows.len(), workflow().matches("cell: ").count(), "a row that is not read");
        let cells: Vec<Cell> = names.into_iter().filter_map(Cell::parse).collect();
        assert!((0..SYSTEMS.len()).all(|system| cells.iter().any(|cell| cell.system == system)));
        assert!(Blas::ALL.into_iter().all(|blas| cells.iter().any(|cell| cell.blas == blas)));
        assert!(TOOLCHAINS.iter().all(|(_, it)| cells.iter().any(|cell| cell.toolchain == *it)));
        assert_eq!(cells.iter().filter(|cell| cell.mpi).count(), 1);
        assert_eq!(Cell::parse("linux-x86_64-openblas-nightly"), None);
    }

    /// What GitHub would refuse, or would run without a word: keys that it does not know, a job without a runner.
    fn complaints(workflow: &str) -> Vec<String> {
        let mut found = Vec::new();
        let lines = || workflow.lines().filter(|line| !line.trim_start().starts_with('#'));
        let (mut section, mut job) = (String::new(), String::new());
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for line in lines() {
            let key = line.trim().split(':').next().unwrap_or_default().to_owned();
            let depth = line.len() - line.trim_start().len();
            match (depth, section.as_str()) {
                _ if line.trim().is_empty() => {}
                (0, _) => section.clone_from(&key),
                (2, "on") if !["push", "pull_request", "schedule"].contains(&key.as_str()) => {
                    found.push(format!("trigger {key}"));
                }
                (2, "jobs") => job.clone_from(&key),
                (4, "jobs") => {
                    keys.insert(format!("{job}.{line}"));
                }
                (6, "jobs") if line.trim().starts_with("- ") => {
                    let step = key.trim_start_matches("- ");
                    if !["run", "uses"].contains(&step) {
                        found.push(format!("step {step}"));
                    }
                }
                _ => {}
            }
            let sections = ["name", "on", "permissions", "concurrency", "jobs"];
            if depth == 0 && !key.is_empty() && !sections.contains(&key.as_str()) {
                found.push(format!("section {key}"));
            }
        }
        for job in ["cell", "dependencies"] {
            for key in ["    runs-on: ", "    timeout-minutes: ", "    steps:"] {
                let has = |it: &String| it.starts_with(&format!("{job}.{key}"));
                if !keys.iter().any(|it| has(it) && (!key.ends_with("steps:") || it.ends_with("steps:"))) {
                    found.push(format!("{job} without{key}"));
                }
            }
        }
        found
    }

    #[test]
    fn the_workflow_is_valid_and_a_broken_one_is_not() {
        let workflow = workflow();
        assert_eq!(complaints(&workflow), Vec::<String>::new());
        for (whole, broken) in [
            ("    runs-on: ${{ matrix.runner }}\n", ""),
            ("  push:\n", "  pushed:\n"),
            ("    steps:\n", "    steps: cargo xtask test\n"),
            ("permissions:", "permission:"),
            ("      - uses: actions", "      - use: actions"),
        ] {
            assert!(workflow.contains(whole), "{whole}");
            assert_ne!(complaints(&workflow.replace(whole, broken)), Vec::<String>::new(), "{broken}");
        }
    }

    #[test]
    fn the_workflow_checks_nothing_that_xtask_does_not() {
        let workflow = workflow();
        let runs: Vec<&str> =
            workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect();
        assert_eq!(runs.last(), Some(&"cargo xtask ci --cell ${{ matrix.cell }}"));
        for run in &runs[..runs.len() - 1] {
            assert!(run.starts_with("rustup toolchain install "), "belongs into a cell: {run}");
        }
    }

    #[test]
    fn the_msrv_is_the_workspaces() {
        let manifest = fs::read_to_string(process::root().join("Cargo.toml")).expect("the manifest");
        let declared = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
        assert_eq!(format!("{}.0", declared.expect("a rust-version").trim_matches('"')), MSRV);
    }

    #[test]
    fn another_system_is_refused_in_one_line() {
        let refused = require_system("some-cell", SYSTEMS[2], ("linux", "x86_64"));
        assert!(matches!(refused, Err(Failure::Unusable(line)) if line.contains("macos-arm64")));
        assert!(require_system("some-cell", SYSTEMS[1], ("linux", "aarch64")).is_ok());
    }

    #[test]
    fn a_missing_toolchain_is_named_with_the_command_that_installs_it() {
        let installed =
            "stable-x86_64-unknown-linux-gnu (active, default)\n1.95.0-x86_64-unknown-linux-gnu\n";
        assert!(require_toolchain("stable", installed).is_ok());
        assert!(require_toolchain("1.95.0", installed).is_ok());
        assert!(require_toolchain("1.95", installed).is_err(), "a prefix is another toolchain");
        let refused = require_toolchain("beta", installed);
        assert!(
            matches!(refused, Err(Failure::Unusable(line)) if line.contains("`rustup toolchain install beta`"))
        );
    }
}
