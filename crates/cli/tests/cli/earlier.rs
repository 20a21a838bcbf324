//! Files of an earlier version of the program; `tests/earlier/make.sh` says how they were made.

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::train::tensors::{TensorFile, read};

use crate::{json, run, stderr, stdout};

fn earlier() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/earlier")
}

#[test]
fn a_model_of_an_earlier_version_predicts_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| earlier().join(name).to_str().unwrap().to_owned();
    // Without format version and checksum, with its loss by name and its activation in the older form.
    let header = String::from_utf8_lossy(&fs::read(file("model.safetensors")).unwrap()).into_owned();
    assert!(header.contains(r#"\"kind\":\"activation\""#) && !header.contains("checksum"));
    let output = run(folder.path(), &["predict", &file("model.safetensors"), &file("new.csv")]);
    assert!(output.status.success(), "{}", stderr(&output));
    let numbers =
        |text: &str| -> Vec<f64> { text.lines().skip(1).map(|line| line.parse().unwrap()).collect() };
    let (now, then) = (stdout(&output), fs::read_to_string(file("predictions.csv")).unwrap());
    assert_eq!(now.lines().next(), then.lines().next());
    assert_eq!(numbers(&then).len(), 2);
    for (now, then) in numbers(&now).into_iter().zip(numbers(&then)) {
        assert!((now - then).abs() < 1e-5 * then.abs(), "{now}, {then}");
    }
    let seen = json(folder.path(), &["inspect", &file("model.safetensors"), "--json"]);
    assert_eq!(seen["layers"][1]["layer"], "relu");
}

#[test]
fn a_run_of_an_earlier_version_is_resumed_to_the_model_that_it_would_have_had() {
    let folder = tempfile::tempdir().unwrap();
    let torn = folder.path().join("torn");
    fs::create_dir_all(torn.join("checkpoints")).unwrap();
    for file in ["config.toml", "metrics.jsonl", "checkpoints/step-0000000045.safetensors"] {
        fs::copy(earlier().join("run").join(file), torn.join(file)).unwrap();
    }
    let output = run(folder.path(), &["train", "--resume", "torn"]);
    let said = stderr(&output);
    assert!(output.status.success() && said.contains("from step 45"), "{said}");
    let [now, then] = [torn.join("last.safetensors"), earlier().join("whole.safetensors")];
    let [now_bytes, then_bytes] = [&now, &then].map(|path| read(path).unwrap());
    let (now, then) =
        (TensorFile::parse(&now, &now_bytes).unwrap(), TensorFile::parse(&then, &then_bytes).unwrap());
    assert_eq!(now.names(), then.names());
    for name in now.names() {
        let values = now.values::<f64>(name).unwrap().into_iter().zip(then.values::<f64>(name).unwrap());
        for (now, then) in values {
            assert!((now - then).abs() < 1e-5, "{name}: {now}, {then}");
        }
    }
    // All of its epochs are in the record, also those that the earlier version had in the snapshot.
    let metrics = fs::read_to_string(torn.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.matches("\"train_loss\"").count(), 4, "{metrics}");
    let epochs = fs::read_to_string(torn.join("checkpoints/epochs.jsonl")).unwrap();
    assert_eq!(epochs.lines().count(), 4);
    // And the run goes on from the snapshots that this version wrote.
    json(folder.path(), &["train", "--resume", "torn", "--epochs", "5", "--json"]);
}
