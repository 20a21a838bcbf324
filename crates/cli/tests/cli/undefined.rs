//! Figures that are not defined: R² without variance, a class without examples; and runs without a test part.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run_data::results;
use crate::{json, run, stdout};

/// A table of two inputs, with the target that a row has.
fn table(path: &Path, rows: usize, target: impl Fn(usize) -> String) {
    let mut text = "a,b,y\n".to_owned();
    for row in 0..rows {
        writeln!(text, "{},{},{}", row * 37 % 11, row * 61 % 13, target(row)).unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn r2_of_one_example_is_a_dash_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("rows.csv"), 40, |row| (row * 29 % 17).to_string());
    table(&here.join("one.csv"), 1, |_| "3".to_owned());
    let arguments =
        ["train", "rows.csv", "--test", "one.csv", "--task", "regression", "--epochs", "3", "--out", "run"];
    let output = run(here, &arguments);
    let table = stdout(&output);
    let test = table.lines().find(|line| line.starts_with("test  ")).unwrap_or_else(|| panic!("{table}"));
    assert!(test.ends_with(" –"), "{table}");
    let found = results(here, "run");
    assert!(found["test_r2"].is_null() && found["test"]["r2"].is_null(), "{found}");
    assert!(found["train_r2"].is_f64() && found["diagnostics"]["importance"].is_null(), "{found}");
    let page = fs::read_to_string(here.join("run/report.html")).unwrap();
    assert!(page.contains("<dd>–<small>one example has no variance</small>"), "{page}");
    assert!(page.contains("Their importance is not measured, because R² is not defined."), "{page}");
    let judged = stdout(&run(here, &["evaluate", "run"]));
    assert!(judged.contains("R²        – (one example has no variance)"), "{judged}");
    assert!(json(here, &["evaluate", "run", "--json"])["r2"].is_null());
}

#[test]
fn r2_of_a_constant_target_is_a_dash_and_no_curve() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("rows.csv"), 40, |_| "3.5".to_owned());
    run(here, &["train", "rows.csv", "--task", "regression", "--epochs", "3", "--out", "run"]);
    let metrics = fs::read_to_string(here.join("run/metrics.jsonl")).unwrap();
    assert!(!metrics.contains("train_r2"), "{metrics}");
    let page = fs::read_to_string(here.join("run/report.html")).unwrap();
    assert!(page.contains("<dd>–<small>the target does not vary</small>"), "{page}");
    assert!(page.contains("<h2>Loss</h2>") && !page.contains("<h2>R²</h2>"), "{page}");
}

#[test]
fn a_class_without_examples_has_no_recall() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let class = |row: usize| ["ash", "oak", "yew"][row % 3].to_owned();
    table(&here.join("rows.csv"), 60, class);
    table(&here.join("two.csv"), 12, |row| class(row % 2));
    run(here, &["train", "rows.csv", "--test", "two.csv", "--epochs", "3", "--out", "run"]);
    let judged = stdout(&run(here, &["evaluate", "run"]));
    let yew = judged.lines().find(|line| line.starts_with("yew")).unwrap_or_else(|| panic!("{judged}"));
    assert_eq!(yew.split_whitespace().collect::<Vec<_>>(), ["yew", "–", "–", "–", "0"], "{judged}");
    assert!(judged.contains("– not defined: no example belongs to"), "{judged}");
    let page = fs::read_to_string(here.join("run/report.html")).unwrap();
    assert!(
        page.contains("<th scope=\"row\">yew</th><td>") && page.contains("– not defined: no example"),
        "{page}"
    );
}

#[test]
fn without_a_test_part_the_validation_part_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("rows.csv"), 80, |row| if row * 37 % 11 > 5 { "yes" } else { "no" }.to_owned());
    let train = |more: &[&str]| {
        run(here, &[&["train", "rows.csv", "--test", "0", "--epochs", "3"], more].concat());
    };
    train(&["--validation", "0.25", "--out", "run"]);
    let found = results(here, "run");
    assert!(found["test"].is_null(), "{found}");
    assert_eq!(found["validation"]["examples"], 20);
    let page = fs::read_to_string(here.join("run/report.html")).unwrap();
    for words in ["There is no test part", "on the validation data", "20 validation examples", "ROC curve"] {
        assert!(page.contains(words), "no {words}: {page}");
    }
    train(&["--out", "none"]);
    let page = fs::read_to_string(here.join("none/report.html")).unwrap();
    assert!(
        page.contains("There is no test part and no validation part") && !page.contains("Confusion matrix")
    );
}

#[test]
fn a_run_says_of_which_epoch_its_figures_are_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let arguments =
        ["--validation", "0.2", "--patience", "1", "--lr", "0.1", "--epochs", "60", "--out", "early"];
    run(here, &[&["train", "digits"], &arguments[..]].concat());
    let page = fs::read_to_string(here.join("early/report.html")).unwrap();
    let best = results(here, "early")["best_epoch"].as_u64().unwrap();
    assert!(page.contains(&format!(
        "All figures are those of the best epoch, {best}, whose parameters were restored"
    )));
    assert!(
        page.contains("The run stopped early after epoch ")
            && page.contains(" of 60: no lower validation loss for 1 epoch.")
    );
    run(here, &["train", "moons", "--epochs", "2", "--label-smoothing", "0.1", "--out", "more"]);
    run(here, &["train", "--resume", "more", "--epochs", "4"]);
    let page = fs::read_to_string(here.join("more/report.html")).unwrap();
    assert!(page.contains("The run was resumed after 2 epochs."), "{page}");
    assert!(page.contains("The loss is cross-entropy with label smoothing 0.1 in nats"), "{page}");
}
