//! Models in ONNX: a checkpoint as a graph (raw input, transform, layers, output function, prediction), and graphs of other programs as
//! checkpoints.

mod import;
mod proto;

use std::path::Path;

use chainrule_datasets::write_atomic;
use chainrule_layers::onnx::{OnnxAttribute, OnnxNode, OnnxNumbers, OnnxTensor, OnnxWriter};
use chainrule_tensor::{Entry, Scalar};
use chainrule_train::tensors::little_endian;
use prost::Message;

use crate::checkpoint::Checkpoint;
use crate::checkpoint_error::CheckpointError;
use crate::output::Output;
pub use import::{GraphEnd, ImportError, Imported, import, import_bytes, is_double};
use proto::{
    Attribute, DOUBLE, Dimension, FLOAT, INT, INT64, INTS, IR_VERSION, Kind, Model, Node, OPERATORS,
    OperatorSet, Property, REAL, STRING, Shape, Tensor, TensorKind, Value,
};

/// Where protocol buffers end.
const LONGEST_ONNX: usize = i32::MAX as usize;

impl<A: Scalar> Checkpoint<A> {
    /// Writes what [`to_onnx`](Self::to_onnx) returns.
    ///
    /// # Errors
    /// If it has 2 GiB or more, where the format ends, or the folder cannot be written to.
    ///
    /// # Panics
    /// As [`to_onnx`](Self::to_onnx).
    pub fn save_onnx(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_onnx();
        if bytes.len() > LONGEST_ONNX {
            return Err(CheckpointError::TooLong { path: path.to_owned(), bytes: bytes.len() });
        }
        write_atomic(path, |file| file.write_all(&bytes))?;
        Ok(())
    }

    /// The model in ONNX, operator set 17: from raw rows `x` of shape `(batch, inputs)`, any number of them, to the
    /// prediction `y`, with the input transform and the output function in the graph and the parameters under the names and
    /// shapes of the checkpoint. The names of the outputs are JSON in the metadata: under `classes`, `labels` or, of a regression,
    /// `targets`.
    ///
    /// Its operators are those that onnxruntime has for both number types; erf, average pools and interpolation are computed in `f32`.
    ///
    /// # Panics
    /// If θ is not as long as the architecture says, or the transform is for another number of inputs.
    #[track_caller]
    pub fn to_onnx(&self) -> Vec<u8> {
        let card = &self.card;
        let architecture = &card.architecture;
        // In the graph a flattened picture has its channels last, as here.
        let parameters = self.arrays_as(Entry::storage_as_it_lies).into_iter();
        let parameters = parameters.map(|array| (array.name, (array.shape, doubles(&array.values))));
        let mut onnx = OnnxWriter::new(A::NAME == f64::NAME, parameters);
        let mut value = "x".to_owned();
        if !card.transform.is_identity() {
            let (shift, scale) = card.transform.folded::<A>(architecture.inputs());
            let mut constant = |name: &str, values: &[A]| {
                onnx.tensor(name, &[values.len()], OnnxNumbers::Real(doubles(values)))
            };
            let (shift, scale) = (constant("transform.shift", &shift), constant("transform.scale", &scale));
            value = onnx.apply("Sub", &[&value, &shift]);
            value = onnx.apply("Mul", &[&value, &scale]);
        }
        value = architecture.write_onnx(&value, &mut onnx);
        value = match card.output {
            Output::Identity => value,
            Output::Sigmoid => onnx.apply("Sigmoid", &[&value]),
            Output::Softmax => onnx.apply_with("Softmax", &[&value], vec![("axis", OnnxAttribute::Int(1))]),
        };
        onnx.apply("Identity", &[&value]);
        let mut metadata_props = Vec::new();
        let labels: Vec<String> = card.labels.iter().map(|label| label.name.clone()).collect();
        for (key, names) in [("classes", &card.classes), ("labels", &labels), ("targets", &card.targets)] {
            if !names.is_empty() {
                let value = serde_json::to_string(names).expect("names are text");
                metadata_props.push(Property { key: key.to_owned(), value });
            }
        }
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "chainrule".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph::<A>(onnx, architecture.inputs(), architecture.outputs())),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
            metadata_props,
        };
        model.encode_to_vec()
    }
}

/// The graph from `x` to `y`.
fn graph<A: Scalar>(onnx: OnnxWriter, inputs: usize, outputs: usize) -> proto::Graph {
    let (mut nodes, tensors) = onnx.finish();
    let last = nodes.last_mut().expect("the output is written by an operator");
    "y".clone_into(&mut last.output);
    proto::Graph {
        name: "network".to_owned(),
        input: vec![value::<A>("x", inputs)],
        output: vec![value::<A>("y", outputs)],
        node: nodes.into_iter().map(node).collect(),
        initializer: tensors.into_iter().map(tensor::<A>).collect(),
    }
}

fn node(node: OnnxNode) -> Node {
    let attributes = node.attributes.into_iter().map(|(name, value)| {
        let name = name.to_owned();
        match value {
            OnnxAttribute::Int(i) => Attribute { name, i, kind: INT, ..Attribute::default() },
            OnnxAttribute::Ints(ints) => Attribute { name, ints, kind: INTS, ..Attribute::default() },
            OnnxAttribute::Float(f) => Attribute { name, f, kind: REAL, ..Attribute::default() },
            OnnxAttribute::Text(text) => {
                Attribute { name, s: text.as_bytes().to_vec(), kind: STRING, ..Attribute::default() }
            }
        }
    });
    Node {
        input: node.inputs,
        name: node.output.clone(),
        output: vec![node.output],
        op_type: node.operator.to_owned(),
        attribute: attributes.collect(),
    }
}

fn tensor<A: Scalar>(tensor: OnnxTensor) -> Tensor {
    let (data_type, raw_data) = match tensor.values {
        OnnxNumbers::Real(values) => {
            let values: Vec<A> = values.into_iter().map(A::of).collect();
            (number_type::<A>(), little_endian(&values))
        }
        OnnxNumbers::Single(values) => (FLOAT, little_endian(&values)),
        OnnxNumbers::Whole(values) => (INT64, values.into_iter().flat_map(i64::to_le_bytes).collect()),
    };
    let dims = tensor.shape.iter().map(|&length| length as i64).collect();
    Tensor { dims, data_type, name: tensor.name, raw_data }
}

fn doubles<A: Scalar>(values: &[A]) -> Vec<f64> {
    values.iter().map(|value| value.as_f64()).collect()
}

fn number_type<A: Scalar>() -> i32 {
    if A::NAME == f64::NAME { DOUBLE } else { FLOAT }
}

/// A matrix with any number of rows.
fn value<A: Scalar>(name: &str, width: usize) -> Value {
    let rows = Dimension { value: None, param: Some("batch".to_owned()) };
    let columns = Dimension { value: Some(width as i64), param: None };
    let shape = Some(Shape { dim: vec![rows, columns] });
    let tensor = Some(TensorKind { elem_type: number_type::<A>(), shape });
    Value { name: name.to_owned(), kind: Some(Kind { tensor }) }
}

#[cfg(test)]
mod tests;
