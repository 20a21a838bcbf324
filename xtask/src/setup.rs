//! `cargo xtask setup`: finds OpenBLAS, or installs it. The browser of the tests, and MPI, have files of their own.
//!
//! What to do is decided by a pure function in `setup/plan.rs`; this file only looks at the machine and
//! carries the plan out.

pub(crate) mod browser;
pub(crate) mod mpi;
mod plan;

use std::{
    env, fs, io,
    path::Path,
    process::{Command, Stdio},
};

use crate::{blas::Blas, failure::Failure, process};
use plan::{Installation, MANAGERS, Machine, Manager, Os, Plan};

/// Makes the machine ready to build with this source of BLAS; one line and no wait when it is.
pub(crate) fn run(blas: Blas) -> Result<(), Failure> {
    let before = look(blas);
    match plan::plan(blas, &before) {
        Plan::Ready => {
            eprintln!("setup: ready ({})", plan::found(blas));
            Ok(())
        }
        Plan::Stuck(message) => Err(Failure::Unusable(message)),
        Plan::Install(installation) => {
            eprintln!("setup: {} missing, installing", before.missing(blas));
            installation.carry_out().map_err(|failure| installation.by_hand(failure, plan::WITHOUT_BLAS))?;
            verify(blas, &installation)
        }
    }
}

impl Installation {
    fn carry_out(&self) -> Result<(), Failure> {
        let Self { refresh, refresh_first, install } = self;
        let Some(refresh) = refresh else { return execute(install) };
        if *refresh_first {
            execute(refresh)?;
            return execute(install);
        }
        match execute(install) {
            // Lists that are there may still be too old to name a package as the server has it.
            Err(Failure::Check(_)) => execute(refresh).and_then(|()| execute(install)),
            outcome => outcome,
        }
    }

    /// The command as one would type it.
    fn words(&self) -> String {
        self.install.join(" ")
    }

    /// That an installer fails is the machine's fault, and no failed check. Why, it has said itself.
    fn by_hand(&self, failure: Failure, way_out: &str) -> Failure {
        match failure {
            Failure::Check(_) => Failure::Unusable(format!(
                "the installation failed, see above: get `{}` to work, or {way_out}",
                self.words()
            )),
            other => other,
        }
    }
}

fn execute(words: &[String]) -> Result<(), Failure> {
    let mut command = Command::new(&words[0]);
    // The package manager's chatter goes to stderr, for stdout is the trained program's.
    process::run(command.args(&words[1..]).stdout(Stdio::from(io::stderr())))
}

fn verify(blas: Blas, installation: &Installation) -> Result<(), Failure> {
    let after = look(blas);
    if matches!(plan::plan(blas, &after), Plan::Ready) {
        eprintln!("setup: ready ({})", plan::found(blas));
        return Ok(());
    }
    let cause =
        format!("`{}` succeeded, yet {} is still not found", installation.words(), after.missing(blas));
    Err(Failure::Unusable(format!("{cause}: check PKG_CONFIG_PATH, or {}", plan::WITHOUT_BLAS)))
}

fn look(blas: Blas) -> Machine {
    let os = match env::consts::OS {
        "linux" => Os::Linux,
        "macos" => Os::MacOs,
        "windows" => Os::Windows,
        _ => Os::Other,
    };
    let manager = MANAGERS.into_iter().find(|manager| process::on_path(manager.program));
    Machine {
        os,
        openblas: blas == Blas::OpenBlas && finds_openblas(os),
        // On Windows the linker is found through the registry, not the PATH; and something has linked xtask
        // itself.
        linker: os == Os::Windows || process::on_path("cc"),
        manager,
        lists: manager.is_some_and(has_lists),
        root: os != Os::Windows && prints(Command::new("id").arg("-u"), "0"),
        sudo: process::on_path("sudo"),
    }
}

/// In the order in which openblas-src looks: pkg-config, then `-lopenblas` wherever the system's linker finds
/// it.
fn finds_openblas(os: Os) -> bool {
    let pkg_config = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    if succeeds(Command::new(pkg_config).args(["--exists", "openblas"])) {
        return true;
    }
    match os {
        Os::MacOs => ["/opt/homebrew", "/usr/local"]
            .iter()
            .any(|prefix| Path::new(prefix).join("opt/openblas/lib/libopenblas.dylib").exists()),
        Os::Windows => env::var("VCPKG_ROOT").is_ok_and(|root| vcpkg_has_openblas(Path::new(&root))),
        // Asked for a library, cc prints its path, or the bare name when it has none.
        Os::Linux | Os::Other => output(Command::new("cc").arg("-print-file-name=libopenblas.so"))
            .is_some_and(|path| Path::new(path.trim()).is_absolute()),
    }
}

fn vcpkg_has_openblas(root: &Path) -> bool {
    let Ok(triplets) = fs::read_dir(root.join("installed")) else { return false };
    triplets.flatten().any(|triplet| triplet.path().join("lib/openblas.lib").exists())
}

/// Whether the package manager knows any package: a fresh container image has been stripped of its lists.
fn has_lists(manager: &Manager) -> bool {
    let has = |dir: &str, part: &str| {
        fs::read_dir(dir).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains(part)))
        })
    };
    match manager.program {
        "apt-get" => has("/var/lib/apt/lists", "_Packages"),
        "pacman" => has("/var/lib/pacman/sync", ".db"),
        _ => true, // they fetch their lists by themselves
    }
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn prints(command: &mut Command, expected: &str) -> bool {
    output(command).is_some_and(|printed| printed.trim() == expected)
}
