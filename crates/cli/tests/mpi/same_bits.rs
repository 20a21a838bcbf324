//! Any number of ranks ends with the bits of one process.

use std::time::Duration;

use crate::{RUN, alone, begin_endless, epoch, models, on, resume_to_the_end, succeeds, wait_for};

/// An optimizer with settings that let it move, each on a network that suits it.
const OPTIMIZERS: [&[&str]; 4] = [
    &["--optimizer", "sgd", "--lr", "0.5", "--layers", "16-8", "--batch", "50", "--dropout", "0.2"],
    &["--optimizer", "adam", "--lr", "0.01", "--layers", "16-8", "--batch", "50", "--dropout", "0.2"],
    &["--optimizer", "lbfgs", "--layers", "16-8"],
    &["--optimizer", "saddle-free-newton", "--layers", "4", "--activation", "tanh"],
];

#[test]
fn one_to_four_ranks_and_one_process_end_with_the_same_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let common =
        ["train", "--data", "moons", "--validation", "0.2", "--reduction", "tree", "--epochs", "4", "-q"];
    for optimizer in OPTIMIZERS {
        let name = optimizer[1];
        let arguments = [&common[..], optimizer].concat();
        succeeds(&alone(here, &[&arguments[..], &["--out", name]].concat()));
        let expected = models(here, name);
        for ranks in 1..=4 {
            let out = format!("{name}-{ranks}");
            succeeds(&on(ranks, here, &[&arguments[..], &["--out", &out]].concat()));
            assert!(models(here, &out) == expected, "{name} on {ranks} ranks");
        }
    }
}

#[test]
fn by_the_library_ranks_learn_as_well_and_tell_what_they_sent() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    succeeds(&on(3, here, &["train", "--epochs", "6", "--out", "run", "-q"]));
    let results = std::fs::read_to_string(here.join("run/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    assert!(results["test_accuracy"].as_f64().unwrap() > 0.9, "{results}");
    let communication = &results["communication"];
    assert_eq!(communication["ranks"], 3);
    // Each step sends the gradient and C.
    let (reductions, parameters) =
        (communication["reductions"].as_u64().unwrap(), results["parameters"].as_u64().unwrap());
    assert_eq!(communication["bytes"].as_u64().unwrap(), reductions * (parameters + 1) * 4);
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let mut child = begin_endless(3, here);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("end of the ranks", Duration::from_secs(20), || crate::ranks_of(here).is_empty().then_some(()));
    let last = epoch(here) + 2;
    resume_to_the_end(2, here, last);
    resume_to_the_end(4, here, last + 1);
    resume_to_the_end(0, here, last + 2);
    let epochs = (last + 2).to_string();
    succeeds(&alone(here, &[RUN, &["--epochs", &epochs, "--out", "whole", "-q"]].concat()));
    assert!(models(here, "torn") == models(here, "whole"));
}
