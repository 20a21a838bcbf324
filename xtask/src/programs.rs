//! The commands that build a program of the workspace, or of its peers, and become it.

use std::{env, ffi::OsString, path::PathBuf, process::Command};

use crate::{
    blas::Blas,
    failure::Failure,
    peers::{self, INTEROP, PEERS},
    process, setup, workspace,
};

/// The program that users run.
pub(crate) const PROGRAM: &str = "chainrule";

/// The program that measures, and those that it starts.
pub(crate) const BENCH: [&str; 3] = ["bench", "throughput", "time-to-accuracy"];

/// The experiments of docs, each an example.
pub(crate) const EXPERIMENTS: &[&str] = &["saddle-points", "deep-autoencoder"];

/// The scripts of tests/interop, each of which takes the program.
const SCRIPTS: &[&str] =
    &["graphs.py", "imports.py", "nodes.py", "parameters.py", "tables.py", "tensorboard_events.py"];

/// `cargo xtask train …`: from a fresh clone to a trained network.
pub(crate) fn train(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let mut options = vec!["--profile", "quick"];
    if args.is_empty() && Blas::native() == Blas::OpenBlas {
        // The embedded digits need no readers of Parquet and of further image formats, which are long to build.
        options.extend(["--no-default-features", "--features", "openblas"]);
    }
    let mut cargo = cargo_of("run", "bin", PROGRAM, &options)?;
    process::hand_over(cargo.args(["--", "train"]).args(args))
}

/// `cargo xtask gradcheck …`: every gradient of the zoo against finite differences.
pub(crate) fn gradcheck(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    process::hand_over(cargo_of("run", "bin", "gradcheck", &["--release"])?.arg("--").args(args))
}

/// `cargo xtask reproduce …`: an experiment of docs, from the data to the figures.
pub(crate) fn reproduce(args: &[OsString]) -> Result<(), Failure> {
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !EXPERIMENTS.contains(&name.as_str()) {
        return Err(Failure::Unusable(format!(
            "`cargo xtask reproduce {name}` does not exist: choose one of {}",
            EXPERIMENTS.join(", ")
        )));
    }
    setup::run(Blas::native())?;
    process::hand_over(cargo_of("run", "example", &name, &["--release"])?.arg("--").args(&args[1..]))
}

/// `cargo xtask parity …`: derivatives and optimizers against PyTorch's and JAX's.
pub(crate) fn parity(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let python = peers::python(&PEERS)?;
    for program in [PROGRAM, "trajectory"] {
        process::run(&mut cargo_of("build", "bin", program, &["--release"])?)?;
    }
    process::hand_over(
        Command::new(python)
            .current_dir(process::root())
            .args(["-u", "benches/peers/parity.py", "--programs"])
            .arg(process::target().join("release"))
            .args(args),
    )
}

/// `cargo xtask interop`: files of the program in other programs, and theirs in it.
pub(crate) fn interop() -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let python = peers::python(&INTEROP)?;
    for program in [PROGRAM, "trajectory"] {
        process::run(&mut cargo_of("build", "bin", program, &["--locked"])?)?;
    }
    for script in SCRIPTS {
        let path = process::root().join("tests/interop").join(script);
        process::run(Command::new(&python).arg(path).arg(built("debug", PROGRAM)))?;
    }
    Ok(())
}

/// `cargo xtask bench …`: the speed of training, by the program `bench` of the crate `benches`.
pub(crate) fn bench(args: &[OsString]) -> Result<(), Failure> {
    setup::run(Blas::native())?;
    let given = |option: &str| args.iter().any(|arg| arg == option);
    let python = if given("--peers") && !given("--python") { Some(peers::python(&PEERS)?) } else { None };
    let mut cargo = cargo_of("build", "bin", BENCH[0], &["--release"])?;
    process::run(cargo.args(BENCH[1..].iter().flat_map(|name| ["--bin", name])))?;
    let mut bench = Command::new(built("release", BENCH[0]));
    if let Some(python) = python {
        bench.arg("--python").arg(python);
    }
    process::hand_over(bench.args(args))
}

/// `cargo VERB OPTIONS -p PACKAGE --KIND NAME` with the BLAS of this system.
fn cargo_of(verb: &str, kind: &str, name: &str, options: &[&str]) -> Result<Command, Failure> {
    let package = workspace::package_with(kind, name)?;
    let mut cargo = process::cargo();
    cargo.arg(verb).args(options).args(["-p", &package, &format!("--{kind}"), name]);
    cargo.args(Blas::native().features());
    Ok(cargo)
}

/// Where cargo puts a program.
fn built(profile: &str, program: &str) -> PathBuf {
    process::target().join(profile).join(format!("{program}{}", env::consts::EXE_SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_experiment_is_refused_and_the_known_ones_are_named() {
        for args in [vec![], vec![OsString::from("cold-fusion")]] {
            let Err(Failure::Unusable(message)) = reproduce(&args) else {
                panic!("{args:?} should be refused")
            };
            assert!(message.contains("saddle-points"), "{message}");
        }
    }

    #[test]
    fn a_program_is_built_in_its_package_with_the_blas_of_the_system() {
        let cargo = cargo_of("run", "bin", "gradcheck", &["--release"]).unwrap();
        let shown = process::shown(&cargo);
        let expected = "cargo run --release -p chainrule-benches --bin gradcheck";
        assert!(shown.starts_with(expected), "{shown}");
        assert!(shown.ends_with(&Blas::native().features().join(" ")), "{shown}");
    }
}
