//! IDX files: what is sound is read back, what is not is refused by name.

use std::io::Write;
use std::path::Path;

use chainrule_datasets::idx::{self, Idx};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

const MAGIC: [u8; 4] = [0, 0, 8, 3];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap()
}

fn file(magic: [u8; 4], shape: &[u32], data: &[u8]) -> Vec<u8> {
    let shape = shape.iter().flat_map(|d| d.to_be_bytes());
    magic.into_iter().chain(shape).chain(data.iter().copied()).collect()
}

fn refusal(bytes: &[u8]) -> String {
    let message = idx::decode(bytes, Path::new("some-file")).unwrap_err().to_string();
    assert!(message.starts_with("some-file: ") && !message.contains('\n'), "{message}");
    message
}

#[test]
fn sizes_that_disagree_are_both_named() {
    let short = file(MAGIC, &[2, 2, 2], &[1; 7]);
    let long = file(MAGIC, &[2, 2, 2], &[1; 30]);
    assert!(refusal(&short).contains("announces 24 bytes, but 23 are there"));
    assert!(refusal(&gzip(&short)).contains("announces 24 bytes, but 23 are there"));
    assert!(refusal(&long).contains("announces 24 bytes, but 46 are there"));
    assert!(refusal(&gzip(&long)).contains("announces 24 bytes, but at least 25 are there"));
}

#[test]
fn headers_that_lie_allocate_nothing() {
    let [huge, large] = [[u32::MAX; 3], [1, 1 << 15, 1 << 14]].map(|shape| file(MAGIC, &shape, &[1; 8]));
    assert!(refusal(&huge).contains("impossible shape"));
    assert!(refusal(&gzip(&huge)).contains("impossible shape"));
    assert!(refusal(&large).contains("but 24 are there"));
    assert!(refusal(&gzip(&large)).contains("cannot be packed into"));
    assert!(refusal(&gzip(&file(MAGIC, &[1 << 10, 1 << 10, 1 << 10], &[]))).contains("1073741840 bytes"));
    // Ten megabytes of zeros in ten kilobytes: the header asks for eight.
    let bomb = gzip(&file(MAGIC, &[2, 2, 2], &vec![0; 10 << 20]));
    assert!(refusal(&bomb).contains("at least 25"));
}

#[test]
fn other_formats_and_types_are_named() {
    assert!(refusal(b"").contains("header cannot be read"));
    assert!(refusal(b"<html>not found</html>").contains("begins with the bytes [3c, 68, 74, 6d]"));
    assert!(refusal(&file([0, 0, 0x0d, 1], &[1], &[0; 4])).contains("32-bit floats"));
    assert!(refusal(&file([0, 0, 7, 1], &[1], &[0; 4])).contains("unknown type of number, 0x07"));
    assert!(refusal(&file([0, 0, 8, 0], &[], &[0])).contains("no dimension"));
    let mut torn =
        gzip(&file(MAGIC, &[50, 10, 10], &(0..5000_u32).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()));
    torn.truncate(torn.len() / 2);
    assert!(refusal(&torn).contains("cannot be unpacked"));
}

#[test]
fn a_folder_or_a_missing_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(idx::read(folder.path()).unwrap_err().to_string().contains("not a regular file"));
    assert!(idx::read(&folder.path().join("no")).unwrap_err().to_string().starts_with("cannot read "));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        data in prop::collection::vec(any::<u8>(), 0..200), columns in 1_usize..5, zipped: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if zipped { "a.gz" } else { "a" });
        let rows = data.len() / columns;
        let idx = Idx::new(vec![rows, columns], data[..rows * columns].to_vec());
        idx::write(&path, &idx).unwrap();
        prop_assert_eq!(std::fs::read(&path).unwrap()[0], if zipped { 0x1f } else { 0 });
        let matrix = idx.clone().into_matrix().unwrap();
        prop_assert_eq!(matrix.dim(), (rows, columns));
        prop_assert_eq!(idx::read(&path).unwrap(), idx);
    }

    #[test]
    fn no_bytes_make_it_panic(
        noise in prop::collection::vec(any::<u8>(), 0..64), shape in prop::array::uniform3(any::<u32>()),
        cut in 0_usize..64, flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let check = |bytes: &[u8]| if let Ok(idx) = idx::decode(bytes, Path::new("x")) {
            let _ = idx.into_matrix();
        };
        check(&noise);
        check(&file(MAGIC, &shape, &noise));
        check(&gzip(&file(MAGIC, &shape, &noise)));
        let sound = file(MAGIC, &[1, 1, noise.len() as u32], &noise);
        for mut bytes in [gzip(&sound), sound] {
            let at = flip.0.index(bytes.len());
            bytes[at] ^= flip.1;
            check(&bytes);
            bytes.truncate(cut);
            check(&bytes);
        }
    }
}
