use std::env;
use std::fs;
use std::path::PathBuf;
use std::thread;

use cbindgen::{Builder, Config};
use chainrule::model::{Model, ModelCard, Output};
use chainrule::prelude::{Architecture, Array2, Axis, Checkpoint, Rng};
use chainrule::tensor::ndarray::concatenate;
use tempfile::TempDir;

use super::*;

/// A folder with the file of a model of two numbers and three classes.
fn saved<A: Scalar>() -> (TempDir, Model<A>, CString) {
    let folder = tempfile::tempdir().unwrap();
    let architecture = Architecture::parse(2.into(), "dense 5, tanh, dense 3").unwrap();
    let theta = architecture.layout::<A>().init(&mut Rng::new(1)).to_vec();
    let classes = ["ash", "böök", "oak"].map(str::to_owned).to_vec();
    let card = ModelCard { classes, ..ModelCard::new(architecture, Output::Softmax, None) };
    let model = Model::from(Checkpoint { card, theta, statistics: Vec::new() });
    let path = folder.path().join("m.safetensors");
    model.save(&path).unwrap();
    let path = CString::new(path.to_str().unwrap()).unwrap();
    (folder, model, path)
}

fn load(path: &CStr) -> *mut ChainruleModel {
    // SAFETY: a text that ends with a zero.
    unsafe { chainrule_load(path.as_ptr()) }
}

fn error() -> String {
    // SAFETY: the text of this thread, copied at once.
    unsafe { CStr::from_ptr(chainrule_error()) }.to_str().unwrap().to_owned()
}

const ROWS: [f32; 6] = [0.5, -1.0, 2.0, 0.25, -3.0, 0.125];

#[test]
fn predictions_are_those_of_the_library() {
    let (_folder, ours, path) = saved::<f32>();
    let model = load(&path);
    assert!(!model.is_null());
    let expected = ours.predict(&Array2::from_shape_vec((3, 2), ROWS.to_vec()).unwrap());
    let mut output = [7.0_f32; 10];
    // SAFETY: pointers and lengths are those of arrays, and the model is freed last.
    unsafe {
        assert_eq!(
            (chainrule_inputs(model), chainrule_outputs(model), chainrule_class_count(model)),
            (2, 3, 3)
        );
        let name = |index| CStr::from_ptr(chainrule_class_name(model, index)).to_str().unwrap();
        assert_eq!([name(0), name(1), name(2)], ["ash", "böök", "oak"]);
        assert!(chainrule_class_name(model, 3).is_null());
        assert_eq!(error(), "the model has 3 class names, and 3 is not below that");
        assert_eq!(chainrule_predict(model, 3, ROWS.as_ptr(), 6, output.as_mut_ptr(), 10), 0);
        assert_eq!(output[..9], *expected.as_slice().unwrap());
        assert_eq!(output[9], 7.0, "beyond the predictions");
        // In place of the input, and in the other type.
        output[..6].copy_from_slice(&ROWS);
        assert_eq!(chainrule_predict(model, 3, output.as_ptr(), 6, output.as_mut_ptr(), 9), 0);
        assert_eq!(output[..9], *expected.as_slice().unwrap());
        let (rows, mut wide) = (ROWS.map(f64::from), [0.0_f64; 9]);
        assert_eq!(chainrule_predict_f64(model, 3, rows.as_ptr(), 6, wide.as_mut_ptr(), 9), 0);
        assert_eq!(wide.map(|x| x as f32), *expected.as_slice().unwrap());
        assert_eq!(chainrule_predict(model, 0, ptr::null(), 0, ptr::null_mut(), 0), 0);
        chainrule_free(model);
    }
}

#[test]
fn a_model_of_64_bits_computes_with_64() {
    let (_folder, ours, path) = saved::<f64>();
    let model = load(&path);
    let rows = ROWS.map(f64::from);
    let expected = ours.predict(&Array2::from_shape_vec((3, 2), rows.to_vec()).unwrap());
    let (mut wide, mut narrow) = ([0.0_f64; 9], [0.0_f32; 9]);
    // SAFETY: as above.
    unsafe {
        assert_eq!(chainrule_predict_f64(model, 3, rows.as_ptr(), 6, wide.as_mut_ptr(), 9), 0);
        assert_eq!(chainrule_predict(model, 3, ROWS.as_ptr(), 6, narrow.as_mut_ptr(), 9), 0);
        chainrule_free(model);
    }
    assert_eq!(wide, *expected.as_slice().unwrap());
    assert_eq!(narrow, wide.map(|x| x as f32));
}

#[test]
fn every_pointer_and_length_is_checked_and_the_output_stays() {
    let (_folder, _, path) = saved::<f32>();
    let model = load(&path);
    let mut output = [7.0_f32; 9];
    let (rows, out, none) = (ROWS.as_ptr(), output.as_mut_ptr(), ptr::null::<ChainruleModel>());
    let off = |pointer: *const f32| pointer.wrapping_byte_add(1);
    let huge = usize::MAX / 2;
    // SAFETY: nothing behind a wrong pointer or length is touched, which is what is tested.
    unsafe {
        let fails = |model, count, rows, length, out, room, text: &str| {
            assert_eq!(chainrule_predict(model, count, rows, length, out, room), -1, "{text}");
            assert!(error().contains(text), "{}", error());
        };
        fails(none, 3, rows, 6, out, 9, "model is a null pointer");
        fails(model, 3, ptr::null(), 6, out, 9, "input is a null pointer");
        fails(model, 3, rows, 6, ptr::null_mut(), 9, "output is a null pointer");
        fails(model, 2, off(rows), 4, out, 9, "input is not aligned as numbers of its type must be");
        fails(model, 2, rows, 4, off(out).cast_mut(), 8, "output is not aligned");
        fails(model, 3, rows, 5, out, 9, "input has 5 numbers, and 3 rows of 2 are 6");
        fails(model, 2, rows, 6, out, 9, "input has 6 numbers, and 2 rows of 2 are 4");
        fails(model, 3, rows, 6, out, 8, "output has 8 numbers, and 3 rows of 3 are 9");
        fails(model, huge, rows, 6, out, 9, "more than memory can hold");
        fails(model, usize::MAX, rows, usize::MAX - 1, out, usize::MAX, "more than memory can hold");
        let broken = [0.0, 1.0, f32::NAN, 2.0];
        fails(model, 2, broken.as_ptr(), 4, out, 9, "row 2 from 1: the prediction is not finite");
        assert_eq!((chainrule_inputs(none), chainrule_outputs(none), chainrule_class_count(none)), (0, 0, 0));
        assert!(chainrule_class_name(none, 0).is_null() && chainrule_load(ptr::null()).is_null());
        assert_eq!(error(), "path is a null pointer");
        chainrule_free(model);
        chainrule_free(ptr::null_mut());
    }
    assert_eq!(output, [7.0; 9]);
}

#[test]
fn a_file_that_is_no_model_is_refused_with_its_cause() {
    let (folder, ours, path) = saved::<f32>();
    let bytes = fs::read(path.to_str().unwrap()).unwrap();
    let refused = |name: &str, contents: &[u8], part: &str| {
        let file = folder.path().join(name);
        fs::write(&file, contents).unwrap();
        assert!(load(&CString::new(file.to_str().unwrap()).unwrap()).is_null(), "{name}");
        assert!(error().contains(name) && error().contains(part), "{}", error());
    };
    refused("short", &bytes[..bytes.len() / 2], "safetensors");
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    refused("flipped", &flipped, "checksum");
    refused("empty", b"", "safetensors");
    let plain = folder.path().join("plain");
    ours.checkpoint().unwrap().save_state_dict(&plain, chainrule::train::tensors::Float::F32).unwrap();
    refused("theirs", &fs::read(plain).unwrap(), "`chainrule import`");
    assert!(load(c"none.safetensors").is_null());
    assert!(error().contains("none.safetensors"));
    assert!(load(c"\xff").is_null());
    assert!(error().contains("UTF-8"));
    assert!(load(&CString::new(folder.path().to_str().unwrap()).unwrap()).is_null());
    assert!(error().contains("regular file"));
}

/// A pointer that goes to another thread.
struct Shared(*mut ChainruleModel);

// SAFETY: a model is `Sync`, as an assertion beside it says.
unsafe impl Sync for Shared {}

#[test]
fn threads_share_a_model_and_no_error() {
    let (_folder, ours, path) = saved::<f32>();
    let shared = Shared(load(&path));
    let x = Array2::from_shape_vec((3, 2), ROWS.to_vec()).unwrap();
    let x = concatenate![Axis(0), x, x, x, x];
    let expected = ours.predict(&x);
    thread::scope(|scope| {
        for thread in 0..4 {
            let (shared, x, expected) = (&shared, &x, &expected);
            scope.spawn(move || {
                let Shared(model) = *shared;
                assert_eq!(error(), "", "of another thread");
                let (rows, mut output) = (x.as_slice().unwrap(), [0.0_f32; 36]);
                for _ in 0..200 {
                    // SAFETY: the lengths are those of the arrays, and the model lives longer than the scope.
                    unsafe {
                        assert_eq!(
                            chainrule_predict(model, 12, rows.as_ptr(), 24, output.as_mut_ptr(), 36),
                            0
                        );
                        assert_eq!(output, *expected.as_slice().unwrap());
                        assert_eq!(
                            chainrule_predict(model, 12, rows.as_ptr(), thread, output.as_mut_ptr(), 36),
                            -1
                        );
                    }
                    assert_eq!(error(), format!("input has {thread} numbers, and 12 rows of 2 are 24"));
                }
            });
        }
    });
    assert_eq!(error(), "");
    // SAFETY: no thread has it any more.
    unsafe { chainrule_free(shared.0) };
}

#[test]
fn a_panic_is_an_error_of_this_side() {
    let result = or_error(-1, || panic!("askew: \0 {}", 1));
    assert_eq!((result, error()), (-1, "a fault of the library: askew: \u{fffd} 1".to_owned()));
    assert_eq!(or_error(-1, || panic!("plain")), -1);
    assert_eq!(error(), "a fault of the library: plain");
    assert_eq!(or_error(-1, || std::panic::panic_any(1)), -1);
    assert_eq!(error(), "a fault of the library: it says no more");
}

/// `CHAINRULE_HEADER=write` writes it anew.
#[test]
fn the_header_is_what_cbindgen_makes_of_the_functions() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let config = Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let sources = ["src/lib.rs", "src/model.rs"].map(|source| folder.join(source));
    let builder = sources.into_iter().fold(Builder::new().with_config(config), Builder::with_src);
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let header = folder.join("include/chainrule.h");
    if env::var_os("CHAINRULE_HEADER").is_some_and(|value| value == "write") {
        fs::write(&header, &made).unwrap();
    }
    let cure = "CHAINRULE_HEADER=write cargo test -p chainrule-c header";
    let kept = fs::read_to_string(header).unwrap_or_default();
    assert!(
        kept.as_bytes() == made,
        "include/chainrule.h is out of date: `{cure}` makes\n{}",
        String::from_utf8_lossy(&made)
    );
}
