//! One table in every format that holds it: the same θ to the bit, and the same predictions.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chainrule::model::Checkpoint;

use crate::{json, refused, run, stderr, stdout};

/// Copies `every.*`, which has every kind of column; its arrays have the columns of numbers.
fn every(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/tests/pandas");
    for format in ["csv", "parquet", "npy", "npz"] {
        let name = format!("every.{format}");
        fs::copy(from.join(&name), folder.join(&name)).unwrap();
    }
}

/// Trains on a format, and returns the bits of θ and the predictions for every format in `new`.
fn learned(folder: &Path, format: &str, flags: &[&str], new: &[&str]) -> (Vec<u32>, Vec<String>) {
    let (data, out) = (format!("every.{format}"), format!("run-{format}"));
    let common = ["train", "--data", &data, "--impute", "mean", "--epochs", "5", "--out", &out, "--json"];
    let trained = run(folder, &[&common[..], flags].concat());
    assert!(trained.status.success(), "{format}: {}", stderr(&trained));
    let model = Checkpoint::<f32>::load(&folder.join(&out).join("last.safetensors")).unwrap();
    let predicted = |new: &&str| {
        let predicted = run(folder, &["predict", &out, &format!("every.{new}")]);
        assert!(predicted.status.success(), "{format}, {new}: {}", stderr(&predicted));
        // The name of the target is unknown to an array.
        stdout(&predicted).lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    (model.theta.iter().map(|x| x.to_bits()).collect(), new.iter().map(predicted).collect())
}

#[test]
fn every_kind_of_column_trains_with_the_same_bits_from_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    every(here);
    let tables = ["csv", "parquet"];
    for flags in [&["--target", "y"][..], &["--target", "y", "--dates"], &["--target", "id"]] {
        let (theta, predicted) = learned(here, "csv", flags, &tables);
        assert!(theta.len() > 1_000 && predicted[0].lines().count() == 60, "{flags:?}");
        assert_eq!(predicted[0], predicted[1], "{flags:?}");
        let (others, of_other) = learned(here, "parquet", flags, &tables);
        assert!(theta == others && predicted == of_other, "{flags:?}");
        fs::remove_dir_all(here.join("run-csv")).unwrap();
        fs::remove_dir_all(here.join("run-parquet")).unwrap();
    }
    // The columns that an array can hold, empty cells among them.
    let drop = ["--target", "y", "--drop", "switch,word,day,ms,us,ns,zoned,id"];
    let known = learned(here, "csv", &drop, &["csv"]);
    assert_eq!(learned(here, "parquet", &drop, &["parquet"]), known);
    for array in ["npy", "npz"] {
        assert_eq!(learned(here, array, &["--target", "4"], &[array]), known, "{array}");
    }
}

#[test]
fn the_parts_of_dates_are_inputs_of_the_model_and_of_its_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // High in the mornings of weekends: the days alone do not tell.
    let mut text = "when,sales\n".to_owned();
    for i in 0..600_u32 {
        let (day, hour) = (i % 28 + 1, i * 7 % 24);
        // 2024-01-01 is a Monday.
        let (month, shift) = ([1, 2, 3, 4][(i / 28 % 4) as usize], [0, 3, 4, 0][(i / 28 % 4) as usize]);
        let weekend = (day + shift + 6) % 7 >= 5;
        let sales = if weekend { 50.0 } else { 10.0 } + if hour < 12 { 20.5 } else { 0.0 };
        writeln!(text, "2024-{month:02}-{day:02} {hour:02}:00,{sales}").unwrap();
    }
    fs::write(here.join("sales.csv"), text).unwrap();
    let train = |flags: &[&str], out: &str| {
        let common = ["train", "--data", "sales.csv", "--epochs", "150", "--lr", "0.01", "--out", out];
        let trained = run(here, &[&common[..], flags].concat());
        assert!(trained.status.success(), "{}", stderr(&trained));
        let results = fs::read(here.join(out).join("results.json")).unwrap();
        (stderr(&trained), serde_json::from_slice::<serde_json::Value>(&results).unwrap())
    };
    let (said, with) = train(&["--dates"], "with");
    let line = "comma, header, 1 column: 1 date (with cyclic parts); target sales: numbers";
    assert!(said.contains(&format!("sales: {line}\n")), "{said}");
    // The line is kept.
    assert_eq!(with["taken_for"], line);
    assert!(fs::read_to_string(here.join("with/report.html")).unwrap().contains(line));
    let (_, without) = train(&[], "without");
    let r2 = |results: &serde_json::Value| results["test_r2"].as_f64().unwrap();
    assert!(r2(&with) > 0.9 && r2(&without) < 0.6, "{with}, {without}");
    assert_eq!(json(here, &["inspect", "with", "--json"])["inputs"], 7);

    // A Saturday and a Tuesday of another year, as the model knows dates.
    fs::write(here.join("new.csv"), "when\n2023-02-04 08:00\n2023-02-07 18:00\n").unwrap();
    let predicted = stdout(&run(here, &["predict", "with", "new.csv"]));
    let sales: Vec<f64> = predicted.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!(sales[0] > sales[1] + 20.0, "{predicted}");
    json(here, &["train", "--config", "with/config.toml", "--out", "again", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(model("again"), model("with"));
    fs::write(here.join("plain.csv"), "a,b\n1.5,2\n2,1.5\n3,1\n4,2\n5,3.5\n").unwrap();
    refused(here, &["train", "--data", "plain.csv", "--dates"], &["plain.csv", "--dates", "omit it"]);
    refused(here, &["train", "--data", "moons", "--dates"], &["--dates", "omit it"]);
}

#[test]
fn names_in_the_kept_line_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rows: Vec<String> = (0..40).map(|i| format!("{i}.5,{}.25\n", i * 7 % 13)).collect();
    let rows = rows.concat();
    fs::write(here.join("d.csv"), format!("a,\u{1b}[31m<b>\u{202e}\n{rows}")).unwrap();
    let trained = run(here, &["train", "--data", "d.csv", "--epochs", "1", "--out", "r"]);
    assert!(trained.status.success(), "{}", stderr(&trained));
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(here.join("r/results.json")).unwrap()).unwrap();
    let line = results["taken_for"].as_str().unwrap();
    assert!(line.ends_with(r"target \u{1b}[31m<b>\u{202e}: numbers"), "{line}");
    let page = fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(page.contains(r"target \u{1b}[31m&lt;b&gt;\u{202e}: numbers"));
}
