//! Models of other programs: safetensors files with names of their own.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use chainrule::train::tensors::{TensorBytes, TensorFile, read, to_bytes};
use serde_json::Value;

use crate::{json, refused, run, stderr, stdout};

/// The trained model as another program would save it: under other names, with other arrays beside it. An empty name leaves one out.
fn renamed(folder: &Path, names: &[(&str, &str)], others: &[&str]) {
    let path = folder.join("run/last.safetensors");
    let bytes = read(&path).unwrap();
    let file = TensorFile::parse(&path, &bytes).unwrap();
    let mut arrays: Vec<TensorBytes> = names
        .iter()
        .filter(|(_, theirs)| !theirs.is_empty())
        .map(|&(ours, theirs)| {
            let shape = file.shape(ours).unwrap();
            TensorBytes::new(theirs.to_owned(), shape, &file.values::<f32>(ours).unwrap())
        })
        .collect();
    arrays.extend(others.iter().map(|&name| TensorBytes::new(name.to_owned(), vec![2, 2], &[0.5_f32; 4])));
    fs::write(folder.join("theirs.safetensors"), to_bytes(&arrays, HashMap::new())).unwrap();
}

const OWN_NAMES: [(&str, &str); 4] = [
    ("0.weight", "encoder.layers.0.linear.weight"),
    ("0.bias", "encoder.layers.0.linear.bias"),
    ("2.weight", "head.weight"),
    ("2.bias", "head.bias"),
];

fn trained(folder: &Path, arguments: &[&str]) -> Value {
    let base = ["train", "--data", "digits", "--epochs", "2", "--out", "run", "--json"];
    json(folder, &[&base[..], arguments].concat())
}

#[test]
fn names_of_another_program_are_mapped_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let figures = trained(here, &["--layers", "32", "--activation", "tanh"]);
    renamed(here, &OWN_NAMES, &["optimizer.state.0.exp_avg"]);
    let described: [&[&str]; 3] = [
        &["--layers", "64-32-10", "--activation", "tanh"],
        &["--network", "dense 32, tanh, dense 10"],
        // The widths are told from the shapes.
        &["--activation", "tanh"],
    ];
    for flags in described {
        let output =
            run(here, &[&["evaluate", "theirs.safetensors", "--data", "digits", "--json"], flags].concat());
        let said = stderr(&output);
        assert!(output.status.success(), "{flags:?}: {said}");
        let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!((&found["loss"], &found["accuracy"]), (&figures["test_loss"], &figures["test_accuracy"]));
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("encoder.layers.0.linear.weight → 0.weight, "), "{said}");
        assert!(said.contains("(4 in all); passed over: optimizer.state.0.exp_avg"), "{said}");
    }
    // What is not described says what to write.
    refused(
        here,
        &["evaluate", "theirs.safetensors", "--data", "digits"],
        &["--layers 64-32-10 (by the shapes) and --activation"],
    );
    let other = ["--network", "dense 16, tanh, dense 10"];
    let evaluate = ["evaluate", "theirs.safetensors", "--data", "digits"];
    refused(here, &[&evaluate[..], &other].concat(), &["--network", "name its layers in order"]);
    // Prediction and export go the same way.
    let export = ["export", "theirs.safetensors", "--activation", "tanh", "--out", "named.safetensors"];
    assert!(run(here, &export).status.success());
    let (ours, named) = (here.join("run/last.safetensors"), here.join("named.safetensors"));
    let (ours_bytes, named_bytes) = (read(&ours).unwrap(), read(&named).unwrap());
    let (ours, named) =
        (TensorFile::parse(&ours, &ours_bytes).unwrap(), TensorFile::parse(&named, &named_bytes).unwrap());
    assert_eq!(ours.names(), named.names());
    for name in ours.names() {
        assert_eq!(ours.bytes(name), named.bytes(name), "{name}");
    }
    let row: Vec<String> = (0..64).map(|i| (i % 17).to_string()).collect();
    fs::write(here.join("new.csv"), row.join(",") + "\n").unwrap();
    let predict = ["predict", "theirs.safetensors", "new.csv"];
    let output = run(here, &[&predict[..], described[0]].concat());
    assert!(output.status.success() && stderr(&output).contains("→"), "{}", stderr(&output));
    assert_eq!(stdout(&output), stdout(&run(here, &[&predict[..], described[1]].concat())));
}

#[test]
fn an_order_that_no_name_tells_is_refused_with_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let figures = trained(here, &["--layers", "16-16-16"]);
    let with = |hidden: [&str; 2]| {
        let [first, second] = hidden.map(|name| format!("{name}.weight"));
        renamed(
            here,
            &[
                ("0.weight", "in.weight"),
                ("2.weight", &first),
                ("4.weight", &second),
                ("6.weight", "out.weight"),
            ],
            &[],
        );
    };
    let evaluate = ["evaluate", "theirs.safetensors", "--data", "digits", "--layers", "64-16-16-16-10"];
    with(["middle", "last"]);
    refused(here, &evaluate, &["last.weight, middle.weight have the shape [16, 16]", "2.weight, 4.weight"]);
    with(["body.3", "body.11"]);
    let output = run(here, &evaluate);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("no bias, taken as 0: 0.bias, 2.bias, 4.bias, … (4 in all)"));
    // The cure of the message.
    renamed(here, &[], &[]);
    let names = ["0", "2", "4", "6"].map(|at| [format!("{at}.weight"), format!("{at}.bias")]).concat();
    renamed(here, &names.iter().map(|name| (name.as_str(), name.as_str())).collect::<Vec<_>>(), &[]);
    let found = json(here, &[&evaluate[..], &["--json"]].concat());
    assert_eq!(found["loss"], figures["test_loss"]);
    // An array without a place is no extra.
    renamed(here, &OWN_NAMES, &["norm.weight"]);
    refused(here, &evaluate, &["another architecture"]);
}

#[test]
fn training_starts_from_a_model_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let figures = trained(here, &["--layers", "32", "--activation", "tanh"]);
    renamed(here, &OWN_NAMES, &[]);
    let from = ["train", "--data", "digits", "--from", "theirs.safetensors", "--epochs", "0", "--json"];
    refused(here, &from, &["--from", "--layers 64-32-10 (by the shapes) and --activation"]);
    let described: [&[&str]; 2] = [
        &["--layers", "64-32-10", "--activation", "tanh"],
        &["--network", "flatten, dense 32, tanh, dense 10"],
    ];
    for (at, flags) in described.into_iter().enumerate() {
        let out = format!("from{at}");
        let again = json(here, &[&from[..], flags, &["--out", &out]].concat());
        assert_eq!(again["test_loss"], figures["test_loss"], "{flags:?}");
        json(here, &["train", "--resume", &out, "--epochs", "1", "--json"]);
    }
    refused(here, &[&from[..], described[0], &["--init", "zeros"]].concat(), &["omit --init"]);
    refused(here, &[&from[..], &["--layers", "48"]].concat(), &["another architecture"]);
}

#[test]
fn a_run_is_not_resumed_from_another_model_than_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here, &["--layers", "8"]);
    let model = here.join("run/last.safetensors");
    fs::copy(&model, here.join("start.safetensors")).unwrap();
    json(here, &["train", "--from", "start.safetensors", "--epochs", "1", "--out", "tuned", "--json"]);
    json(here, &["train", "--data", "digits", "--layers", "8", "--seed", "3", "--out", "other", "--json"]);
    let resume = ["train", "--resume", "tuned", "--epochs", "2", "--json"];
    fs::copy(here.join("other/last.safetensors"), here.join("start.safetensors")).unwrap();
    refused(here, &resume, &["step-", "(--from) is not what it was"]);
    fs::copy(&model, here.join("start.safetensors")).unwrap();
    json(here, &resume);
}
