//! The pages that the program writes, in a real browser.
//!
//! `cargo xtask test` runs these tests; by hand `cargo test -p chainrule-cli --test browser -- --ignored`, with
//! `CHAINRULE_CHROMIUM` where the browser has another name than `chromium`. With `CHAINRULE_SCREENSHOTS=FOLDER` they leave
//! pictures of what they saw.
#![cfg(unix)]

mod chromium;
mod explain;
mod labels;
mod magnitudes;
mod names;
mod report;
mod tables;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs the program in `folder`, and reads the one JSON object on stdout.
fn chainrule(folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_chainrule"))
        .current_dir(folder)
        .env_remove("CHAINRULE_DATA")
        .args(arguments)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

/// Where pictures are wanted.
fn screenshot(name: &str) -> Option<PathBuf> {
    Some(Path::new(&std::env::var_os("CHAINRULE_SCREENSHOTS")?).join(name))
}
