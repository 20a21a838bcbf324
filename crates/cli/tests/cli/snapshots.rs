//! A resumed run is the run that was interrupted: its settings, its checkpoints, its records.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::resume::{checkpoints, whole};
use crate::run_data::metrics;
use crate::{chainrule, refused, run, stderr};

/// Trains to the end.
fn train(folder: &Path, arguments: &[&str]) {
    let output = run(folder, &[&["train", "-q"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
}

/// Starts a run and kills it as soon as it has a checkpoint that `is_enough`.
fn kill_after(folder: &Path, arguments: &[&str], is_enough: impl Fn() -> bool) {
    let mut child =
        chainrule(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !is_enough() {
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_checkpoints_of_another_run_are_neither_resumed_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let first = ["--data", "moons", "--layers", "8", "--lr", "0.01", "--checkpoint-every", "20"];
    train(here, &[&first[..], &["--epochs", "30", "--out", "torn"]].concat());
    let old: Vec<_> = checkpoints(here).iter().map(|path| fs::read(path).unwrap()).collect();
    for file in fs::read_dir(here.join("torn")).unwrap().map(|file| file.unwrap().path()) {
        if file.is_file() {
            fs::remove_file(file).unwrap();
        }
    }
    let second = ["--data", "moons", "--layers", "8", "--lr", "0.0001", "--seed", "9", "--epochs", "8"];
    train(here, &[&second[..], &["--out", "alone"]].concat());
    let begun = ["train", "--checkpoint-every", "20", "--out", "torn"];
    kill_after(here, &[&begun[..], &second].concat(), || {
        here.join("torn/checkpoints.1").exists() && !checkpoints(here).is_empty()
    });
    let aside = fs::read_dir(here.join("torn/checkpoints.1")).unwrap().map(|file| file.unwrap().path());
    let mut aside: Vec<_> = aside.filter(|path| path.to_string_lossy().contains("step-")).collect();
    aside.sort();
    assert_eq!(aside.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), old);
    // Nor where they lie among the run's own.
    for path in &aside {
        fs::copy(path, here.join("torn/checkpoints").join(path.file_name().unwrap())).unwrap();
    }
    let output = run(here, &["train", "--resume", "torn"]);
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("snapshot of a run with `lr = 0.01`, not with `lr = 0.0001`"), "{text}");
    let read = |name: &str| fs::read(here.join(name).join("last.safetensors")).unwrap();
    assert!(read("torn") == read("alone"));
    for path in &aside {
        assert!(here.join("torn/checkpoints").join(path.file_name().unwrap()).exists());
    }
}

#[test]
fn a_changed_setting_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    whole(here);
    let config = here.join("whole/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    for (line, changed) in [
        ("lr = 0.02", "lr = 0.03"),
        ("# clip-norm =", "clip-norm = 1"),
        ("validation = 0.2", "validation = 0.3"),
        ("optimizer = \"adam\"", "optimizer = \"adamw\""),
    ] {
        let number = text.lines().position(|found| found == line).expect(line) + 1;
        fs::write(&config, text.replace(line, changed)).unwrap();
        let told = changed.replace('"', "");
        refused(here, &["train", "--resume", "whole"], &[&format!("config.toml, line {number}"), &told]);
        // The line stays for its owner to correct.
        assert!(fs::read_to_string(&config).unwrap().contains(changed));
    }
    // The number of epochs may change, and it is said.
    fs::write(&config, text.replace("epochs = 6", "epochs = 7")).unwrap();
    let output = run(here, &["train", "--resume", "whole"]);
    assert!(output.status.success());
    assert!(stderr(&output).contains("changed after the run wrote it: the run continues with epochs = 7"));
    // Without a checkpoint, nothing shows what it was.
    fs::remove_dir_all(here.join("whole/checkpoints")).unwrap();
    fs::write(&config, text.replace("lr = 0.02", "lr = 0.03")).unwrap();
    refused(here, &["train", "--resume", "whole"], &["config.toml", "changed", "no checkpoint"]);
}

#[test]
fn damaged_lines_of_the_record_are_kept_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    whole(here);
    let path = here.join("whole/metrics.jsonl");
    let before = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = before.split_inclusive(|&byte| byte == b'\n').collect();
    let mut damaged = before.clone();
    damaged[lines[0].len() + 5] = 0xff;
    fs::write(&path, &damaged).unwrap();
    let output = run(here, &["train", "--resume", "whole", "--epochs", "7"]);
    assert!(output.status.success());
    let text = stderr(&output);
    assert!(text.contains("metrics.jsonl, line 2: damaged") && text.contains("jsonl.damaged"), "{text}");
    let aside = fs::read(here.join("whole/metrics.jsonl.damaged")).unwrap();
    assert_eq!(aside, damaged[lines[0].len()..lines[0].len() + lines[1].len()]);
    let after = fs::read(&path).unwrap();
    let kept = [lines[0], &lines[2..].concat()].concat();
    assert!(after.starts_with(&kept) && after.len() > kept.len());
}

#[test]
fn a_record_is_the_same_wherever_the_run_was_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Each step of L-BFGS is an epoch.
    let lbfgs = ["--data", "moons", "--layers", "8", "--optimizer", "lbfgs", "--validation", "0.2"];
    train(here, &[&lbfgs[..], &["--epochs", "40", "--out", "whole"]].concat());
    let mut child = chainrule(here)
        .args(["train", "-q", "--epochs", "100000", "--out", "torn"])
        .args(lbfgs)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !here.join("torn/metrics.jsonl").exists() {
        sleep(Duration::from_millis(1));
    }
    sleep(Duration::from_millis(5));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let config = here.join("torn/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let done = metrics(here, "torn").len().max(40);
    fs::write(&config, text.replace("epochs = 100000", &format!("epochs = {done}"))).unwrap();
    train(here, &["--resume", "torn"]);
    let (torn, whole) = (metrics(here, "torn"), metrics(here, "whole"));
    assert_eq!(torn[..40], whole[..]);
    for line in torn {
        assert!(!line["gradient_norm"].as_object().unwrap().is_empty(), "{line}");
    }
    // A checkpoint after every step has one after the last of an epoch too.
    // Under one cycle the rates depend on the number of epochs.
    let short = [
        "--data",
        "moons",
        "--layers",
        "4",
        "--batch",
        "400",
        "--log-every",
        "7",
        "--seed",
        "3",
        "--lr",
        "0.001",
    ];
    train(here, &[&short[..], &["--epochs", "4", "--out", "a"]].concat());
    for steps in 1..12 {
        let _ = fs::remove_dir_all(here.join("torn"));
        let begun = ["train", "--checkpoint-every", "1", "--epochs", "100000", "--out", "torn"];
        kill_after(here, &[&begun[..], &short].concat(), || {
            checkpoints(here)
                .last()
                .is_some_and(|path| !path.ends_with(format!("step-{steps:010}.safetensors")))
        });
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replace("epochs = 100000", "epochs = 4")).unwrap();
        let output = run(here, &["train", "-q", "--resume", "torn"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let (torn, whole) = (metrics(here, "torn"), metrics(here, "a"));
        assert_eq!(torn[..whole.len()], whole[..], "from step {steps}");
    }
}
