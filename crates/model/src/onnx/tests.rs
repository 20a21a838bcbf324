//! The graph, and what it computes. Other programs run it in `cargo xtask interop`.

use std::collections::HashMap;

use chainrule_datasets::{Pipeline, Transform};
use chainrule_layers::{Architecture, Layer, Stage, activation};
use chainrule_tensor::ndarray::ArrayView2;
use chainrule_tensor::{Rng, Shape, math, rows};

use super::proto::{DOUBLE, Node, Tensor};
use super::*;
use crate::model_card::ModelCard;
use crate::predict::predict;

fn checkpoint<A: Scalar>(activation: impl Into<Stage>, output: Output, classes: &[&str]) -> Checkpoint<A> {
    let architecture = Architecture::perceptron(&[3, 4, 2], activation, 0.5);
    let theta = architecture.build::<A>(None).layout().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard {
        transform: Pipeline::new().then(Transform::Scale { divisor: 4.0 }),
        classes: classes.iter().map(ToString::to_string).collect(),
        ..ModelCard::new(architecture, output, None)
    };
    Checkpoint { card, theta, statistics: Vec::new() }
}

fn decoded<A: Scalar>(checkpoint: &Checkpoint<A>) -> (proto::Graph, Vec<Property>) {
    let model = Model::decode(checkpoint.to_onnx().as_slice()).unwrap();
    (model.graph.unwrap(), model.metadata_props)
}

fn operators(graph: &proto::Graph) -> Vec<&str> {
    graph.node.iter().map(|node| node.op_type.as_str()).collect()
}

#[test]
fn the_graph_is_one_chain_from_raw_rows_to_the_prediction() {
    let (graph, properties) = decoded(&checkpoint::<f32>(activation::Tanh, Output::Softmax, &["a", "b\""]));
    assert_eq!(operators(&graph), ["Sub", "Mul", "Gemm", "Tanh", "Gemm", "Softmax", "Identity"]);
    assert_eq!((graph.input[0].name.as_str(), graph.output[0].name.as_str()), ("x", "y"));
    let names: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["transform.shift", "transform.scale", "0.weight", "0.bias", "3.weight", "3.bias"]);
    assert_eq!(graph.initializer[2].dims, [4, 3]);
    assert_eq!(graph.initializer[1].raw_data, 0.25_f32.to_le_bytes().repeat(3));
    assert_eq!(properties[0].value, r#"["a","b\""]"#);
}

#[test]
fn a_regression_ends_in_its_last_layer_and_has_no_classes() {
    let (graph, properties) = decoded(&checkpoint::<f64>(activation::Relu, Output::Identity, &[]));
    assert_eq!(operators(&graph), ["Sub", "Mul", "Gemm", "Relu", "Gemm", "Identity"]);
    assert_eq!(properties, []);
}

#[test]
fn every_kind_of_setting_and_of_number_is_encoded() {
    let mut onnx = OnnxWriter::new(true, []);
    let scales = onnx.tensor("scales", &[1], OnnxNumbers::Single(vec![2.0]));
    let settings = vec![
        ("i", OnnxAttribute::Int(3)),
        ("is", OnnxAttribute::Ints(vec![1, 2])),
        ("f", OnnxAttribute::Float(0.5)),
        ("s", OnnxAttribute::Text("nearest")),
    ];
    onnx.apply_with("Resize", &["x", "", &scales], settings);
    let encoded = plain_graph::<f64>(onnx, 17, 4, 8).encode_to_vec();
    let graph = proto::Graph::decode(encoded.as_slice()).unwrap();
    let [i, is, f, s] = &graph.node[0].attribute[..] else { panic!("{:?}", graph.node[0].attribute) };
    assert_eq!((i.kind, i.i, is.kind, is.ints.as_slice()), (2, 3, 7, &[1, 2][..]));
    assert_eq!((f.kind, f.f, s.kind, s.s.as_slice()), (1, 0.5, 3, &b"nearest"[..]));
    assert_eq!((graph.initializer[0].data_type, graph.initializer[0].raw_data.len()), (FLOAT, 4));
}

/// What an operator makes of its inputs: one row, and parameters.
fn operator(node: &Node, inputs: &[&[f64]]) -> Vec<f64> {
    let x = inputs[0];
    let each = |f: fn(f64) -> f64| x.iter().map(|&x| f(x)).collect();
    let both =
        |f: fn(f64, f64) -> f64| (0..x.len()).map(|i| f(x[i], inputs[1][i % inputs[1].len()])).collect();
    match node.op_type.as_str() {
        "Add" => both(|a, b| a + b),
        "Sub" => both(|a, b| a - b),
        "Mul" => both(|a, b| a * b),
        "Div" => both(|a, b| a / b),
        "Min" => both(f64::min),
        "Max" => both(f64::max),
        "Clip" => x.iter().map(|&x| x.clamp(inputs[1][0], inputs[2][0])).collect(),
        "Abs" => each(f64::abs),
        "Neg" => each(|x| -x),
        "Exp" => each(f64::exp),
        "Log" => each(f64::ln),
        "Tanh" => each(f64::tanh),
        "Relu" => each(|x| x.max(0.0)),
        "Sigmoid" => each(|x| 1.0 / (1.0 + (-x).exp())),
        "Erf" => each(|x| 2.0 * math::normal_distribution(x * std::f64::consts::SQRT_2) - 1.0),
        "Cast" | "Identity" => x.to_vec(),
        "Softmax" => {
            let mut y = vec![0.0; x.len()];
            rows::softmax(x, &mut y);
            y
        }
        "Gemm" => {
            let weight = ArrayView2::from_shape((inputs[2].len(), x.len()), inputs[1]).unwrap();
            let unit =
                |(w, b): (_, &f64)| b + std::iter::zip(x, w).map(|(x, w): (_, &f64)| x * w).sum::<f64>();
            weight.outer_iter().zip(inputs[2]).map(unit).collect()
        }
        other => panic!("an operator {other}"),
    }
}

/// The prediction for one row, operator by operator in `f64`; fails where one reads what is not there yet.
fn run(graph: &proto::Graph, x: &[f64]) -> Vec<f64> {
    let numbers = |tensor: &Tensor| -> Vec<f64> {
        match tensor.data_type {
            DOUBLE => tensor.raw_data.as_chunks().0.iter().map(|&eight| f64::from_le_bytes(eight)).collect(),
            _ => tensor.raw_data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four).into()).collect(),
        }
    };
    let mut known: HashMap<&str, Vec<f64>> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), numbers(tensor))).collect();
    known.insert("x", x.to_vec());
    for node in &graph.node {
        let inputs: Vec<&[f64]> = node.input.iter().map(|name| known[name.as_str()].as_slice()).collect();
        let output = operator(node, &inputs);
        assert!(known.insert(&node.output[0], output).is_none(), "{} is written twice", node.output[0]);
    }
    known.remove("y").unwrap()
}

#[test]
fn the_graph_computes_the_prediction_of_every_activation_and_output() {
    fn check<A: Scalar>(tolerance: f64) {
        for activation in Stage::activations() {
            for output in [Output::Identity, Output::Sigmoid, Output::Softmax] {
                let checkpoint = checkpoint::<A>(activation.clone(), output, &[]);
                let (graph, _) = decoded(&checkpoint);
                let model = checkpoint.card.architecture.build::<A>(None);
                // Near 0, in between, and where an exponential would overflow.
                for x in [
                    [0.1, -0.2, 0.3],
                    [4.0, -8.0, 2.0],
                    [-9.0, -5.0, 7.0],
                    [4e3, -9e3, 8e3],
                    [-4e3, 9e3, 1e3],
                ] {
                    let row = ArrayView2::from_shape((1, 3), &x).unwrap().mapv(A::of);
                    let Checkpoint { card, theta, .. } = &checkpoint;
                    let expected = predict(&model, card.output, &card.transform, theta, &row);
                    let x: Vec<f64> = row.iter().map(|x| x.as_f64()).collect();
                    for (theirs, ours) in run(&graph, &x).into_iter().zip(&expected) {
                        let ours = ours.as_f64();
                        assert!(
                            (theirs - ours).abs() <= tolerance * ours.abs().max(1.0),
                            "{activation}, {output:?}, {x:?}: {theirs} is not {ours}"
                        );
                    }
                }
            }
        }
    }
    check::<f64>(1e-12);
    check::<f32>(1e-5);
}

#[test]
fn every_number_has_the_models_type() {
    for activation in Stage::activations() {
        let (graph, _) = decoded(&checkpoint::<f64>(activation.clone(), Output::Sigmoid, &[]));
        assert!(graph.initializer.iter().all(|tensor| tensor.data_type == DOUBLE), "{activation}");
        let (graph, _) = decoded(&checkpoint::<f32>(activation.clone(), Output::Sigmoid, &[]));
        assert!(graph.initializer.iter().all(|tensor| tensor.data_type == FLOAT), "{activation}");
    }
}

#[test]
fn an_operator_set_brings_its_version_of_the_format_and_its_form_of_means() {
    let architecture = Architecture::parse(Shape::Flat(3), "dense 4, layer-norm, dense 2").unwrap();
    let theta: Vec<f32> = architecture.build::<f32>(None).layout().init(&mut Rng::new(1)).to_vec();
    let card = ModelCard::new(architecture, Output::Identity, None);
    let checkpoint = Checkpoint { card, theta, statistics: Vec::new() };
    let of = |opset: i64| {
        let options = OnnxOptions { opset, ..OnnxOptions::default() };
        checkpoint.to_onnx_with(options).map(|bytes| Model::decode(bytes.as_slice()).unwrap())
    };
    for (opset, ir_version) in [(13, 7), (17, 8), (18, 8), (20, 9), (24, 12)] {
        let model = of(opset).unwrap();
        assert_eq!((model.ir_version, model.opset_import[0].version), (ir_version, opset));
        let graph = model.graph.unwrap();
        let means: Vec<_> = graph.node.iter().filter(|node| node.op_type == "ReduceMean").collect();
        assert!(!means.is_empty());
        for mean in means {
            let form = (mean.input.len(), mean.attribute.len());
            assert_eq!(form, if opset < 18 { (1, 1) } else { (2, 0) }, "{opset}");
        }
        let imported = import_bytes::<f32>(&of(opset).unwrap().encode_to_vec(), None).unwrap();
        assert_eq!(imported.checkpoint.theta, checkpoint.theta);
    }
    assert_eq!(checkpoint.to_onnx(), of(17).unwrap().encode_to_vec());
    for opset in [12, 25, i64::MIN] {
        assert!(matches!(of(opset), Err(ExportError::Opset { .. })), "{opset}");
    }
}

mod table;
