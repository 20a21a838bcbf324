//! A checkpoint that PyTorch wrote, and files that no program wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chainrule_train::tensors::TensorFile;
use proptest::prelude::*;

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
fn tensors_of_every_kind_have_the_numbers_and_shapes_of_pytorch() {
    let bytes = to_safetensors(&std::fs::read(golden("checkpoint.pt")).unwrap()).unwrap();
    let file = TensorFile::parse(Path::new("test"), &bytes).unwrap();
    let json = std::fs::read_to_string(golden("checkpoint.json")).unwrap();
    let expected: BTreeMap<String, Vec<f64>> = serde_json::from_str(&json).unwrap();
    // The optimizer's state is beside the parameters, and is not read with them.
    assert_eq!(file.names(), expected.keys().map(String::as_str).collect::<Vec<_>>());
    for (name, expected) in &expected {
        let found: Vec<f64> = match name.as_str() {
            "count" => file.whole_values(name).unwrap(),
            name => file.values(name).unwrap(),
        };
        assert_eq!(&found, expected, "{name}");
    }
    assert_eq!(file.shape("view"), Some(vec![3, 4]));
    assert_eq!(file.shape("count"), Some(Vec::new()));
}

#[test]
fn integers_and_truth_values_are_whole_numbers() {
    let bytes = to_safetensors(&std::fs::read(golden("integers.pt")).unwrap()).unwrap();
    let file = TensorFile::parse(Path::new("test"), &bytes).unwrap();
    let kinds = ["bool", "int16", "int32", "int64", "int8", "uint8"];
    assert_eq!(file.names(), kinds);
    for kind in kinds {
        assert_eq!(file.whole_values::<f64>(kind).unwrap(), [0.0, 1.0, 1.0], "{kind}");
    }
}

#[test]
fn a_tensor_that_stands_for_other_numbers_than_its_storage_is_refused() {
    let error = to_safetensors(&std::fs::read(golden("negative.pt")).unwrap()).unwrap_err().to_string();
    assert!(error.contains("negative") && error.contains(".clone()"), "{error}");
    // ctorch\nComplexFloatStorage\n.
    let error = Machine::new(b"ctorch\nComplexFloatStorage\n.").run().unwrap_err().to_string();
    assert!(error.contains("ComplexFloatStorage") && error.contains(".float()"), "{error}");
}

#[test]
fn a_whole_module_is_refused_and_nothing_of_it_is_executed() {
    let error = to_safetensors(&std::fs::read(golden("module.pt")).unwrap()).unwrap_err().to_string();
    assert!(error.contains("Sequential") && error.contains("state_dict()"), "{error}");
    // cos\nsystem\n(S'…'\ntR.
    let error = Machine::new(b"cos\nsystem\n(X\x04\0\0\0echotR.").run().unwrap_err().to_string();
    assert!(error.contains("os.system"), "{error}");
    let error = to_safetensors(b"\x80\x02}q\0.").unwrap_err().to_string();
    assert!(error.contains("torch.save"), "{error}");
}

/// The description of the checkpoint.
fn description() -> Vec<u8> {
    let bytes = std::fs::read(golden("checkpoint.pt")).unwrap();
    Archive::open(&bytes).unwrap().description().unwrap().to_vec()
}

#[test]
fn a_description_that_is_cut_off_is_an_error() {
    let text = description();
    assert!(Machine::new(&text).run().is_ok());
    assert!((0..text.len()).all(|end| Machine::new(&text[..end]).run().is_err()));
}

#[test]
fn dicts_in_themselves_and_values_without_end_are_errors() {
    // d = {}; d["a"] = d, d["b"] = d, …
    let mut text = b"}q\0(".to_vec();
    for name in b'a'..b'k' {
        text.extend([b'X', 1, 0, 0, 0, name, b'h', 0]);
    }
    text.extend(b"u.");
    let error = Machine::new(&text).run().unwrap_err().to_string();
    assert!(error.contains("more than"), "{error}");
    // Tuples in tuples: nothing drops them one inside the other.
    let deep = [vec![b')'], vec![0x85; 500_000], vec![b'.']].concat();
    assert!(Machine::new(&deep).run().is_err());
    let long = vec![b'N'; 2_000_000];
    assert!(Machine::new(&long).run().unwrap_err().to_string().contains("more than"));
}

#[test]
fn a_tensor_beyond_its_storage_is_an_error() {
    let tensor = |shape: &[usize], strides: &[usize], offset| Tensor {
        storage: Storage { kind: "FloatStorage", key: "0" },
        offset,
        shape: shape.to_vec(),
        strides: strides.to_vec(),
    };
    let bytes = std::fs::read(golden("checkpoint.pt")).unwrap();
    let archive = Archive::open(&bytes).unwrap();
    assert!(archive.array("w", &tensor(&[4, 3], &[3, 1], 0)).is_ok());
    for (shape, strides, offset) in [([4, 3], [3, 1], 1), ([2, 3], [usize::MAX, 1], 0), ([1, 2], [1, 12], 0)]
    {
        let error = archive.array("w", &tensor(&shape, &strides, offset)).unwrap_err().to_string();
        assert!(error.contains("beyond") || error.contains("overflow"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_description_is_an_error_or_a_dict_of_tensors(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut text = description();
        for (place, byte) in changes {
            let place = place.index(text.len());
            text[place] = byte;
        }
        if let Err(error) = Machine::new(&text).run() {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
