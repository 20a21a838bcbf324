//! `.npy` files: NumPy's own bytes are read, and no others harm.

use std::path::Path;

use chainrule_datasets::{TaskKind, npy};
use chainrule_tensor::ndarray::{Array2, array};
use proptest::prelude::*;

/// A file of version 1 as NumPy lays it out: padded to a multiple of 64, ended by a newline.
fn file(kind: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': {kind}, 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
}

fn decode(bytes: &[u8]) -> Result<Array2<f64>, String> {
    npy::decode(bytes, Path::new("a.npy")).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(bytes: &[u8], about: &str) {
    let message = decode(bytes).unwrap_err();
    assert!(
        message.starts_with("a.npy: ") && message.contains(about) && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn types_orders_and_layouts_are_read() {
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let four = bytes(&[1.0, 2.0, 3.0, 4.5]);
    assert_eq!(decode(&file("'<f4'", "False", "(2, 2)", &four)), Ok(array![[1.0, 2.0], [3.0, 4.5]]));
    assert_eq!(decode(&file("'<f4'", "True", "(2, 2)", &four)), Ok(array![[1.0, 3.0], [2.0, 4.5]]));
    // 1, −2, 65504 and the least number above 0, of NumPy.
    let halves = [0x3c00_u16, 0xc000, 0x7bff, 0x0001].map(u16::to_le_bytes).concat();
    let known = array![[1.0, -2.0], [65504.0, 5.960_464_477_539_063e-8]];
    assert_eq!(decode(&file("'<f2'", "False", "(2, 2)", &halves)), Ok(known));
    assert_eq!(decode(&file("'|u1'", "False", "(3,)", &[0, 128, 255])), Ok(array![[0.0], [128.0], [255.0]]));
    assert_eq!(decode(&file("'>i2'", "False", "(1, 2)", &[0xff, 0xfe, 1, 0])), Ok(array![[-2.0, 256.0]]));
    let wide = [-3_i64, 1 << 40].into_iter().flat_map(i64::to_le_bytes).collect::<Vec<u8>>();
    assert_eq!(decode(&file("'<i8'", "False", "(2,)", &wide)), Ok(array![[-3.0], [(1_u64 << 40) as f64]]));
    assert_eq!(decode(&file("'<i4'", "False", "(1, 1)", &7_i32.to_le_bytes())), Ok(array![[7.0]]));
    assert_eq!(decode(&file("'<f8'", "False", "(0, 5)", &[])).unwrap().dim(), (0, 5));
}

#[test]
fn whatever_type_numpy_saves_a_matrix_in_it_is_the_same_matrix() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let arrays = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "npy"));
    let read = arrays.inspect(|path| {
        assert_eq!(
            npy::read::<f64>(path).unwrap(),
            array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
            "{}",
            path.display()
        );
    });
    assert_eq!(read.count(), 15);
}

#[test]
fn what_is_no_matrix_of_numbers_is_refused() {
    refused(b"", "does not begin as a .npy file");
    refused(b"\x93NUMPY\x01\x00\xff\xff{", "announces 65545 bytes of header");
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "bytes of header");
    refused(&file("'<f8'", "False", "()", &[0; 8]), "not that of a vector or matrix");
    refused(&file("'<f8'", "False", "(1, 1, 1)", &[0; 8]), "not that of a vector or matrix");
    refused(&file("'<c16'", "False", "(1,)", &[0; 16]), "of the type \"<c16\"");
    refused(&file("'|b1'", "False", "(1,)", &[2]), "booleans that are neither 0 nor 1");
    refused(&file("'|O'", "False", "(1,)", &[0; 16]), "of the type \"|O\"");
    refused(&file("[('a', '<f8')]", "False", "(1,)", &[0; 8]), "of the type");
    refused(&file(&"(".repeat(700), "False", "(1,)", &[]), "a structure and not numbers");
    refused(&file("'<f8'", "Perhaps", "(1,)", &[0; 8]), "header is no dictionary");
    refused(&file("'<f8'", "False", "(1,)", &f64::NAN.to_le_bytes()), "row 0, column 0 (from 0) is NaN");
    let large = npy::decode::<f32>(&file("'<f8'", "False", "(1,)", &1e300_f64.to_le_bytes()), Path::new("a"));
    assert!(large.unwrap_err().to_string().contains("is inf as f32"));
}

#[test]
fn a_header_that_lies_allocates_nothing() {
    refused(
        &file("'<f8'", "False", "(1000000, 1000000)", &[0; 64]),
        "announces 8000000000128 bytes, but 192",
    );
    refused(&file("'<f8'", "False", "(4294967296, 4294967296)", &[0; 64]), "impossible shape");
    refused(&file("'<f8'", "True", "(0, 18446744073709551615)", &[]), "impossible shape");
    refused(&file("'<f8'", "False", "(2,)", &[0; 15]), "announces 144 bytes, but 143");
    refused(&file("'<f8'", "False", "(2,)", &[0; 17]), "announces 144 bytes, but 145");
}

#[test]
fn two_files_make_a_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let (x, y) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
    npy::write(&x, &array![[1.0], [2.0], [3.0]]).unwrap();
    npy::write(&y, &array![[0.5], [2.0], [3.0]]).unwrap();
    let data = npy::dataset::<f64>(&x, &y, TaskKind::Auto, &[]).unwrap();
    assert_eq!((data.name(), data.labels()), ("x", None));
    let error = npy::dataset::<f64>(&x, &y, TaskKind::Classification, &[]).unwrap_err().to_string();
    assert!(error.contains("y.npy: row 0: ") && error.contains("no class"), "{error}");
    npy::write(&y, &array![[0.5]]).unwrap();
    assert!(npy::dataset::<f64>(&x, &y, TaskKind::Auto, &[]).unwrap_err().to_string().contains("has 3 rows"));
}

proptest! {
    #[test]
    fn every_number_survives_the_round_trip(rows in prop::collection::vec(prop::array::uniform3(-1e30..1e30_f64), 1..9)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let x = Array2::from(rows);
        npy::write(&path, &x.t()).unwrap();
        prop_assert_eq!(npy::read::<f64>(&path).unwrap(), x.t());
        let single = x.mapv(|x| x as f32);
        npy::write(&path, &single).unwrap();
        prop_assert_eq!(npy::read::<f32>(&path).unwrap(), single);
    }

    #[test]
    fn no_bytes_make_it_panic(
        noise in prop::collection::vec(any::<u8>(), 0..64), shape in any::<(u64, u64)>(), small in (0_u8..4, 0_u8..4),
        flip in any::<(prop::sample::Index, u8)>(), cut in any::<prop::sample::Index>(), junk in "[(){}\\[\\]', 0-9a-z<:]{0,80}",
    ) {
        let _ = decode(&noise);
        let _ = decode(&[b"\x93NUMPY\x01\x00", &noise[..]].concat());
        let _ = decode(&file("'<f8'", "True", &format!("{shape:?}"), &noise));
        let _ = decode(&file(&junk, "False", "(1,)", &noise));
        let _ = decode(&file("'<f8'", "False", &junk, &noise));
        let mut sound = file("'|u1'", "True", &format!("{small:?}"), &vec![1; usize::from(small.0 * small.1)]);
        prop_assert!(decode(&sound).is_ok());
        let at = flip.0.index(sound.len());
        sound[at] ^= flip.1;
        let _ = decode(&sound);
        sound.truncate(cut.index(sound.len()));
        let _ = decode(&sound);
    }
}
