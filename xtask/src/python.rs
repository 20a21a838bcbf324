//! `cargo xtask python`: the Python package in crates/python, as a wheel in an environment of its own, with its checks and tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::Failure,
    peers::{self, PACKAGE},
    process,
};

const FOLDER: &str = "crates/python";

/// The most bytes of a wheel.
const LARGEST: u64 = 15_000_000;

pub(crate) fn run() -> Result<(), Failure> {
    let (python, folder) = (peers::python(&PACKAGE)?, process::root().join(FOLDER));
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&folder).env("CARGO_TARGET_DIR", process::target()).env_remove("PYTHONPATH");
        command
    };
    let tool = |args: &[&str]| process::run(command(&python).arg("-m").args(args));

    let mut clippy = process::cargo();
    clippy.current_dir(&folder).args(["clippy", "--locked", "--target-dir"]).arg(process::target());
    process::run(clippy.args(["--", "-D", "warnings"]))?;

    let wheels = process::target().join("wheels");
    let made = wheels.to_string_lossy();
    tool(&["maturin", "build", "--release", "--locked", "--out", &made])?;
    let wheel = newest(&wheels)?;
    let size = fs::metadata(&wheel).map_or(0, |file| file.len());
    eprintln!("{}: {size} bytes", wheel.display());
    if size > LARGEST {
        return Err(Failure::Check(format!("the wheel has more than {LARGEST} bytes")));
    }
    let path = wheel.to_string_lossy();
    if cfg!(target_os = "linux") {
        let shown = process::read(command(&python).args(["-m", "auditwheel", "show"]).arg(&wheel))?;
        eprintln!("{shown}");
        if !shown.contains("manylinux_") || !path.contains("manylinux_") {
            return Err(Failure::Check(format!("{path} is not for manylinux: see what it links above")));
        }
    }
    tool(&["pip", "install", "--disable-pip-version-check", "--force-reinstall", "--no-deps", &path])?;
    tool(&["mypy"])?;
    tool(&["pytest", "-q"])
}

/// The wheel that was built last.
fn newest(folder: &Path) -> Result<PathBuf, Failure> {
    let missing = || Failure::Check(format!("no wheel in {}", folder.display()));
    let files = fs::read_dir(folder).map_err(|_| missing())?.filter_map(Result::ok).map(|file| file.path());
    let wheels = files.filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheels.max_by_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The package is no member of the workspace, so that it cannot inherit them.
    #[test]
    fn the_package_has_the_version_of_the_workspace() {
        let read = |path: &str| fs::read_to_string(process::root().join(path)).unwrap();
        let (ours, package) = (read("Cargo.toml"), read("crates/python/Cargo.toml"));
        for key in ["version = ", "edition = ", "rust-version = ", "license = "] {
            let line = |text: &str| text.lines().find(|line| line.starts_with(key)).map(str::to_owned);
            assert_eq!(line(&ours), line(&package), "{key}");
        }
    }
}
