//! PNG and JPEG files.
#![no_main]

use chainrule_datasets::decode_image;
use chainrule_fuzz::{SLACK, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = bounded(bytes, SLACK, || decode_image(bytes, "fuzz".as_ref())) {
        let shape = picture.shape;
        assert_eq!(shape.height * shape.width * shape.channels, picture.pixels.len());
    }
});
