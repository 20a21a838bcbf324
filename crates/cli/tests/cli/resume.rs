//! A run that is interrupted in any way ends, once resumed, with the bits of one that never was.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use chainrule::tensor::Rng;

use crate::run_data::metrics;
use crate::run_folder::contents;
use crate::{chainrule, refused, run, stderr};

/// A short run with all that there is to lose: momentum, a plateau, dropout, early stopping.
const SHORT: &[&str] = &[
    "train",
    "--data",
    "moons",
    "--layers",
    "8",
    "--dropout",
    "0.1",
    "--batch",
    "32",
    "--optimizer",
    "adam",
    "--lr",
    "0.02",
    "--schedule",
    "plateau",
    "--validation",
    "0.2",
    "--checkpoint-every",
    "7",
    "--log-every",
    "5",
    "--threads",
    "1",
    "--patience",
    "4",
];
/// How many epochs it has, and how many where it shall not end by itself.
const EPOCHS: &[&str] = &["--epochs", "6"];
const ENDLESS: &[&str] = &["--epochs", "100000"];

fn model(folder: &Path, name: &str) -> (Vec<u8>, Vec<u8>) {
    let read = |file: &str| fs::read(folder.join(name).join(file)).expect("a finished run has its models");
    (read("last.safetensors"), read("best.safetensors"))
}

/// Trains without interruption in `whole`.
pub(crate) fn whole(folder: &Path) {
    let output = run(folder, &[SHORT, EPOCHS, &["--out", "whole"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Begins or goes on with a run in `torn`.
fn next(folder: &Path) -> Command {
    let mut command = chainrule(folder);
    if folder.join("torn/config.toml").exists() {
        command.args(["train", "--resume", "torn"]);
    } else {
        command.args(SHORT).args(EPOCHS).args(["--out", "torn"]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Checks that two folders have the same files.
fn same_files(torn: &BTreeMap<String, String>, whole: &BTreeMap<String, String>, kills: usize) {
    assert!(torn.keys().eq(whole.keys()), "after {kills} kills: {:?}, {:?}", torn.keys(), whole.keys());
    for (name, text) in torn {
        let mut lines = text.lines().zip(whole[name].lines());
        let other = lines.find(|(torn, whole)| torn != whole);
        assert!(*text == whole[name], "{name} after {kills} kills: {other:?}");
    }
}

#[test]
fn two_hundred_kills_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let start = Instant::now();
    whole(here);
    let mut usual = start.elapsed();
    let (expected, lines) = (model(here, "whole"), metrics(here, "whole"));
    let all = contents(&here.join("whole"));
    let of_all_kinds = [
        "/best.safetensors",
        "/metrics.jsonl",
        "/report.html",
        "/results.json",
        "checkpoints/epochs.jsonl",
        "events",
    ];
    assert!(of_all_kinds.iter().all(|file| all[*file].len() > 100), "{:?}", all.keys());
    let mut rng = Rng::new(9);
    let (mut kills, mut finished) = (0, 0);
    while kills < 200 {
        let mut child = next(here).spawn().unwrap();
        sleep(usual.mul_f64(rng.uniform(0.0, 0.9)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        if status.code().is_none() {
            kills += 1;
            usual = usual.mul_f64(1.02);
        } else {
            usual = usual.mul_f64(0.9);
            assert!(status.success(), "{status}");
            assert!(model(here, "torn") == expected, "after {kills} kills");
            assert_eq!(metrics(here, "torn"), lines, "after {kills} kills");
            same_files(&contents(&here.join("torn")), &all, kills);
            fs::remove_dir_all(here.join("torn")).unwrap();
            finished += 1;
        }
    }
    assert!(next(here).status().unwrap().success());
    assert!(model(here, "torn") == expected, "after {kills} kills");
    assert_eq!(metrics(here, "torn"), lines);
    same_files(&contents(&here.join("torn")), &all, kills);
    assert!(finished > 0, "no run got to its end between two kills: the moments are too early");
}

/// Waits until a run has written a checkpoint beyond the first, and kills it there.
fn kill_in_the_middle(folder: &Path) {
    let mut child = chainrule(folder)
        .args(SHORT)
        .args(ENDLESS)
        .args(["--out", "torn"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while checkpoints(folder).len() < 2 {
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    shorten(folder);
}

/// Gives an endless run its usual end.
fn shorten(folder: &Path) {
    let config = folder.join("torn/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(config, text.replace("epochs = 100000", "epochs = 6")).unwrap();
}

pub(crate) fn checkpoints(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder.join("torn/checkpoints")).into_iter().flatten();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    paths.sort();
    paths
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    whole(here);
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| {
            // A digit of the state, which is text.
            let at = bytes.windows(8).position(|window| window == b"\"total\\\":").map_or(200, |at| at + 11);
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        let _ = fs::remove_dir_all(here.join("torn"));
        kill_in_the_middle(here);
        let newest = checkpoints(here).pop().unwrap();
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes);
        fs::write(&newest, bytes).unwrap();
        let output = run(here, &["train", "--resume", "torn"]);
        let text = stderr(&output);
        assert!(output.status.success(), "damage {number}: {text}");
        let name = newest.file_name().unwrap().to_str().unwrap();
        let told =
            |line: &str| line.starts_with("warning: ") && line.contains(name) && line.contains("before");
        assert!(text.lines().any(told), "damage {number}: {text}");
        assert!(model(here, "torn") == model(here, "whole"), "damage {number}");
    }
}

#[test]
fn ctrl_c_is_resumable() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    whole(here);
    let mut child = chainrule(here)
        .args(SHORT)
        .args(ENDLESS)
        .args(["--out", "torn"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !here.join("torn/metrics.jsonl").exists() {
        sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    shorten(here);
    let output = run(here, &["train", "--resume", "torn"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(model(here, "torn") == model(here, "whole"));
    assert_eq!(metrics(here, "torn"), metrics(here, "whole"));
}

#[test]
fn a_disk_that_refuses_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    whole(here);
    let program = env!("CARGO_BIN_EXE_chainrule");
    // No file may grow beyond so many blocks of 512 bytes: each write beyond is an error, at another place each time.
    for blocks in [1, 2, 4, 6, 8, 10, 12] {
        let _ = fs::remove_dir_all(here.join("torn"));
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .current_dir(here)
            .args(["-c", &line, program])
            .args(SHORT)
            .args(EPOCHS)
            .args(["--out", "torn"])
            .output()
            .unwrap();
        let text = stderr(&output);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{blocks} blocks: {:?}: {text}", output.status);
        assert!(!text.contains("panicked"), "{blocks} blocks: {text}");
        if output.status.code() == Some(1) {
            assert!(text.lines().any(|line| line.starts_with("error: ")), "{blocks} blocks: {text}");
        }
        let output = next(here).output().unwrap();
        assert!(output.status.success(), "{blocks} blocks: {}", stderr(&output));
        assert!(model(here, "torn") == model(here, "whole"), "{blocks} blocks");
        assert_eq!(metrics(here, "torn"), metrics(here, "whole"), "{blocks} blocks");
    }
}

#[test]
fn only_a_run_can_be_resumed_and_only_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    refused(here, &["train", "--resume", "none"], &["none", "config.toml"]);
    whole(here);
    refused(here, &["train", "--resume", "whole", "--lr", "1"], &["--lr", "config.toml"]);
    refused(here, &[SHORT, EPOCHS, &["--out", "whole"]].concat(), &["whole", "--resume"]);
    let output = run(here, &["train", "--resume", "whole", "--epochs", "8"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let settings = || fs::read_to_string(here.join("whole/config.toml")).unwrap();
    let longer = settings();
    assert!(longer.contains("\nepochs = 8\n"));
    // A run that has gone further is not cut short, and its settings stay.
    refused(here, &["train", "--resume", "whole", "--epochs", "7"], &["--epochs 7", "at the end of epoch 8"]);
    assert_eq!(settings(), longer);
    // The figures of the one schedule of --config are others.
    let again = run(here, &["train", "--config", "whole/config.toml", "--out", "again", "-q"]);
    assert!(
        stderr(&again).contains("warning: whole/config.toml: that run followed the schedule of"),
        "{}",
        stderr(&again)
    );
    crate::json(here, &["train", "--resume", "whole", "--json"]);
    assert_eq!(settings(), longer);
}

#[test]
fn a_run_on_other_data_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let table = |last: &str| {
        let rows: Vec<String> = (0..40).map(|i| format!("{i},{},{}\n", i * 7 % 5, i % 2)).collect();
        let rows = rows.concat();
        fs::write(here.join("t.csv"), format!("a,b,class\n{rows}{last}")).unwrap();
    };
    table("3,4,0\n");
    let output = run(here, &["train", "--data", "t.csv", "--epochs", "2", "--out", "run"]);
    assert!(output.status.success(), "{}", stderr(&output));
    table("3,5,0\n");
    refused(here, &["train", "--resume", "run"], &["step-", "not what it was"]);
    // The same numbers under other names.
    table("3,4,0\n");
    let text = fs::read_to_string(here.join("t.csv")).unwrap();
    fs::write(here.join("t.csv"), text.replace("a,b,class", "b,a,class")).unwrap();
    refused(
        here,
        &["train", "--resume", "run"],
        &["step-", "columns and classes b, a, 0, 1, and the run began with a, b"],
    );
    // A report that no command makes again stays.
    refused(
        here,
        &["explain", "run", "--html", "run/report.html"],
        &["run/report.html exists already", "--force"],
    );
}

#[test]
fn a_run_on_the_standard_input_is_resumed_and_repeated_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rows: Vec<String> = (0..40).map(|i| format!("{i},{},{}\n", i * 7 % 5, i % 2)).collect();
    fs::write(here.join("t.csv"), format!("a,b,class\n{}", rows.concat())).unwrap();
    let fed = |arguments: &[&str]| {
        let output = chainrule(here)
            .args(arguments)
            .stdin(fs::File::open(here.join("t.csv")).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    };
    fed(&["train", "-", "--epochs", "2", "--out", "run"]);
    fed(&["train", "--config", "run/config.toml", "--out", "again"]);
    fed(&["evaluate", "run"]);
    assert_eq!(
        fs::read(here.join("run/last.safetensors")).unwrap(),
        fs::read(here.join("again/last.safetensors")).unwrap()
    );
    fed(&["train", "--resume", "run", "--epochs", "3"]);
}
