//! MPI and libclang, found or installed: what the feature `mpi` is built with.

use std::{env, fs, path::Path, process::Command};

use super::{
    look,
    plan::{self, Machine, Plan},
    succeeds,
};
use crate::{blas::Blas, failure::Failure, process};

/// Makes the machine ready to build with MPI, and to start ranks.
///
/// # Errors
/// If it lacks something that cannot be had, [`Failure::Unusable`] with what to do.
pub(crate) fn run() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        eprintln!("setup: ready (MPI and libclang are here)");
        return Ok(());
    }
    match plan(&look(Blas::None), &missing) {
        Plan::Ready => unreachable!("something is missing"),
        Plan::Stuck(message) => Err(Failure::Unusable(message)),
        Plan::Install(installation) => {
            eprintln!("setup: {} missing, installing", missing.join(" and "));
            installation.carry_out().map_err(|failure| installation.by_hand(failure, BY_HAND))?;
            match self::missing().as_slice() {
                [] => Ok(()),
                still => Err(Failure::Unusable(format!(
                    "`{}` succeeded, yet {} is still not found: {BY_HAND}",
                    installation.words(),
                    still.join(" and ")
                ))),
            }
        }
    }
}

/// The way out that is open everywhere.
const BY_HAND: &str = "install Open MPI or MPICH with its development files and libclang your system's way, or load the modules of your cluster";

/// What of it is not here.
fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !(process::on_path("mpirun")
        && process::on_path("mpicc")
        && succeeds(Command::new("mpicc").arg("-show")))
    {
        missing.push("MPI");
    }
    if !has_libclang() {
        missing.push("libclang");
    }
    missing
}

/// Where bindgen looks: LIBCLANG_PATH, what llvm-config says, and the usual folders.
fn has_libclang() -> bool {
    let holds = |folder: &Path| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.file_name());
        names.into_iter().any(|name| {
            let name = name.to_string_lossy().into_owned();
            name.starts_with("libclang")
                && (name.contains(".so") || name.contains(".dylib"))
                && !name.contains("cpp")
        })
    };
    let of_llvm = process::read(Command::new("llvm-config").arg("--libdir")).ok();
    let named = env::var("LIBCLANG_PATH").ok();
    let usual = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let of_packages = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let of_packages =
        of_packages.filter(|path| path.to_string_lossy().contains("llvm")).map(|path| path.join("lib"));
    let brew = ["/opt/homebrew/opt/llvm/lib", "/Library/Developer/CommandLineTools/usr/lib"];
    named.iter().chain(&of_llvm).any(|folder| holds(Path::new(folder.trim())))
        || usual.into_iter().chain(brew).any(|folder| holds(Path::new(folder)))
        || of_packages.into_iter().any(|folder| holds(&folder))
}

/// What to do on a machine that lacks some of it.
fn plan(machine: &Machine, missing: &[&str]) -> Plan {
    let on_windows = "ranks are joined by MPI on Linux and macOS: train in one process here";
    plan::extra(machine, &missing.join(" and "), |manager| manager.mpi, BY_HAND, on_windows)
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{USER, is_stuck_on};
    use super::*;

    #[test]
    fn mpi_is_installed_as_openblas_is() {
        let Plan::Install(installation) = plan(&USER, &["MPI", "libclang"]) else { panic!("no plan") };
        let words = installation.words();
        assert!(words.starts_with("sudo env DEBIAN_FRONTEND=noninteractive apt-get"), "{words}");
        assert!(words.ends_with("openmpi-bin libopenmpi-dev libclang-dev"), "{words}");
    }

    #[test]
    fn where_it_cannot_be_had_the_message_says_what_to_do() {
        is_stuck_on(|machine| plan(machine, &["MPI"]), "modules of your cluster", "one process");
    }
}
