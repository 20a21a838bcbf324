//! `.npz` archives of arrays, stored and deflated.
#![no_main]

use chainrule_datasets::{ReadOptions, npz};
use chainrule_fuzz::{SLACK, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = bounded(bytes, SLACK, || npz::decode::<f32>(bytes, "fuzz".as_ref(), &ReadOptions::default()));
});
