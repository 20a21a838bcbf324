//! The machine a run was on.

use std::fs;

use serde_json::{Value, json};

/// What is known of it.
pub(crate) fn machine() -> Value {
    json!({
        "processor": processor(),
        "cores": chainrule::tensor::available_threads(),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "blas": chainrule::tensor::blas::name(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// Its name where the system tells it in a file.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'))?.1;
    Some(name.trim().to_owned())
}
