//! From a file of one's own to predictions.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use chainrule::datasets::{idx, npy};
use chainrule::ndarray::Array2;
use serde_json::json as value;

use crate::{json, refused, run, stderr, stdout};

/// Hats and coats, told apart by colour and size together; every tenth row lacks its size.
fn clothes(folder: &Path) {
    let mut text = "colour,size,note,kind\n".to_owned();
    for i in 0..300 {
        let (colour, size) = (["red", "blue", "green"][i % 3], (i * 7 % 20) as f64 / 4.0);
        let kind = if (colour == "red") == (size > 2.5) { "hat" } else { "coat" };
        let size = if i % 10 == 9 { String::new() } else { size.to_string() };
        writeln!(text, "{colour},{size},n{i},{kind}").unwrap();
    }
    fs::write(folder.join("clothes.csv"), text).unwrap();
}

#[test]
fn two_commands_lead_from_a_table_to_named_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    clothes(here);
    refused(
        here,
        &["train", "--data", "clothes.csv"],
        &["clothes.csv, line 11, column 2 (size)", "--impute"],
    );
    let train = &[
        "train",
        "--data",
        "clothes.csv",
        "--target",
        "kind",
        "--impute",
        "median",
        "--drop",
        "note",
        "--epochs",
        "60",
        "--lr",
        "0.01",
        "--out",
        "run",
        "--json",
    ];
    let trained = json(here, train);
    assert!(trained["test_accuracy"].as_f64().unwrap() > 0.9, "{trained}");

    // Other order, a column more, no target, a missing cell; the table goes to stdout.
    fs::write(
        here.join("new.csv"),
        "shop,size,colour\nUlm,4.5,red\nBonn,0.5,red\nUlm,4.5,blue\nBonn,,green\n",
    )
    .unwrap();
    let predicted = run(here, &["predict", "run/last.safetensors", "new.csv"]);
    assert!(predicted.status.success(), "{}", stderr(&predicted));
    let text = stdout(&predicted);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "class,coat,hat");
    let classes: Vec<&str> = lines[1..].iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((classes.len(), &classes[..3]), (4, &["hat", "coat", "coat"][..]));
    for line in &lines[1..] {
        let sum: f64 = line.split(',').skip(1).map(|cell| cell.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    // The training table itself is judged and predicted as it is.
    let judged = json(here, &["evaluate", "run/last.safetensors", "--data", "clothes.csv", "--json"]);
    assert_eq!(judged["examples"], 300);
    assert_eq!(
        stdout(&run(here, &["predict", "run/last.safetensors", "clothes.csv", "--classes"])).lines().count(),
        301
    );
    fs::write(here.join("bad.csv"), "size,colour\n1,pink\n").unwrap();
    refused(
        here,
        &["predict", "run/last.safetensors", "bad.csv"],
        &["bad.csv, line 2, column 2 (colour)", "pink", "blue, green, red"],
    );

    // The run's own settings repeat it, and the model, to the bit.
    json(here, &["train", "--config", "run/config.toml", "--out", "again", "--json"]);
    let file = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(file("again"), file("run"));
}

#[test]
fn a_regression_predicts_in_the_units_of_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut text = "rooms,rent\n".to_owned();
    for i in 0..200 {
        writeln!(text, "{},{}", i % 10, 100_000 + 5_000 * (i % 10) + i % 7).unwrap();
    }
    fs::write(here.join("flats.csv"), text).unwrap();
    let trained = json(
        here,
        &[
            "train",
            "--data",
            "flats.csv",
            "--epochs",
            "60",
            "--lr",
            "0.01",
            "--validation",
            "0.2",
            "--patience",
            "50",
            "--out",
            "run",
            "--json",
        ],
    );
    assert!(trained["test_r2"].as_f64().unwrap() > 0.99, "{trained}");
    for model in ["run/last.safetensors", "run/best.safetensors"] {
        fs::write(here.join("new.csv"), "rooms\n3\n8\n").unwrap();
        let predicted = stdout(&run(here, &["predict", model, "new.csv"]));
        let rents: Vec<f64> = predicted.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        assert!(
            predicted.starts_with("rent\n")
                && (rents[0] - 115_003.0).abs() < 3_000.0
                && (rents[1] - 140_003.0).abs() < 3_000.0,
            "{predicted}"
        );
    }
    let judged = json(here, &["evaluate", "run/last.safetensors", "--data", "flats.csv", "--json"]);
    assert!(judged["rmse"].as_f64().unwrap() < 2_000.0, "{judged}");
}

#[test]
fn rows_that_stay_in_their_file_train_and_resume_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let pixels: Vec<u8> = (0..2_000_usize)
        .flat_map(|i| (0..9).map(move |j| if (i % 3) * 3 == j { 200 } else { (i * j % 90) as u8 }))
        .collect();
    idx::write(&here.join("x-ubyte"), &idx::Idx::new(vec![2_000, 3, 3], pixels)).unwrap();
    npy::write(&here.join("y.npy"), &Array2::from_shape_fn((2_000, 1), |(i, _)| (i % 3) as f64)).unwrap();
    let train = |out: &str, threads: &str| {
        let trained = json(
            here,
            &[
                "train",
                "--data",
                "x-ubyte",
                "--target",
                "y.npy",
                "--stream",
                "--epochs",
                "4",
                "--schedule",
                "constant",
                "--threads",
                threads,
                "--out",
                out,
                "--json",
            ],
        );
        assert_eq!(trained["test_accuracy"], 1.0, "{trained}");
        fs::read(here.join(out).join("last.safetensors")).unwrap()
    };
    let one = train("one", "1");
    assert_eq!(train("two", "2"), one);
    // Half a run, then the rest.
    json(
        here,
        &[
            "train",
            "--config",
            "one/config.toml",
            "--epochs",
            "2",
            "--schedule",
            "constant",
            "--out",
            "whole",
            "--json",
        ],
    );
    json(here, &["train", "--resume", "whole", "--epochs", "4", "--json"]);
    assert_eq!(fs::read(here.join("whole/last.safetensors")).unwrap(), one);
}

#[test]
fn a_folder_of_pictures_is_learned_and_each_picture_named() {
    let pillow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets/tests/pillow");
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (class, picture) in [("bright", "colours.jpg"), ("noise", "rgb.png")] {
        fs::create_dir_all(here.join("images").join(class)).unwrap();
        for i in 0..10 {
            let name = format!("{i}.{}", picture.rsplit_once('.').unwrap().1);
            fs::copy(pillow.join(picture), here.join("images").join(class).join(name)).unwrap();
        }
    }
    let trained = json(
        here,
        &[
            "train",
            "--data",
            "images",
            "--image-size",
            "4x4",
            "--colours",
            "grey",
            "--layers",
            "8",
            "--batch",
            "4",
            "--lr",
            "0.01",
            "--epochs",
            "100",
            "--out",
            "run",
            "--json",
        ],
    );
    assert_eq!((&trained["test_accuracy"], &trained["data"]), (&value!(1.0), &value!("images")));
    let predicted = run(here, &["predict", "run/last.safetensors", "images/noise"]);
    assert!(predicted.status.success(), "{}", stderr(&predicted));
    let text = stdout(&predicted);
    assert!(text.starts_with("file,class,bright,noise\nimages/noise/0.png,noise,"), "{text}");
    let judged = json(here, &["evaluate", "run/last.safetensors", "--data", "images", "--json"]);
    assert_eq!((&judged["accuracy"], &judged["examples"]), (&value!(1.0), &value!(20)));
    let report = fs::read_to_string(here.join("run/report.html")).unwrap();
    assert!(report.contains("First layer"));
}

#[test]
fn what_a_table_is_taken_for_is_said_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut text = "0;1;2\n".to_owned();
    for i in 0..40 {
        writeln!(text, "{i},5;{},25;{}", i % 5, ["no", "yes"][i % 2]).unwrap();
    }
    fs::write(here.join("d.csv"), &text).unwrap();
    let trained = run(here, &["train", "--data", "d.csv", "--epochs", "2", "--out", "run"]);
    let line = "d: semicolon, header, 2 columns: 2 numbers (decimal comma); target 2: 2 classes";
    assert!(stderr(&trained).contains(line), "{}", stderr(&trained));
    fs::write(here.join("new.csv"), "0;1\n1,5;2,25\n").unwrap();
    let predicted = stdout(&run(here, &["predict", "run/last.safetensors", "new.csv"]));
    assert_eq!(predicted.lines().count(), 2, "{predicted}");
    fs::write(here.join("either.csv"), "1;0\n2;3\n").unwrap();
    let predict = ["predict", "run/last.safetensors", "either.csv"];
    refused(here, &predict, &["could name the columns or be an example", "--header"]);
    for (header, rows) in [("present", 1), ("absent", 2)] {
        let arguments = [&predict[..], &["--header", header]].concat();
        let predicted = stdout(&run(here, &arguments));
        assert_eq!(predicted.lines().count(), 1 + rows, "{header}: {predicted}");
    }
    // The flags decide outright, and the settings of the run keep them.
    fs::write(here.join("e.csv"), format!("made by hand\n{}", text.replace(';', "/"))).unwrap();
    let mut train =
        vec!["train", "--data", "e.csv", "--delimiter", "/", "--skip-rows", "1", "--decimal", ","];
    train.extend(["--epochs", "1", "--out", "told"]);
    let told = run(here, &train);
    assert!(stderr(&told).contains("header, 1 line skipped, 2 columns"), "{}", stderr(&told));
    let again = run(here, &["train", "--config", "told/config.toml", "--out", "again"]);
    assert!(again.status.success(), "{}", stderr(&again));
    let model = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(model("told"), model("again"));
}

#[test]
fn a_target_that_cannot_be_learned_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("d.csv"), "x,k\n1,a\n2,a\n3,a\n4,a\n5,a\n").unwrap();
    refused(here, &["train", "--data", "d.csv"], &["all 5 examples have the class \"a\"", "--target"]);
    let names: Vec<String> = (1..=300).map(|i| format!("{i},n{i}\n")).collect();
    let names = names.concat();
    fs::write(here.join("d.csv"), format!("x,n\n{names}")).unwrap();
    refused(here, &["train", "--data", "d.csv"], &["300 classes in 300 examples", "--target"]);
}

#[test]
fn dates_missing_cells_and_words_are_shown_as_the_file_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rows = |i: usize| {
        let colour = ["red", "green", "blue"][i % 3];
        let size = if i == 4 { String::new() } else { format!("{}", 10 + i % 5) };
        format!("{colour},2024-03-{:02} 06:30,{size},{} €,{}\n", 1 + i % 28, i % 9, ["no", "yes"][i % 2])
    };
    let table: String = (0..56).map(rows).collect();
    fs::write(here.join("d.csv"), format!("colour,on,size,price,buys\n{table}")).unwrap();
    let train = ["train", "d.csv", "--impute", "median", "--epochs", "1", "--json"];
    json(here, &[&train[..], &["--dates", "--out", "r"]].concat());
    let text = stdout(&run(here, &["explain", "r", "--data", "d.csv", "--example", "4"]));
    let line =
        |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
    let words = |start: &str| line(start).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("colour"), "colour green", "{text}");
    assert_eq!(words("on "), "on 2024-03-05 06:30 (Tuesday, day 65 of 366)", "{text}");
    assert_eq!(words("size"), "size missing, taken as 12", "{text}");
    assert_eq!(words("price"), "price 4 €", "{text}");
    // A date without its parts is a date still.
    json(here, &[&train[..], &["--out", "plain"]].concat());
    let text = stdout(&run(here, &["explain", "plain", "--data", "d.csv", "--example", "4"]));
    assert!(text.contains("2024-03-05 06:30\n"), "{text}");
    // Each input says what it is of the row.
    let facts = [
        "colour ≠ blue",
        "colour = green",
        "on = 2024-03-05 06:30",
        "size = missing, taken as 12",
        "price = 4 €",
    ];
    for fact in facts {
        assert!(text.lines().any(|line| line.ends_with(&format!("  {fact}"))), "no {fact:?} in {text}");
    }
}
