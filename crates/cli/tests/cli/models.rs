use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json as value};

use crate::{json, run, stderr, stdout};

#[test]
fn with_no_argument_it_learns_the_digits() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), &["train", "--json"]);
    for key in [
        "data",
        "layers",
        "parameters",
        "epochs",
        "seconds",
        "samples_per_second",
        "train_loss",
        "test_loss",
        "test_accuracy",
        "seed",
        "model",
    ] {
        assert!(!report[key].is_null(), "no {key:?} in {report}");
    }
    assert!(report["test_accuracy"].as_f64().unwrap() >= 0.97, "{report}");
    assert!(folder.path().join(report["model"].as_str().unwrap()).is_file());
}

#[test]
fn evaluate_finds_the_figures_of_the_training_run() {
    let folder = tempfile::tempdir().unwrap();
    for dtype in ["f32", "f64"] {
        let trained =
            json(folder.path(), &["train", "--epochs", "3", "--dtype", dtype, "--out", dtype, "--json"]);
        let judged = json(folder.path(), &["evaluate", &format!("{dtype}/last.safetensors"), "--json"]);
        assert_eq!(judged["accuracy"], trained["test_accuracy"]);
        assert_eq!(judged["loss"], trained["test_loss"]);
        assert_eq!(judged["examples"], 360);
        let counts: u64 = judged["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(counts, 360);
    }
    let table = stdout(&run(folder.path(), &["evaluate", "f32/last.safetensors"]));
    assert!(table.contains("precision  recall") && table.contains("confusion"), "{table}");
}

#[test]
fn inspect_shows_layers_shapes_and_norms() {
    let folder = tempfile::tempdir().unwrap();
    json(folder.path(), &["train", "--epochs", "1", "--dropout", "0.2", "--out", ".", "--json"]);
    let seen = json(folder.path(), &["inspect", "last.safetensors", "--json"]);
    let kinds: Vec<&str> =
        seen["layers"].as_array().unwrap().iter().map(|layer| layer["layer"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["dense 128", "relu", "dropout 0.2", "dense 10"]);
    assert_eq!(seen["parameters"], 64 * 128 + 128 + 128 * 10 + 10);
    assert_eq!(seen["layers"][3]["parameters"], 128 * 10 + 10);
    assert!(seen["layers"][3]["norms"]["3.weight"].as_f64().unwrap() > 0.0);
    assert_eq!(seen["output"], "softmax");
    let table = stdout(&run(folder.path(), &["inspect", "last.safetensors"]));
    assert!(table.contains("(N, 128)") && table.contains("9610 parameters, f32"), "{table}");
}

/// Three clouds of points, told apart by words.
fn flowers(folder: &std::path::Path) {
    let mut text = "length,width,kind\n".to_owned();
    for i in 0..60 {
        let (kind, x, y) = [("rose", 0.0, 0.0), ("lily", 5.0, 1.0), ("aster", 1.0, 800.0)][i % 3];
        let jitter = (i as f64 * 0.7).sin() * 0.3;
        writeln!(text, "{},{},{kind}", x + jitter, y - jitter).unwrap();
    }
    fs::write(folder.join("flowers.csv"), text).unwrap();
}

#[test]
fn gradcheck_proves_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    for dtype in ["f64", "f32"] {
        json(folder.path(), &["train", "--epochs", "2", "--dtype", dtype, "--out", dtype, "--json"]);
        let model = format!("{dtype}/last.safetensors");
        let report = json(folder.path(), &["gradcheck", &model, "--coordinates", "50", "--json"]);
        assert_eq!(report["within"], true, "{report}");
        assert_eq!((&report["rows"], &report["coordinates"]), (&value!(5), &value!(50)));
    }
}

#[test]
fn gradcheck_of_rectifiers_takes_a_step_that_stays_clear_of_their_kinks() {
    let folder = tempfile::tempdir().unwrap();
    let iris = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/iris.csv");
    json(folder.path(), &["train", iris, "--target", "species", "--out", "iris", "--json"]);
    let report = json(folder.path(), &["gradcheck", "iris", "--json"]);
    assert_eq!(
        (&report["within"], &report["rows"], &report["unchecked"]),
        (&value!(true), &value!(5), &value!(0))
    );
    assert!(report["step"].as_f64() < Some(1e-4), "{report}");

    // Units that are off are equal in many windows of a pool, and no kink of it.
    let words = "reshape 8x8x1, conv 4 3, relu, max-pool 2, flatten, dense 10";
    json(folder.path(), &["train", "--network", words, "--epochs", "2", "--out", "pool", "--json"]);
    let report = json(folder.path(), &["gradcheck", "pool", "--json"]);
    assert_eq!(
        (&report["within"], &report["rows"], &report["unchecked"]),
        (&value!(true), &value!(5), &value!(0))
    );
    assert!(report["passed_over"].as_u64() < Some(50), "{report}");
}

#[test]
fn gradcheck_takes_examples_that_have_derivatives_and_says_where_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let fit = ["--activation", "tanh", "--dtype", "f64", "--lr", "0.03", "--epochs", "400"];
    json(here, &[&["train", "moons", "--out", "moons", "--json"][..], &fit].concat());
    // Most examples are predicted with certainty: their derivatives are rounding.
    let report = json(here, &["gradcheck", "moons", "--json"]);
    assert_eq!(report["within"], true, "{report}");

    let rows = |row: &dyn Fn(usize) -> String| (0..60).map(row).collect::<String>();
    let sure = |i: usize| format!("{}{},{}\n", ["", "-"][i % 2], 5 + i % 7, ["x", "y"][i % 2]);
    fs::write(here.join("sure.csv"), format!("a,kind\n{}", rows(&sure))).unwrap();
    fs::write(here.join("zero.csv"), format!("a,kind\n{}", rows(&|i| format!("0,{}\n", ["x", "y"][i % 2]))))
        .unwrap();
    let nothing = |name: &str, arguments: &[&str], why: &str| {
        let table = format!("{name}.csv");
        json(here, &[&["train", &table, "--out", name, "--json"], arguments].concat());
        let output = run(here, &["gradcheck", name]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("nothing is checked") && said.contains(why) && said.contains("--part"),
            "{said}"
        );
    };
    nothing("sure", &["--activation", "tanh", "--lr", "0.3", "--epochs", "300"], "lost in rounding");
    nothing("zero", &["--lr", "1e-30", "--epochs", "1"], "at a kink");
}

#[test]
fn a_table_of_ones_own_is_learned_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    flowers(here);
    let trained = json(here, &["train", "--data", "flowers.csv", "--epochs", "60", "--out", ".", "--json"]);
    assert_eq!(trained["test_accuracy"], 1.0, "{trained}");
    let judged = json(here, &["evaluate", "last.safetensors", "--data", "flowers.csv", "--json"]);
    assert_eq!(judged["accuracy"], 1.0);
    assert_eq!(judged["classes"][0]["name"], "aster");

    fs::write(here.join("new.csv"), "length,width\n0.1,0.2\n5.1,1.2\n1,801\n").unwrap();
    let predict = |arguments: &[&str]| {
        let output = run(here, &[&["predict", "last.safetensors", "new.csv", "--out"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    predict(&["kinds.csv", "--classes"]);
    assert_eq!(fs::read_to_string(here.join("kinds.csv")).unwrap(), "class\nrose\nlily\naster\n");
    predict(&["shares.csv"]);
    let text = fs::read_to_string(here.join("shares.csv")).unwrap();
    assert!(text.starts_with("class,aster,lily,rose\nrose,"), "{text}");
    for line in text.lines().skip(1) {
        let sum: f64 = line.split(',').skip(1).map(|cell| cell.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    predict(&["shares.npy"]);
    predict(&["kinds.npy", "--classes"]);
    let bytes = fs::read(here.join("kinds.npy")).unwrap();
    let numbers: Vec<f32> =
        bytes[bytes.len() - 12..].as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
    assert_eq!(numbers, [2.0, 1.0, 0.0]);
}

#[test]
fn a_regression_reports_r_squared() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), &["train", "--data", "teacher", "--out", ".", "--json"]);
    assert!(report["test_r2"].as_f64().unwrap() > 0.8, "{report}");
    assert_eq!(report["test_accuracy"], Value::Null);
    let judged = json(folder.path(), &["evaluate", "last.safetensors", "--json"]);
    assert_eq!(judged["r2"], report["test_r2"]);
}

#[test]
fn the_parameters_of_another_program_are_judged_by_their_description() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let trained = json(here, &["train", "--epochs", "3", "--layers", "32", "--out", ".", "--json"]);
    // What another program writes: the same tensors, and not a word of metadata.
    let bytes = fs::read(here.join("last.safetensors")).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__").unwrap();
    let header = header.to_string();
    let foreign = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat();
    fs::write(here.join("theirs.safetensors"), foreign).unwrap();

    let bare = run(here, &["evaluate", "theirs.safetensors", "--data", "digits"]);
    assert_eq!(bare.status.code(), Some(2));
    assert!(stderr(&bare).contains("--layers"), "{}", stderr(&bare));
    let judged =
        json(here, &["evaluate", "theirs.safetensors", "--layers", "64-32-10", "--data", "digits", "--json"]);
    assert_eq!(
        value!([judged["accuracy"], judged["loss"]]),
        value!([trained["test_accuracy"], trained["test_loss"]])
    );
}

#[test]
fn the_same_seed_gives_the_same_file_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let file = |threads: &str| {
        let arguments = [
            "train",
            "--epochs",
            "2",
            "--dropout",
            "0.1",
            "--seed",
            "5",
            "--out",
            threads,
            "--threads",
            threads,
        ];
        assert!(run(folder.path(), &arguments).status.success());
        fs::read(folder.path().join(threads).join("last.safetensors")).unwrap()
    };
    let one = file("1");
    assert_eq!(file("2"), one);
    assert_eq!(file("5"), one);
}
