//! Checkpoints and snapshots of runs: safetensors with JSON in them.
#![no_main]

use std::path::Path;

use chainrule_fuzz::{LITTLE, bounded};
use chainrule_layers::{Architecture, activation};
use chainrule_model::{Checkpoint, Header, ModelCard, Output, ParameterMap};
use chainrule_train::{RunIdentity, Saved};
use libfuzzer_sys::fuzz_target;

/// A small network, for files of other programs.
fn card() -> ModelCard {
    let architecture = Architecture::perceptron(&[2, 2, 2], activation::Relu, 0.0);
    ModelCard::new(architecture, Output::Softmax, None)
}

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz");
    if let Ok(checkpoint) = bounded(bytes, LITTLE, || Checkpoint::<f32>::from_bytes(path, bytes)) {
        let again = Checkpoint::<f32>::from_bytes(path, &checkpoint.to_bytes()).expect("it was sound before");
        assert_eq!(again, checkpoint);
    }
    let _ = bounded(bytes, LITTLE, || Header::from_bytes(path, bytes));
    let _ = bounded(bytes, LITTLE, || {
        Checkpoint::<f32>::from_bytes_as(path, bytes, card(), &ParameterMap::default())
    });
    let _ = bounded(bytes, LITTLE, || Saved::<f32>::from_bytes(path, bytes, &RunIdentity::default()));
});
