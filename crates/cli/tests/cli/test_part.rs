//! `--test`: which examples judge a run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{json, refused, run, stderr};

/// Two kinds of rows, told apart by `a`.
fn table(path: &Path, header: &str, rows: impl Iterator<Item = usize>, swapped: bool) {
    let mut text = format!("{header}\n");
    for i in rows {
        let (a, b) = (i % 7, i % 5);
        let kind = if a > 3 { "high" } else { "low" };
        let (first, second) = if swapped { (b, a) } else { (a, b) };
        writeln!(text, "{first},{second},{kind}").unwrap();
    }
    fs::write(path, text).unwrap();
}

fn examples(here: &Path, run: &str) -> Option<u64> {
    let results = fs::read_to_string(here.join(run).join("results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    results["test"]["examples"].as_u64()
}

#[test]
fn a_fraction_none_or_a_file_can_be_the_test_part() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"), "a,b,kind", 0..40, false);
    table(&here.join("t.csv"), "b,a,kind", 40..53, true);
    let train = |test: &str, out: &str, epochs: &str| {
        let arguments = ["train", "--data", "d.csv", "--test", test, "--out", out, "--epochs", epochs];
        json(here, &[&arguments[..], &["--lr", "0.03", "--json"]].concat())
    };
    train("0.5", "half", "1");
    assert_eq!(examples(here, "half"), Some(20));
    // What was trained on judges nothing, also under another name.
    fs::copy(here.join("d.csv"), here.join("copy.csv")).unwrap();
    for same in ["d.csv", "copy.csv"] {
        refused(here, &["train", "d.csv", "--test", same], &["--test", "the very examples"]);
    }
    train("t.csv", "resumed", "1");
    fs::copy(here.join("t.csv"), here.join("kept.csv")).unwrap();
    table(&here.join("t.csv"), "b,a,kind", 41..54, true);
    refused(
        here,
        &["train", "--resume", "resumed", "--epochs", "2"],
        &["the examples of --test are not what they were"],
    );
    fs::copy(here.join("kept.csv"), here.join("t.csv")).unwrap();
    json(here, &["train", "--resume", "resumed", "--epochs", "2", "--json"]);
    let none = train("0", "none", "1");
    assert_eq!((examples(here, "none"), none["test_accuracy"].as_f64()), (None, None));
    // Columns are found by their names.
    let file = train("t.csv", "file", "60");
    assert_eq!((examples(here, "file"), file["test_accuracy"].as_f64()), (Some(13), Some(1.0)));
    json(here, &["train", "--config", "file/config.toml", "--out", "again", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(model("file"), model("again"));

    table(&here.join("u.csv"), "a,c,kind", 0..4, false);
    refused(here, &["train", "--data", "d.csv", "--test", "u.csv"], &["u.csv", "no column \"b\""]);
    refused(here, &["train", "--data", "d.csv", "--test", "nosuch"], &["a fraction from 0", "a file"]);
    refused(here, &["train", "--data", "d.csv", "--test", "1"], &["a fraction from 0"]);
    refused(here, &["train", "--data", "digits", "--test", "0.3"], &["a test part of its own", "--test 0"]);
    assert!(
        json(here, &["train", "--test", "0", "--epochs", "0", "--out", "d", "--json"])["test_loss"].is_null()
    );
}

#[test]
fn two_rows_can_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("d.csv"), "x,y\n1,2.5\n2,3.5\n").unwrap();
    refused(here, &["train", "--data", "d.csv"], &["2 examples", "--test 0.5", "--test 0"]);
    for (test, out) in [("0.5", "half"), ("0", "none")] {
        let trained = run(here, &["train", "--data", "d.csv", "--test", test, "--epochs", "1", "--out", out]);
        assert!(trained.status.success(), "{}", stderr(&trained));
    }
    let validation = ["train", "--data", "d.csv", "--test", "0", "--validation", "0.1"];
    refused(here, &validation, &["2 examples", "--validation"]);
}
