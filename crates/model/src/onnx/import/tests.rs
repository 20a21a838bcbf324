//! Networks there and back, files of other programs, and files that no program wrote.

use std::fs;

use chainrule_layers::{Stage, zoo};
use chainrule_tensor::Rng;
use chainrule_tensor::ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::output::Output;
use crate::predict::predict;

mod pictures;
mod values;

/// Each of the messages of a file, by hand.
fn field(number: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = contents.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(contents);
    bytes
}

fn number(field: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    let mut value = value;
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    let message = [inputs, field(2, output.as_bytes()), field(4, operator.as_bytes())].concat();
    field(1, &message)
}

fn end(number_of_field: u8, name: &str, dims: &[u64]) -> Vec<u8> {
    let shape: Vec<u8> = dims.iter().flat_map(|&length| field(1, &number(1, length))).collect();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    field(number_of_field, &[field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat())
}

fn tensor(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    let lengths: Vec<u8> = dims.iter().flat_map(|&length| number(1, length)).collect();
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    field(5, &[lengths, number(2, 1), field(8, name.as_bytes()), field(9, &raw)].concat())
}

/// A model from x with so many numbers to y.
fn model(inputs: &[u64], rest: &[Vec<u8>]) -> Vec<u8> {
    let graph = [end(11, "x", inputs), end(12, "y", &[]), rest.concat()].concat();
    [field(7, &graph), field(8, &number(2, 17))].concat()
}

fn fault(bytes: &[u8]) -> String {
    let fault = import_bytes::<f32>(bytes, None).unwrap_err().to_string();
    assert!(fault.chars().count() < 500 && !fault.contains('\n'), "{fault}");
    fault
}

/// A network with parameters and statistics that are not those of the beginning.
fn drawn<A: Scalar>(architecture: Architecture) -> Checkpoint<A> {
    let network = architecture.build::<A>(None);
    let mut rng = Rng::new(7);
    let mut draw = |count: usize| (0..count).map(|_| A::of(rng.uniform(0.2, 1.0))).collect::<Vec<A>>();
    let (theta, statistics) = (draw(network.layout().len()), draw(network.statistics().len()));
    Checkpoint { card: ModelCard::new(architecture, Output::Identity, None), theta, statistics }
}

fn predictions<A: Scalar>(Checkpoint { card, theta, statistics }: &Checkpoint<A>, x: &Array2<A>) -> Vec<f64> {
    let network = card.architecture.build::<A>(None);
    let weights = chainrule_train::Weights { theta, statistics };
    predict(&network, card.output, &card.transform, weights, x).iter().map(|y| y.as_f64()).collect()
}

/// What a network predicts after it was written as ONNX and read again is what it predicted before.
fn check_there_and_back<A: Scalar>(name: &str, architecture: Architecture, tolerance: f64) -> Checkpoint<A> {
    let before = drawn::<A>(architecture);
    let imported =
        import_bytes::<A>(&before.to_onnx(), None).unwrap_or_else(|error| panic!("{name}: {error}"));
    let after = imported.checkpoint;
    let mut rng = Rng::new(3);
    let inputs = before.card.architecture.inputs();
    let x = Array2::from_shape_fn((5, inputs), |_| A::of(rng.uniform(-2.0, 2.0)));
    let (ours, again) = (predictions(&before, &x), predictions(&after, &x));
    assert_eq!(ours.len(), again.len(), "{name}");
    for (ours, again) in ours.iter().zip(&again) {
        assert!(
            (ours - again).abs() <= tolerance * ours.abs().max(1.0),
            "{name}: {again} is not {ours}, as {}",
            after.card.architecture
        );
    }
    after
}

/// Layers of the table, with the input of each, and the composed networks of the zoo.
fn every_network() -> Vec<(String, Architecture)> {
    let single = Stage::specimens()
        .into_iter()
        .map(|(input, stage)| (format!("{stage} on {input}"), Architecture { input, layers: vec![stage] }));
    let composed = zoo::<f32>().into_iter().filter(|specimen| specimen.name.starts_with("sequential"));
    let composed = composed.filter_map(|specimen| Some((specimen.name, Architecture::of(&*specimen.layer)?)));
    single.chain(composed).collect()
}

#[test]
fn every_layer_comes_back_from_onnx_in_both_number_types() {
    let networks = every_network();
    assert!(networks.len() > 90, "{}", networks.len());
    for (name, architecture) in networks {
        check_there_and_back::<f32>(&name, architecture.clone(), 1e-5);
        // The numbers of some operators are taken in f32.
        check_there_and_back::<f64>(&name, architecture, 1e-5);
    }
}

/// `tests/golden/onnx` holds files of PyTorch's and scikit-learn's with the rows that they were given and what they made of them;
/// `make.py` there writes them.
#[test]
fn files_of_other_programs_predict_what_they_predicted_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let cases = [
        (
            "torch-cnn",
            "conv 4 3 padding 1, relu, max-pool 2, residual (conv 4 3 padding 1, silu), flatten, dense 3",
            3,
        ),
        ("torch-old", "dense 6, gelu, layer-norm, dense 6, mish, dense 2", 2),
        (
            "torch-decoder",
            "dense 12, relu, reshape 2x2x3, conv-transpose 2 3 stride 2 padding 1 output-padding 1",
            32,
        ),
        ("sklearn", "dense 4, tanh, dense 3", 3),
    ];
    for (name, words, outputs) in cases {
        let imported = import::<f32>(folder.join(format!("{name}.onnx"))).unwrap();
        assert_eq!(imported.checkpoint.card.architecture.to_string(), words, "{name}");
        let json = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let [rows, expected]: [Vec<Vec<f64>>; 2] = serde_json::from_str(&json).unwrap();
        let x = Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| rows[row][column] as f32);
        let found = predictions(&imported.checkpoint, &x);
        let expected: Vec<f64> = expected.concat();
        assert_eq!((found.len(), expected.len()), (rows.len() * outputs, rows.len() * outputs), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
                "{name}: {found} is not {expected}"
            );
        }
    }
}

#[test]
fn names_of_classes_and_the_function_of_the_output_are_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let card = import::<f32>(folder.join("sklearn.onnx")).unwrap().checkpoint.card;
    assert_eq!(card.output, Output::Softmax);
    assert_eq!(card.classes, ["setosa", "versicolor", "virginica"]);
    assert_eq!(card.transform.transforms().len(), 1);
    let picture = import::<f32>(folder.join("torch-cnn.onnx")).unwrap();
    assert_eq!(
        (picture.input.dims.as_slice(), picture.input.order.as_slice()),
        (&[2, 6, 4][..], &[1, 2, 0][..])
    );
    assert_eq!(picture.input.shape, Shape::image(6, 4, 2));
}

fn relus(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|at| node("Relu", &["x"], &format!("v{at}"))).collect()
}

#[test]
fn what_no_layer_computes_is_refused_with_its_operator_and_opset() {
    let error = fault(&model(&[2, 3], &[node("Einsum", &["x"], "y")]));
    assert_eq!(error, "node \"y\": no layer here computes the operator Einsum (opset 17)");
    let error = fault(&model(&[2, 3], &[node("Exp", &["x"], "y")]));
    assert!(error.contains("Exp (opset 17)") && error.contains("none of the activations"), "{error}");
    let error = fault(&model(&[2, 3], &[node("LogSoftmax", &["x"], "y")]));
    assert!(error.contains("LogSoftmax"), "{error}");
}

#[test]
fn graphs_that_are_none_are_refused_in_one_line() {
    let weight = tensor("w", &[3, 1], &[1.0, 2.0, 3.0]);
    let product = || node("MatMul", &["x", "w"], "y");
    assert!(import_bytes::<f32>(&model(&[2, 3], &[weight.clone(), product()]), None).is_ok());
    let overflowing = tensor("w", &[1 << 40, 1 << 40], &[1.0]);
    // Four numbers of an example as two rows.
    let halves: Vec<u8> = [-1_i64, 2].iter().flat_map(|length| length.to_le_bytes()).collect();
    let halves = field(5, &[number(1, 2), number(2, 7), field(8, b"halves"), field(9, &halves)].concat());
    let halved = || node("Reshape", &["x", "halves"], "y");
    // Windows of three with a border.
    let wide = |border: u64| {
        // The type of a setting is field 20, and 7 are whole numbers.
        let ints = |name: &str, ints: &[u64]| {
            let ints: Vec<u8> = ints.iter().flat_map(|&int| number(8, int)).collect();
            field(5, &[field(1, name.as_bytes()), ints, vec![0xa0, 1, 7]].concat())
        };
        let names = [field(1, b"x"), field(2, b"y"), field(4, b"MaxPool")].concat();
        field(1, &[names, ints("kernel_shape", &[3, 3]), ints("pads", &[border; 4])].concat())
    };
    assert!(import_bytes::<f32>(&model(&[2, 1, 6, 6], &[wide(1)]), None).is_ok());
    let cases = [
        // A cycle, and a value that nobody gives.
        (
            model(
                &[2, 3],
                &[node("Add", &["x", "b"], "a"), node("Relu", &["a"], "b"), node("Relu", &["b"], "y")],
            ),
            "cycle",
        ),
        (model(&[2, 3], &[node("Add", &["x", "nothing"], "y")]), "nothing"),
        (
            model(
                &[2, 3],
                &[node("Relu", &["x"], "y"), node("Relu", &["x"], "y"), node("Relu", &["y"], "z")],
            ),
            "two nodes",
        ),
        (model(&[2, 3], &[overflowing, product()]), "overflows"),
        (model(&[2, 3], &[tensor("w", &[3, 1], &[1.0]), product()]), "4 bytes for the shape"),
        (model(&[2, 3], &[tensor("w", &[3, 1], &[1.0, f32::NAN, 0.0]), product()]), "NaN"),
        (model(&[2, 4], &[weight.clone(), product()]), "for 4 features"),
        (model(&[2, 1 << 33], &[node("Relu", &["x"], "y")]), "numbers"),
        (model(&[2, u64::MAX], &[node("Relu", &["x"], "y")]), "need a length"),
        (model(&[2, 3], &[]), "does not depend"),
        (model(&[2, 4], &[halves, halved()]), "a row for each position"),
        (model(&[2, 1, 6, 6], &[wide(2)]), "MaxPool (opset 17): a padding of 2"),
        (model(&[2, 3], &relus(60_000)), "more than 50000 nodes"),
        (b"\x08\x08".to_vec(), "no graph"),
        (b"PK\x03\x04".to_vec(), "corrupted or of another format"),
    ];
    for (bytes, words) in cases {
        let error = fault(&bytes);
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn numbers_in_other_files_are_read_from_the_models_folder_alone() {
    let external = |location: &str| {
        let pair = |key: &str, value: &str| {
            field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
        };
        let place = [pair("location", location), pair("offset", "4"), pair("length", "12")].concat();
        let head = [number(1, 3), number(1, 1), number(2, 1), field(8, b"w"), place, number(14, 1)].concat();
        model(&[2, 3], &[field(5, &head), node("MatMul", &["x", "w"], "y")])
    };
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let numbers: Vec<u8> = [9.0_f32, 1.0, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(inner.join("w.bin"), &numbers).unwrap();
    fs::write(folder.path().join("secret"), &numbers).unwrap();
    let imported = import_bytes::<f32>(&external("w.bin"), Some(&inner)).unwrap();
    assert_eq!(imported.checkpoint.theta, [1.0, 2.0, 3.0, 0.0]);
    for location in ["../secret", "/etc/passwd", "inner/../../secret", ""] {
        let error = import_bytes::<f32>(&external(location), Some(&inner)).unwrap_err().to_string();
        assert!(error.contains("own folder"), "{location}: {error}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret"), inner.join("link")).unwrap();
        let error = import_bytes::<f32>(&external("link"), Some(&inner)).unwrap_err().to_string();
        assert!(error.contains("own folder"), "{error}");
    }
    assert!(fault(&external("w.bin")).contains("was not given"));
    fs::write(inner.join("w.bin"), &numbers[..8]).unwrap();
    let error = import_bytes::<f32>(&external("w.bin"), Some(&inner)).unwrap_err().to_string();
    assert!(error.contains("too short"), "{error}");
}

#[test]
fn a_small_file_does_not_become_a_large_network() {
    // One weight of 64 kB, which 60 products use.
    let mut nodes = vec![tensor("w", &[128, 128], &[0.5; 128 * 128])];
    let mut last = "x".to_owned();
    for at in 0..30 {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| format!("{name}{at}"));
        nodes.push(node("MatMul", &[&last, "w"], &a));
        nodes.push(node("Tanh", &[&a], &b));
        nodes.push(node("MatMul", &[&a, "w"], &c));
        nodes.push(node("Add", &[&b, &c], &d));
        last = d;
    }
    nodes.push(node("Identity", &[&last], "y"));
    let imported = import_bytes::<f32>(&model(&[2, 128], &nodes), None);
    let parameters = imported.map(|imported| imported.checkpoint.theta.len());
    assert!(parameters.as_ref().is_ok_and(|&count| count == 60 * 128 * 129), "{parameters:?}");
    // A thousand are more than the file justifies.
    let mut nodes = vec![tensor("w", &[128, 128], &[0.5; 128 * 128])];
    let names: Vec<String> = (0..1000).map(|at| format!("v{at}")).collect();
    let mut last = "x";
    for name in &names {
        nodes.push(node("MatMul", &[last, "w"], name));
        last = name;
    }
    nodes.push(node("Relu", &[last], "y"));
    assert!(fault(&model(&[2, 128], &nodes)).contains("more numbers than the file justifies"));
}

#[test]
fn branches_that_double_at_each_step_are_refused() {
    // Two ways of which each takes both of the ways before: not series-parallel, and 2⁴⁰ ways in all.
    let mut nodes = Vec::new();
    let (mut left, mut right) = ("x".to_owned(), "x".to_owned());
    for at in 0..40 {
        let (a, b) = (format!("a{at}"), format!("b{at}"));
        nodes.push(node("Softmax", &[&left], &format!("s{at}")));
        nodes.push(node("Softmax", &[&right], &format!("t{at}")));
        nodes.push(node("Add", &[&format!("s{at}"), &right], &a));
        nodes.push(node("Mul", &[&format!("t{at}"), &left], &b));
        (left, right) = (a, b);
    }
    nodes.push(node("Add", &[&left, &right], "y"));
    let error = fault(&model(&[2, 3], &nodes));
    assert!(error.contains("more than"), "{error}");
}

/// A small file with all that a graph may have.
fn whole() -> Vec<u8> {
    let words = "conv 3 3 padding 1 stride 2, batch-norm, gelu, residual (conv 3 1), flatten, dense 4, prelu, layer-norm, softmax";
    drawn::<f32>(Architecture::parse("6x5x2".parse().unwrap(), words).unwrap()).to_onnx()
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let bytes = whole();
    assert!(import_bytes::<f32>(&bytes, None).is_ok());
    // The graph comes before the operator set and the metadata.
    for end in 0..bytes.len() - 4 {
        assert!(import_bytes::<f32>(&bytes[..end], None).is_err(), "{end} of {}", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever single bytes and pieces of a file become, the result is a network or an error in one line.
    #[test]
    fn a_damaged_file_is_an_error_or_a_network(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        length in 0_usize..40,
    ) {
        let mut bytes = whole();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if length > 30 {
            let start = cut.index(bytes.len());
            let end = bytes.len().min(start + length - 30);
            bytes.drain(start..end);
        }
        match import_bytes::<f32>(&bytes, None) {
            Ok(imported) => {
                let again = Checkpoint::<f32>::from_bytes(Path::new("test"), &imported.checkpoint.to_bytes());
                prop_assert!(again.is_ok() || imported.checkpoint.theta.iter().any(|x| !x.is_finite()));
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
}
