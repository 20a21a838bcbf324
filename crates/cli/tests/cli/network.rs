//! Networks in words and in files.

use std::fs;

use serde_json::json as value;

use super::{json, refused, run, stderr, stdout};

#[test]
fn what_inspect_prints_trains_the_same_network_again() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let words = "flatten, dense 16, leaky-relu 0.2, dropout 0.1, dense 10";
    let train = |network: &str, out: &str| {
        json(here, &["train", "--epochs", "1", "--network", network, "--out", out, "--json", "-q"])
    };
    let first = train(words, "first");
    let seen = json(here, &["inspect", "first/last.safetensors", "--json"]);
    assert_eq!((&seen["network"], &seen["input"]["height"]), (&value!(words), &value!(8)));
    assert_eq!(seen["layers"][2]["layer"], "leaky-relu 0.2");
    assert!(stdout(&run(here, &["inspect", "first/last.safetensors"])).contains(words));

    let again = train(seen["network"].as_str().unwrap(), "again");
    assert_eq!(first["test_loss"], again["test_loss"]);
    let bytes = |run: &str| fs::read(here.join(run).join("last.safetensors")).unwrap();
    assert_eq!(bytes("first"), bytes("again"));
    let predictions = json(here, &["evaluate", "first/last.safetensors", "--json"]);
    assert!(predictions["loss"].as_f64().unwrap().is_finite());
}

#[test]
fn a_mistake_in_a_network_is_one_line_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |network: &str, words: &[&str]| refused(folder.path(), &["train", "--network", network], words);
    bad("flatten, dense 16, rleu, dense 10", &["character 20", "nearest is `relu`"]);
    bad("flatten, dense", &["character 10", "number of its outputs"]);
    bad("dense 16, relu, dense 10", &["gives 8x8x10", "put `flatten`"]);
    bad("flatten, dense 16, reshape 3x5, flatten, dense 10", &["layer 2", "16 numbers"]);
    bad("flatten, dense 16, dense 9", &["has 10 outputs"]);
    bad("nosuch.toml", &["nosuch.toml"]);
    fs::write(folder.path().join("net.toml"), "[[layers]]\nkind = \"dens\"\noutputs = 8\n").unwrap();
    bad("net.toml", &["net.toml: line 2: no layer is called `dens`; the nearest is `dense`"]);
    // The list of all is long, and elsewhere.
    let help = stdout(&run(folder.path(), &["train", "--help"]));
    for network in ["rleu", "net.toml"] {
        let message = stderr(&run(folder.path(), &["train", "--network", network]));
        assert!(message.contains("`chainrule train --help` lists all"), "{message}");
        assert!(!message.contains("instance-norm") && help.contains("instance-norm"), "{message}");
    }
    refused(
        folder.path(),
        &["train", "--network", "flatten, dense 10", "--layers", "64"],
        &["leave out --layers"],
    );
}

#[test]
fn a_run_keeps_the_network_of_a_file_that_changes_or_goes() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let file = |activation: &str| {
        format!(
            "layers = [{{ kind = \"dense\", outputs = 4 }}, {{ kind = \"{activation}\" }}, {{ kind = \"dense\", outputs = 2 }}]"
        )
    };
    fs::write(here.join("net.toml"), file("tanh")).unwrap();
    let train = ["train", "--data", "moons", "--network", "net.toml", "--epochs", "1", "--json"];
    json(here, &[&train[..], &["--out", "r"]].concat());
    let config = fs::read_to_string(here.join("r/config.toml")).unwrap();
    assert!(config.contains("network = \"dense 4, tanh, dense 2\""), "{config}");
    fs::write(here.join("net.toml"), file("relu")).unwrap();
    json(here, &["train", "--resume", "r", "--epochs", "2", "--json"]);
    assert!(json(here, &["inspect", "r", "--json"])["network"].to_string().contains("tanh"));
    fs::remove_file(here.join("net.toml")).unwrap();
    json(here, &["train", "--config", "r/config.toml", "--out", "again", "--json"]);
}
