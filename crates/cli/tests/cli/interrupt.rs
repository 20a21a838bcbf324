#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{chainrule, json};

#[test]
fn ctrl_c_ends_the_run_and_keeps_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = chainrule(folder.path())
        .args(["train", "--epochs", "1000000", "--lr", "0.001", "--out", "."])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("epoch"));
    assert!(first.is_some(), "no epoch ended");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let last = lines.map(Result::unwrap).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(last.contains("interrupted in epoch") && last.contains("last.safetensors"), "{last}");
    assert!(
        json(folder.path(), &["evaluate", "last.safetensors", "--json"])["accuracy"].as_f64().unwrap() > 0.5
    );
}
