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
        let table: Vec<&str> = said.lines().collect();
        assert!(table[0].starts_with("theirs.safetensors: ") && table[0].contains("--map FILE"), "{said}");
        let rows = [
            "encoder.layers.0.linear.weight = 0.weight  # [32, 64], by shape",
            "encoder.layers.0.linear.bias   = 0.bias    # [32], with its weight",
            "head.weight                    = 2.weight  # [10, 32], by shape",
            "head.bias                      = 2.bias    # [10], with its weight",
            "# passed over: optimizer.state.0.exp_avg",
            "theirs.safetensors: pixels are divided by 16",
            "digits: the 360 test examples",
        ];
        assert_eq!(table[1..], rows, "{said}");
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
    assert!(
        output.status.success() && stderr(&output).contains("head.bias                      = 2.bias"),
        "{}",
        stderr(&output)
    );
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

/// A command on a network with two layers of one shape, and a map of its parameters.
fn with<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let described = ["--layers", "64-16-16-16-10", "--activation", "tanh", "--map", "names.map"];
    [command, &described].concat()
}

#[test]
fn a_map_says_which_array_is_which_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let figures = trained(here, &["--layers", "16-16-16", "--activation", "tanh"]);
    let names = [
        ("0.weight", "in.weight"),
        ("0.bias", "in.bias"),
        ("2.weight", "middle.weight"),
        ("2.bias", "middle.bias"),
        ("4.weight", "last.weight"),
        ("4.bias", "last.bias"),
        ("6.weight", "out.weight"),
        ("6.bias", "out.bias"),
    ];
    renamed(here, &names, &["auxiliary.weight"]);
    let evaluate = with(&["evaluate", "theirs.safetensors", "--data", "digits", "--json"]);
    let export = with(&["export", "theirs.safetensors", "--out", "named.safetensors"]);
    fs::write(here.join("names.map"), "auxiliary.weight = -\n").unwrap();
    refused(
        here,
        &evaluate,
        &["last.weight, middle.weight have the shape [16, 16]", "`last.weight = 2.weight`"],
    );
    // The other order of two like layers is another network.
    let map = "# two layers of one shape\nmiddle.weight = 2.weight\nauxiliary.weight = -  # a head that is not used\n";
    fs::write(here.join("names.map"), map).unwrap();
    let output = run(here, &evaluate);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(found["loss"], figures["test_loss"]);
    for row in [
        "middle.weight = 2.weight  # [16, 16], by the map",
        "middle.bias   = 2.bias    # [16], with its weight",
    ] {
        assert!(said.contains(row), "{said}");
    }
    assert!(said.contains("# passed over: auxiliary.weight"), "{said}");
    assert!(run(here, &export).status.success());
    fs::write(here.join("names.map"), map.replace("2.weight", "4.weight")).unwrap();
    assert_ne!(json(here, &evaluate)["loss"], figures["test_loss"]);
    fs::write(here.join("names.map"), map.replace("2.weight", "9.weight")).unwrap();
    refused(here, &evaluate, &["names.map, line 2: the network has no parameter \"9.weight\""]);
    // Training from it has the same start, and a resumed run has the map.
    fs::write(here.join("names.map"), map).unwrap();
    let train =
        with(&["train", "--from", "theirs.safetensors", "--data", "digits", "--epochs", "0", "--json"]);
    let started = json(here, &[&train[..], &["--out", "from"]].concat());
    assert_eq!(started["test_loss"], figures["test_loss"]);
    json(here, &["train", "--resume", "from", "--epochs", "1", "--json"]);
    fs::write(here.join("names.map"), map.replace("2.weight", "4.weight")).unwrap();
    refused(here, &["train", "--resume", "from", "--epochs", "2"], &["(--from) is not what it was"]);
    refused(here, &["train", "--map", "names.map", "--data", "digits"], &["--from"]);
    refused(here, &["inspect", "run", "--map", "names.map"], &["omit --map"]);
    let own = ["train", "--from", "run", "--map", "names.map", "--data", "digits", "--out", "own"];
    refused(here, &own, &["omit --map"]);
    refused(here, &["inspect", "run", "--map", "none.map"], &["none.map"]);
}

#[test]
fn a_state_dict_is_imported_with_its_network() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    trained(here, &["--layers", "32", "--activation", "tanh"]);
    renamed(here, &OWN_NAMES, &[]);
    let import = ["import", "theirs.safetensors", "--network", "dense 32, tanh, dense 10"];
    let output = run(here, &import);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "input     64\nnetwork   dense 32, tanh, dense 10\noutput    10, softmax\n");
    assert!(stderr(&output).contains("head.bias                      = 2.bias"), "{}", stderr(&output));
    let (ours, theirs) = (here.join("run/last.safetensors"), here.join("theirs/last.safetensors"));
    let (ours_bytes, theirs_bytes) = (read(&ours).unwrap(), read(&theirs).unwrap());
    let (ours, theirs) =
        (TensorFile::parse(&ours, &ours_bytes).unwrap(), TensorFile::parse(&theirs, &theirs_bytes).unwrap());
    for name in ours.names() {
        assert_eq!(ours.bytes(name), theirs.bytes(name), "{name}");
    }
    refused(here, &import, &["exists already", "--force"]);
    refused(here, &["import", "theirs.safetensors", "--out", "bare"], &["--layers 64-32-10 (by the shapes)"]);
    refused(
        here,
        &["import", "run", "--out", "again"],
        &["a model of chainrule", "ends in .onnx or a state dict"],
    );
}

/// The shards that `crates/model/tests/golden/make.py` wrote, of a network 3-4-2.
#[test]
fn a_state_dict_in_shards_stands_where_a_model_stands() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
    let index = "model.safetensors.index.json";
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    for name in [index, shards[0], shards[1], "plain.pt"] {
        fs::copy(golden.join(name), here.join(name)).unwrap();
    }
    fs::write(here.join("x.csv"), "0.5,-1,2\n3,0.25,-0.125\n").unwrap();
    let network = ["--layers", "3-4-2", "--activation", "tanh", "--output", "identity"];
    let predicted = |model: &str| {
        let output = run(here, &[&["predict", model, "x.csv"], &network[..]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(predicted(index), predicted("plain.pt"));
    // By its own name the folder would be all but the last ending.
    assert!(run(here, &[&["import", index], &network[..]].concat()).status.success());
    assert!(here.join("model/last.safetensors").is_file());
    let text = fs::read_to_string(here.join(index)).unwrap();
    let inspect = [&["inspect", index], &network[..]].concat();
    fs::write(here.join(index), text.replace("model-00002", "../model-00002")).unwrap();
    refused(here, &inspect, &[index, "no name of a .safetensors file in the folder of the index"]);
    fs::write(here.join(index), text.replace("00002-of", "00003-of")).unwrap();
    refused(here, &inspect, &["model-00003-of-00002.safetensors"]);
    fs::write(here.join(index), &text).unwrap();
    fs::copy(here.join(shards[0]), here.join(shards[1])).unwrap();
    refused(here, &inspect, &[shards[1], "and the index says", "not of one model"]);
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
