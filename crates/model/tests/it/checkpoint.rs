//! A checkpoint comes back bit for bit, and whatever was done to its file is told in one line.

use std::path::Path;

use chainrule_datasets::{Pipeline, Transform};
use chainrule_layers::{Architecture, activation};
use chainrule_loss::{CrossEntropyConfig, LossKind, LossSpec};
use chainrule_model::{
    Checkpoint, CheckpointError, Header, ModelCard, Output, ParameterMap, load_vector, predict, save_vector,
};
use chainrule_tensor::{Init, Layout, Rng, Role, Shape, Storage, ndarray::Array2};
use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};

fn example() -> Checkpoint<f64> {
    let architecture = Architecture::perceptron(&[3, 4, 2], activation::Relu, 0.0);
    let theta = architecture.layout::<f64>().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard {
        architecture,
        output: Output::Softmax,
        loss: Some(LossSpec::CrossEntropy(CrossEntropyConfig {
            label_smoothing: 0.1,
            ..CrossEntropyConfig::default()
        })),
        input: None,
        transform: Pipeline::new().then(Transform::Scale { divisor: 255.0 }),
        classes: vec!["a".into(), "b".into()],
        labels: Vec::new(),
        targets: Vec::new(),
        data: None,
        seed: Some(7),
        fingerprints: Some([u64::MAX, 1]),
        untrained: None,
    };
    Checkpoint { card, theta, statistics: Vec::new() }
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
fn arrays_of_rank_three_and_four_are_permuted_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vector.safetensors");
    let mut layout = Layout::new();
    // (width, in, out) and (height, width, in, out) here; PyTorch has outputs and inputs first.
    let convolution = Storage::permuted(&[2, 1, 3], &[2, 1, 0]);
    layout.push_as("conv1d", (2, 1, 3), Init::Zeros, Role::weight().stored(convolution));
    let convolution = Storage::permuted(&[1, 2, 2, 2], &[3, 2, 0, 1]);
    layout.push_as("conv2d", (1, 2, 2, 2), Init::Zeros, Role::weight().stored(convolution));
    let theta: Vec<f32> = (0..14_u8).map(f32::from).collect();
    save_vector(&path, &layout, &theta).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        let data = file.tensor(name).unwrap().data();
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    assert_eq!(file.tensor("conv1d").unwrap().shape(), [3, 1, 2]);
    // W[out][in][w] is number 3·w + out.
    assert_eq!(numbers("conv1d"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(file.tensor("conv2d").unwrap().shape(), [2, 2, 1, 2]);
    // W[out][in][0][w] is number 6 + 4·w + 2·in + out.
    assert_eq!(numbers("conv2d"), [6.0, 10.0, 8.0, 12.0, 7.0, 11.0, 9.0, 13.0]);
    assert_eq!(load_vector::<f32>(&path, &layout).unwrap(), theta);
}

/// The checksum as the header of a file has it.
fn checksum(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let start = text.find(r#"\"checksum\":\""#).unwrap();
    text[start..start + r#"\"checksum\":\"0123456789abcdef\","#.len()].to_owned()
}

#[test]
fn each_changed_bit_of_weights_and_description_is_noticed() {
    let (path, model) = (Path::new("model.safetensors"), example());
    let bytes = model.to_bytes();
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        // What is not noticed has changed nothing, such as the case of a letter in an escape.
        if let Ok(read) = Checkpoint::<f64>::from_bytes(path, &changed) {
            assert_eq!(read, model, "bit {bit}");
        }
    }
    // Without the checksum, such a file is damaged too.
    let bare = with_metadata(&bytes, &checksum(&bytes), "");
    let error = Checkpoint::<f64>::from_bytes(path, &bare).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}

/// The file with another text instead of one in its metadata, of whatever length.
fn with_metadata(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (header, data) = bytes[8..].split_at(u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize);
    let header = std::str::from_utf8(header).unwrap();
    assert!(header.contains(from), "{header}");
    let mut header = header.replace(from, to);
    // safetensors aligns its numbers.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn a_file_without_a_version_loads_and_one_of_a_later_version_is_refused() {
    let (path, model) = (Path::new("model.safetensors"), example());
    let bytes = model.to_bytes();
    // Those had no checksum.
    let plain = with_metadata(&bytes, &checksum(&bytes), "");
    let old = with_metadata(&plain, r#"\"version\":5,"#, "");
    assert_eq!(Checkpoint::from_bytes(path, &old).unwrap(), model);
    // Version 1 has the name of the loss alone.
    let named = r#"\"loss\":\"cross-entropy\""#;
    let spec = serde_json::to_string(&model.card.loss).unwrap().replace('"', r#"\""#);
    let old = with_metadata(&old, &format!(r#"\"loss\":{spec}"#), named);
    let card = Checkpoint::<f64>::from_bytes(path, &old).unwrap().card;
    assert_eq!(card.loss, Some(LossKind::CrossEntropy.spec()));
    let new = with_metadata(&bytes, r#"\"version\":5,"#, r#"\"version\":6,\"architecture\":{},"#);
    let error = Checkpoint::<f64>::from_bytes(path, &new).unwrap_err();
    assert!(matches!(error, CheckpointError::Newer { version: 6, .. }), "{error}");
    assert!(error.to_string().contains("update chainrule"), "{error}");
}

#[test]
fn weights_behind_a_flattened_picture_were_stored_as_they_lie_before_version_4() {
    let path = Path::new("model.safetensors");
    let architecture = Architecture::parse(Shape::image(2, 3, 1), "dense 2, flatten, dense 1").unwrap();
    let theta: Vec<f64> = (0..architecture.layout::<f64>().len()).map(|i| i as f64).collect();
    let card = ModelCard::new(architecture, Output::Identity, None);
    let model = Checkpoint { card, theta, statistics: Vec::new() };
    let bytes = model.to_bytes();
    assert_eq!(Checkpoint::from_bytes(path, &bytes).unwrap(), model);
    // The same numbers in a file of an earlier version, which had no checksum.
    let old = with_metadata(&bytes, &checksum(&bytes), "");
    let old = Checkpoint::<f64>::from_bytes(path, &with_metadata(&old, r#"\"version\":5,"#, "")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = file.tensor("2.weight").unwrap();
    let stored: Vec<f64> =
        stored.data().as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    // Two channels at six positions: all of the first channel, then all of the second.
    assert_eq!(stored, [4, 6, 8, 10, 12, 14, 5, 7, 9, 11, 13, 15].map(f64::from));
    assert_eq!(old.theta[4..16], stored[..]);
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

#[test]
#[should_panic(expected = "eval: 0 statistics for a network with 2")]
fn a_prediction_without_the_statistics_of_its_network_is_refused() {
    let model = chainrule_train::gradcheck::TracksMean::new(2);
    predict(&model, Output::Identity, &Pipeline::new(), &[], &Array2::<f32>::zeros((3, 2)));
}

#[test]
fn what_the_wrappers_of_pytorch_put_before_all_names_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let saved = example();
    let bytes = saved.to_bytes();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let write = |rename: &dyn Fn(usize, &str) -> String| {
        let renamed = tensors.tensors().into_iter().enumerate();
        let renamed = renamed.map(|(at, (name, tensor))| (rename(at, &name), tensor));
        std::fs::write(&path, safetensors::serialize(renamed, None).unwrap()).unwrap();
    };
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."] {
        write(&|_, name| format!("{prefix}{name}"));
        assert_eq!(
            Checkpoint::<f64>::load_as(&path, saved.card.clone()).unwrap().theta,
            saved.theta,
            "{prefix}"
        );
        assert_eq!(Header::read(&path).unwrap().prefix, prefix);
    }
    let as_found = ParameterMap::default();
    // Any other prefix is a name of its own, and is said; so is one that not all names have.
    for (prefix, first, renamed) in [("net.", 9, 4), ("module.", 0, 3)] {
        write(&|at, name| if at == first { name.to_owned() } else { format!("{prefix}{name}") });
        assert_eq!(Header::read(&path).unwrap().prefix, "");
        let bytes = std::fs::read(&path).unwrap();
        let (read, map) =
            Checkpoint::<f64>::from_bytes_as(&path, &bytes, saved.card.clone(), &as_found).unwrap();
        assert_eq!((read.theta, map.renamed().count()), (saved.theta.clone(), renamed), "{prefix}");
    }
    // An own file keeps its names.
    let card = saved.card.clone();
    let renamed = with_metadata(&bytes, "\"0.weight\"", "\"fc.weight\"");
    assert!(Checkpoint::<f64>::from_bytes_as(&path, &renamed, card, &as_found).is_err());
}

#[test]
fn weights_of_integers_are_refused_by_their_type() {
    let view =
        |shape: Vec<usize>, bytes| safetensors::tensor::TensorView::new(Dtype::I8, shape, bytes).unwrap();
    let arrays = [("fc1.weight", view(vec![4, 3], &[1; 12])), ("fc2.weight", view(vec![2, 4], &[1; 8]))];
    let bytes = safetensors::serialize(arrays, None).unwrap();
    let error =
        Checkpoint::<f64>::from_bytes_as(Path::new("m"), &bytes, example().card, &ParameterMap::default());
    let error = error.unwrap_err();
    assert!(error.to_string().contains("\"fc1.weight\" holds I8 numbers, and F64, F32"), "{error}");
}

/// A network with batch normalisation, its statistics measured.
fn normalised() -> Checkpoint<f32> {
    let architecture = Architecture::parse(3.into(), "dense 2, batch-norm, relu, dense 2").unwrap();
    let theta = architecture.layout::<f32>().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard { architecture, ..example().card };
    Checkpoint { card, theta, statistics: vec![0.5, -0.5, 2.0, 3.0, 1234.0] }
}

#[test]
fn running_statistics_are_those_of_a_state_dict_of_pytorch() {
    let saved = normalised();
    let bytes = saved.to_bytes();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let of_norm = ["1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"];
    assert_eq!(names[2..7], of_norm);
    let count = file.tensor("1.num_batches_tracked").unwrap();
    assert_eq!(
        (count.dtype(), count.shape(), count.data()),
        (Dtype::I64, &[][..], &1234_i64.to_le_bytes()[..])
    );
    assert_eq!(file.tensor("1.running_var").unwrap().dtype(), Dtype::F32);
    assert_eq!(Checkpoint::from_bytes(Path::new("m"), &bytes).unwrap(), saved);
}

#[test]
fn a_state_dict_is_read_with_and_without_its_count() {
    let saved = normalised();
    let bytes = saved.to_bytes();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (is_counted, count) in [(true, 1234.0), (false, 0.0)] {
        let views = file.tensors().into_iter().filter(|(name, _)| is_counted || !name.ends_with("tracked"));
        let theirs = safetensors::serialize(views, None).unwrap();
        let (read, map) = Checkpoint::<f32>::from_bytes_as(
            Path::new("m"),
            &theirs,
            saved.card.clone(),
            &ParameterMap::default(),
        )
        .unwrap();
        assert!(map.is_empty(), "{map}");
        assert_eq!(read.theta, saved.theta);
        assert_eq!(read.statistics, [0.5, -0.5, 2.0, 3.0, count]);
    }
}
