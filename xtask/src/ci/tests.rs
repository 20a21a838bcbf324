//! The matrix in `ci.rs` against the workflow, the workflow against GitHub's schema.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};

use super::*;

fn workflow() -> Value {
    let yaml = fs::read_to_string(process::root().join(".github/workflows/ci.yml")).expect("the workflow");
    yaml_serde::from_str(&yaml).expect("the workflow is YAML")
}

fn schema() -> jsonschema::Validator {
    let schema =
        fs::read_to_string(process::root().join("xtask/schemas/github-workflow.json")).expect("the schema");
    let schema = serde_json::from_str(&schema).expect("the schema is JSON");
    jsonschema::draft7::new(&schema).expect("the schema is a schema")
}

fn complaints(workflow: &Value) -> Vec<String> {
    schema().iter_errors(workflow).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn runner(system: System) -> &'static str {
    match system {
        System::LinuxX86 => "ubuntu-24.04",
        System::LinuxArm => "ubuntu-24.04-arm",
        System::MacOs => "macos-15",
        System::Windows => "windows-2025",
    }
}

#[test]
fn the_workflow_holds_exactly_these_cells() {
    let row = |cell: String, runner: &str, toolchain: &str| format!("{cell} on {runner} with {toolchain}");
    let all = CELLS.iter().map(|cell| (cell.name(), cell)).chain([(MPI.0.to_owned(), MPI.1)]);
    let ours: BTreeSet<String> = all.map(|(name, cell)| row(name, runner(cell.0), cell.2.rustup())).collect();
    let theirs: BTreeSet<String> = workflow()["jobs"]["cell"]["strategy"]["matrix"]["include"]
        .as_array()
        .expect("a matrix of rows")
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("no text {key} in {line}"));
            row(text("cell").to_owned(), text("runner"), text("toolchain"))
        })
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), CELLS.len() + 1, "two cells of one name");
}

#[test]
fn the_workflow_checks_nothing_that_xtask_does_not() {
    let workflow = workflow();
    let steps = workflow["jobs"]["cell"]["steps"].as_array().expect("steps");
    let runs: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(runs.last(), Some(&"cargo xtask ci --cell ${{ matrix.cell }}"));
    for run in &runs[..runs.len() - 1] {
        assert!(run.starts_with("rustup toolchain install "), "belongs into a cell: {run}");
    }
}

#[test]
fn the_workflow_is_valid_for_github() {
    assert_eq!(complaints(&workflow()), Vec::<String>::new());
}

#[test]
fn a_broken_workflow_is_not() {
    let mut without_runner = workflow();
    without_runner["jobs"]["cell"].as_object_mut().expect("a job").remove("runs-on");
    let mut unknown_trigger = workflow();
    unknown_trigger["on"] = json!({ "pushed": {} });
    let mut steps_of_text = workflow();
    steps_of_text["jobs"]["cell"]["steps"] = json!("cargo xtask test");
    for broken in [without_runner, unknown_trigger, steps_of_text] {
        assert_ne!(complaints(&broken), Vec::<String>::new(), "{broken}");
    }
}

#[test]
fn the_msrv_is_the_workspaces() {
    let manifest = fs::read_to_string(process::root().join("Cargo.toml")).expect("the manifest");
    let declared =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a rust-version");
    assert_eq!(format!("{}.0", declared.trim_matches('"')), MSRV);
}

#[test]
fn all_three_axes_are_covered() {
    for system in [System::LinuxX86, System::LinuxArm, System::MacOs, System::Windows] {
        assert!(CELLS.iter().any(|cell| cell.0 == system), "{system:?}");
    }
    for blas in [Blas::OpenBlas, Blas::Accelerate, Blas::None] {
        assert!(CELLS.iter().any(|cell| cell.1 == blas), "{blas:?}");
    }
    for toolchain in [Toolchain::Msrv, Toolchain::Stable, Toolchain::Beta] {
        assert!(CELLS.iter().any(|cell| cell.2 == toolchain), "{toolchain:?}");
    }
}

#[test]
fn another_system_is_refused_in_one_line() {
    let refused = require_system("some-cell", System::MacOs, ("linux", "x86_64"));
    assert!(matches!(refused, Err(Failure::Unusable(line)) if line.contains("macos-arm64")));
    assert!(require_system("some-cell", System::LinuxArm, ("linux", "aarch64")).is_ok());
}

#[test]
fn a_missing_toolchain_is_named_with_the_command_that_installs_it() {
    let installed = "stable-x86_64-unknown-linux-gnu (active, default)\n1.95.0-x86_64-unknown-linux-gnu\n";
    assert!(require_toolchain("stable", installed).is_ok());
    assert!(require_toolchain("1.95.0", installed).is_ok());
    assert!(require_toolchain("1.95", installed).is_err(), "a prefix is another toolchain");
    let refused = require_toolchain("beta", installed);
    assert!(
        matches!(refused, Err(Failure::Unusable(line)) if line.contains("`rustup toolchain install beta`"))
    );
}
