//! `cargo xtask reproduce …`: the experiments of docs, from the data to the figures.

use std::ffi::OsString;

use crate::{blas::Blas, failure::Failure, process, setup};

/// The experiments, each an example of the crate `chainrule`.
const EXPERIMENTS: &[&str] = &["saddle-points", "deep-autoencoder"];

pub(crate) fn run(args: &[OsString]) -> Result<(), Failure> {
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !EXPERIMENTS.contains(&name.as_str()) {
        return Err(Failure::Unusable(format!(
            "`cargo xtask reproduce {name}` does not exist: there is {}",
            EXPERIMENTS.join(", ")
        )));
    }
    setup::run(Blas::native())?;
    process::hand_over(
        process::cargo()
            .args(["run", "--release", "-p", "chainrule", "--example", &name])
            .args(Blas::native().features())
            .arg("--")
            .args(&args[1..]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_that_does_not_exist_is_refused_and_those_that_do_are_named() {
        for args in [vec![], vec![OsString::from("cold-fusion")]] {
            let Err(Failure::Unusable(message)) = run(&args) else { panic!("{args:?} should be refused") };
            assert!(message.contains("saddle-points"), "{message}");
        }
    }
}
