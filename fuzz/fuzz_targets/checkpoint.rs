//! Checkpoints and snapshots of runs: safetensors with JSON in them.
#![no_main]

use std::path::Path;

use chainrule_model::Checkpoint;
use chainrule_train::{RunIdentity, Saved};
use chainrule_fuzz::{LITTLE, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz");
    if let Ok(checkpoint) = bounded(bytes, LITTLE, || Checkpoint::<f32>::from_bytes(path, bytes)) {
        let again = Checkpoint::<f32>::from_bytes(path, &checkpoint.to_bytes()).expect("it was sound before");
        assert_eq!(again, checkpoint);
    }
    let _ = bounded(bytes, LITTLE, || Saved::<f32>::from_bytes(path, bytes, &RunIdentity::default()));
});
