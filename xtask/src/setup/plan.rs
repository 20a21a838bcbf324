//! What `setup` would do on a given machine: a pure function, so that machines we do not have can be tested.

use crate::blas::Blas;

/// The way out that is open everywhere; ends every message about a machine that has no OpenBLAS.
pub(super) const WITHOUT_BLAS: &str =
    "do without BLAS: `cargo run --release -p chainrule-cli --no-default-features --bin chainrule -- train`";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "macOS is a name")]
pub(super) enum Os {
    Linux,
    MacOs,
    Windows,
    Other,
}

/// A package manager that we know how to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) program: &'static str,
    install: &'static str,
    /// Brings the lists of packages up to date; `None` if it does so by itself.
    refresh: Option<&'static str>,
    openblas: &'static str,
    /// None from Homebrew: it comes with Xcode, see `plan`.
    linker: &'static str,
    pub(super) chromium: &'static str,
    pub(super) mpi: &'static str,
    /// Homebrew refuses to run as root; the others demand it.
    wants_root: bool,
}

pub(super) const APT: &Manager = &Manager {
    program: "apt-get",
    // The timeout waits for another apt-get, such as a fresh machine's unattended upgrade.
    install: "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends",
    refresh: Some("apt-get update"),
    openblas: "libopenblas-dev pkg-config",
    linker: "gcc libc6-dev",
    chromium: "chromium",
    mpi: "openmpi-bin libopenmpi-dev libclang-dev",
    wants_root: true,
};

const DNF: &Manager = &Manager {
    program: "dnf",
    install: "dnf install -y",
    refresh: None,
    openblas: "openblas-devel pkgconf-pkg-config",
    linker: "gcc",
    chromium: "chromium",
    mpi: "openmpi-devel clang-devel",
    wants_root: true,
};

const PACMAN: &Manager = &Manager {
    program: "pacman",
    install: "pacman -S --needed --noconfirm",
    refresh: Some("pacman -Sy --noconfirm"),
    openblas: "openblas pkgconf",
    linker: "gcc",
    chromium: "chromium",
    mpi: "openmpi clang",
    wants_root: true,
};

pub(super) const BREW: &Manager = &Manager {
    program: "brew",
    install: "brew install",
    refresh: None,
    // libomp, because openblas-src asks brew for its prefix too.
    openblas: "openblas libomp pkgconf",
    linker: "",
    chromium: "--cask google-chrome",
    mpi: "open-mpi llvm",
    wants_root: false,
};

pub(super) const MANAGERS: [&Manager; 4] = [APT, DNF, PACMAN, BREW];

/// All that the decision depends on.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "these are independent findings, not states of one thing")]
pub(super) struct Machine {
    pub(super) os: Os,
    /// The build will find OpenBLAS.
    pub(super) openblas: bool,
    /// There is a `cc` to link with.
    pub(super) linker: bool,
    pub(super) manager: Option<&'static Manager>,
    /// The package manager has its lists of packages.
    pub(super) lists: bool,
    pub(super) root: bool,
    pub(super) sudo: bool,
}

impl Machine {
    /// In words, what the build would lack.
    pub(super) fn missing(&self, blas: Blas) -> &'static str {
        match (self.lacks_openblas(blas), self.linker) {
            (true, true) => "OpenBLAS",
            (true, false) => "OpenBLAS and the linker `cc`",
            (false, _) => "the linker `cc`",
        }
    }

    fn lacks_openblas(&self, blas: Blas) -> bool {
        blas == Blas::OpenBlas && !self.openblas
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Ready,
    Install(Installation),
    /// Nothing that we can do: cause and cure for the user.
    Stuck(String),
}

/// The commands that bring what is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Installation {
    /// Brings the package lists up to date.
    pub(super) refresh: Option<Vec<String>>,
    /// There are no lists at all: without a refresh the installation is bound to fail.
    pub(super) refresh_first: bool,
    pub(super) install: Vec<String>,
}

/// In words, what a build with this source of BLAS has.
pub(super) const fn found(blas: Blas) -> &'static str {
    match blas {
        Blas::OpenBlas => "OpenBLAS and a linker are here",
        Blas::Accelerate => "Accelerate is part of macOS, and a linker is here",
        Blas::None => "no BLAS wanted, and a linker is here",
    }
}

pub(super) fn plan(blas: Blas, machine: &Machine) -> Plan {
    let lacks_openblas = machine.lacks_openblas(blas);
    if !lacks_openblas && machine.linker {
        return Plan::Ready;
    }
    let missing = machine.missing(blas);
    match (machine.os, machine.manager) {
        (Os::Windows, _) => Plan::Stuck(format!(
            "{missing} missing, and Windows has no package manager to ask for it: run `vcpkg install \
             openblas:x64-windows` and set VCPKG_ROOT, or {WITHOUT_BLAS}"
        )),
        (Os::MacOs, _) if !machine.linker => {
            Plan::Stuck("the linker `cc` is missing: run `xcode-select --install`".to_owned())
        }
        (_, Some(manager)) => {
            let openblas = if lacks_openblas { manager.openblas } else { "" };
            let linker = if machine.linker { "" } else { manager.linker };
            install(manager, &format!("{openblas} {linker}"), machine, (missing, WITHOUT_BLAS))
        }
        (_, None) => Plan::Stuck(format!(
            "{missing} missing, and none of apt-get, dnf, pacman and brew is on the PATH: install a C \
             compiler, OpenBLAS's development files and pkg-config your system's way, or {WITHOUT_BLAS}"
        )),
    }
}

/// What to do on a machine that lacks something beside the BLAS, which `packages` bring; `way_out` is for those who may not
/// install, and Windows is told why it goes without.
pub(super) fn extra(
    machine: &Machine,
    missing: &str,
    packages: fn(&'static Manager) -> &'static str,
    way_out: &str,
    on_windows: &str,
) -> Plan {
    match (machine.os, machine.manager) {
        (Os::Windows, _) => Plan::Stuck(on_windows.to_owned()),
        (_, Some(manager)) => install(manager, packages(manager), machine, (missing, way_out)),
        (_, None) => Plan::Stuck(format!(
            "{missing} missing, and none of apt-get, dnf, pacman and brew is on the PATH: {way_out}"
        )),
    }
}

/// How the manager brings these packages, for want of `missing`; `way_out` is for those who may not install.
fn install(manager: &Manager, packages: &str, machine: &Machine, (missing, way_out): (&str, &str)) -> Plan {
    let install = format!("{} {packages}", manager.install);
    let privileged = !manager.wants_root || machine.root;
    if !privileged && !machine.sudo {
        return Plan::Stuck(format!(
            "{missing} missing, and only root may install it (there is no sudo): as root, run `{}`, or \
             {way_out}",
            install.trim()
        ));
    }
    let sudo = (!privileged).then_some("sudo");
    let owned = |words: &str| sudo.into_iter().chain(words.split_whitespace()).map(str::to_owned).collect();
    Plan::Install(Installation {
        refresh: manager.refresh.map(owned),
        refresh_first: manager.refresh.is_some() && !machine.lists,
        install: owned(&install),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A fresh Debian container: root, a compiler, apt-get without lists, nothing else.
    const FRESH_DEBIAN: Machine = Machine {
        os: Os::Linux,
        openblas: false,
        linker: true,
        manager: Some(APT),
        lists: false,
        root: true,
        sudo: false,
    };

    /// A user of such a machine who may call sudo, and has all that the build needs.
    pub(in crate::setup) const USER: Machine =
        Machine { openblas: true, lists: true, root: false, sudo: true, ..FRESH_DEBIAN };

    /// Machines on which nothing but the build's own needs can be had, and what they have in common.
    #[track_caller]
    pub(in crate::setup) fn is_stuck_on(plan: impl Fn(&Machine) -> Plan, cure: &str, on_windows: &str) {
        for machine in [
            Machine { manager: None, ..USER },
            Machine { sudo: false, ..USER },
            Machine { os: Os::Windows, manager: None, ..USER },
        ] {
            let Plan::Stuck(message) = plan(&machine) else { panic!("{machine:?}") };
            let cure = if machine.os == Os::Windows { on_windows } else { cure };
            assert!(message.contains(cure) && !message.contains('\n'), "{message}");
        }
    }

    #[track_caller]
    fn installs(machine: &Machine) -> (Option<String>, bool, String) {
        match plan(Blas::OpenBlas, machine) {
            Plan::Install(Installation { refresh, refresh_first, install }) => {
                (refresh.map(|words| words.join(" ")), refresh_first, install.join(" "))
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn is_stuck(machine: &Machine, cure: &str) {
        match plan(Blas::OpenBlas, machine) {
            Plan::Stuck(message) => {
                assert!(message.contains(cure), "{message}");
                assert!(!message.contains('\n'), "one line, please: {message}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_machine_that_has_all_is_left_alone() {
        let machine = Machine { openblas: true, ..FRESH_DEBIAN };
        assert_eq!(plan(Blas::OpenBlas, &machine), Plan::Ready);
    }

    #[test]
    fn a_fresh_debian_is_updated_first_and_needs_no_sudo() {
        let (refresh, refresh_first, install) = installs(&FRESH_DEBIAN);
        assert_eq!(refresh.as_deref(), Some("apt-get update"));
        assert!(refresh_first);
        assert!(install.starts_with("env DEBIAN_FRONTEND=noninteractive apt-get"), "{install}");
        assert!(
            install.ends_with("install -y --no-install-recommends libopenblas-dev pkg-config"),
            "{install}"
        );
    }

    #[test]
    fn lists_that_are_there_are_tried_before_they_are_refreshed() {
        let (refresh, refresh_first, _) = installs(&Machine { lists: true, ..FRESH_DEBIAN });
        assert!(refresh.is_some() && !refresh_first);
    }

    #[test]
    fn sudo_is_used_only_by_those_who_need_it_and_have_it() {
        let user = Machine { root: false, sudo: true, ..FRESH_DEBIAN };
        let (refresh, _, install) = installs(&user);
        assert_eq!(refresh.as_deref(), Some("sudo apt-get update"));
        assert!(install.starts_with("sudo env DEBIAN_FRONTEND"), "{install}");

        let powerless = Machine { sudo: false, ..user.clone() };
        is_stuck(&powerless, "as root, run `env DEBIAN_FRONTEND=noninteractive apt-get");
        is_stuck(&powerless, "--no-default-features");

        let root_with_sudo = Machine { sudo: true, ..FRESH_DEBIAN };
        assert!(!installs(&root_with_sudo).2.contains("sudo"));
    }

    #[test]
    fn every_manager_is_asked_in_its_own_words() {
        let on = |manager: &'static Manager| {
            installs(&Machine { manager: Some(manager), lists: true, ..FRESH_DEBIAN }).2
        };
        assert_eq!(on(DNF), "dnf install -y openblas-devel pkgconf-pkg-config");
        assert_eq!(on(PACMAN), "pacman -S --needed --noconfirm openblas pkgconf");
    }

    #[test]
    fn homebrew_runs_as_the_user() {
        let mac = Machine {
            os: Os::MacOs,
            manager: Some(BREW),
            root: false,
            sudo: true,
            lists: true,
            ..FRESH_DEBIAN
        };
        assert_eq!(installs(&mac), (None, false, "brew install openblas libomp pkgconf".to_owned()));
    }

    #[test]
    fn accelerate_and_pure_rust_need_only_a_linker() {
        for blas in [Blas::Accelerate, Blas::None] {
            assert_eq!(plan(blas, &FRESH_DEBIAN), Plan::Ready);
        }
        let without_linker = Machine { linker: false, ..FRESH_DEBIAN };
        assert!(matches!(plan(Blas::None, &without_linker), Plan::Install(Installation { install, .. })
            if install.ends_with(&["gcc".to_owned(), "libc6-dev".to_owned()])));
    }

    #[test]
    fn where_nothing_can_be_installed_the_message_says_what_to_do() {
        is_stuck(&Machine { manager: None, ..FRESH_DEBIAN }, "install a C compiler");
        is_stuck(&Machine { manager: None, ..FRESH_DEBIAN }, "--no-default-features");
        is_stuck(&Machine { os: Os::Windows, manager: None, ..FRESH_DEBIAN }, "vcpkg install openblas");
        is_stuck(&Machine { os: Os::Windows, manager: None, ..FRESH_DEBIAN }, "--no-default-features");
        is_stuck(&Machine { os: Os::MacOs, linker: false, ..FRESH_DEBIAN }, "xcode-select --install");
    }
}
