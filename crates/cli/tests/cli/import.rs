//! `chainrule import`, and ONNX files in the place of models. Other programs' files are read in `cargo xtask interop`.

use std::fs;
use std::path::Path;

use super::{json, refused, run, stderr, stdout};

/// A folder with a model of two classes and the same as an ONNX file.
fn exported() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("m.csv"), rows()).unwrap();
    let train = ["train", "--data", "m.csv", "--layers", "4", "--epochs", "3", "--out", "m", "--json"];
    json(here, &train);
    let export = run(here, &["export", "m", "--out", "m.onnx", "--inputs", "matrix"]);
    assert!(export.status.success(), "{}", stderr(&export));
    folder
}

/// Two classes in a plane.
fn rows() -> String {
    let row = |at: u32| {
        let (x, y) = (f64::from(at % 7) - 3.0, f64::from(at % 11) * 30.0);
        format!("{x},{y},{}\n", if x * 50.0 + y > 150.0 { "high" } else { "low" })
    };
    "a,b,kind\n".to_owned() + &(0..80).map(row).collect::<String>()
}

#[test]
fn an_exported_model_is_imported_with_its_network_its_scaling_and_its_classes() {
    let folder = exported();
    let here = folder.path();
    let import = run(here, &["import", "m.onnx", "--out", "again"]);
    assert!(import.status.success(), "{}", stderr(&import));
    let expected = "input     x (N, 2), here 2\nnetwork   dense 4, relu, dense 2\noutput    y (N, 2), here 2, softmax\nclasses   high, low\n";
    assert_eq!(stdout(&import), expected);
    assert!(stderr(&import).contains("22 parameters"), "{}", stderr(&import));
    let table = |model: &str| json(here, &["inspect", model, "--json"]);
    let (ours, again) = (table("m"), table("again"));
    for key in ["network", "output", "classes", "parameters", "transforms"] {
        assert_eq!(ours[key], again[key], "{key}");
    }
    refused(here, &["import", "m.onnx", "--out", "again"], &["exists already", "--force"]);
    assert!(run(here, &["import", "m.onnx", "--out", "again", "--force"]).status.success());
    // Without a folder it has the name of the file.
    assert!(run(here, &["import", "m.onnx", "--force"]).status.success());
}

#[test]
fn an_onnx_file_stands_where_a_model_stands() {
    let folder = exported();
    let here = folder.path();
    fs::write(here.join("new.csv"), "a,b\n1,20\n-2,300\n0.5,110\n").unwrap();
    let numbers = |model: &str| -> Vec<f64> {
        let output = run(here, &["predict", model, "new.csv"]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).split([',', '\n']).filter_map(|cell| cell.parse().ok()).collect()
    };
    let (ours, theirs) = (numbers("m"), numbers("m.onnx"));
    assert_eq!((ours.len(), theirs.len()), (6, 6));
    assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-5), "{ours:?} {theirs:?}");
    let loss =
        |model: &str| json(here, &["evaluate", model, "--data", "m.csv", "--json"])["loss"].as_f64().unwrap();
    assert!((loss("m") - loss("m.onnx")).abs() < 1e-5);
    for command in [
        &["explain", "m.onnx", "--data", "m.csv", "--json"][..],
        &["inspect", "m.onnx", "--json"],
        &["train", "--from", "m.onnx", "--data", "m.csv", "--epochs", "1", "--out", "finer", "--json"],
    ] {
        json(here, command);
    }
}

#[test]
fn what_is_no_graph_of_layers_is_refused_in_one_line() {
    let folder = exported();
    let here = folder.path();
    let bytes = fs::read(here.join("m.onnx")).unwrap();
    fs::write(here.join("short.onnx"), &bytes[..bytes.len() / 2]).unwrap();
    // The first operator becomes one that there is no layer for.
    let at = bytes.windows(6).position(|bytes| bytes == b"\x22\x04Gemm").unwrap() + 2;
    let other = [&bytes[..at], b"Xemm", &bytes[at + 4..]].concat();
    fs::write(here.join("other.onnx"), other).unwrap();
    for command in
        [&["import", "short.onnx"][..], &["predict", "short.onnx", "m.csv"], &["inspect", "short.onnx"]]
    {
        refused(here, command, &["short.onnx", "corrupted"]);
    }
    refused(here, &["import", "other.onnx"], &["other.onnx: node", "operator Xemm (opset 17)"]);
    refused(here, &["import", "m/last.safetensors"], &["ends in .onnx"]);
    refused(here, &["import", "none.onnx"], &["none.onnx"]);
    assert!(!Path::new(&here.join("short")).exists() && !here.join("other").exists());
}

/// The state dict that `crates/model/tests/golden/make.py` wrote, for a network 3-4-2.
#[test]
fn a_state_dict_of_torch_save_stands_where_a_model_stands() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
    for name in ["plain.pt", "module.pt"] {
        fs::copy(golden.join(name), here.join(name)).unwrap();
    }
    let described = ["--layers", "3-4-2", "--activation", "tanh", "--output", "identity"];
    let table = json(here, &[&["inspect", "plain.pt", "--json"], &described[..]].concat());
    assert_eq!(
        (table["network"].as_str(), table["parameters"].as_u64()),
        (Some("dense 4, tanh, dense 2"), Some(26))
    );
    refused(here, &["inspect", "plain.pt"], &["--layers", "3-4-2"]);
    refused(
        here,
        &[&["inspect", "module.pt"], &described[..]].concat(),
        &["module.pt", "Sequential", "state_dict()"],
    );
    fs::write(here.join("text.pt"), "no archive").unwrap();
    refused(here, &["inspect", "text.pt"], &["text.pt", "torch.save"]);
}

/// The file of a golden model.
fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden").join(name);
    path.to_str().unwrap().to_owned()
}

/// An array of zeros in `f32`.
fn zeros(path: &Path, shape: &[usize]) {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}").replace(['[', ']'], "|");
    let header = header.replacen('|', "(", 1).replacen('|', ")", 1);
    let header = format!("{header:<117}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let numbers = vec![0; 4 * shape.iter().product::<usize>()];
    fs::write(path, [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &numbers].concat()).unwrap();
}

#[test]
fn pictures_with_their_channels_first_are_refused_where_a_network_has_them_last() {
    let folder = tempfile::tempdir().unwrap();
    let (here, model) = (folder.path(), golden("torch-cnn.onnx"));
    zeros(&here.join("last.npy"), &[3, 6, 4, 2]);
    zeros(&here.join("first.npy"), &[3, 2, 6, 4]);
    zeros(&here.join("rows.npy"), &[3, 48]);
    let predict = |file: &str| run(here, &["predict", &model, file]);
    let (last, rows) = (predict("last.npy"), predict("rows.npy"));
    assert!(last.status.success(), "{}", stderr(&last));
    assert_eq!(stdout(&last), stdout(&rows));
    refused(here, &["predict", &model, "first.npy"], &["[2, 6, 4]", "6x4x2", "x.transpose(0, 2, 3, 1)"]);
    // Image files have no two channels.
    fs::create_dir(here.join("shots")).unwrap();
    refused(here, &["predict", &model, "shots"], &["6x4x2", "one channel or three"]);
}

#[test]
fn the_data_name_the_outputs_of_a_network_that_names_none() {
    let folder = tempfile::tempdir().unwrap();
    let (here, model) = (folder.path(), golden("torch-old.onnx"));
    let row = |at: u32| format!("{},{},{},1,0,{}\n", at % 3, at % 5, at % 7, ["no", "yes"][at as usize % 2]);
    let rows = (0..40).map(row).collect::<String>();
    fs::write(here.join("t.csv"), "a,b,c,d,e,k\n".to_owned() + &rows).unwrap();
    let loss = |model: &str| {
        json(here, &["evaluate", model, "--data", "t.csv", "--loss", "cross-entropy", "--json"])["loss"]
            .as_f64()
    };
    assert!(run(here, &["import", &model, "--out", "old"]).status.success());
    assert_eq!(loss(&model), loss("old"));
    json(here, &["train", "--from", &model, "--data", "t.csv", "--epochs", "1", "--out", "finer", "--json"]);
    let classes = json(here, &["inspect", "finer", "--json"])["classes"].clone();
    assert_eq!(classes, serde_json::json!(["no", "yes"]));
}
