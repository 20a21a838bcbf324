//! The packages of the workspace, by name and not by folder.

use chainrule_tidy::workspace;

pub(crate) use chainrule_tidy::workspace::Package;

use crate::{failure::Failure, process};

/// Every package.
pub(crate) fn packages() -> Result<Vec<Package>, Failure> {
    workspace::packages(&process::root())
        .map_err(|error| Failure::Unusable(format!("cargo metadata: {error}")))
}

/// The name of the package with this target.
pub(crate) fn package_with(kind: &str, name: &str) -> Result<String, Failure> {
    let found = packages()?.into_iter().find(|package| package.has(kind, name));
    found.map(|package| package.name).ok_or_else(|| {
        Failure::Unusable(format!("no package of the workspace has the {kind} `{name}`: correct it in xtask"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::{BENCH, EXPERIMENTS, PROGRAM};

    #[test]
    fn every_program_that_xtask_starts_exists() {
        let known = [("bin", PROGRAM), ("bin", "gradcheck"), ("test", "browser"), ("test", "mpi")];
        let bench = BENCH.map(|name| ("bin", name));
        let experiments = EXPERIMENTS.iter().map(|name| ("example", *name));
        for (kind, name) in known.into_iter().chain(bench).chain(experiments) {
            assert!(package_with(kind, name).is_ok(), "{kind} {name}");
        }
        assert!(package_with("bin", "no-such-program").is_err());
    }
}
