//! Python environments under target/, each with what its `requirements.txt` says and nothing else.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{failure::Failure, process};

/// The libraries that derivatives and speed are compared with.
pub(crate) const PEERS: Environment =
    Environment { name: "peers", requirements: "benches/peers/requirements.txt" };

/// The programs that read our files.
pub(crate) const INTEROP: Environment =
    Environment { name: "interop", requirements: "tests/interop/requirements.txt" };

/// What builds, checks and tests the Python package.
pub(crate) const PACKAGE: Environment =
    Environment { name: "python", requirements: "crates/python/requirements.txt" };

/// A Python with certain packages.
#[derive(Debug)]
pub(crate) struct Environment {
    /// Its folder under target/.
    name: &'static str,
    /// The file that pins the packages.
    requirements: &'static str,
}

/// An interpreter that has the packages already, for those who do not want a second copy.
const OWN: &str = "CHAINRULE_PYTHON";

/// The interpreter of an environment; makes it where it is missing or out of date.
pub(crate) fn python(environment: &Environment) -> Result<PathBuf, Failure> {
    let Environment { name, requirements } = environment;
    if let Some(python) = env::var_os(OWN) {
        return Ok(python.into());
    }
    let folder = process::target().join(name);
    let wanted = fs::read_to_string(process::root().join(requirements))
        .map_err(|error| Failure::Unusable(format!("{requirements}: {error}")))?;
    let python = interpreter(&folder);
    if is_made(&folder, &wanted) {
        return Ok(python);
    }
    eprintln!("{name}: installing {} into {}", packages(&wanted).join(", "), folder.display());
    if wanted.contains("torch==") {
        eprintln!("{name}: some gigabytes on Linux, where PyTorch brings CUDA along");
    }
    eprintln!("{name}: set {OWN} to use your own Python");
    make(&folder, &python, requirements).map_err(|failure| by_hand(failure, requirements))?;
    fs::write(stamp(&folder), wanted)
        .map_err(|error| Failure::Unusable(format!("{}: {error}", stamp(&folder).display())))?;
    Ok(python)
}

fn make(folder: &Path, python: &Path, requirements: &str) -> Result<(), Failure> {
    // What the installers say goes to stderr, for stdout is the script's.
    let run = |command: &mut Command| process::run(command.stdout(Stdio::from(io::stderr())));
    run(Command::new(if cfg!(windows) { "python" } else { "python3" }).args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--requirement"];
    run(Command::new(python).args(pip).arg(process::root().join(requirements)))
}

/// That an installer fails is the machine's fault, and no failed check. Why, it has said itself.
fn by_hand(failure: Failure, requirements: &str) -> Failure {
    match failure {
        Failure::Check(cause) => Failure::Unusable(format!(
            "{cause}: see above (Debian has venv in the package python3-venv), or set {OWN} to a Python that has {requirements}"
        )),
        other => other,
    }
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// What was installed, written last: an interrupted installation has none.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("requirements.txt")
}

fn is_made(folder: &Path, wanted: &str) -> bool {
    interpreter(folder).exists() && fs::read_to_string(stamp(folder)).is_ok_and(|made| made == wanted)
}

fn packages(requirements: &str) -> Vec<&str> {
    requirements.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned() {
        for (Environment { requirements, .. }, one) in
            [(PEERS, "torch=="), (INTEROP, "torch=="), (PACKAGE, "maturin==")]
        {
            let text = fs::read_to_string(process::root().join(requirements)).unwrap();
            let packages = packages(&text);
            assert!(packages.iter().any(|package| package.starts_with(one)));
            for package in packages {
                assert!(
                    package.split_once("==").is_some_and(|(_, version)| !version.is_empty()),
                    "{package}"
                );
            }
        }
    }

    #[test]
    fn an_environment_without_its_stamp_is_made_again() {
        assert!(!is_made(Path::new("no/such/folder"), ""));
    }
}
