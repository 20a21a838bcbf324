//! IDX files, plain and gzipped: the first bytes tell which.
#![no_main]

use chainrule_datasets::idx;
use chainrule_fuzz::{SLACK, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(idx) = bounded(bytes, SLACK, || idx::decode(bytes, "fuzz".as_ref())) {
        assert_eq!(idx.shape().iter().product::<usize>(), idx.data().len());
    }
});
