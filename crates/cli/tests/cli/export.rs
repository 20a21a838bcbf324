//! `chainrule export`. Other programs read what it writes in `cargo xtask interop`.

use std::fs;

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
