//! Parquet files.
#![no_main]

use chainrule_datasets::{Pipeline, ReadOptions, parquet};
use chainrule_fuzz::{SLACK, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions { max_memory: Some(SLACK as u64 / 4), ..ReadOptions::default() };
    let read = bounded(bytes, SLACK, || parquet::decode::<f32>(bytes, "fuzz".as_ref(), &options));
    let Ok(data) = read else { return };
    let (rows, inputs) = data.features().dim();
    if rows * inputs <= 1 << 20 {
        assert!(data.inputs_through(&Pipeline::new()).iter().all(|x| x.is_finite()));
    }
});
