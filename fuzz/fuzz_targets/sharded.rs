//! State dicts in several files: what is read must be a safetensors file. And maps of parameters.
#![no_main]

use std::path::Path;

use chainrule_fuzz::{SLACK, bounded};
use chainrule_model::ParameterMap;
use chainrule_model::sharded::to_safetensors;
use chainrule_train::tensors::TensorFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzz");
    // The index up to the first zero, and after it the contents of each shard.
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (index, shard) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let mut asked = 0;
    let read = |name: &str| {
        assert!(!name.contains(['/', '\\', ':']), "outside of the folder: {name:?}");
        asked += 1;
        Ok(shard.to_vec())
    };
    if let Ok(read) = bounded(bytes, SLACK, || to_safetensors(path, index, read)) {
        TensorFile::parse(path, &read).expect("a safetensors file");
        assert_eq!(asked, 1, "the same arrays in two shards");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(map) = bounded(bytes, SLACK, || ParameterMap::parse(path, text))
    {
        assert_eq!(
            ParameterMap::parse(path, &map.to_string()).expect("its own lines").to_string(),
            map.to_string()
        );
    }
});
