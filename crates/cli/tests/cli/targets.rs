//! Several targets: numbers and labels, from the table to predictions.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chainrule::datasets::npz;
use chainrule::ndarray::Array2;

use crate::{json, refused, run, stderr, stdout};

/// Two numbers, one of them with a comma in its name, and three labels, of two inputs.
fn table(folder: &Path) {
    let mut text = "a,\"sum, twice\",b,large,product,both\n".to_owned();
    for i in 0..300 {
        let (a, b) = (f64::from(i * 37 % 100) / 100.0, f64::from(i * 61 % 83) / 83.0);
        let (large, both) = (u8::from(a > 0.5), if a + b > 1.0 { "yes" } else { "no" });
        writeln!(text, "{a},{},{b:.4},{large},{},{both}", 2.0 * (a + b), 1000.0 + 300.0 * a * b).unwrap();
    }
    fs::write(folder.join("t.csv"), text).unwrap();
}

fn train<'a>(target: &'a str, drop: &'a str, out: &'a str) -> Vec<&'a str> {
    let words = ["train", "--data", "t.csv", "--epochs", "60", "--lr", "0.01", "--validation", "0.1"];
    [&words[..], &["--target", target, "--drop", drop, "--out", out]].concat()
}

#[test]
fn several_numbers_are_learned_judged_and_predicted_each_in_its_unit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(here);
    let trained = run(here, &train("1,product", "large,both", "r"));
    let (said, shown) = (stderr(&trained), stdout(&trained));
    assert!(
        said.contains("2 columns: 2 numbers, 2 left out; targets sum, twice, product: numbers"),
        "{said}"
    );
    assert!(said.contains("validation loss") && said.contains("R² 0.9"), "{said}");
    assert!(
        shown.contains("(mean of 2 targets)") && shown.contains("target            R²       RMSE"),
        "{shown}"
    );

    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(here.join("r/results.json")).unwrap()).unwrap();
    let targets = results["test"]["targets"].as_array().unwrap();
    let figure = |at: usize, key: &str| targets[at][key].as_f64().unwrap();
    assert_eq!((&targets[0]["name"], &targets[1]["name"]), (&"sum, twice".into(), &"product".into()));
    assert!(figure(0, "r2") > 0.98 && figure(1, "r2") > 0.98 && figure(0, "rmse") < 0.2, "{results}");
    let mae = f64::midpoint(figure(0, "mae"), figure(1, "mae"));
    assert!(0.0 < figure(0, "mae") && figure(0, "mae") < figure(0, "rmse"), "{results}");
    assert!((results["test"]["mae"].as_f64().unwrap() - mae).abs() < 1e-12, "{results}");
    let evaluated = stdout(&run(here, &["evaluate", "r"]));
    assert!(
        evaluated.contains("(mean over the targets)\n\ntarget") && evaluated.contains("RMSE        MAE"),
        "{evaluated}"
    );
    assert!(evaluated.contains("RMSE        MAE"), "{evaluated}");
    // Errors of targets in different units have no mean.
    assert!(!evaluated.contains("\nMAE ") && !evaluated.contains("\nRMSE "), "{evaluated}");
    let mean = f64::midpoint(figure(0, "r2"), figure(1, "r2"));
    assert!((results["test"]["r2"].as_f64().unwrap() - mean).abs() < 1e-12, "{results}");
    assert_eq!(results["test_r2"], results["test"]["r2"]);
    let report = fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(report.contains("Each target") && report.contains("<th scope=\"row\">sum, twice</th>"));
    let loss = &results["loss"];
    assert_eq!(loss["unit"], "squared units of each of 2 targets, averaged", "{loss}");
    assert!(
        report.contains(
            "Where the units of the targets differ, the one with the largest numbers decides the loss."
        ),
        "the report says what the loss is of"
    );

    fs::write(here.join("n.csv"), "b,a\n0.5,0.5\n0.25,0.75\n").unwrap();
    let predicted = stdout(&run(here, &["predict", "r", "n.csv"]));
    let mut lines = predicted.lines();
    assert_eq!(lines.next(), Some("\"sum, twice\",product"));
    for line in lines {
        let (sum, product) = line.split_once(',').unwrap();
        assert!((sum.parse::<f64>().unwrap() - 2.0).abs() < 0.3, "{predicted}");
        assert!((product.parse::<f64>().unwrap() - 1065.0).abs() < 30.0, "{predicted}");
    }
    let judged = json(here, &["evaluate", "r", "--data", "t.csv", "--json"]);
    assert_eq!(
        (judged["examples"].as_u64(), judged["targets"].as_array().map(Vec::len)),
        (Some(300), Some(2))
    );
    let swapped = ["evaluate", "r", "--data", "t.csv", "--target", "product,1"];
    refused(here, &swapped, &["predicts sum, twice, product", "in the order of the model"]);
    let inspected = json(here, &["inspect", "r", "--json"]);
    assert_eq!(inspected["targets"], serde_json::json!(["sum, twice", "product"]));

    // A name with a comma is one column, also in the settings of the run.
    let whole = run(here, &train("sum, twice", "large,both", "w"));
    assert!(stderr(&whole).contains("target sum, twice: numbers"), "{}", stderr(&whole));
    // The settings repeat the run, and half a run ends like the whole one.
    json(here, &["train", "--config", "r/config.toml", "--out", "again", "--json"]);
    json(here, &["train", "--config", "r/config.toml", "--epochs", "30", "--out", "half", "--json"]);
    json(here, &["train", "--resume", "half", "--epochs", "60", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert!(model("again") == model("r") && model("half") == model("r"));
}

#[test]
fn labels_are_learned_judged_and_predicted_by_their_words() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(here);
    let trained = run(here, &train("large,both", "1,product", "m"));
    let (said, shown) = (stderr(&trained), stdout(&trained));
    assert!(said.contains("targets large, both: 2 labels (0/1, no/yes)"), "{said}");
    assert!(shown.contains("(all labels of an example)") && shown.contains("label  precision"), "{shown}");
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(here.join("m/results.json")).unwrap()).unwrap();
    assert!(results["test_accuracy"].as_f64().unwrap() > 0.9, "{results}");
    assert_eq!(results["test_accuracy"], results["test"]["accuracy"]);
    assert_eq!(results["test"]["labels"][1]["name"], "both");
    // The share of the positives of each label.
    let diagnostics = &results["diagnostics"];
    assert_eq!(diagnostics["labels"], serde_json::json!(["large = 1", "both = yes"]), "{diagnostics}");
    let test = diagnostics["parts"].as_array().unwrap().iter().find(|part| part["name"] == "test").unwrap();
    let positives = test["of_class"].as_array().unwrap();
    assert_eq!(positives[1], results["test"]["labels"][1]["support"], "{diagnostics}");
    let report = fs::read_to_string(here.join("m/report.html")).unwrap();
    let share = 100.0 * positives[1].as_f64().unwrap() / test["examples"].as_f64().unwrap();
    assert!(report.contains("Label balance") && report.contains(&format!("{} ({share:.1} %)", positives[1])));
    let report = fs::read_to_string(here.join("m/report.html")).unwrap();
    assert!(report.contains("Each label") && report.contains("every label is predicted right"));

    fs::write(here.join("n.csv"), "a,b\n0.9,0.8\n0.9,0.01\n0.1,0.3\n").unwrap();
    let words = stdout(&run(here, &["predict", "m", "n.csv", "--classes"]));
    assert_eq!(words, "large,both\n1,yes\n1,no\n0,no\n");
    let shares = stdout(&run(here, &["predict", "m", "n.csv"]));
    assert!(shares.starts_with("large,both\n") && shares.lines().count() == 4, "{shares}");
    for share in shares.lines().skip(1).flat_map(|line| line.split(',')) {
        assert!((0.0..=1.0).contains(&share.parse::<f64>().unwrap()), "{shares}");
    }
    let judged = json(here, &["evaluate", "m", "--data", "t.csv", "--json"]);
    assert!(judged["accuracy"].as_f64().unwrap() > 0.9 && judged["labels"][0]["f1"].is_f64(), "{judged}");
    // One label holds in no row of this file, and it has the words of the model all the same.
    fs::write(here.join("one.csv"), "a,b,both,large\n0.1,0.3,no,0\n0.2,0.1,no,0\n").unwrap();
    let one = json(here, &["evaluate", "m", "--data", "one.csv", "--json"]);
    assert_eq!((&one["accuracy"], &one["labels"][0]["support"]), (&1.0.into(), &0.into()), "{one}");
    for command in ["gradcheck", "explain"] {
        let output = run(here, &[command, "m", "--data", "t.csv"]);
        assert!(output.status.success(), "{command}: {}", stderr(&output));
    }
    let inspected = stdout(&run(here, &["inspect", "m"]));
    assert!(inspected.contains("labels    large (0/1), both (no/yes)"), "{inspected}");
    run(here, &["export", "m", "--out", "m.onnx"]);
    let graph = fs::read(here.join("m.onnx")).unwrap();
    let names = br#"["large","both"]"#;
    assert!(graph.windows(names.len()).any(|window| window == names));

    json(here, &["train", "--config", "m/config.toml", "--epochs", "30", "--out", "half", "--json"]);
    json(here, &["train", "--resume", "half", "--epochs", "60", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(model("half"), model("m"));

    for (flags, words) in [
        (&["--loss", "cross-entropy"][..], &["not for several labels", "--loss binary-cross-entropy"][..]),
        (&["--task", "classification"], &["--task multi-label"]),
        (&["--class-weight", "balanced"], &["--class-weight"]),
    ] {
        refused(here, &[&train("large,both", "1,product", "x")[..], flags].concat(), words);
    }
    let mixed = train("product,both", "1,large", "x");
    refused(here, &mixed, &["\"product\" holds numbers and \"both\" words", "--target"]);
    refused(here, &train("large,large", "1", "x"), &["large is given twice"]);
}

#[test]
fn a_matrix_of_targets_in_an_archive_is_several() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let x = Array2::from_shape_fn((200, 2), |(i, j)| ((i * (37 + 24 * j)) % 100) as f64 / 100.0);
    let real = Array2::from_shape_fn((200, 2), |(i, j)| x[(i, 0)] - x[(i, 1)] * (1.0 + j as f64));
    let labels = real.mapv(|y| f64::from(u8::from(y > 0.0)));
    for (name, y, names) in [("real.npz", &real, "y0,y1\n"), ("labels.npz", &labels, "y0,y1\n")] {
        let arrays = [("x".to_owned(), x.clone().into_dyn()), ("y".to_owned(), y.clone().into_dyn())];
        npz::write(&here.join(name), &arrays).unwrap();
        let trained = json(
            here,
            &[
                "train",
                "--data",
                name,
                "--epochs",
                "60",
                "--lr",
                "0.01",
                "--out",
                name.strip_suffix(".npz").unwrap(),
                "--json",
            ],
        );
        let key = if name == "real.npz" { "test_r2" } else { "test_accuracy" };
        assert!(trained[key].as_f64().unwrap() > 0.85, "{trained}");
        let predicted = stdout(&run(here, &["predict", name.strip_suffix(".npz").unwrap(), name]));
        assert!(predicted.starts_with(names) && predicted.lines().count() == 201, "{predicted}");
        let judged = json(here, &["evaluate", name.strip_suffix(".npz").unwrap(), "--data", name, "--json"]);
        assert_eq!(judged["examples"], 200);
    }
}

#[test]
fn a_target_that_single_precision_cannot_tell_apart_is_learned_in_double() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut text = "x,t\n".to_owned();
    for i in 1..=200 {
        writeln!(text, "{i},{}", 1_700_000_000 + i).unwrap();
    }
    fs::write(here.join("d.csv"), text).unwrap();
    let line = ["train", "--data", "d.csv", "--task", "regression", "--epochs", "100"];
    let said = stderr(&run(here, &[&line[..], &["--out", "r"]].concat()));
    assert!(said.contains("in f64, whose digits the target needs"), "{said}");
    let r2 = |run: &str| {
        let results = fs::read(here.join(run).join("results.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&results).unwrap()["test"]["r2"].as_f64().unwrap()
    };
    assert!(r2("r") > 0.99, "{}", r2("r"));
    assert!(fs::read_to_string(here.join("r/config.toml")).unwrap().contains("\ndtype = \"f64\""));
    let predicted = stdout(&run(here, &["predict", "r", "d.csv"]));
    let first: f64 = predicted.lines().nth(1).unwrap().parse().unwrap();
    assert!((first - 1_700_000_001.0).abs() < 5.0, "{first}");
    // The run as its settings say, and as it cannot be.
    run(here, &["train", "--config", "r/config.toml", "--out", "again"]);
    assert_eq!(r2("again"), r2("r"));
    let singly = [&line[..], &["--dtype", "f32", "--out", "s"]].concat();
    refused(here, &singly, &["too close together", "--dtype f64"]);
    assert!(!here.join("s").exists());
}

#[test]
fn a_model_of_numbers_does_not_judge_classes() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (mut numbers, mut words) = ("a,y\n".to_owned(), "a,y\n".to_owned());
    for i in 0..40 {
        writeln!(numbers, "{i},{i}.5").unwrap();
        writeln!(words, "{i},w").unwrap();
    }
    fs::write(here.join("numbers.csv"), numbers).unwrap();
    fs::write(here.join("words.csv"), words).unwrap();
    json(here, &["train", "numbers.csv", "--epochs", "1", "--out", "r", "--json"]);
    let judge = ["evaluate", "r", "--data", "words.csv", "--task", "classification"];
    refused(here, &judge, &["the network predicts numbers (y)", "of classes"]);
}
