//! The machine a run is on.

use std::fs;

use chainrule::tensor::{available_threads, blas};
use chainrule_report::results::Machine;

/// This machine, with the program's version.
pub(crate) fn machine() -> Machine {
    Machine {
        processor: processor(),
        cores: available_threads(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        blas: blas::name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The name of the processor, where the system tells it in a file.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?.1;
    Some(name.trim().to_owned())
}
