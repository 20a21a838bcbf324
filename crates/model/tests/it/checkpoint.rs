//! A checkpoint comes back bit for bit, and whatever was done to its file is told in one line.

use chainrule_datasets::{Pipeline, Transform};
use chainrule_layers::{Architecture, activation};
use chainrule_model::{Checkpoint, CheckpointError, ModelCard, Output};
use chainrule_tensor::{Rng, ndarray::Array2};
use proptest::prelude::*;
use safetensors::SafeTensors;

fn example() -> Checkpoint<f64> {
    let architecture = Architecture::perceptron(&[3, 4, 2], activation::Relu, 0.0);
    let theta = architecture.layout::<f64>().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard {
        architecture,
        output: Output::Softmax,
        loss: Some("cross-entropy".into()),
        input: None,
        transform: Pipeline::new().then(Transform::Scale { divisor: 255.0 }),
        classes: vec!["a".into(), "b".into()],
        data: None,
        seed: Some(7),
    };
    Checkpoint { card, theta }
}

#[test]
fn what_was_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let saved = example();
    saved.save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), saved);
}

#[test]
fn weights_lie_as_pytorch_lays_them() {
    let model = example();
    let bytes = model.to_bytes();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let weight = file.tensor("0.weight").unwrap();
    assert_eq!(weight.shape(), [4, 3]);
    let ours = Array2::from_shape_vec((3, 4), model.theta[..12].to_vec()).unwrap();
    let stored: Vec<f64> =
        weight.data().as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    assert_eq!(stored, ours.t().iter().copied().collect::<Vec<_>>());
    assert_eq!(file.tensor("2.bias").unwrap().shape(), [2]);
}

#[test]
fn another_architecture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    example().save(&path).unwrap();
    let card = ModelCard {
        architecture: Architecture::perceptron(&[3, 5, 2], activation::Relu, 0.0),
        ..example().card
    };
    let error = Checkpoint::<f64>::load_as(&path, card).unwrap_err();
    assert!(matches!(error, CheckpointError::Mismatch { .. }) && error.to_string().contains("0.weight"));
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(at in 0_usize..4096, byte: u8, length in 0_usize..4096) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let mut bytes = example().to_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(length.max(1));
        std::fs::write(&path, &bytes).unwrap();
        if let Err(error) = Checkpoint::<f64>::load(&path) {
            prop_assert!(error.to_string().contains("model.safetensors") && !error.to_string().contains('\n'));
        }
    }
}
