//! What a run knows and says of its data: how they were split, what simpler models reach, and where they are.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{chainrule, json, refused, run, stderr, stdout};

/// 60 rows of two classes, of which `a` tells one in three apart for certain.
fn table(path: &Path) {
    let mut text = "id,a,b,kind\n".to_owned();
    for i in 0..60 {
        writeln!(text, "r{i},{},{},{}", i % 7, i % 5, if i % 3 == 0 { "low" } else { "high" }).unwrap();
    }
    fs::write(path, text).unwrap();
}

pub(crate) fn results(here: &Path, run: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(here.join(run).join("results.json")).unwrap()).unwrap()
}

/// The lines of `metrics.jsonl` without what no run has twice: its seconds.
pub(crate) fn metrics(folder: &Path, name: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join(name).join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        line.as_object_mut().unwrap().remove("seconds");
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn a_run_is_evaluated_on_its_own_test_part() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    let rows = fs::read_to_string(here.join("d.csv")).unwrap();
    fs::write(here.join("t.csv"), rows.replace("r7,0,2,high", "r7,1,2,high")).unwrap();
    let train = |out: &str, flags: &[&str]| {
        let usual =
            ["train", "d.csv", "--drop", "id", "--epochs", "2", "--seed", "5", "--json", "--out", out];
        json(here, &[&usual[..], flags].concat())
    };
    let cases: [(&str, &[&str]); 3] =
        [("a", &[]), ("b", &["--validation", "0.25", "--test", "0.3"]), ("c", &["--test", "t.csv"])];
    for (out, flags) in cases {
        let trained = train(out, flags);
        let test = json(here, &["evaluate", out, "--json"]);
        assert_eq!(test["loss"], trained["test_loss"], "{out}");
        assert_eq!(test["examples"], results(here, out)["test"]["examples"], "{out}");
        let part = json(here, &["evaluate", out, "--part", "train", "--json"]);
        assert_eq!(part["loss"], trained["train_loss"], "{out}");
    }
    // So is its best model.
    assert_eq!(json(here, &["evaluate", "b/best.safetensors", "--json"])["examples"], 18);
    assert_eq!(json(here, &["evaluate", "b", "--part", "validation", "--json"])["examples"], 11);
    refused(here, &["evaluate", "a", "--part", "validation"], &["no validation part"]);
    // Other data are all judged, and its own where they are named.
    assert_eq!(json(here, &["evaluate", "a", "--data", "t.csv", "--json"])["examples"], 60);
    let named = run(here, &["evaluate", "a", "--data", "./d.csv"]);
    assert!(
        stderr(&named).contains("rows that it trained on among them")
            && stdout(&named).contains("examples  60")
    );
    refused(here, &["evaluate", "a", "--data", "t.csv", "--part", "train"], &["t: --part train"]);
    refused(here, &["evaluate", "a", "--test", "0.5"], &["--test", "as the run of the model did"]);
    refused(here, &["evaluate", "a", "--target", "b"], &["\"b\" is to be the target", "--target"]);
    refused(here, &["evaluate", "a", "--drop", "a"], &["trained on the column \"a\"", "omit --drop"]);
    let told = run(here, &["evaluate", "a/last.safetensors"]);
    assert!(stderr(&told).contains("d: the 12 test examples of the run"), "{}", stderr(&told));
    // In double precision they are the same data.
    for command in [&["gradcheck", "a"][..], &["curvature", "a", "--top", "1", "--bottom", "0"]] {
        let text = stderr(&run(here, command));
        assert!(text.contains("examples of the run") && !text.contains("not the data of the run"), "{text}");
    }
    train("none", &["--test", "0"]);
    refused(here, &["evaluate", "none"], &["no test part", "--part train"]);
    fs::remove_file(here.join("d.csv")).unwrap();
    refused(here, &["evaluate", "a"], &["d.csv", "not there any more", "--data"]);
}

#[test]
fn the_parts_of_a_built_in_set_are_those_of_the_run_too() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let train = ["train", "moons", "--validation", "0.1", "--epochs", "2", "--json", "--out", "r"];
    let trained = json(here, &train);
    for (part, examples) in [("train", 900), ("validation", 100), ("test", 1000)] {
        let judged = json(here, &["evaluate", "r", "--part", part, "--json"]);
        assert_eq!(judged["examples"], examples, "{part}");
        assert_eq!(judged["loss"], trained[format!("{part}_loss")], "{part}");
    }
    let told = stderr(&run(here, &["evaluate", "r"]));
    assert!(told.contains("moons: the 1000 test examples of the run"), "{told}");
}

/// What is said of data that are not those of the run.
const CHANGED: &str = "d: not the data of the run any more";

#[test]
fn data_that_changed_since_the_run_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = here.join("d.csv");
    table(&path);
    json(here, &["train", "d.csv", "--drop", "id", "--epochs", "2", "--json", "--out", "r"]);
    let told = |arguments: &[&str]| {
        let output = run(here, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    };
    assert!(!told(&["evaluate", "r"]).contains(CHANGED));
    let text = fs::read_to_string(&path).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let other_order = [&rows[..1], &rows[31..], &rows[1..31]].concat().join("\n");
    for changed in [text.replace("r7,0,2,high", "r7,1,2,high"), rows[..50].join("\n"), other_order] {
        assert_ne!(changed, text);
        fs::write(&path, &changed).unwrap();
        for command in ["evaluate", "explain", "gradcheck"] {
            assert!(told(&[command, "r"]).contains(CHANGED), "{command}");
        }
    }
    fs::write(&path, &text).unwrap();
    assert!(!told(&["evaluate", "r"]).contains(CHANGED));
}

#[test]
fn the_target_column_of_a_run_is_no_truth_of_explain() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    for (target, truth) in [("kind", "the truth is"), ("2", "the truth is"), ("a,b", "the truth is")] {
        let out = format!("r-{}", &target[..1]);
        let flags = ["--drop", "id", "--task", if target == "kind" { "auto" } else { "regression" }];
        let train = ["train", "d.csv", "--target", target, "--epochs", "2", "--json", "--out", &out];
        json(here, &[&train[..], if target == "kind" { &flags[..2] } else { &flags[..] }].concat());
        let output = run(here, &["explain", &out]);
        assert!(output.status.success(), "{target}: {}", stderr(&output));
        let evaluated = json(here, &["evaluate", &out, "--json"]);
        assert_eq!(evaluated["examples"], 12, "{target}");
        let shown = stdout(&output);
        let truth_is_shown = shown.contains(truth) || shown.contains("right") || shown.contains("wrong");
        assert!(truth_is_shown, "{target}: {shown}");
        assert!(!shown.contains("the truth is 2 "), "{target}: {shown}");
    }
}

#[test]
fn kept_columns_have_names_of_their_own_and_keep_their_type() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    json(here, &["train", "d.csv", "--drop", "id", "--epochs", "2", "--json", "--out", "r"]);
    assert!(run(here, &["predict", "r", "d.csv", "--keep", "id,b", "--out", "k.json"]).status.success());
    let kept: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(here.join("k.json")).unwrap()).unwrap();
    assert_eq!((&kept[7]["id"], &kept[7]["b"]), (&"r7".into(), &2.into()));
    json(
        here,
        &[
            "train",
            "d.csv",
            "--drop",
            "id,kind",
            "--target",
            "b",
            "--task",
            "regression",
            "--epochs",
            "2",
            "--json",
            "--out",
            "n",
        ],
    );
    let twice = ["predict", "n", "d.csv", "--keep", "b", "--out", "k.json", "--force"];
    refused(here, &twice, &["two columns", "\"b\"", "write .csv"]);
    assert!(run(here, &["predict", "n", "d.csv", "--keep", "b", "--out", "k.csv"]).status.success());
}

#[test]
fn a_folder_without_a_model_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for command in ["evaluate", "inspect", "explain"] {
        refused(folder.path(), &[command, "empty"], &["empty", "no last.safetensors in it", "name another"]);
    }
}

#[test]
fn a_built_in_set_is_found_in_the_runs_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let trained = json(folder.path(), &["train", "moons", "--epochs", "1", "--out", "r", "--json"]);
    assert_eq!(json(folder.path(), &["evaluate", "r", "--json"])["loss"], trained["test_loss"]);
    refused(folder.path(), &["train", "moons", "--data", "xor"], &["cannot be used with"]);
    refused(folder.path(), &["train", "moon"], &["did you mean moons?"]);
}

#[test]
fn a_run_says_how_its_data_were_split_and_what_a_linear_model_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    let arguments =
        ["train", "d.csv", "--drop", "id", "--validation", "0.25", "--patience", "2", "--seed", "4"];
    let output = run(here, &[&arguments[..], &["--lr", "0.1", "--out", "r"]].concat());
    let (told, table) = (stderr(&output), stdout(&output));
    assert!(told.contains("36 training, 12 validation, 12 test examples, stratified, seed 4"), "{told}");
    for line in ["largest class          –    0.6667", "linear model", "loss        cross-entropy in nats"]
    {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(
        table.contains("stopped early after epoch") && table.contains("the model is that of epoch"),
        "{table}"
    );
    assert!(!table.contains("\nbest "), "the last model is the best: {table}");
    let evaluated = stdout(&run(here, &["evaluate", "r"]));
    assert!(evaluated.contains(" (cross-entropy in nats, mean over the examples)\n"), "{evaluated}");
    let baselines = results(here, "r")["baselines"].clone();
    assert_eq!(baselines[0]["accuracy"].as_f64(), Some(2.0 / 3.0));
    // Numbers are split at random, and judged by R² against their mean.
    let mut numbers = "x,y\n".to_owned();
    (0..40).for_each(|i| writeln!(numbers, "{i}.5,{}.25", 3 * i).unwrap());
    fs::write(here.join("n.csv"), numbers).unwrap();
    let output = run(here, &["train", "n.csv", "--epochs", "1", "--out", "n"]);
    assert!(
        stderr(&output).contains("32 training, 8 test examples, split at random, seed 0"),
        "{}",
        stderr(&output)
    );
    // Of numbers the network learns the standardised ones: each loss says its unit.
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = words(stderr(&output));
    assert!(told.contains("loss in squared standard deviations of the target"), "{told}");
    let told = words(stdout(&output));
    for unit in
        ["in squared units of the target", "during training in squared standard deviations of the target"]
    {
        assert!(told.contains(unit), "{told}");
    }
    // A loss of any size is aligned with its column.
    let mut large = "x,y\n".to_owned();
    (0..40).for_each(|i| writeln!(large, "{i}.5,{}.25", 3_000_000 * i).unwrap());
    fs::write(here.join("l.csv"), large).unwrap();
    let output = stdout(&run(here, &["train", "l.csv", "--epochs", "1", "--out", "l"]));
    let figures: Vec<usize> = output.lines().take(3).map(|line| line.chars().count()).collect();
    assert!(output.contains('e') && figures.iter().all(|width| *width == figures[0]), "{output}");
    let report = fs::read_to_string(here.join("n/report.html")).unwrap();
    assert!(report.contains("<small>squared units of the target</small>"), "a tile says the unit");
    assert!(report.contains("RMSE and MAE are in the unit of the target"), "a table says the units");
    let linear = results(here, "n")["baselines"][1]["r2"].as_f64().unwrap();
    assert!(linear > 0.99, "{linear}");
}

#[test]
fn predictions_carry_the_names_of_their_rows_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    json(here, &["train", "d.csv", "--drop", "id", "--epochs", "1", "--out", "r", "--json"]);
    let predict = |arguments: &[&str]| {
        let output = run(here, &[&["predict", "r", "d.csv"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let csv = predict(&["--keep", "id,kind"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("id,kind,class,high,low"));
    let first: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!((first[0], first[1], csv.lines().count()), ("r0", "low", 61));
    predict(&["--keep", "id,kind", "--out", "p.json"]);
    let rows: serde_json::Value = serde_json::from_slice(&fs::read(here.join("p.json")).unwrap()).unwrap();
    assert_eq!(
        (rows.as_array().unwrap().len(), &rows[0]["id"], &rows[0]["class"]),
        (60, &"r0".into(), &first[2].into())
    );
    assert_eq!(rows[0]["high"].to_string(), first[3]);
    #[cfg(feature = "parquet")]
    {
        use chainrule::datasets::{ReadOptions, read};
        predict(&["--keep", "kind", "--out", "p.parquet"]);
        let options = ReadOptions { target: "kind".parse().unwrap(), ..ReadOptions::default() };
        let data = read::<f32>(&here.join("p.parquet"), &options).unwrap().train;
        assert_eq!((data.len(), data.class_names()), (60, &["high".to_owned(), "low".into()][..]));
        // Predictions are a table again, and columns are kept from it.
        let again = run(here, &["predict", "r", "p.parquet", "--keep", "high"]);
        assert!(stderr(&again).contains("no column \"a\""), "{}", stderr(&again));
    }
    refused(here, &["predict", "r", "d.csv", "--keep", "nosuch"], &["no column nosuch", "id, a, b, kind"]);
    refused(here, &["predict", "r", "d.csv", "--keep", "id", "--out", "p.npy"], &["--keep", ".json"]);
    refused(here, &["predict", "r", "d.csv", "--out", "p.xlsx"], &[".parquet"]);
}

#[test]
fn a_run_knows_the_folder_of_its_data_set_without_the_environment() {
    use chainrule::datasets::idx::{Idx, write};
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir_all(here.join("sets/mnist")).unwrap();
    for (part, count) in [("train", 20), ("t10k", 10)] {
        let pixels = (0..count * 784).map(|i| (i * 31 % 251) as u8).collect();
        let labels = (0..count).map(|i| (i % 10) as u8).collect();
        let file = |what: &str| here.join("sets/mnist").join(format!("{part}-{what}-ubyte"));
        write(&file("images-idx3"), &Idx::new(vec![count, 28, 28], pixels)).unwrap();
        write(&file("labels-idx1"), &Idx::new(vec![count], labels)).unwrap();
    }
    let train = ["train", "mnist", "--network", "flatten, dense 10", "--epochs", "1", "--out", "r", "--json"];
    let trained = chainrule(here).args(train).env("CHAINRULE_DATA", "sets").output().unwrap();
    assert!(trained.status.success(), "{}", stderr(&trained));
    let trained: serde_json::Value = serde_json::from_str(&stdout(&trained)).unwrap();
    for of_run in [&["evaluate", "r", "--json"][..], &["evaluate", "r", "--data", "mnist", "--json"]] {
        assert_eq!(json(here, of_run)["loss"], trained["test_loss"]);
    }
    // The data may move, and the run continues with them.
    fs::rename(here.join("sets"), here.join("moved")).unwrap();
    refused(here, &["train", "--resume", "r", "--epochs", "2"], &["MNIST", "--data-dir"]);
    json(here, &["train", "--resume", "r", "--epochs", "2", "--data-dir", "moved", "--json"]);
    json(here, &["evaluate", "r", "--json"]);
}

#[test]
fn built_in_data_have_a_linear_model_beside_them_and_a_constant_target_is_nothing_to_predict() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let output = run(here, &["train", "moons", "--layers", "2", "--epochs", "1", "--out", "m"]);
    let table = stdout(&output);
    assert!(table.contains("largest class          –    0.5000"), "{table}");
    let linear = results(here, "m")["baselines"][1]["accuracy"].as_f64().unwrap();
    assert!((0.8..0.95).contains(&linear), "{linear}");
    let output = run(here, &["train", "--network", "flatten, dense 10", "--epochs", "1", "--out", "d"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let baselines = results(here, "d")["baselines"].clone();
    assert_eq!(baselines[1]["name"], "linear model");
    assert!(
        baselines[0]["accuracy"].as_f64().unwrap() < 0.2 && baselines[1]["accuracy"].as_f64().unwrap() > 0.9
    );
    let mut numbers = "x,price\n".to_owned();
    (0..40).for_each(|i| writeln!(numbers, "{i}.5,2.5").unwrap());
    fs::write(here.join("c.csv"), numbers).unwrap();
    let output = run(here, &["train", "c.csv", "--epochs", "1", "--out", "c"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let words = "price is 2.5 in all training examples: there is nothing to predict";
    assert!(stdout(&output).contains(words), "{}", stdout(&output));
}
