//! `chainrule export`. Other programs read what it writes in `cargo xtask interop`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chainrule::train::tensors::{TensorBytes, TensorFile, to_bytes};

use super::{json, refused, run, stderr};

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["train", "--data", "moons", "--layers", "4", "--epochs", "1", "--out", "moons", "--json"];
    json(folder.path(), &arguments);
    folder
}

#[test]
fn the_ending_names_the_format_and_a_flag_overrules_it() {
    let folder = trained();
    let first_bytes = |arguments: &[&str], file: &str| {
        let output = run(folder.path(), &[&["export", "moons/last.safetensors"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("22 parameters"), "{}", stderr(&output));
        fs::read(folder.path().join(file)).unwrap()[..4].to_vec()
    };
    let zip = b"PK\x03\x04";
    // Field 1, the version 8 of the format; field 2, the producer.
    let onnx = b"\x08\x08\x12\x09";
    assert_eq!(first_bytes(&["--out", "m.npz"], "m.npz"), zip);
    assert_eq!(first_bytes(&["--out", "m.ONNX"], "m.ONNX"), onnx);
    assert_eq!(first_bytes(&["--to", "onnx", "--out", "m.bin"], "m.bin"), onnx);
}

#[test]
fn a_regression_is_exported_too() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    json(here, &["train", "--data", "teacher", "--layers", "4", "--epochs", "1", "--out", ".", "--json"]);
    for file in ["m.onnx", "m.npz", "m.safetensors"] {
        let output = run(here, &["export", "last.safetensors", "--out", file]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).contains("41 parameters"), "{}", stderr(&output));
        assert!(fs::metadata(here.join(file)).unwrap().len() > 41 * 4);
    }
}

#[test]
fn exported_parameters_are_a_model_of_another_program() {
    let folder = trained();
    let export = run(folder.path(), &["export", "moons/last.safetensors", "--out", "plain.safetensors"]);
    assert!(export.status.success(), "{}", stderr(&export));
    refused(folder.path(), &["inspect", "plain.safetensors"], &["--layers"]);
    let judge = |model: &[&str]| {
        json(folder.path(), &[&["evaluate"], model, &["--data", "moons", "--json"]].concat())
    };
    let (ours, theirs) =
        (judge(&["moons/last.safetensors"]), judge(&["plain.safetensors", "--layers", "2-4-2"]));
    assert_eq!(ours["loss"], theirs["loss"]);
}

#[test]
fn parameters_are_exported_in_sixteen_bits() {
    let folder = trained();
    let here = folder.path();
    let export =
        |arguments: &[&str]| run(here, &[&["export", "moons/last.safetensors", "--out"], arguments].concat());
    let arrays = |file: &str| {
        let bytes = fs::read(here.join(file)).unwrap();
        let file = TensorFile::parse(Path::new(file), &bytes).unwrap();
        let names: Vec<String> = file.names().into_iter().map(str::to_owned).collect();
        let numbers: Vec<f64> = names.iter().flat_map(|name| file.values::<f64>(name).unwrap()).collect();
        (names, numbers, file.bytes("0.bias").unwrap().len())
    };
    for (dtype, bytes, error) in
        [("f64", 8, 0.0), ("f32", 4, 0.0), ("f16", 2, 0.5_f64.powi(11)), ("bf16", 2, 0.5_f64.powi(8))]
    {
        let file = format!("{dtype}.safetensors");
        let output = export(&[&file, "--dtype", dtype]);
        assert!(output.status.success(), "{}", stderr(&output));
        let ((ours, exact, _), (theirs, rounded, width)) = (arrays("moons/last.safetensors"), arrays(&file));
        assert_eq!((ours, width), (theirs, 4 * bytes), "{dtype}");
        // Half a unit in the last place, of normal numbers.
        let close = |(x, y): (&f64, &f64)| (x - y).abs() <= error * x.abs().max(0.5_f64.powi(14));
        assert!(exact.iter().zip(&rounded).all(close), "{dtype}");
        assert_eq!(exact == rounded, error == 0.0, "{dtype}");
        let flags = ["--layers", "2-4-2", "--data", "moons", "--json"];
        json(here, &[&["evaluate", &file], &flags[..]].concat());
    }
    let refusal = |arguments: &[&str], parts: &[&str]| {
        refused(here, &[&["export", "moons/last.safetensors", "--out"], arguments].concat(), parts);
    };
    refusal(&["m.npz", "--dtype", "f16"], &["--dtype is for safetensors"]);
    refusal(&["m.onnx", "--dtype", "f16"], &["--dtype is for safetensors"]);
    // A weight beyond the largest number of the type.
    let array = |name: &str, shape: &[usize], x: f32| {
        TensorBytes::new(name.to_owned(), shape.to_vec(), &vec![x; shape.iter().product()])
    };
    let large = [array("0.weight", &[1, 1], 65519.0), array("0.bias", &[1], 65520.0)];
    fs::write(here.join("large.safetensors"), to_bytes(&large, HashMap::new())).unwrap();
    let large = ["export", "large.safetensors", "--layers", "1-1", "--out", "m.safetensors", "--dtype"];
    refused(
        here,
        &[&large[..], &["f16"]].concat(),
        &["\"0.bias\" holds 6.552e4, and numbers of the type f16 end at 6.5504e4"],
    );
    assert!(!here.join("m.safetensors").exists());
    assert!(run(here, &[&large[..], &["bf16"]].concat()).status.success());
}

#[test]
fn exported_parameters_have_the_statistics_of_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let network = "dense 4, batch-norm, relu, dense 2";
    json(here, &["train", "--data", "moons", "--network", network, "--epochs", "1", "--out", "m", "--json"]);
    assert!(run(here, &["export", "m", "--out", "plain.safetensors"]).status.success());
    let loss = |arguments: &[&str]| {
        json(here, &[&["evaluate"], arguments, &["--data", "moons", "--json"]].concat())["loss"].clone()
    };
    assert_eq!(loss(&["m/last.safetensors"]), loss(&["plain.safetensors", "--network", network]));
}

#[test]
fn a_model_is_not_written_over_and_an_unknown_format_is_refused() {
    let folder = trained();
    let model = "moons/last.safetensors";
    let before = fs::read(folder.path().join(model)).unwrap();
    refused(
        folder.path(),
        &["export", model, "--out", "moons/../moons/last.safetensors"],
        &["name another file"],
    );
    assert_eq!(fs::read(folder.path().join(model)).unwrap(), before);
    refused(folder.path(), &["export", model, "--out", "m.h5"], &[".onnx, .npz or .safetensors", "--to"]);
    refused(folder.path(), &["export", "none.safetensors", "--out", "m.npz"], &["none.safetensors"]);
}

/// Numbers, words with blanks, dates and thousands, and a class.
fn penguins() -> String {
    let row = |at: usize| {
        let (island, day) = (["Dream", "Biscoe Point"][at % 2], at % 27 + 1);
        let species = if at.is_multiple_of(3) { "Adelie penguin" } else { "Gentoo" };
        format!("{}.5,{island},2024-01-{day:02},\"{},{:03}\",{species}\n", at % 7, at % 5 + 1, at)
    };
    "bill,island,seen,mass,species\n".to_owned() + &(0..60).map(row).collect::<String>()
}

#[test]
fn a_graph_of_a_table_takes_its_columns_and_says_what_it_reads_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("p.csv"), penguins()).unwrap();
    json(here, &["train", "--data", "p.csv", "--layers", "4", "--epochs", "1", "--out", "p", "--json"]);
    let export = |flags: &[&str]| {
        let output = run(here, &[&["export", "p", "--out", "p.onnx", "--force"], flags].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        (stderr(&output), fs::read(here.join("p.onnx")).unwrap())
    };
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let (told, graph) = export(&[]);
    for words in [
        "operator set 17, IR version 8, ai.onnx.ml 2; outputs label and probabilities",
        "inputs of shape (N, 1), numbers (f64): bill, seen, mass; words: island",
        "input \"seen\": days since 1970-01-01",
        "input \"mass\": plain numbers",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(told.matches("input \"").count(), 2, "{told}");
    for words in
        ["Biscoe Point", "Adelie penguin", "OneHotEncoder", "island: a word that the model does not know"]
    {
        assert!(holds(&graph, words), "{words}");
    }
    refused(here, &["import", "p.onnx"], &["p.onnx", "4 inputs", "OneHotEncoder", "--inputs matrix"]);

    let (told, graph) = export(&["--inputs", "matrix", "--opset", "21"]);
    assert!(told.contains("operator set 21, IR version 10; input x (N, 5), output y"), "{told}");
    assert!(!holds(&graph, "OneHotEncoder") && graph.starts_with(b"\x08\x0a"));
    assert!(run(here, &["import", "p.onnx", "--out", "again"]).status.success());
    for (flags, words) in [
        (&["--opset", "12", "--out", "a.onnx"][..], &["--opset", "12"][..]),
        (&["--opset", "25", "--out", "a.onnx"], &["--opset", "25"]),
        (&["--opset", "18", "--out", "a.npz"], &["--opset is for ONNX"]),
        (&["--inputs", "columns", "--out", "a.safetensors"], &["--inputs is for ONNX"]),
    ] {
        refused(here, &[&["export", "p"], flags].concat(), words);
    }
    let trained = trained();
    let columns = ["export", "moons", "--inputs", "columns", "--out", "m.onnx"];
    refused(trained.path(), &columns, &["--inputs columns", "not trained on a table"]);
}
