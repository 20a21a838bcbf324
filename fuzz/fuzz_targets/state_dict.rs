//! State dicts of `torch.save`: what is read must be a safetensors file.
#![no_main]

use std::path::Path;

use chainrule_fuzz::{SLACK, bounded};
use chainrule_model::pt::to_safetensors;
use chainrule_train::tensors::TensorFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = bounded(bytes, SLACK, || to_safetensors(bytes)) {
        TensorFile::parse(Path::new("fuzz"), &read).expect("a safetensors file");
    }
    // The description alone, which the checksums of an archive would guard.
    let _ = bounded(bytes, SLACK, || to_safetensors(&archive(bytes)));
});

/// An archive with this description, stored as it is.
fn archive(description: &[u8]) -> Vec<u8> {
    let name = b"a/data.pkl";
    let crc = crc32(description);
    let length = (description.len() as u32).to_le_bytes();
    let about =
        [&[0; 6][..], &[0, 0, 0x21, 0], &crc.to_le_bytes(), &length, &length, &[name.len() as u8, 0, 0, 0]]
            .concat();
    let local = [&b"PK\x03\x04\x14\0"[..], &about[2..], name, description].concat();
    let central = [&b"PK\x01\x02\x14\0\x14\0"[..], &about[2..], &[0; 14], name].concat();
    let sizes = [(central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes()].concat();
    [local, central, [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &sizes[..], &[0; 2]].concat()].concat()
}

/// CRC-32 of the archive's format.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}
