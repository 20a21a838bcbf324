//! `--from`: training from the weights of a model.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{json, refused};

fn rows(path: &Path, header: &str, rows: std::ops::Range<usize>) {
    let mut text = format!("{header}\n");
    for i in rows {
        let (a, b) = (i % 9, i * i % 11);
        let (first, second) = if header.starts_with('a') { (a, b) } else { (b, a) };
        writeln!(text, "{first},{second},{}.5", 1_000 + 40 * a - 3 * b).unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn training_goes_on_from_the_weights_and_scaling_of_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    rows(&here.join("d.csv"), "a,b,y", 0..80);
    rows(&here.join("e.csv"), "b,a,y", 30..90);
    let base = ["train", "--data", "d.csv", "--layers", "16", "--lr", "0.02", "--json"];
    json(here, &[&base[..], &["--epochs", "60", "--out", "first"]].concat());
    let rmse = |model: &str, data: &str| {
        json(here, &["evaluate", model, "--data", data, "--json"])["rmse"].as_f64().unwrap()
    };
    // No epoch: the same function, whatever the new data's mean and the order of its columns.
    json(here, &["train", "--data", "e.csv", "--from", "first", "--epochs", "0", "--out", "same", "--json"]);
    for data in ["d.csv", "e.csv"] {
        let (before, after) = (rmse("first", data), rmse("same", data));
        assert!((before - after).abs() < 1e-3 * before, "{data}: {before}, {after}");
    }
    // One epoch from there is far better than one from random weights.
    let from = ["train", "--data", "e.csv", "--from", "first/last.safetensors", "--epochs", "1", "--json"];
    json(here, &[&from[..], &["--out", "tuned"]].concat());
    json(here, &["train", "--data", "e.csv", "--layers", "16", "--epochs", "1", "--out", "new", "--json"]);
    assert!(rmse("tuned", "e.csv") < 0.3 * rmse("new", "e.csv"));
    // The settings repeat it, and it can be resumed.
    json(here, &["train", "--config", "tuned/config.toml", "--out", "again", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(model("tuned"), model("again"));
    json(here, &["train", "--resume", "tuned", "--epochs", "2", "--json"]);
    json(here, &[&from[..], &["--layers", "16", "--out", "asked"]].concat());
    assert_eq!(model("asked"), model("again"));

    let refuses = |extra: &[&str], words: &[&str]| refused(here, &[&from[..], extra].concat(), words);
    refuses(&["--layers", "8"], &["first", "`dense 16, relu, dense 1`", "`dense 8, relu, dense 1`"]);
    refuses(&["--network", "dense 3, tanh, dense 1"], &["`dense 16, relu, dense 1`", "`dense 3, tanh"]);
    refuses(&["--init", "zeros"], &["--init"]);
    refuses(&["--standardize"], &["--standardize"]);
    fs::write(here.join("other.csv"), "a,c,y\n1,2,3.5\n2,3,4.5\n").unwrap();
    let other = ["train", "--data", "other.csv", "--from", "first"];
    refused(here, &other, &["other.csv", "no column \"b\""]);
    let digits = ["train", "--data", "digits", "--from", "first"];
    refused(here, &digits, &["2 inputs and 1 output,", "digits has 64 inputs and 10 outputs"]);
    refused(here, &["train", "--data", "e.csv", "--from", "nosuch"], &["nosuch"]);
}

#[test]
fn a_model_of_other_classes_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let table = |name: &str, classes: [&str; 2]| {
        let row = |i: usize| format!("{i},{}\n", classes[i % 2]);
        fs::write(here.join(name), format!("x,k\n{}", (0..40).map(row).collect::<String>())).unwrap();
    };
    table("d.csv", ["cat", "dog"]);
    table("e.csv", ["cat", "cow"]);
    json(here, &["train", "--data", "d.csv", "--epochs", "1", "--out", "r", "--json"]);
    refused(here, &["train", "--data", "e.csv", "--from", "r"], &["\"cow\"", "cat, dog"]);
    refused(here, &["train", "--data", "moons", "--from", "r"], &["2 outputs"]);
    // The folder of a run is accepted wherever a model is.
    for command in ["inspect", "evaluate", "gradcheck"] {
        let data: &[&str] = if command == "inspect" { &[] } else { &["--data", "d.csv"] };
        let output = crate::run(here, &[&[command, "r"][..], data].concat());
        assert!(output.status.success(), "{command}: {}", crate::stderr(&output));
    }
    assert_eq!(crate::stdout(&crate::run(here, &["predict", "r", "d.csv", "--classes"])).lines().count(), 41);
}
