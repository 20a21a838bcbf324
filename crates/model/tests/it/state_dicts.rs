//! State dicts that PyTorch wrote: `tests/golden/make.py`.

use std::path::{Path, PathBuf};

use chainrule_layers::Architecture;
use chainrule_model::{Checkpoint, CheckpointError, Model, ModelCard, Output, pt, sharded};
use chainrule_tensor::{Rng, ndarray::array};
use chainrule_train::tensors::{Float, TensorBytes, TensorFile, read};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
fn numbers_of_sixteen_bits_are_those_that_pytorch_rounds_to() {
    let bytes = read(&golden("rounded.safetensors")).unwrap();
    let file = TensorFile::parse(Path::new("golden"), &bytes).unwrap();
    for (from, to, float) in [("narrow", "f16", Float::F16), ("wide", "bf16", Float::Bf16)] {
        let exact: Vec<f32> = file.values(from).unwrap();
        let rounded = TensorBytes::rounded(to.to_owned(), vec![exact.len()], &exact, float).unwrap();
        let expected = file.array(to).unwrap();
        let pairs = rounded.bytes().as_chunks::<2>().0.iter().zip(expected.bytes().as_chunks::<2>().0);
        for ((ours, theirs), x) in pairs.zip(&exact) {
            assert_eq!(u16::from_le_bytes(*ours), u16::from_le_bytes(*theirs), "{x:e} as {float}");
        }
        assert_eq!(rounded, expected);
    }
}

#[test]
fn shards_with_an_index_are_the_state_dict_that_they_were_cut_from() {
    let shards = sharded::read(&golden("model.safetensors.index.json")).unwrap();
    let whole = pt::to_safetensors(&read(&golden("plain.pt")).unwrap()).unwrap();
    assert_eq!(shards, whole);
    let missing = sharded::read(&golden("none.safetensors.index.json")).unwrap_err();
    assert!(missing.to_string().contains("none.safetensors.index.json"), "{missing}");
}

#[test]
fn a_state_dict_is_written_with_statistics_and_refused_with_the_parameter_that_is_too_large() {
    let architecture = Architecture::parse(3.into(), "dense 2, batch-norm, dense 2").unwrap();
    let theta = architecture.layout::<f64>().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard::new(architecture, Output::Identity, None);
    let mut model = Checkpoint { card, theta, statistics: vec![0.5, -0.5, 2.0, 3.0, 1234.0] };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model.save_state_dict(&path, Float::F16).unwrap();
    let again = Checkpoint::<f64>::load_as(&path, model.card.clone()).unwrap();
    assert_eq!(again.statistics, model.statistics);
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= a.abs() * 0.5_f64.powi(11);
    assert!(model.theta.iter().zip(&again.theta).all(close));
    model.statistics[3] = 1e5;
    let error = model.save_state_dict(&path, Float::F16).unwrap_err();
    let CheckpointError::Overflow { name, value, largest, .. } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), *value, *largest), ("1.running_var", 1e5, 65504.0));
    model.save_state_dict(&path, Float::Bf16).unwrap();
    model.statistics[3] = 1e39;
    assert!(
        model.save_state_dict(&path, Float::Bf16).is_err()
            && model.save_state_dict(&path, Float::F32).is_err()
    );
    model.save_state_dict(&path, Float::F64).unwrap();
    assert_eq!(Checkpoint::<f64>::load_as(&path, model.card.clone()).unwrap(), model);
}

/// A file of the fourth format: PyTorch's order ended at branches, and was that of a bias of as many numbers too.
#[test]
fn a_model_whose_file_had_another_order_behind_a_flattened_picture_predicts_as_it_did() {
    let model = Model::<f64>::load(golden("fourth.safetensors")).unwrap();
    let x = array![[0.5, -1.0, 2.0, 0.25], [-0.125, 1.5, 0.75, -2.0]];
    // The predictions of the program that wrote this file.
    let expected = array![
        [0.766_912_695_456_86, 0.233_087_304_543_139_94],
        [0.472_110_060_873_454, 0.527_889_939_126_546]
    ];
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("model.safetensors");
    model.save(&again).unwrap();
    for model in [&model, &Model::load(again).unwrap()] {
        let far = (model.predict_proba(&x) - &expected).iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        assert!(far < 1e-12, "{far}");
    }
}
