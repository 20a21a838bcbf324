//! Graphs of other programs: ONNX. What is taken must be the same after saving and loading.
#![no_main]

use std::path::Path;

use chainrule_fuzz::{SLACK, bounded};
use chainrule_model::Checkpoint;
use chainrule_model::onnx::{import_bytes, is_double};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = is_double(bytes);
    if let Ok(imported) = bounded(bytes, SLACK, || import_bytes::<f32>(bytes, None)) {
        let checkpoint = imported.checkpoint;
        if checkpoint.theta.iter().chain(&checkpoint.statistics).all(|x| x.is_finite()) {
            let again = Checkpoint::<f32>::from_bytes(Path::new("fuzz"), &checkpoint.to_bytes());
            assert_eq!(again.expect("it was sound before"), checkpoint);
        }
    }
});
