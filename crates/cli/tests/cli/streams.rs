//! Where nobody reads.
#![cfg(unix)]

use std::fs::File;
use std::io;
use std::process::Stdio;

use super::{chainrule, json, stderr};

/// A pipe whose reader has gone.
fn closed_pipe() -> Stdio {
    io::pipe().map(|(_, writer)| writer.into()).expect("there is a pipe")
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--data", "moons", "--layers", "3", "--epochs", "1", "--out", "run", "--json"]);
    let model = "run/last.safetensors";
    let commands: [&[&str]; 14] = [
        &["evaluate", model],
        &["evaluate", model, "--json"],
        &["inspect", model],
        &["inspect", model, "--json"],
        &["explain"],
        &["explain", model, "--json"],
        &["gradcheck", model, "--coordinates", "3"],
        &["curvature", model],
        &[
            "critical-points",
            "--data",
            "moons",
            "--layers",
            "1",
            "--examples",
            "20",
            "--points",
            "1",
            "--out",
            "c",
        ],
        &["report", "run"],
        &["train", "--data", "xor", "--layers", "2", "--epochs", "1"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
    ];
    for arguments in commands {
        let output = chainrule(here).args(arguments).stdout(closed_pipe()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_run_outlives_the_terminal_it_told_of_its_progress() {
    let folder = tempfile::tempdir().unwrap();
    let mut train = chainrule(folder.path());
    train.args(["train", "--data", "xor", "--layers", "2", "--epochs", "2", "--out", "run"]);
    let status = train.stdout(closed_pipe()).stderr(closed_pipe()).status().unwrap();
    assert!(status.success(), "{status}");
    assert!(folder.path().join("run/last.safetensors").is_file());
}

#[test]
fn a_full_disk_under_stdout_is_a_failure() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = chainrule(folder.path()).arg("explain").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot write to stdout"), "{}", stderr(&output));
}
