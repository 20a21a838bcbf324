//! `.npy` files, as a matrix and as a table.
#![no_main]

use chainrule_datasets::{ReadOptions, npy};
use chainrule_fuzz::{LITTLE, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(x) = bounded(bytes, LITTLE, || npy::decode::<f32>(bytes, "fuzz".as_ref())) {
        assert!(x.iter().all(|x| x.is_finite()));
    }
    let _ =
        bounded(bytes, LITTLE, || npy::decode_table::<f32>(bytes, "fuzz".as_ref(), &ReadOptions::default()));
});
