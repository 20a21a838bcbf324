//! `cargo xtask tidy`: the rules of the repository, which the crate `chainrule-tidy` checks.

use crate::{failure::Failure, process};

pub(crate) fn run() -> Result<(), Failure> {
    let found = chainrule_tidy::violations(&process::root())
        .map_err(|error| Failure::Unusable(format!("tidy: {error}")))?;
    for violation in &found {
        eprintln!("{violation}");
    }
    match found.len() {
        0 => Ok(()),
        n => Err(Failure::Check(format!("rules are broken in {n} places, see above"))),
    }
}
