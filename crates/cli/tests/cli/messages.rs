//! What the program says when something is wrong: the cause, the place, and a cure that works.

use std::fs;
use std::path::Path;

use chainrule::datasets::npy;
use chainrule::ndarray::array;

use crate::{json, refused, run, stderr, stdout};

/// A table of two classes, with a header.
fn table(path: &Path) {
    let row = |i: usize| format!("{i},{},{}\n", i % 5, ["no", "yes"][i % 2]);
    fs::write(path, format!("a,b,k\n{}", (0..40).map(row).collect::<String>())).unwrap();
}

fn train(here: &Path, data: &str, extra: &[&str], out: &str) {
    let arguments = ["train", "--data", data, "--epochs", "1", "--layers", "4", "--json", "--out", out];
    json(here, &[&arguments[..], extra].concat());
}

#[test]
fn a_model_of_numbers_has_no_classes_to_print() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("d.csv"), "x,y\n1,2.5\n2,3.5\n3,4.5\n4,5.5\n5,6.5\n").unwrap();
    train(here, "d.csv", &[], "r");
    refused(here, &["predict", "r", "d.csv", "--classes"], &["predicts numbers", "omit --classes"]);
    assert!(run(here, &["predict", "r", "d.csv"]).status.success());
}

#[test]
fn files_that_are_there_stay_unless_the_user_forces_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    for file in ["report.html", "results.json", "best.safetensors", "metrics.jsonl"] {
        let out = format!("mine-{file}");
        fs::create_dir(here.join(&out)).unwrap();
        fs::write(here.join(&out).join(file), "mine").unwrap();
        refused(here, &["train", "--data", "d.csv", "--out", &out], &[file, "exists already", "--out"]);
        assert_eq!(fs::read(here.join(&out).join(file)).unwrap(), b"mine");
    }
    train(here, "d.csv", &[], "r");
    refused(here, &["train", "--data", "d.csv", "--out", "r"], &["config.toml exists", "--resume r"]);
    let results = fs::read(here.join("r/results.json")).unwrap();
    let before = fs::read(here.join("d.csv")).unwrap();
    let writes: [&[&str]; 4] = [
        &["predict", "r", "d.csv", "--out", "d.csv"],
        &["report", "r", "--out", "r/results.json"],
        &["export", "r", "--to", "npz", "--out", "d.csv"],
        &["explain", "--layers", "2-2", "--activation", "sigmoid", "--html", "d.csv"],
    ];
    for arguments in writes {
        refused(here, arguments, &["exists already", "--force"]);
    }
    assert_eq!(fs::read(here.join("r/results.json")).unwrap(), results);
    assert_eq!(fs::read(here.join("d.csv")).unwrap(), before);
    // Its own pages are replaced.
    for _ in 0..2 {
        assert!(run(here, &["report", "r", "--out", "page.html"]).status.success());
    }
    // The cure.
    for arguments in writes {
        let done = run(here, &[arguments, &["--force"]].concat());
        assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
        table(&here.join("d.csv"));
    }
}

#[test]
fn names_of_files_and_columns_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{i},{}\n", ["\u{1b}[31mred", "blue\u{9b}2J"][i % 2]);
    let rows: String = (0..40).map(row).collect();
    fs::write(here.join("d.csv"), format!("x\u{1b}]0;title\u{7},k\u{1b}[2J\n{rows}")).unwrap();
    let trained = run(here, &["train", "--data", "d.csv", "--epochs", "1", "--out", "r"]);
    let judged = run(here, &["evaluate", "r", "--data", "d.csv"]);
    fs::write(here.join("n.csv"), "z\u{1b}[5m\n1\n").unwrap();
    let wrong = run(here, &["predict", "r", "n.csv"]);
    fs::write(here.join("o.csv"), "x\u{1b}]0;title\u{7},k\u{1b}[2J\n1,\u{1b}[7mgreen\n").unwrap();
    let unknown = run(here, &["evaluate", "r", "--data", "o.csv"]);
    for output in [&trained, &judged, &wrong, &unknown] {
        for text in [stdout(output), stderr(output)] {
            let obeyed = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
            assert_eq!(obeyed, None, "{text:?}");
        }
    }
    assert!(stdout(&judged).contains(r"\u001b[31mred"), "{}", stdout(&judged));
    assert!(stderr(&trained).contains(r"k\u"), "{}", stderr(&trained));
    // What is data keeps its names.
    let predicted = stdout(&run(here, &["predict", "r", "d.csv", "--classes"]));
    assert!(predicted.contains("\u{1b}[31mred"), "{predicted:?}");
    let figures = json(here, &["evaluate", "r", "--data", "d.csv", "--json"]);
    assert_eq!(figures["classes"][0]["name"], "\u{1b}[31mred");
}

#[test]
fn a_run_that_is_not_there_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    refused(here, &["train", "--resume", "nosuch"], &["--resume nosuch: there is no such folder"]);
    fs::create_dir(here.join("empty")).unwrap();
    refused(here, &["train", "--resume", "empty"], &["--resume empty: it holds no run", "config.toml"]);
}

#[test]
fn one_example_as_a_vector_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let rows = |i: usize| [i as f64, (i % 3) as f64, 2.5 * i as f64];
    let whole = chainrule::ndarray::Array2::from_shape_fn((40, 3), |(i, j)| rows(i)[j]);
    npy::write(&here.join("d.npy"), &whole).unwrap();
    npy::write(&here.join("x.npy"), &whole.slice(chainrule::ndarray::s![.., ..2]).to_owned()).unwrap();
    npy::write(&here.join("y.npy"), &whole.slice(chainrule::ndarray::s![.., 2..]).to_owned()).unwrap();
    train(here, "d.npy", &[], "table");
    train(here, "x.npy", &["--target", "y.npy"], "pair");
    // As numpy.save writes numpy.array([1.0, 2.0]).
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(118_u16.to_le_bytes());
    bytes.extend(format!("{header:<117}\n").into_bytes());
    bytes.extend([1.0_f64, 2.0].map(f64::to_le_bytes).concat());
    fs::write(here.join("v.npy"), bytes).unwrap();
    npy::write(&here.join("row.npy"), &array![[1.0, 2.0]]).unwrap();
    for model in ["table", "pair"] {
        refused(here, &["predict", model, "v.npy"], &["v.npy", "vector", "x.reshape(1, -1)"]);
        assert_eq!(stdout(&run(here, &["predict", model, "row.npy"])).lines().count(), 2, "{model}");
    }
}

#[test]
fn a_whole_number_is_the_same_word_with_a_decimal_point() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{},{}\n", i % 3, ["no", "yes"][i % 2]);
    let rows: String = (0..40).map(row).collect();
    fs::write(here.join("d.csv"), format!("x,k\n{rows}")).unwrap();
    train(here, "d.csv", &["--categorical", "x"], "r");
    fs::write(here.join("n.csv"), "x\n1.0\n2.0\n1\n").unwrap();
    let predicted = stdout(&run(here, &["predict", "r", "n.csv"]));
    let lines: Vec<&str> = predicted.lines().skip(1).collect();
    assert_eq!((lines.len(), lines[0]), (3, lines[2]), "{predicted}");
    fs::write(here.join("bad.csv"), "x\n1.5\n").unwrap();
    refused(here, &["predict", "r", "bad.csv"], &["\"1.5\" is not one of the words", "0, 1, 2"]);
}

#[test]
fn lines_of_empty_cells_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    let text = fs::read_to_string(here.join("d.csv")).unwrap();
    fs::write(here.join("e.csv"), format!("{text}   \n,,\n")).unwrap();
    refused(here, &["train", "--data", "e.csv"], &["e.csv", "line 43", "empty", "delete the line"]);
    fs::write(here.join("e.csv"), format!("{text}   \n\n")).unwrap();
    train(here, "e.csv", &[], "r");
}

#[test]
fn an_unnamed_index_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{i},{}.5,{}\n", i % 7, ["no", "yes"][i / 20]);
    let rows: String = (0..40).map(row).collect();
    for (header, extra, warned) in [
        (",b,k", &[][..], true),
        ("Unnamed: 0,b,k", &[], true),
        ("a,b,k", &[], false),
        (",b,k", &["--drop", "0"], false),
    ] {
        fs::write(here.join("d.csv"), format!("{header}\n{rows}")).unwrap();
        let trained = run(here, &[&["train", "--data", "d.csv", "--epochs", "1"][..], extra].concat());
        let text = stderr(&trained);
        assert!(trained.status.success(), "{text}");
        assert_eq!(
            text.contains("numbers the rows") && text.contains("--drop 0"),
            warned,
            "{header} {extra:?}: {text}"
        );
    }
}

#[test]
fn columns_of_one_name_are_warned_of_however_quiet_the_run_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{i},{}.5,{},{},{}\n", i % 7, i % 5, i % 3, ["no", "yes"][i % 2]);
    let rows: String = (0..40).map(row).collect();
    let warned = |header: &str, extra: &[&str]| {
        fs::write(here.join("d.csv"), format!("{header}\n{rows}")).unwrap();
        let trained = run(here, &[&["train", "d.csv", "--epochs", "0", "-q"][..], extra].concat());
        assert!(trained.status.success(), "{}", stderr(&trained));
        stderr(&trained)
    };
    let message = warned("a,b,a,b,k", &[]);
    let words = "warning: several columns have the same name (\"a\" in columns 1, 3; \"b\" in columns 2, 4): they are told apart";
    assert!(message.starts_with(words) && message.lines().count() == 1, "{message}");
    assert!(warned("a,b,k,c,k", &[]).contains("(\"k\" in columns 3, 5)"));
    assert_eq!(warned("a,b,a,c,k", &["--drop", "2"]), "");
    assert_eq!(warned("a,b,c,d,k", &[]), "");
    // The index of a data frame too.
    assert!(warned(",b,c,d,k", &[]).contains("numbers the rows"));
}

#[test]
fn more_memory_than_allowed_is_refused_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    table(&here.join("d.csv"));
    let x = chainrule::ndarray::Array2::from_shape_fn((300, 3), |(i, j)| (i % (j + 2)) as f64);
    npy::write(&here.join("d.npy"), &x).unwrap();
    npy::write(&here.join("y.npy"), &x.slice(chainrule::ndarray::s![.., ..1]).to_owned()).unwrap();
    for name in ["x-ubyte", "z-ubyte.gz"] {
        let pixels = chainrule::datasets::idx::Idx::new(vec![300, 2, 2], vec![7; 1_200]);
        chainrule::datasets::idx::write(&here.join(name), &pixels).unwrap();
    }
    let with_target = ["--target", "y.npy"];
    for (data, extra) in
        [("d.csv", &[][..]), ("d.npy", &[]), ("x-ubyte", &with_target), ("z-ubyte.gz", &with_target)]
    {
        let train =
            [&["train", "--data", data, "--epochs", "0", "--max-memory"][..], &["1000"], extra].concat();
        refused(here, &train, &["--max-memory", "1000 bytes are allowed"]);
        let train =
            [&["train", "--data", data, "--epochs", "0", "--max-memory"][..], &["1M"], extra].concat();
        let trained = run(here, &train);
        assert!(trained.status.success(), "{data}: {}", stderr(&trained));
    }
}

#[test]
fn a_table_of_thousands_of_classes_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{i},n{}\n", i % 1_500);
    fs::write(here.join("d.csv"), format!("x,n\n{}", (0..4_500).map(row).collect::<String>())).unwrap();
    train(here, "d.csv", &[], "r");
    let results = fs::read_to_string(here.join("r/results.json")).unwrap();
    assert!(results.len() < 1_000_000, "{}", results.len());
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    assert!(results["test"]["confusion"].is_null());
    let pairs = results["test"]["confusion_pairs"].as_array().unwrap();
    assert_eq!(pairs.iter().map(|pair| pair[2].as_u64().unwrap()).sum::<u64>(), 900);
    assert!(run(here, &["report", "r"]).status.success());
}

#[test]
fn settings_that_never_end_or_are_too_large_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("c.toml"), vec![b'\n'; 2 << 20]).unwrap();
    refused(here, &["train", "--config", "c.toml"], &["c.toml", "more than 1 MiB"]);
    if cfg!(unix) {
        refused(here, &["train", "--config", "/dev/zero"], &["/dev/zero", "not a regular file"]);
        refused(here, &["inspect", "/dev/zero"], &["/dev/zero", "not a regular file"]);
        refused(here, &["train", "--network", "/dev/zero.toml"], &["/dev/zero.toml"]);
    }
}

#[test]
fn a_target_is_the_column_that_its_text_names() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let row = |i: usize| format!("{i},{},{}\n", ["no", "yes"][i % 2], i % 5);
    let rows: String = (0..40).map(row).collect();
    fs::write(here.join("d.csv"), format!("x,1.10,1.1\n{rows}")).unwrap();
    train(here, "d.csv", &["--target", "1.10"], "r");
    let config = fs::read_to_string(here.join("r/config.toml")).unwrap();
    assert!(config.contains("target = \"1.10\"\n"), "{config}");
    json(here, &["train", "--config", "r/config.toml", "--out", "again", "--json"]);
    json(here, &["train", "--resume", "r", "--epochs", "2", "--json"]);
    let model = |run: &str| fs::read(here.join(run).join("best.safetensors")).unwrap();
    assert_eq!(model("again").len(), model("r").len());
}
