//! A browser for the tests of the program's pages: Chromium, found or installed.
//!
//! Nothing else needs one, so a machine that cannot have it is told what to do, and its tests of pages are not run.

use std::{env, path::Path};

use super::{
    look,
    plan::{self, Machine, Plan},
};
use crate::{blas::Blas, failure::Failure, process};

/// Names under which Chromium, or Chrome, stands on the PATH.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Where macOS has them.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The browser's program: the one that `CHAINRULE_CHROMIUM` names, one that is here, or one that is installed now.
///
/// # Errors
/// If there is none and none can be had, [`Failure::Unusable`] with what to do.
pub(crate) fn run() -> Result<String, Failure> {
    if let Some(program) = find() {
        eprintln!("setup: ready ({program} is here)");
        return Ok(program);
    }
    match plan(&look(Blas::None)) {
        Plan::Ready => unreachable!("no browser is here"),
        Plan::Stuck(message) => Err(Failure::Unusable(message)),
        Plan::Install(installation) => {
            eprintln!("setup: Chromium missing, installing");
            installation.carry_out().map_err(|failure| installation.by_hand(failure, BY_HAND))?;
            find().ok_or_else(|| {
                Failure::Unusable(format!(
                    "`{}` succeeded, yet Chromium is not found: {BY_HAND}",
                    installation.words()
                ))
            })
        }
    }
}

/// The way out that is open everywhere.
const BY_HAND: &str =
    "install Chromium or Chrome your system's way, or name its program in CHAINRULE_CHROMIUM";

fn find() -> Option<String> {
    let named = env::var("CHAINRULE_CHROMIUM").ok();
    let on_path = || PROGRAMS.into_iter().find(|program| process::on_path(program));
    let application = || APPLICATIONS.into_iter().find(|path| Path::new(path).is_file());
    named.or_else(|| on_path().or_else(application).map(str::to_owned))
}

/// What to do on a machine without a browser.
fn plan(machine: &Machine) -> Plan {
    let on_windows =
        "the pages are tested on Linux and macOS: the tests drive the browser through Unix pipes";
    plan::extra(machine, "Chromium", |manager| manager.chromium, BY_HAND, on_windows)
}

#[cfg(test)]
mod tests {
    use super::super::plan::{
        BREW, Os,
        tests::{USER, is_stuck_on},
    };
    use super::*;

    #[track_caller]
    fn installs(machine: &Machine) -> String {
        match plan(machine) {
            Plan::Install(installation) => installation.words(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn chromium_is_installed_as_openblas_is() {
        assert!(installs(&USER).starts_with("sudo env DEBIAN_FRONTEND=noninteractive apt-get"));
        assert!(installs(&Machine { root: true, ..USER }).ends_with("--no-install-recommends chromium"));
        let mac = Machine { os: Os::MacOs, manager: Some(BREW), ..USER };
        assert_eq!(installs(&mac), "brew install --cask google-chrome");
    }

    #[test]
    fn where_it_cannot_be_had_the_message_says_what_to_do() {
        is_stuck_on(plan, "CHAINRULE_CHROMIUM", "Linux");
    }
}
